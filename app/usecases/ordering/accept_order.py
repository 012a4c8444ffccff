"""Accept an order (接单): the shop promises it, and its trip is born, so that couriers can look ahead."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.core.delivery.pay import Tariff, pay_parts
from app.core.delivery.states import DeliveryState, StopKind, StopState, TripState
from app.core.events import OrderAccepted, TripOpened
from app.core.orders.errors import LicenseExpired, OrderNotFound
from app.core.orders.repository import (
    ANSWER_MOVED,
    LOCK_TO_ACCEPT_BY_SYSTEM,
    LOCK_TO_ACCEPT_FOR_SHOP,
    Order,
    assert_moved,
    move,
    order_of,
)
from app.core.orders.rules import ACCEPT_WINDOW, promised_at
from app.core.orders.scheduled import ready_at, trip_opens_at
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.clock import SHANGHAI
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.ordering.ending import OrderMoved

TRIP_OPENS = "trip_opens"
"""Timer: the trip of an order for a slot may be claimed from now on."""

_ACCEPTED = move(
    "accepted_at = business_now()", "promised_at = coalesce(promised_at, :promised_at)", "expected_ready_at = :ready_at"
)
_ACCEPT = closing(_ACCEPTED, answer=ANSWER_MOVED)
_ACCEPT_AND_OPEN_TRIP = closing(
    f"""{_ACCEPTED},
    trip AS (
        INSERT INTO trips (trip_id, community_id, state, fee_fen, pay_fen, pay_parts, weight_g, is_cold, lat, lng,
            expected_ready_at, opens_at, created_at)
        VALUES (:trip_id, :community_id, :trip_state, :fee_fen, :pay_fen, CAST(:pay_parts AS jsonb),
            CAST(:weight_g AS bigint), CAST(:is_cold AS boolean), :shop_lat, :shop_lng, :expected_ready_at,
            CAST(:opens_at AS timestamptz), business_now())
    ),
    its_stops AS (
        INSERT INTO stops (stop_id, trip_id, position, kind, state, lat, lng)
        VALUES (:pick_up_stop_id, :trip_id, 1, :pick_up_kind, :stop_state, :shop_lat, :shop_lng),
               (:drop_stop_id, :trip_id, 2, :drop_kind, :stop_state, :address_lat, :address_lng)
    ),
    its_delivery AS (
        INSERT INTO deliveries (delivery_id, order_id, trip_id, pick_up_stop_id, drop_stop_id, state, fee_fen,
            pay_fen, created_at)
        VALUES (:delivery_id, :order_id, :trip_id, :pick_up_stop_id, :drop_stop_id, :delivery_state, :fee_fen,
            :pay_fen, business_now())
    )""",
    answer=ANSWER_MOVED,
)


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
        params |= _trip_of(order, row)
        opened = TripOpened(trip_id=params["trip_id"], community_id=order.community_id)
        if params["opens_at"] is None or params["opens_at"] <= order.now:
            tx.record(opened)
        else:
            tx.schedule(Timer(TRIP_OPENS, opened.trip_id, params["opens_at"] - order.now))
    assert_moved(tx.close(_ACCEPT_AND_OPEN_TRIP if order.is_delivered else _ACCEPT, params))
    return moved


def _opens_at(order: Order, *, waits_for_other: bool) -> datetime | None:
    """Return when the trip may be claimed: an order that shares a trip waits until the other shop has answered."""
    opens_at = trip_opens_at(order.slot_starts_at)
    if not waits_for_other or order.paid_at is None:
        return opens_at
    return max(order.paid_at + ACCEPT_WINDOW, opens_at or order.paid_at)


def _trip_of(order: Order, row: Row) -> dict[str, Any]:
    """Return the trip that carries the order: where from, where to, and what it pays."""
    assert order.address_lat is not None, "what is delivered has an address"
    assert order.address_lng is not None, "what is delivered has an address"
    expected_ready_at = ready_at(order.now, order.preparation_minutes, order.slot_starts_at)
    rates = dict(row.tariff or {})
    parts = pay_parts(
        is_bad_weather=rates.pop("is_bad_weather", False),
        tariff=Tariff(**rates),
        length_m=distance_m(row.shop_lat, row.shop_lng, order.address_lat, order.address_lng),
        walk_up_floors=[row.walk_up_floors],
        fee_fen=order.delivery_fen,
        ready_at=expected_ready_at,
    )
    return {
        "trip_id": new_id(),
        "delivery_id": new_id(),
        "pick_up_stop_id": new_id(),
        "drop_stop_id": new_id(),
        "community_id": order.community_id,
        "trip_state": TripState.OPEN.value,
        "delivery_state": DeliveryState.OPEN.value,
        "stop_state": StopState.WAITING.value,
        "pick_up_kind": StopKind.PICK_UP.value,
        "drop_kind": StopKind.DROP.value,
        "fee_fen": order.delivery_fen,
        "pay_fen": parts.pay_fen,
        "pay_parts": orjson.dumps(parts).decode(),
        "weight_g": row.weight_g,
        "is_cold": row.is_cold,
        "shop_lat": row.shop_lat,
        "shop_lng": row.shop_lng,
        "address_lat": order.address_lat,
        "address_lng": order.address_lng,
        "expected_ready_at": expected_ready_at,
        "opens_at": _opens_at(order, waits_for_other=row.waits_for_other),
    }
