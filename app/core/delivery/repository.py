"""Rows of deliveries, locked with their orders and trips: the order's row first, so that its shop and resident wait."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.delivery.errors import DeliveryNotFound
from app.core.delivery.states import DeliveryState, FailureReason, TripState
from app.kernel.transaction import Opening, Transaction, opening
from app.kernel.wire import Row

_COLUMNS = """
    t.trip_id, t.courier_id, t.state AS trip_state, t.expected_ready_at,
    d.delivery_id, d.order_id, d.pick_up_stop_id, d.drop_stop_id, d.state AS delivery_state, d.failure_reason,
    d.failure_count, d.code_tries_left AS delivery_tries_left, d.pay_fen,
    o.account_id, o.shop_id, o.state AS order_state, o.is_perishable, o.community_id, o.ready_at, business_now() AS now
"""
_FROM = """
    FROM orders AS o
    JOIN deliveries AS d ON d.order_id = o.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
"""
LOCK_TRIP = opening(f"SELECT {_COLUMNS} {_FROM} WHERE t.trip_id = :trip_id ORDER BY o.order_id FOR UPDATE OF o, t, d")
LOCK_OWN_TRIP = opening(
    f"SELECT {_COLUMNS} {_FROM} WHERE t.trip_id = :trip_id AND t.courier_id = :courier_id "
    "ORDER BY o.order_id FOR UPDATE OF o, t, d"
)
LOCK_OWN_DELIVERY = opening(
    f"SELECT {_COLUMNS} {_FROM} WHERE d.delivery_id = :delivery_id AND t.courier_id = :courier_id FOR UPDATE OF o, t, d"
)
LOCK_DELIVERY_OF_ORDER = opening(f"SELECT {_COLUMNS} {_FROM} WHERE o.order_id = :order_id FOR UPDATE OF o, t, d")
LOCK_IN_HALL = opening(
    f"""
    SELECT {_COLUMNS}, (SELECT m.mode FROM dispatch_modes AS m WHERE m.community_id = o.community_id
        ORDER BY m.set_at DESC LIMIT 1) AS mode
    {_FROM} WHERE t.trip_id = :trip_id ORDER BY o.order_id FOR UPDATE OF o, t, d
    """
)
"""As :data:`LOCK_TRIP`, with the community's mode of dispatch: null is the hall."""
_OFFER = f"""
    SELECT {_COLUMNS}, f.trip_offer_id, f.courier_id AS offered_to_id, f.state AS offer_state, f.expires_at
    {_FROM} JOIN trip_offers AS f ON f.trip_id = t.trip_id
    WHERE f.trip_offer_id = :trip_offer_id {{whose}} ORDER BY o.order_id FOR UPDATE OF o, t, d, f
"""
LOCK_OFFER = opening(_OFFER.format(whose=""))
LOCK_OWN_OFFER = opening(_OFFER.format(whose="AND f.courier_id = :courier_id"))
LOCK_OPEN_TRIP = opening(
    f"""
    SELECT {_COLUMNS} {_FROM} WHERE t.trip_id = :trip_id AND t.state = 'open'
    ORDER BY o.order_id FOR UPDATE OF o, t, d SKIP LOCKED
    """
)
"""For dispatch: what somebody else holds is left for the next tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A locked delivery with what its trip and its order say."""

    delivery_id: UUID
    trip_id: UUID
    courier_id: UUID | None
    trip_state: TripState
    expected_ready_at: datetime
    order_id: UUID
    pick_up_stop_id: UUID
    drop_stop_id: UUID
    state: DeliveryState
    failure_reason: FailureReason | None
    failure_count: int
    code_tries_left: int
    pay_fen: int
    account_id: UUID
    shop_id: UUID
    order_state: str
    is_perishable: bool
    community_id: UUID
    ready_at: datetime | None
    now: datetime


def delivery_of(row: Row) -> Delivery:
    """Return the delivery in a row of the statements above."""
    return Delivery(
        delivery_id=row.delivery_id,
        trip_id=row.trip_id,
        courier_id=row.courier_id,
        trip_state=TripState(row.trip_state),
        expected_ready_at=row.expected_ready_at,
        order_id=row.order_id,
        pick_up_stop_id=row.pick_up_stop_id,
        drop_stop_id=row.drop_stop_id,
        state=DeliveryState(row.delivery_state),
        failure_reason=None if row.failure_reason is None else FailureReason(row.failure_reason),
        failure_count=row.failure_count,
        code_tries_left=row.delivery_tries_left,
        pay_fen=row.pay_fen,
        account_id=row.account_id,
        shop_id=row.shop_id,
        order_state=row.order_state,
        is_perishable=row.is_perishable,
        community_id=row.community_id,
        ready_at=row.ready_at,
        now=row.now,
    )


def lock_own_delivery(tx: Transaction, *, delivery_id: UUID, courier_id: UUID) -> Delivery:
    """Lock a delivery of a trip that the courier has.

    :raises DeliveryNotFound: there is none.
    """
    row = tx.open_one(LOCK_OWN_DELIVERY, {"delivery_id": delivery_id, "courier_id": courier_id})
    if row is None:
        raise DeliveryNotFound
    return delivery_of(row)


def lock_trip(tx: Transaction, statement: Opening, params: dict[str, object]) -> list[Delivery]:
    """Lock a trip with all its deliveries and their orders, in the order of order ids; empty when there is none."""
    return [delivery_of(row) for row in tx.open(statement, params)]


END_TRIP = """
ended_trip AS (
    UPDATE trips AS t SET state = 'done', ended_at = business_now()
    WHERE t.trip_id = :trip_id AND t.state = 'assigned'
      AND NOT EXISTS (
          SELECT 1 FROM deliveries AS other
          WHERE other.trip_id = :trip_id AND other.delivery_id <> :delivery_id
            AND other.state NOT IN ('delivered', 'returned', 'disposed', 'canceled'))
    RETURNING t.courier_id
),
freed_shift AS (
    UPDATE courier_shifts AS h SET active_trips = h.active_trips - 1 FROM ended_trip AS t
    WHERE h.courier_id = t.courier_id AND h.ended_at IS NULL
)"""
"""The trip is done when no other delivery of it is under way; its courier has a hand free again."""
