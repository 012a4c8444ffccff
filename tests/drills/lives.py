"""Long walks over all verticals: random people, random time, random repeats; after each step everything adds up.

A walk is made of towns of a few hundred steps each, so that what is checked after each step stays small. Its seed says
all that was drawn; ids and codes are new each time, so a repeated walk is alike, not the same.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.aftersale.states import FINAL_CASE_STATES
from app.core.orders.models import Fulfillment
from app.core.orders.states import FINAL_ORDER_STATES
from app.kernel.clock import SHANGHAI
from app.kernel.errors import LinliError
from app.kernel.transaction import Replayed
from app.usecases.appointments.booking import book_service
from app.usecases.delivering.shifts import start_shift
from app.usecases.ordering.place_checkout import place_checkout
from app.usecases.shopping.cart import put_in_cart
from app.usecases.shopping.promising import quote_with_promises
from app.usecases.vouchers.issue import buy_vouchers
from app.web.replies import as_kept
from tests.drills import acts
from tests.drills.laws import StepLaws
from tests.drills.town import Act, Town
from tests.factories import a_claim
from tests.factories.rows import look, look_one
from tests.support.invariants import Invariants
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from app.kernel.transaction import Claim
    from tests.support.business_clock import BusinessClock

TOWN_STEPS = 250
_IN_THE_KITCHEN = frozenset({"awaiting_accept", "preparing", "ready"})
_FINAL = "('returned', 'completed', 'canceled')"
_THINGS: Mapping[str, tuple[str, Callable[..., acts.Menu]]] = {
    "": (
        """
        SELECT o.order_id, o.checkout_id, o.account_id, o.shop_id, o.fulfillment, o.state FROM orders AS o WHERE
        o.order_id >= :since ORDER BY o.state IN ('returned', 'completed', 'canceled'), o.order_id DESC
        """,
        acts.on_order,
    ),
    "visit ": (
        """
        SELECT o.order_id, o.account_id, a.state, a.starts_at FROM orders AS o JOIN appointments AS a USING
        (order_id) WHERE o.order_id >= :since ORDER BY a.state IN ('completed', 'canceled', 'no_show',
        'awaiting_confirm', 'held'), o.order_id DESC
        """,
        acts.on_visit,
    ),
    "charge ": (
        """
        SELECT x.charge_id, x.state, o.account_id FROM extra_charges AS x JOIN orders AS o USING (order_id) WHERE
        x.charge_id >= :since ORDER BY x.state <> 'proposed', x.charge_id DESC
        """,
        acts.on_charge,
    ),
    "replacement ": (
        """
        SELECT r.replacement_id, r.state, o.account_id FROM replacements AS r JOIN orders AS o USING (order_id)
        WHERE r.replacement_id >= :since ORDER BY r.state <> 'offered', r.replacement_id DESC
        """,
        acts.on_replacement,
    ),
    "voucher ": (
        """
        SELECT v.voucher_id, v.state, v.uses_left, v.shop_id, v.account_id FROM vouchers AS v WHERE v.voucher_id
        >= :since ORDER BY v.state <> 'issued', v.voucher_id DESC
        """,
        acts.on_voucher,
    ),
    "case ": (
        """
        SELECT c.case_id, c.order_id, c.state, c.shop_id, c.account_id FROM after_sale_cases AS c
        WHERE c.case_id >= :since
        ORDER BY c.state IN ('refunded', 'exchanged', 'withdrawn', 'refused'), c.case_id DESC
        """,
        acts.on_case,
    ),
}
"""By the prefix of their states in :data:`acts.USUAL`: things of a town, those under way first, and what is done."""
_MINUTES = (*(1,) * 8, *(2,) * 4, 3, 3, 6, 11, 16, 35, 70, 60 * 7, 60 * 25, 60 * 24 * 8)
_UNDER_WAY_MAX = 8
"""Orders at once; with so many, what was begun is gone on with."""


def _usual(prefix: str, row: Any) -> tuple[str, ...]:
    if not prefix and row.fulfillment in acts.MOVED_BY_THEIR_OWN and row.state in _IN_THE_KITCHEN:
        return ()
    return acts.USUAL.get(f"{prefix}{row.state}", ())


@dataclass
class Walk:
    """A walk through one town. ``seen`` counts acts done, refusals and ends."""

    app: Flask
    clock: BusinessClock
    dice: random.Random
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.town = Town(self.app, self.clock)
        self.laws = Invariants()
        self.books = StepLaws([one.account_id for one in self.town.residents])
        self.done: list[tuple[Act, Claim, Any]] = []
        self.focus: tuple[str, Any] = ("", None)

    def step(self) -> None:
        """Do one thing; then everything adds up."""
        doing = self.dice.choices(
            (self.buy, self.go_on, self.send_again, self.time_passes, self.town_works), (14, 62, 12, 6, 6)
        )[0]
        doing()
        found = self.laws.violations() + self.books.violations()
        assert not found, f"after {doing.__name__}:\n" + "\n".join(found)

    # ------------------------------------------------------------------------------------------------------------ acts

    def buy(self) -> None:
        """Place goods of one shop or two, vouchers, or a service, unless enough is under way."""
        dice, town = self.dice, self.town
        under_way = look_one(
            f"SELECT count(*) FROM orders WHERE order_id >= :since AND state NOT IN {_FINAL}", since=self.laws.since
        )
        if under_way >= _UNDER_WAY_MAX:
            self.go_on()
            return
        resident = dice.choice(town.residents)
        kind = dice.choices(("goods", "voucher", "service"), (6, 2, 3))[0]
        if kind == "voucher":
            card, quantity = dice.choice(town.cards), dice.randint(1, 2)
            run: Any = partial(buy_vouchers, sku_id=card.sku_id, quantity=quantity, unit_price_fen=card.price_fen)
        elif kind == "service":
            day = (self.clock.now().astimezone(SHANGHAI) + timedelta(days=dice.randint(0, 2))).date()
            starts_at = datetime.combine(day, time(dice.randint(8, 17), dice.choice([0, 30])), tzinfo=SHANGHAI)
            run = partial(
                book_service,
                sku_id=town.service.sku_id,
                address_id=town.addresses[resident.account_id],
                starts_at=starts_at,
                unit_price_fen=town.service.price_fen,
                note="",
            )
        else:
            run = self._goods(resident)
            if run is None:
                return
        self._do(f"buy {kind}", Act(resident, run))

    def _goods(self, resident: Any) -> Any:
        dice, town = self.dice, self.town
        ways = (Fulfillment.DELIVERY, Fulfillment.STORE_PICKUP, Fulfillment.SHOP_PICKUP)
        fulfillment = dice.choices(ways, (7, 2, 2))[0]
        shop_ids = dice.sample(sorted(town.goods), dice.randint(1, 2))
        for offer in {dice.choice(town.goods[shop_id]) for shop_id in shop_ids for _ in range(3)}:
            put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=dice.randint(1, 3))
        address_id = town.addresses[resident.account_id]
        quote = partial(quote_with_promises, resident.actor, address_id=address_id, fulfillment=fulfillment)
        coupon_id = None
        try:
            if dice.random() < 0.4:
                town.give_coupon(resident)
            quoted = quote()
            if quoted.best is not None and dice.random() < 0.7:
                coupon_id = quoted.best.coupon_id
                quoted = quote(coupon_id=coupon_id)
        except LinliError as refusal:
            self.seen[refusal.code] += 1
            return None
        self.seen["a coupon was the best"] += coupon_id is not None
        named: dict[str, Any] = {"address_id": address_id, "quote_version": quoted.version, "fulfillment": fulfillment}
        return partial(place_checkout, note="", coupon_id=coupon_id, **named)

    def go_on(self) -> None:
        """Do something to something: mostly what is usual to what is under way, sometimes anything to anything."""
        dice, (prefix, focus_id) = self.dice, self.focus
        if dice.random() < 0.3:
            prefix, focus_id = dice.choices(tuple(_THINGS), (10, 3, 1, 1, 2, 3))[0], None
        statement, menu_of = _THINGS[prefix]
        things = look(f"{statement} LIMIT 60", since=self.laws.since)
        if not things:
            self.focus = "", None
            return
        is_odd = dice.random() < 0.12
        live = things if is_odd else [row for row in things if _usual(prefix, row)]
        if not live:
            return
        row = dice.choice([row for row in live if row[0] == focus_id] or live)
        self.focus = prefix, row[0]
        menu = menu_of(self.town, row, dice)
        usual = [name for name in _usual(prefix, row) if name in menu]
        name = dice.choice(sorted(menu) if is_odd or not usual else usual)
        self._do(f"{prefix}{row.state}: {name}", menu[name])

    def send_again(self) -> None:
        """The same request once more: the same answer, and nothing else."""
        if not self.done:
            return
        act, claim, answer = self.dice.choice(self.done[-200:])
        before = look_one("SELECT count(*) FROM ledger.leg")
        try:
            act.run(act.who.actor, claim)
        except Replayed as replayed:
            again = dict(replayed.result)
        else:
            raise AssertionError("a repeat was done")
        assert again == as_kept(answer), "a repeat is answered otherwise"
        assert look_one("SELECT count(*) FROM ledger.leg") == before, "a repeat moved money"
        self.seen["repeats"] += 1

    def time_passes(self) -> None:
        """Let some time pass, to somebody's appointment sometimes; the worker may be down meanwhile, and after."""
        minutes = float(self.dice.choice(_MINUTES))
        if self.dice.random() < 0.3:
            starts_at = look_one(
                "SELECT min(starts_at) FROM appointments WHERE order_id >= :since AND state = 'en_route'",
                since=self.laws.since,
            )
            until = 0.0 if starts_at is None else (starts_at - self.clock.now()).total_seconds() / 60 + 25
            minutes = max(until, 1)
        self.clock.ahead(minutes=minutes)
        if self.dice.random() < 0.6:
            run_worker(self.app)
        for courier in self.town.couriers:
            self._do("shift", Act(courier, partial(start_shift, lat=self.town.home.lat, lng=self.town.home.lng)))

    def town_works(self) -> None:
        """People pay codes that are shown; the worker works, sometimes with a gateway that loses replies."""
        for intent_id in sorted(self.town.till.intents):
            if self.dice.random() < 0.7:
                self.town.till.scan(intent_id)
        is_moody = self.dice.random() < 0.3
        self.town.work(is_moody=is_moody)
        assert is_moody or not self.books.overdue(), "the worker left something undone"

    def _do(self, name: str, act: Act) -> None:
        claim = a_claim(act.who, "walk")
        try:
            answer = act.run(act.who.actor, claim)
        except LinliError as refusal:
            self.seen[f"refused {refusal.code}"] += 1
        else:
            self.seen[name] += 1
            self.done.append((act, claim, answer))
            if ": pay" in name and self.dice.random() < 0.7:
                run_worker(self.app)

    # ------------------------------------------------------------------------------------------------------------- end

    def end(self) -> None:
        """Let time alone, the last hands and rulings bring everything to its end, and prove the books."""
        for _ in range(7):
            for row in look(_THINGS[""][0], since=self.laws.since):
                last = {"preparing": "ready", "in_delivery": "deliver", "delivery_failed": "return"}.get(row.state)
                menu = acts.on_order(self.town, row, self.dice) if last else {}
                if last in menu:
                    self._do(f"last {last}", menu[last])
            for row in look(_THINGS["case "][0], since=self.laws.since):
                if row.state == "escalated":
                    self._do("last ruling", acts.on_case(self.town, row, self.dice)["rule_refuse"])
            self.clock.ahead(days=16)
            for _ in range(3):
                self.town.work()
        states = Counter(row.state for row in look(_THINGS[""][0], since=self.laws.since))
        cases = Counter(row.state for row in look(_THINGS["case "][0], since=self.laws.since))
        self.seen.update({f"order ended {state}": count for state, count in states.items()})
        self.seen.update({f"case ended {state}": count for state, count in cases.items()})
        failed = "SELECT kind, last_error FROM timers WHERE (attempts > 0 OR parked_at IS NOT NULL)"
        left = look(f"{failed} AND subject_id >= :since", since=self.laws.since)
        assert not left, f"timers fail: {left}"
        assert set(states) <= set(FINAL_ORDER_STATES), f"never ended: {states}"
        assert set(cases) <= set(FINAL_CASE_STATES), f"never ended: {cases}"
        self.laws.check()


def walk(
    app: Flask, clock: BusinessClock, *, steps: int, seed: int, tick: Callable[[], None] = lambda: None
) -> Counter[str]:
    """Take ``steps`` steps through as many towns as they need, and return what was seen."""
    dice, seen = random.Random(seed), Counter[str]()
    while steps > 0:
        one = Walk(app, clock, dice, seen)
        for _ in range(min(steps, TOWN_STEPS)):
            one.step()
            tick()
        one.end()
        steps -= TOWN_STEPS
    return seen
