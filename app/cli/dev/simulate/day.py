"""The day itself: minute by minute until everything that was bought is handed over, then past every timer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.cli.dev.simulate.actors import City, Courier, buy
from app.cli.dev.simulate.agenda import Rank
from app.cli.dev.simulate.hall import Hall
from app.cli.dev.simulate.pulse import wait_for_timers, wait_for_worker
from app.kernel.clock import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.cli.dev.simulate.plan import Basket

MIDNIGHT = datetime(2026, 6, 5, tzinfo=SHANGHAI)
"""What simulated minutes are counted from: a Friday."""
JUMPS = (
    timedelta(minutes=35),
    timedelta(hours=24),
    timedelta(hours=25),
    timedelta(days=7),
    timedelta(days=1),
    timedelta(days=1),
)
"""Past the end of waiting for a courier, of undecided deliveries, of both windows to confirm, and to the settlement."""


@dataclass(slots=True)
class Day:
    """One run of an instance.

    :param tell: takes the simulated minute and what is going on, for a person.
    """

    city: City
    baskets: Sequence[Basket]
    tell: Callable[[int, str], None]

    def run(self) -> None:
        """Live through it."""
        city = self.city
        couriers = city.couriers()
        self._sign_in(couriers)
        for courier in couriers:
            courier.plan_shift()
        for basket in self.baskets:
            city.agenda.at(basket.minute, Rank.BUY, partial(buy, city, basket))
        first = min(self.baskets[0].minute, *(courier.duty.on_minute for courier in couriers))
        last_basket = self.baskets[-1].minute
        hall, minute = Hall(city, couriers, MIDNIGHT), first
        while minute <= last_basket or len(city.agenda) or not hall.is_empty:
            self._live(hall, minute)
            minute += 1
        self._jump_past_timers(minute, couriers)

    def _sign_in(self, couriers: Sequence[Courier]) -> None:
        self.tell(0, "signing in")
        people = [*self.city.residents.values(), *self.city.owners.values(), *(courier.person for courier in couriers)]
        self.city.agenda.together([person.sign_in for person in people])

    def _live(self, hall: Hall, minute: int) -> None:
        self._move_clock(MIDNIGHT + timedelta(minutes=minute))
        self.tell(minute, "replaying")
        self.city.agenda.do_due(minute)
        if not hall.is_empty:
            wait_for_timers()
            hall.claim(minute)
            self.city.agenda.do_due(minute)

    def _jump_past_timers(self, minute: int, couriers: Sequence[Courier]) -> None:
        moment = MIDNIGHT + timedelta(minutes=minute)
        for jump in JUMPS:
            moment += jump
            self._move_clock(moment)
            passed = int((moment - MIDNIGHT).total_seconds()) // 60
            self.tell(passed, "past the timers")
            wait_for_worker(lambda left, passed=passed: self.tell(passed, _in_words(left)))  # type: ignore[misc]
        self.city.agenda.together([courier.end_day for courier in couriers])
        wait_for_worker(lambda left: self.tell(passed, _in_words(left)), is_last=True)

    def _move_clock(self, moment: datetime) -> None:
        answer = self.city.wire.send("PUT", f"{self.city.web}/dev/v1/clock", json={"fixed_at": moment.isoformat()})
        answer.raise_for_status()


def _in_words(left: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in left.items() if number) or "worker idle"
