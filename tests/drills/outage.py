"""The worker is down for an hour while orders are under way; then it catches up: in order, once, to the right ends.

Orders stand in every way in which they can wait for time or for an event that was not read yet. What each has to come
to after the hour, and how much of its money is back, is said beforehand.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.usecases.aftersale.replace_line import offer_replacement
from app.usecases.ordering.cancel_order import ask_to_cancel
from app.usecases.vouchers.issue import buy_vouchers, set_voucher_terms
from app.wiring import REACTIONS, TIMERS
from app.worker.relay import react_batch, relay_batch
from app.worker.timers import run_due_timers
from tests.factories import (
    a_claim,
    a_community,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.appointments import AService, a_booking, a_provider, in_days
from tests.factories.rows import change, look, look_one
from tests.factories.vouchers import pay
from tests.support.invariants import Invariants
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from flask import Flask

    from app.kernel.transaction import Transaction
    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

DOWN_MINUTES = 60
ORDERS_PER_RESIDENT = 20
"""Of twenty yuan and a delivery: what a day's cap of payments by PIN has room for."""


@dataclass
class Place:
    """Shops of one community, and the resident whose turn it is."""

    residents: list[Person] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        community = self.community = a_community()
        self.shop = a_merchant_with_shop(community=community)
        self.quick = a_merchant_with_shop(community=community, is_auto_accept=True)
        self.offer, self.other = an_offer(self.shop, on_hand=100_000), an_offer(self.shop, price_fen=600)
        self.quick_offer = an_offer(self.quick)
        self.home = a_merchant_with_shop(community=community, vertical="home_service")
        self.service = AService(self.home, an_offer(self.home, kind="service", price_fen=2_000), [])
        self.leisure = a_merchant_with_shop(community=community, vertical="leisure")
        self.card = an_offer(self.leisure, kind="voucher")
        owner = self.leisure.owner
        named = {"shop_id": self.leisure.shop_id, "sku_id": self.card.sku_id}
        set_voucher_terms(owner.actor, a_claim(owner), uses=1, valid_days=90, **named)

    @property
    def resident(self) -> Person:
        """Somebody with room left under the day's cap."""
        if self.count % ORDERS_PER_RESIDENT == 0:
            self.residents.append(a_resident(balance_fen=1_000_000))
        self.count += 1
        return self.residents[-1]

    def order(self, state: OrderState, **more: Any) -> UUID:
        """Return an order of two pieces at ten yuan."""
        lines = [(self.offer, 2)]
        return an_order(state=state, shop=self.shop, resident=self.resident, lines=lines, **more).order_id


def _unpaid(place: Place) -> UUID:
    return place.order(OrderState.AWAITING_PAYMENT)


def _unanswered(place: Place) -> UUID:
    return place.order(OrderState.AWAITING_ACCEPT)


def _asked_to_cancel(place: Place) -> UUID:
    order_id, resident = place.order(OrderState.PREPARING), place.residents[-1]
    _age(order_id)
    ask_to_cancel(resident.actor, a_claim(resident), order_id=order_id)
    return order_id


def _age(order_id: UUID) -> None:
    """Let an order's two minutes of free canceling be over."""
    change("UPDATE orders SET accepted_at = accepted_at - interval '3 minutes' WHERE order_id = :id", id=order_id)


def _replacing(place: Place) -> UUID:
    order_id, owner = place.order(OrderState.PREPARING), place.shop.owner
    offer_replacement(owner.actor, a_claim(owner), order_id=order_id, line=1, sku_id=place.other.sku_id, quantity=1)
    return order_id


def _uncarried(place: Place) -> UUID:
    return place.order(OrderState.READY)


def _at_the_counter(place: Place) -> UUID:
    return place.order(OrderState.READY, fulfillment=Fulfillment.STORE_PICKUP)


def _quickly_accepted(place: Place) -> UUID:
    resident = place.resident
    placed = a_placed_checkout(resident, an_address(resident, near=place.community), [(place.quick_offer, 1)])
    pay(resident, placed)
    return placed.orders[0].order_id


def _voucher(place: Place) -> UUID:
    resident, card = place.resident, place.card
    placed = buy_vouchers(
        resident.actor, a_claim(resident), sku_id=card.sku_id, quantity=1, unit_price_fen=card.price_fen
    )
    pay(resident, placed)
    return placed.orders[0].order_id


