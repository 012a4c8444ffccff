"""Rows of deliveries, locked with their orders and trips: the order's row first, so that its shop and resident wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.checks import FRESH_S
from app.core.delivery.errors import DeliveryNotFound
from app.core.delivery.states import DeliveryState, FailureReason, TripState
from app.kernel.transaction import Opening, Transaction, opening
from app.kernel.wire import Row

_COLUMNS = """
    t.trip_id, t.courier_id, t.state AS trip_state, t.expected_ready_at, t.order_count, t.weight_g, t.is_cold,
    d.delivery_id, d.order_id, d.case_id, d.pick_up_stop_id, d.drop_stop_id, d.state AS delivery_state,
    d.failure_reason, d.failure_count, d.is_failure_proven, d.wrong_codes, d.pay_fen,
    o.account_id, o.shop_id, o.state AS order_state, o.is_perishable, o.community_id, o.ready_at, business_now() AS now
"""
_FROM = """
    FROM orders AS o
    JOIN deliveries AS d ON d.order_id = o.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
"""
ORDERS_OF_TRIP = """
    its_orders AS MATERIALIZED (
        SELECT o.* FROM orders AS o
        WHERE o.order_id IN (SELECT x.order_id FROM deliveries AS x WHERE x.trip_id = :trip_id)
        ORDER BY o.order_id FOR UPDATE
    )
"""
"""All orders of a trip are locked before the trip is: an order's end holds its order and wants the trip."""
_OF_TRIP = """
    FROM its_orders AS o
    JOIN deliveries AS d ON d.order_id = o.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
    {also}
    WHERE t.trip_id = :trip_id AND (SELECT count(*) FROM its_orders) > 0 {more}
    ORDER BY o.order_id FOR UPDATE OF t, d
"""
_LOCK_TRIP = f"WITH {ORDERS_OF_TRIP} SELECT {_COLUMNS} {_OF_TRIP}"
LOCK_TRIP = opening(_LOCK_TRIP.format(also="", more=""))
LOCK_OWN_TRIP = opening(_LOCK_TRIP.format(also="", more="AND t.courier_id = :courier_id"))
LOCK_OWN_DELIVERY = opening(
    f"""
    SELECT {_COLUMNS}, seen.lat AS seen_lat, seen.lng AS seen_lng, counter.lat AS counter_lat,
        counter.lng AS counter_lng, door.lat AS door_lat, door.lng AS door_lng, e.lat AS store_lat, e.lng AS store_lng
    {_FROM}
    JOIN stops AS counter ON counter.stop_id = d.pick_up_stop_id
    JOIN stops AS door ON door.stop_id = d.drop_stop_id
    JOIN stores AS e ON e.store_id = o.store_id
    LEFT JOIN courier_positions AS seen ON seen.courier_id = t.courier_id
        AND seen.heard_at > business_now() - interval '{FRESH_S} seconds'
    WHERE d.delivery_id = :delivery_id AND t.courier_id = :courier_id FOR UPDATE OF o, t, d
    """
)
_LOCK_ONE = f"SELECT {_COLUMNS} {_FROM} WHERE {{which}} FOR UPDATE OF o, t, d"
LOCK_DELIVERY_OF_ORDER = opening(_LOCK_ONE.format(which="o.order_id = :order_id AND d.case_id IS NULL"))
LOCK_DELIVERY_OF_CASE = opening(_LOCK_ONE.format(which="d.case_id = :case_id"))
HAS_CALLED = "EXISTS (SELECT 1 FROM incidents AS i WHERE i.courier_id = {} AND i.is_sos AND i.state <> 'closed')"
"""Condition: a courier, named by an expression, has called for help and waits for it."""


def lock_in_hall(*, me: str, more: str) -> Opening:
    """Return the statement that locks a trip as :data:`LOCK_TRIP` does, once its time has come, for who claims it.

    With the community's mode of dispatch: null is the hall.

    :param me: a common table expression of that name, one row: the courier. :param more: columns by ``me`` and ``t``.
    """
    return opening(
        f"""
        WITH {ORDERS_OF_TRIP}, {me} SELECT {_COLUMNS}, t.pinned_to_id, (SELECT m.mode FROM dispatch_modes AS m
            WHERE m.community_id = o.community_id ORDER BY m.set_at DESC LIMIT 1) AS mode, {more}
        {_OF_TRIP.format(also="LEFT JOIN me ON true", more="AND (t.opens_at IS NULL OR t.opens_at <= business_now())")}
        """
    )


