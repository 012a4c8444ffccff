"""A whole instance through the API: bought, paid, prepared, offered, carried; minute by minute on a virtual clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from app.cli.demo.seeded import demo_id
from app.cli.dev.simulate.actors import buy_and_pay
from app.cli.dev.simulate.agenda import Rank
from app.cli.dev.simulate.day import MIDNIGHT
from app.cli.dev.simulate.http import Person
from app.cli.dev.simulate.pulse import ask
from app.cli.dispatch.live.naming import NamedPolicy, plane_of
from app.cli.dispatch.live.riders import Rider, Town
from app.cli.dispatch.simulation import ROUNDS_MAX, TICK_S
from app.cli.dispatch.solution import Solution, Trip, Visit
from app.core.dispatch.travel import PlaneTravel
from app.usecases.dispatching.tick import dispatch_zone
from app.usecases.dispatching.zone import Conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.cli.dev.simulate.actors import City
    from app.cli.dev.simulate.plan import Basket, Errand
    from app.core.dispatch.problem import Decision, Policy, Problem

_DELIVERIES = text("SELECT delivery_id, order_id FROM deliveries WHERE order_id = ANY(CAST(:order_ids AS uuid[]))")
_DONE = text(
    """
    SELECT o.order_id, t.courier_id, extract(epoch FROM o.picked_up_at)::bigint AS picked_s,
        extract(epoch FROM o.delivered_at)::bigint AS dropped_s
    FROM orders AS o JOIN deliveries AS d ON d.order_id = o.order_id JOIN trips AS t ON t.trip_id = d.trip_id
    WHERE o.delivered_at IS NOT NULL
    """
)

_KEEP_WAITING = text(
    """
    UPDATE timers SET due_at = :until WHERE kind = 'no_courier_ends' AND parked_at IS NULL AND due_at < :until
    """
)
"""An instance knows no end of patience: what stands ready waits for a courier until the day is over, as in memory."""


@dataclass(slots=True)
class LiveDay:
    """One instance, one policy.

    :param problems: where each tick's problem is kept, for who wants to compare them.
    """

    city: City
    policy: Policy
    seed: int
    refuse: float
    tell: Callable[[int], None]
    problems: list[Problem] | None = None
    _waiting: dict[UUID, str] = field(default_factory=dict)

    def run(self, baskets: Sequence[Basket]) -> Solution:
        """Live through it, and return what the tables say was done."""
        city, instance = self.city, self.city.instance
        town = Town(city, MIDNIGHT, self.refuse, self.seed)
        riders = self._riders(town)
        solution = Solution(instance, self.policy.name)
        midnight_s = int(MIDNIGHT.timestamp())
        named = NamedPolicy(
            inner=self.policy,
            midnight_s=midnight_s,
            ranks={duty.name: place for place, duty in enumerate(instance.duties)},
            promised={wish.name: (wish.placed_minute + instance.target_minutes) * 60 for wish in instance.wishes},
            problems=self.problems,
        )
        named.names |= {demo_id(self.seed, "courier", duty.name): duty.name for duty in instance.duties}
        named.names |= {shop.shop_id: name for name, shop in city.world.shops.items()}
        people = [*city.residents.values(), *city.owners.values(), *(rider.person for rider in riders.values())]
        city.agenda.together([person.sign_in for person in people])
        self._let_offer()
        for rider in riders.values():
            rider.plan_shift()
        for basket in baskets:
            city.agenda.at(basket.minute * 60, Rank.BUY, partial(self._buy, town, basket))
        conditions = Conditions(
            tick_s=TICK_S,
            travel=PlaneTravel(instance.meters_per_minute, step_s=60),
            pick_up_s=instance.pick_up_minutes * 60,
            drop_s=instance.drop_minutes * 60,
            is_waiting=True,
            plane=plane_of(instance),
        )
        now = baskets[0].minute * 60
        end = max(duty.off_minute for duty in instance.duties) * 60
        while now <= end or len(city.agenda):
            self._act_until(now)
            if now <= end and town.open:
                self._keep_waiting(end + TICK_S)
                self._ticks(town, riders, named, conditions, solution, now)
                city.agenda.do_due(now)
            self.tell(now // 60)
            now += TICK_S
        solution.refusals = town.refusals
        solution.trips = self._as_done(town)
        return solution

    def _riders(self, town: Town) -> dict[str, Rider]:
        city = self.city
        return {
            duty.name: Rider(
                town,
                duty,
                Person(city.wire, city.web, "courier", city.world.courier_phones[duty.name]),
                duty.name,
                (duty.start.x, duty.start.y),
            )
            for duty in city.instance.duties
        }

    def _let_offer(self) -> None:
        operator = Person(self.city.wire, self.city.web, "platform", self.city.world.platform_phone)
        path = f"/communities/{demo_id(self.seed, 'community')}/dispatch-mode"
        operator.put(path, {"mode": "assign"})

    def _act_until(self, now: int) -> None:
        """Let everybody do what is due until ``now``, each at its own second."""
        agenda = self.city.agenda
        while (due := agenda.next_at()) is not None and due < now:
            self._move_clock(due)
            agenda.do_due(due)
        self._move_clock(now)
        agenda.do_due(now)

    def _ticks(  # noqa: PLR0917 - what a tick needs
        self,
        town: Town,
        riders: dict[str, Rider],
        named: NamedPolicy,
        conditions: Conditions,
        solution: Solution,
        now: int,
    ) -> None:
        self._learn(town, named)
        store_id = demo_id(self.seed, "store")
        for _ in range(ROUNDS_MAX if self.refuse else 1):
            named.called = []
            began = time.perf_counter()
            dispatch_zone(named, store_id, conditions)
            solution.tick_seconds.append(time.perf_counter() - began)
            answers = self.city.agenda.together(
                [partial(self._answer, riders[decision.courier_id], decision, now) for decision in named.called]
            )
            refused = answers.count(False)
            town.refusals += refused
            if not refused:
                break

    def _answer(self, rider: Rider, decision: Decision, now: int) -> bool:
        return rider.answer(decision, now)

    def _learn(self, town: Town, named: NamedPolicy) -> None:
        """Learn the ids of the deliveries that were born since."""
        new = [order_id for order_id in town.orders if order_id in self._waiting]
        if new:
            for row in ask(lambda tx: tx.execute(_DELIVERIES, {"order_ids": new}).fetchall()):
                named.names[row.delivery_id] = self._waiting.pop(row.order_id)

    def _buy(self, town: Town, basket: Basket, second: int) -> None:
        buy_and_pay(self.city, basket)
        for errand in basket.errands:
            self._prepare(town, errand, second)

    def _prepare(self, town: Town, errand: Errand, second: int) -> None:
        """Let the shop accept, say when it is ready, and be ready then."""
        owner, path = self.city.owners[errand.wish.restaurant], f"/orders/{errand.order_id}"
        owner.post(f"{path}/acceptance")
        owner.put(f"{path}/ready-time", {"minutes": errand.wish.ready_minute - second // 60})
        self._waiting[errand.order_id] = errand.wish.name
        town.orders[errand.order_id] = errand.wish.name
        town.open.add(errand.wish.name)
        ready = partial(owner.post, f"{path}/readiness")
        self.city.agenda.at(errand.wish.ready_minute * 60, Rank.READY, lambda _: ready())

    def _as_done(self, town: Town) -> list[Trip]:
        """Return the trips with the minutes at which the tables say that orders were taken and handed over."""
        midnight_s = int(MIDNIGHT.timestamp())
        rows = {town.orders[row.order_id]: row for row in ask(lambda tx: tx.execute(_DONE).fetchall())}

        def acted(visit: Visit, column: str) -> Visit:
            seconds = max(getattr(rows[order], column) for order in visit.orders)
            return Visit(visit.name, visit.left, (seconds - midnight_s) // 60, visit.orders)

        return [
            Trip(
                trip.courier,
                trip.called,
                trip.start,
                tuple(acted(visit, "picked_s") for visit in trip.pick_ups),
                tuple(acted(visit, "dropped_s") for visit in trip.drops),
                trip.free,
            )
            for trip in town.trips
        ]

    @staticmethod
    def _keep_waiting(until: int) -> None:
        ask(lambda tx: tx.execute(_KEEP_WAITING, {"until": MIDNIGHT + timedelta(seconds=until)}))

    def _move_clock(self, second: int) -> None:
        moment = MIDNIGHT + timedelta(seconds=second)
        answer = self.city.wire.send("PUT", f"{self.city.web}/dev/v1/clock", json={"fixed_at": moment.isoformat()})
        answer.raise_for_status()
