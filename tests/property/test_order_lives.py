"""Any life of any order: whatever residents, shops, couriers, time and the gateway do, every fen is somewhere.

A machine draws acts at random, most of them possible, some not. After every act the sums hold; at the end everything
comes to its end, no escrow holds anything, and the books are proven.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.core.delivery.states import FailureReason
from app.core.ledger import codes
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.states import FINAL_ORDER_STATES, OrderState
from app.core.payments.models import PaymentMethod
from app.core.payments.ports import GatewayUnknown
from app.kernel.errors import LinliError
from app.kernel.transaction import Replayed
from app.usecases.delivering.hand_over import (
    deliver,
    dispose,
    door_code,
    fail_delivery,
    pick_up,
    pick_up_code,
    reattempt_delivery,
    return_to_shop,
)
from app.usecases.delivering.trips import arrive_at_stop, claim_trip, give_back_trip
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.cancel_order import (
    agree_to_cancel,
    ask_to_cancel,
    cancel_order,
    refuse_to_cancel,
    reject_order,
)
from app.usecases.ordering.finish_order import collect_code, collect_order, confirm_order
from app.usecases.ordering.prepare_order import ready_order, short_order
from app.usecases.paying.attempts import GATEWAY, ask_gateway
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.settling.settle import settle_due
from tests.factories import (
    Offer,
    Person,
    Shop,
    a_claim,
    a_community,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    a_store_clerk,
    an_address,
    an_offer,
)
from tests.factories.photos import a_photo
from tests.factories.rows import look, look_one
from tests.support.invariants import Invariants
from tests.support.patience import try_jobs
from tests.support.races import a_seed
from tests.support.till import Till
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import pytest
    from flask import Flask

    from app.core.payments.ports import PaymentGateway
    from app.kernel.transaction import Claim
    from tests.support.business_clock import BusinessClock

EXAMPLES = 14
STEPS = 25
WALKS_MAX = 4
picks = st.integers(0, 2**16)
dice = st.integers(0, 2**32).map(random.Random)
"""Even dice: drawn numbers alone are mostly small, and would do the first thing over and over."""


@dataclass
class Life:
    """One order under way, and who has to do with it."""

    order_id: UUID
    checkout_id: UUID
    resident: Person
    shop: Shop
    courier: Person

    @property
    def state(self) -> OrderState:
        return OrderState(look_one("SELECT state FROM orders WHERE order_id = :id", id=self.order_id))


@dataclass(frozen=True)
class Act:
    """A use case with everything but the claim."""

    who: Person
    run: Callable[..., Any]


def machine_for(app: Flask, clock: BusinessClock, seen: Counter[str]) -> type[RuleBasedStateMachine]:  # noqa: C901 - one class
    """Return the machine over ``app``; ``seen`` counts the ends that orders came to."""

    class OrderLives(RuleBasedStateMachine):
        @initialize()
        def a_world(self) -> None:
            clock.back()
            run_worker(app)
            self.till = Till()
            app.extensions["linli_gateway"] = self.till
            self.laws = Invariants()
            community = a_community()
            self.shops = [
                a_merchant_with_shop(community=community, vertical="food", packing_fen=33, commission_bp=777),
                a_merchant_with_shop(
                    community=community, discount_tiers=[{"from_fen": 1_500, "off_fen": 211}], preparation_minutes=5
                ),
            ]
            self.offers: list[list[Offer]] = [
                [an_offer(shop, price_fen=fen, on_hand=stock) for fen, stock in ((999, 12), (1_501, None), (1, 40))]
                for shop in self.shops
            ]
            self.residents = [a_resident(balance_fen=fen) for fen in (500_000, 9_000)]
            self.addresses = [an_address(resident, near=community) for resident in self.residents]
            self.couriers = [a_courier(community=community) for _ in range(2)]
            self.clerk = a_store_clerk(community.store_id)
            self.parties = [*(shop.merchant_id for shop in self.shops), *(one.account_id for one in self.couriers)]
            self.lives: list[Life] = []
            self.done: list[tuple[Act, Claim, Any]] = []
            self.clearing = self._clearing()

        # --------------------------------------------------------------------------------------------------------- acts

        @rule(dice=dice)
        def place(self, dice: random.Random) -> None:
            """Buy something of one shop or two, and let the orders go some way."""
            who, picked, to_store = dice.randrange(2), [dice.randrange(9) for _ in range(3)], dice.random() < 0.2
            resident, shops = self.residents[who], dice.choice([[0], [1], [0, 1]])
            lines = {
                offer.sku_id: (offer, 1 + number % 3)
                for shop in shops
                for number in picked
                for offer in [self.offers[shop][number % 3]]
            }
            fulfillment = Fulfillment.STORE_PICKUP if to_store else Fulfillment.DELIVERY
            try:
                placed = a_placed_checkout(resident, self.addresses[who], list(lines.values()), fulfillment=fulfillment)
            except LinliError as refusal:
                assert refusal.code == "sold_out", refusal.code  # noqa: PT017 - the only refusal there may be
                return
            by_shop = {shop.shop_id: shop for shop in self.shops}
            born = [
                Life(order.order_id, placed.checkout_id, resident, by_shop[order.shop_id], self.couriers[picked[0] % 2])
                for order in placed.orders
            ]
            self.lives += born
            for life in born:
                self._live(life, dice, dice.randint(0, 25))

        @precondition(lambda self: self.lives)
        @rule(dice=dice)
        def go_on(self, dice: random.Random) -> None:
            """Do a few things, each usual in the state the order is then in."""
            open_lives = [life for life in self.lives if life.state not in FINAL_ORDER_STATES] or self.lives
            self._live(dice.choice(open_lives), dice, dice.randint(1, 15))

        @precondition(lambda self: self.lives)
        @rule(
            which=picks,
            name=st.sampled_from(sorted({name for state in OrderState for name in _usual(state)})),
            choice=picks,
        )
        def try_anything(self, which: int, name: str, choice: int) -> None:
            self._do(self._act(self.lives[which % len(self.lives)], name, choice))

        @precondition(lambda self: self.done)
        @rule(which=picks)
        def send_again(self, which: int) -> None:
            """The same request once more: the same answer, and nothing else."""
            act, claim, answer = self.done[which % len(self.done)]
            before = self._journals()
            try:
                act.run(act.who.actor, claim)
            except Replayed as replayed:
                assert {name: str(value) for name, value in replayed.result.items()} == {  # noqa: PT017 - a replay is an answer
                    name: str(getattr(answer, name)) for name in answer.__dataclass_fields__
                }
            else:
                raise AssertionError("a repeat was done")
            assert self._journals() == before

        @rule(dice=dice)
        def time_passes(self, dice: random.Random) -> None:
            clock.ahead(minutes=dice.choice([1, 1, 1, 2, 2, 3, 3, 6, 11, 16, 35, 70, 60 * 25, 60 * 24 * 8]))
            run_worker(app)

        @rule(dice=dice)
        def people_scan(self, dice: random.Random) -> None:
            """Somebody pays a code that is shown; the worker may hear of it or not."""
            for intent_id in sorted(self.till.intents):
                if dice.random() < 0.7:
                    self.till.scan(intent_id)

        @rule(is_moody=st.booleans())
        def the_worker_works(self, *, is_moody: bool) -> None:
            self.till.is_moody = is_moody
            run_worker(app)
            for attempt_id in self._open_attempts():
                _without_luck(partial(ask_gateway, cast("PaymentGateway", self.till), attempt_id))
            try_jobs(app)
            settle_due(only=self.parties)
            self.till.is_moody = False

        # ---------------------------------------------------------------------------------------------------------- law

        @invariant()
        def everything_adds_up(self) -> None:
            if hasattr(self, "laws"):
                assert not (found := self.laws.violations()), "\n".join(found)

        def teardown(self) -> None:
            if not hasattr(self, "laws"):
                return
            self._come_to_an_end()
            ends = Counter(life.state for life in self.lives)
            seen.update(state.value for state in ends.elements())
            assert set(ends) <= FINAL_ORDER_STATES
            self.laws.check()
            assert self.till.balance_fen == self.clearing - self._clearing()

        def _come_to_an_end(self) -> None:
            for _ in range(4):
                for life in self.lives:
                    for name in _LAST.get(life.state, ()):
                        self._do(self._act(life, name, 0))
                clock.ahead(days=8)
                for _ in range(3):
                    self.the_worker_works(is_moody=False)

        # -------------------------------------------------------------------------------------------------------- hands

        def _live(self, life: Life, dice: random.Random, steps: int) -> None:
            for _ in range(steps):
                if (state := life.state) in FINAL_ORDER_STATES:
                    break
                self._do(self._act(life, dice.choice(_usual(state)), dice.randrange(1_000)))
                self.everything_adds_up()

        def _do(self, act: Act | None) -> None:
            if act is None:
                return
            claim = a_claim(act.who, "life")
            try:
                answer = act.run(act.who.actor, claim)
            except LinliError as refusal:
                seen[refusal.code] += 1
            else:
                self.done.append((act, claim, answer))

        def _act(self, life: Life, name: str, choice: int) -> Act | None:  # noqa: PLR0911 - one return per kind of act
            """Return the act ``name`` on an order, or None when it lacks what the act is done to."""
            order_id, owner = life.order_id, life.shop.owner
            mine = partial(Act, life.resident)
            simple: dict[str, tuple[Person, Callable[..., Any]]] = {
                "accept": (owner, accept_order),
                "ready": (owner, ready_order),
                "agree": (owner, agree_to_cancel),
                "refuse": (owner, refuse_to_cancel),
                "cancel": (life.resident, cancel_order),
                "ask": (life.resident, ask_to_cancel),
                "confirm": (life.resident, confirm_order),
            }
            if name in simple:
                who, run = simple[name]
                return Act(who, partial(run, order_id=order_id))
            if name == "reject":
                return Act(owner, partial(reject_order, order_id=order_id, reason=CancelReason.OUT_OF_STOCK))
            if name == "short":
                return Act(owner, partial(short_order, order_id=order_id, lines=frozenset({1 + choice % 3})))
            if name == "collect":
                return Act(self.clerk, partial(collect_order, order_id=order_id, code=collect_code(order_id)))
            if name == "cancel_checkout":
                return mine(partial(cancel_checkout, checkout_id=life.checkout_id))
            if name.startswith("pay"):
                is_wechat = name == "pay_wechat"
                method = PaymentMethod.WECHAT_PAY if is_wechat else PaymentMethod.E_ACCOUNT
                grant = None if is_wechat else a_grant(life.resident, life.checkout_id)
                return mine(partial(pay_checkout, checkout_id=life.checkout_id, method=method, step_up_grant=grant))
            return self._carried(life, name, choice)

        def _carried(self, life: Life, name: str, choice: int) -> Act | None:
            rows = look(
                "SELECT delivery_id, trip_id, pick_up_stop_id, drop_stop_id FROM deliveries WHERE order_id = :id",
                id=life.order_id,
            )
            if not rows:
                return None
            [row] = rows
            reason = list(FailureReason)[choice % len(FailureReason)]
            code = pick_up_code(life.order_id)
            by_door = choice % 2 == 0
            acts: dict[str, Callable[..., Any]] = {
                "claim": partial(claim_trip, trip_id=row.trip_id),
                "give_back": partial(give_back_trip, trip_id=row.trip_id),
                "at_shop": partial(arrive_at_stop, stop_id=row.pick_up_stop_id),
                "at_door": partial(arrive_at_stop, stop_id=row.drop_stop_id),
                "pick_up": partial(pick_up, delivery_id=row.delivery_id, code=code if choice % 8 else "nope"),
                "take": partial(pick_up, delivery_id=row.delivery_id, code=code),
                "deliver": partial(
                    deliver,
                    delivery_id=row.delivery_id,
                    code=door_code(life.order_id) if by_door else None,
                    photo_id=None if by_door else a_photo(life.courier, life.order_id),
                ),
                "fail": partial(fail_delivery, delivery_id=row.delivery_id, reason=reason),
                "again": partial(reattempt_delivery, delivery_id=row.delivery_id),
                "return": partial(return_to_shop, delivery_id=row.delivery_id),
                "dispose": partial(dispose, delivery_id=row.delivery_id),
            }
            return Act(life.courier, acts[name])

        def _open_attempts(self) -> list[UUID]:
            rows = look(
                "SELECT attempt_id FROM payment_attempts WHERE attempt_id >= :since "
                "AND state IN ('requested', 'unknown')",
                since=self.laws.since,
            )
            return [row.attempt_id for row in rows]

        @staticmethod
        def _clearing() -> int:
            code = codes.gateway_clearing(GATEWAY)
            return int(
                look_one("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code", code=code)
            )

        @staticmethod
        def _journals() -> int:
            return int(look_one("SELECT count(*) FROM ledger.leg"))

    return OrderLives


_LAST = {
    OrderState.PREPARING: ("give_back", "ready"),
    OrderState.READY: ("give_back",),
    OrderState.IN_DELIVERY: ("deliver",),
}
"""What people do so that an order ends by time alone."""


def _usual(state: OrderState) -> tuple[str, ...]:
    return {
        OrderState.AWAITING_PAYMENT: ("pay", "pay", "pay", "pay_wechat", "pay_wechat", "pay_wechat", "cancel_checkout"),
        OrderState.AWAITING_ACCEPT: ("accept", "accept", "accept", "accept", "accept", "reject", "cancel"),
        OrderState.PREPARING: (
            "ready",
            "ready",
            "ready",
            "claim",
            "short",
            "ask",
            "agree",
            "refuse",
            "cancel",
            "give_back",
            "at_shop",
        ),
        OrderState.READY: ("claim", "claim", "pick_up", "take", "take", "at_shop", "give_back", "collect"),
        OrderState.IN_DELIVERY: ("at_door", "deliver", "fail", "fail"),
        OrderState.DELIVERY_FAILED: ("again", "return", "return", "dispose", "dispose"),
        OrderState.DELIVERED: ("confirm",),
    }.get(state, ("cancel", "confirm", "deliver", "claim"))


def _without_luck(act: Callable[[], None]) -> None:
    try:
        act()
    except GatewayUnknown:
        return


def test_any_life_of_an_order_adds_up(app: Flask, clock: BusinessClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.extensions, "linli_gateway", app.extensions["linli_gateway"])  # put back at the end
    seen: Counter[str] = Counter()
    machine = machine_for(app, clock, seen)
    for _ in range(WALKS_MAX):  # few walks come to a completed order, and some draws hold none
        run_state_machine_as_test(
            seed(a_seed())(machine),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
        if {"completed", "canceled"} <= seen.keys():
            break
    print(dict(seen))  # noqa: T201 - shown when the test fails
    # A walk comes to a return only by luck; tests/api/courier goes there on purpose.
    assert {"completed", "canceled"} <= seen.keys(), "the machine hardly ever got anywhere"