_OFFER = f"""
    WITH the_offer AS MATERIALIZED (
        SELECT f.trip_offer_id, f.trip_id FROM trip_offers AS f WHERE f.trip_offer_id = :trip_offer_id {{whose}}
    ),
    its_orders AS MATERIALIZED (
        SELECT o.* FROM orders AS o
        WHERE o.order_id IN (SELECT x.order_id FROM the_offer JOIN deliveries AS x ON x.trip_id = the_offer.trip_id)
        ORDER BY o.order_id FOR UPDATE
    )
    SELECT {_COLUMNS}, f.trip_offer_id, f.courier_id AS offered_to_id, f.state AS offer_state, f.expires_at
    FROM its_orders AS o
    JOIN deliveries AS d ON d.order_id = o.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
    JOIN trip_offers AS f ON f.trip_id = t.trip_id
    WHERE f.trip_offer_id = :trip_offer_id AND (SELECT count(*) FROM its_orders) > 0
    ORDER BY o.order_id FOR UPDATE OF t, d, f
"""
LOCK_OFFER = opening(_OFFER.format(whose=""))
LOCK_OWN_OFFER = opening(_OFFER.format(whose="AND f.courier_id = :courier_id"))
_OPEN_TRIP = f"""
    SELECT {_COLUMNS} {_FROM} WHERE t.trip_id = :trip_id AND t.state = 'open'
    ORDER BY o.order_id FOR UPDATE OF o, t, d
"""
LOCK_OPEN_TRIP = opening(f"{_OPEN_TRIP} SKIP LOCKED")
"""For dispatch: what somebody else holds is left for the next tick."""
LOCK_OPEN_TRIP_WAITING = opening(_OPEN_TRIP)
"""For a replay, which has to be the same whatever the worker does at that moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A locked delivery with what its trip and its order say."""

    delivery_id: UUID
    trip_id: UUID
    courier_id: UUID | None
    trip_state: TripState
    expected_ready_at: datetime
    order_id: UUID
    case_id: UUID | None
    pick_up_stop_id: UUID
    drop_stop_id: UUID
    state: DeliveryState
    failure_reason: FailureReason | None
    failure_count: int
    is_failure_proven: bool
    wrong_codes: Mapping[str, int]
    pay_fen: int
    order_count: int
    weight_g: int
    is_cold: bool
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
        case_id=row.case_id,
        pick_up_stop_id=row.pick_up_stop_id,
        drop_stop_id=row.drop_stop_id,
        state=DeliveryState(row.delivery_state),
        failure_reason=None if row.failure_reason is None else FailureReason(row.failure_reason),
        failure_count=row.failure_count,
        is_failure_proven=row.is_failure_proven,
        wrong_codes=row.wrong_codes,
        pay_fen=row.pay_fen,
        order_count=row.order_count,
        weight_g=row.weight_g,
        is_cold=row.is_cold,
        account_id=row.account_id,
        shop_id=row.shop_id,
        order_state=row.order_state,
        is_perishable=row.is_perishable,
        community_id=row.community_id,
        ready_at=row.ready_at,
        now=row.now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """A locked delivery, the places that matter to it, and where its courier was seen last, if lately.

    WGS-84 degrees.
    """

    delivery: Delivery
    seen: tuple[float, float] | None
    counter: tuple[float, float]
    door: tuple[float, float]
    store: tuple[float, float]


def lock_own_delivery(tx: Transaction, *, delivery_id: UUID, courier_id: UUID) -> AtHand:
    """Lock a delivery of a trip that the courier has.

    :raises DeliveryNotFound: there is none.
    """
    row = tx.open_one(LOCK_OWN_DELIVERY, {"delivery_id": delivery_id, "courier_id": courier_id})
    if row is None:
        raise DeliveryNotFound
    return AtHand(
        delivery=delivery_of(row),
        seen=None if row.seen_lat is None else (row.seen_lat, row.seen_lng),
        counter=(row.counter_lat, row.counter_lng),
        door=(row.door_lat, row.door_lng),
        store=(row.store_lat, row.store_lng),
    )


def lock_trip(tx: Transaction, statement: Opening, params: dict[str, object]) -> list[Delivery]:
    """Lock a trip with all its deliveries and their orders, in the order of order ids; empty when there is none."""
    return [delivery_of(row) for row in tx.open(statement, params)]


_OTHERS_UNDER_WAY = text(
    """
    SELECT 1 FROM deliveries WHERE trip_id = :trip_id AND delivery_id <> :delivery_id
        AND state NOT IN ('delivered', 'returned', 'disposed', 'canceled') LIMIT 1
    """
)


def is_last_of_trip(tx: Transaction, delivery: Delivery) -> bool:
    """Say, under the trip's lock, whether no other delivery of it is under way."""
    if delivery.order_count == 1:
        return True
    params = {"trip_id": delivery.trip_id, "delivery_id": delivery.delivery_id}
    return tx.execute(_OTHERS_UNDER_WAY, params).first() is None


END_TRIP = """
ended_trip AS (
    UPDATE trips AS t SET state = 'done', ended_at = business_now()
    WHERE t.trip_id = :trip_id AND t.state = 'assigned'
      AND NOT EXISTS (
          SELECT 1 FROM deliveries AS other
          WHERE other.trip_id = :trip_id AND other.delivery_id <> :delivery_id
            AND other.state NOT IN ('delivered', 'returned', 'disposed', 'canceled'))
    RETURNING t.courier_id, t.weight_g
),
freed_shift AS (
    UPDATE courier_shifts AS h
    SET active_trips = h.active_trips - 1, active_weight_g = greatest(0, h.active_weight_g - t.weight_g),
        lat = p.lat, lng = p.lng, freed_at = business_now()
    FROM ended_trip AS t JOIN stops AS p ON p.stop_id = :stop_id
    WHERE h.courier_id = t.courier_id AND h.ended_at IS NULL
)"""
"""The trip is done when no other delivery of it is under way; its courier has a hand free again, at the stop
``:stop_id``."""
