"""Accept an order (接单): the shop promises it, and its trip is born, so that couriers can look ahead."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.delivery.writes import TRIP_BORN
from app.core.events import OrderAccepted
from app.core.orders.errors import LicenseExpired, OrderNotFound
from app.core.orders.repository import (
    EXPECT_MOVED,
    LOCK_TO_ACCEPT_BY_SYSTEM,
    LOCK_TO_ACCEPT_FOR_SHOP,
    Order,
    move,
    order_of,
)
from app.core.orders.rules import ACCEPT_WINDOW, promised_at
from app.core.orders.scheduled import ready_at, trip_opens_at
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.clock import SHANGHAI
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.delivering.birth import announce, trip_of
from app.usecases.ordering.ending import OrderMoved

_ACCEPTED = move(
    "accepted_at = business_now()", "promised_at = coalesce(promised_at, :promised_at)", "expected_ready_at = :ready_at"
)
_ACCEPT = closing(_ACCEPTED, expecting=EXPECT_MOVED)
_ACCEPT_AND_OPEN_TRIP = closing(f"{_ACCEPTED}, {TRIP_BORN}", expecting=EXPECT_MOVED)


def accept_order(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Promise, as a member of its shop, that the order will be prepared.

    :raises LicenseExpired: a paper of the shop ran out after the order was placed.
    """
    with transaction(claim) as tx:
        row = tx.open_one(LOCK_TO_ACCEPT_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        if row is None:
            raise OrderNotFound
        if row.state == OrderState.AWAITING_ACCEPT and not _may_sell(row):
            raise LicenseExpired(shop_id=row.shop_id)
        return _accept(tx, row, actor.role)


def auto_accept_order(tx: Transaction, order_id: UUID) -> None:
    """Accept for a shop that accepts by itself; an order that has moved on is left alone.

    What a shop without valid papers may not accept lapses, and is refunded.
    """
    row = tx.open_one(LOCK_TO_ACCEPT_BY_SYSTEM, {"order_id": order_id})
    if row is not None and row.state == OrderState.AWAITING_ACCEPT and _may_sell(row):
        _accept(tx, row, Role.SYSTEM)


def accept_late(tx: Transaction, row: Row) -> bool:
    """Accept a waiting order for a shop that accepts by itself, though its time is over; return whether it was.

    The worker was down when it was paid. What the shop would have accepted in the same second is not refused for that;
    what it said then counts, not what it says now.
    """
    if not row.is_auto_accept or not _may_sell(row):
        return False
    _accept(tx, row, Role.SYSTEM)
    return True


def _may_sell(row: Row) -> bool:
    return bool(row.license_expires_on >= row.now.astimezone(SHANGHAI).date())


def _accept(tx: Transaction, row: Row, role: Role) -> OrderMoved:
    order = order_of(row)
    order.refuse_own_machine(OrderAction.ACCEPT)
    target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.ACCEPT, role)
    tx.record(
        OrderAccepted(
            order_id=order.order_id,
            account_id=order.account_id,
            shop_id=order.shop_id,
            state=target.value,
            store_id=None if order.is_delivered else order.store_id,
        )
    )
    moved = OrderMoved(order_id=order.order_id, state=target.value)
    if tx.claim is not None:
        tx.keep(moved)
    params: dict[str, Any] = {
        "order_id": order.order_id,
        "from_state": order.state.value,
        "to_state": target.value,
        "promised_at": promised_at(order.now, order.preparation_minutes, is_delivered=order.is_delivered),
    }
    params["ready_at"] = ready_at(order.now, order.preparation_minutes, order.slot_starts_at)
    if order.is_delivered:
        params |= trip_of(
            order,
            row,
            fee_fen=order.delivery_fen,
            expected_ready_at=params["ready_at"],
            opens_at=_opens_at(order, waits_for_other=row.waits_for_other),
        )
        announce(tx, params, order.now)
    tx.close(_ACCEPT_AND_OPEN_TRIP if order.is_delivered else _ACCEPT, params)
    return moved


def _opens_at(order: Order, *, waits_for_other: bool) -> datetime | None:
    """Return when the trip may be claimed: an order that shares a trip waits until the other shop has answered."""
    opens_at = trip_opens_at(order.slot_starts_at)
    if not waits_for_other or order.paid_at is None:
        return opens_at
    return max(order.paid_at + ACCEPT_WINDOW, opens_at or order.paid_at)
