"""A shop says when an order will be ready (预计出餐), later than usual or sooner; dispatch reckons with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.states import ReleaseReason
from app.core.events import OrderReadyExpected
from app.core.orders.errors import NotPreparing
from app.core.orders.repository import LOCK_FOR_SHOP, lock_order
from app.core.orders.states import OrderState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.usecases.delivering.trips import LATE_SHOP, take_back_trip

_EXPECT = closing(
    """
    expected AS (UPDATE orders SET expected_ready_at = :ready_at WHERE order_id = :order_id),
    of_trip AS (
        SELECT t.trip_id, max(CASE WHEN o.order_id = :order_id THEN :ready_at
            ELSE coalesce(o.ready_at, o.expected_ready_at, t.expected_ready_at) END) AS ready_at
        FROM deliveries AS mine JOIN trips AS t ON t.trip_id = mine.trip_id
        JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state <> 'canceled'
        JOIN orders AS o ON o.order_id = d.order_id
        WHERE mine.order_id = :order_id GROUP BY t.trip_id
    ),
    later AS (UPDATE trips AS t SET expected_ready_at = f.ready_at FROM of_trip AS f WHERE t.trip_id = f.trip_id)"""
)
_BEFORE = text("SELECT expected_ready_at FROM orders WHERE order_id = :order_id")
_HOLDER = text(
    """
    SELECT t.trip_id, t.courier_id FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
    WHERE d.order_id = :order_id AND t.state = 'assigned' AND d.state IN ('assigned', 'at_pickup')
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyExpected:
    """What saying it answers."""

    order_id: UUID
    expected_ready_at: datetime


def expect_ready(actor: Actor, claim: Claim, *, order_id: UUID, minutes: int) -> ReadyExpected:
    """Say, as its shop, that an order will be ready in so many minutes. The promise to the resident stays as it was.

    :param minutes: from now, 0 to 180.
    :raises OrderNotFound: there is none of the shop's. :raises NotPreparing: it is not being prepared.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        if order.state is not OrderState.PREPARING:
            raise NotPreparing(state=order.state.value)
        before = tx.execute(_BEFORE, {"order_id": order_id}).scalar_one()
        ready_at = order.now + timedelta(minutes=minutes)
        tx.record(
            OrderReadyExpected(
                order_id=order_id,
                account_id=order.account_id,
                shop_id=order.shop_id,
                state=order.state.value,
                expected_ready_at=ready_at,
                is_much_later=before is not None and ready_at >= before + LATE_SHOP,
            )
        )
        said = ReadyExpected(order_id=order_id, expected_ready_at=ready_at)
        tx.keep(said)
        tx.close(_EXPECT, {"order_id": order_id, "ready_at": ready_at})
    return said


def release_courier(tx: Transaction, body: Mapping[str, Any]) -> None:
    """Free the courier of an order that will be ready much later, without a mark; its trip is offered for then."""
    row = tx.execute(_HOLDER, {"order_id": UUID(body["order_id"])}).first()
    if row is not None:
        take_back_trip(tx, trip_id=row.trip_id, courier_id=row.courier_id, reason=ReleaseReason.LATE_SHOP)