def _held(place: Place) -> UUID:
    a_provider(place.home, place.service.offer)
    resident = place.resident
    return a_booking(place.service, resident, in_days(3), an_address(resident, near=place.community)).orders[0].order_id


def _booked(place: Place) -> UUID:
    a_provider(place.home, place.service.offer)
    resident = place.resident
    placed = a_booking(place.service, resident, in_days(3), an_address(resident, near=place.community))
    pay(resident, placed)
    return placed.orders[0].order_id


@dataclass(frozen=True)
class Way:
    """How an order waits, what it has come to after the hour, and how much of what was paid is back."""

    begin: Callable[[Place], UUID]
    state: str
    refunded: Callable[[Any], int]


def _all(row: Any) -> int:
    return int(row.total_fen)


def _none(_row: Any) -> int:
    return 0


WAYS = {
    "not paid": Way(_unpaid, "canceled", _none),
    "not answered by its shop": Way(_unanswered, "canceled", _all),
    "asked to be canceled, without an answer": Way(_asked_to_cancel, "preparing", _none),
    "offered something else, without an answer": Way(_replacing, "canceled", _all),
    "ready, and nobody carries it": Way(_uncarried, "canceled", _all),
    "ready at the counter": Way(_at_the_counter, "ready", _none),
    "paid, where the shop accepts by itself": Way(_quickly_accepted, "preparing", _none),
    "paid, a voucher not issued yet": Way(_voucher, "ready", _none),
    "an appointment held, and not paid": Way(_held, "canceled", _none),
    "an appointment paid, and not confirmed yet": Way(_booked, "preparing", _none),
}


def outage(app: Flask, clock: BusinessClock, *, orders: int, tick: Callable[[], None] = lambda: None) -> Counter[str]:
    """Begin ``orders`` orders in turn in all ways, be down for an hour, catch up; return how many ended how."""
    clock.back()
    run_worker(app)
    laws, place = Invariants(), Place()
    begun: list[tuple[str, UUID]] = []
    for number in range(orders):
        name = list(WAYS)[number % len(WAYS)]
        begun.append((name, WAYS[name].begin(place)))
        tick()

    clock.ahead(minutes=DOWN_MINUTES)
    order_of_due = _catch_up(app, laws)

    assert order_of_due == sorted(order_of_due), "what was due first was not done first"
    ends = {row.order_id: row for row in look("SELECT * FROM orders WHERE order_id >= :since", since=laws.since)}
    for name, order_id in begun:
        way, row = WAYS[name], ends[order_id]
        assert (row.state, row.refunded_fen) == (way.state, way.refunded(row)), f"{name}: {row.state}"
    before = look_one("SELECT count(*) FROM ledger.leg")
    run_worker(app)
    assert look_one("SELECT count(*) FROM ledger.leg") == before, "something was done a second time"
    assert not look("SELECT kind FROM timers WHERE parked_at IS NOT NULL OR due_at <= (SELECT business_now())")
    laws.check()
    return Counter(f"{name}: {ends[order_id].state}" for name, order_id in begun)


def _catch_up(app: Flask, laws: Invariants) -> list[datetime]:
    """Run the timers before any event is read, as may happen, then the rest from two hands at once.

    :return: when the timers were due that had been due before the worker came back, in the order of their first try.
    """
    was_due = {
        (row.kind, row.subject_id): row.due_at
        for row in look("SELECT kind, subject_id, due_at FROM timers WHERE due_at <= (SELECT business_now())")
    }
    tried: list[datetime] = []

    def telling(kind: str, handler: Callable[[Transaction, UUID], None], tx: Transaction, subject_id: UUID) -> None:
        due_at = was_due.pop((kind, subject_id), None)
        if due_at is not None:
            tried.append(due_at)
        handler(tx, subject_id)

    told = {kind: partial(telling, kind, handler) for kind, handler in TIMERS.items()}
    with app.app_context():
        while run_due_timers(told):
            pass
        while relay_batch(REACTIONS) + react_batch(REACTIONS):
            pass
    outcomes = at_once(app, [partial(run_worker, app) for _ in range(2)])
    assert all(one.is_done for one in outcomes)
    assert laws.violations() == []
    return tried
