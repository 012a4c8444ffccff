"""When an order under way will come, reckoned anew after each event: read by everybody who waits, and told live.

Runs behind the events, so that no act of the hot path pays for it.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.checks import FRESH_S
from app.core.dispatch.estimates import Progress, Told, estimate
from app.core.events import OrderEstimated
from app.kernel.geo import distance_m
from app.kernel.transaction import Transaction, closing, opening
from app.kernel.wire import Row

TOLD_FROM_S = 60
"""An estimate that moves by less is kept and told to nobody."""

_LOCK = opening(
    f"""
    SELECT o.order_id, o.account_id, o.shop_id, o.state, o.usual_s, o.promise_from_s, o.promise_by_s, o.paid_at,
        o.picked_up_at, o.expected_from_at, o.expected_by_at, coalesce(o.ready_at, o.expected_ready_at) AS ready_at,
        t.courier_id, c.lat, c.lng, e.lat AS door_lat, e.lng AS door_lng, p.lat AS seen_lat, p.lng AS seen_lng,
        business_now() AS now
    FROM orders AS o
    LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
    LEFT JOIN trips AS t ON t.trip_id = d.trip_id
    LEFT JOIN stops AS c ON c.stop_id = d.pick_up_stop_id
    LEFT JOIN stops AS e ON e.stop_id = d.drop_stop_id
    LEFT JOIN courier_positions AS p ON p.courier_id = t.courier_id
        AND p.heard_at > business_now() - interval '{FRESH_S} seconds'
    WHERE o.order_id = :order_id AND o.usual_s IS NOT NULL
      AND o.state IN ('preparing', 'ready', 'in_delivery')
    FOR UPDATE OF o
    """
)
_EXPECT = closing(
    """
    expected AS (
        UPDATE orders SET expected_from_at = :earliest_at, expected_by_at = :latest_at WHERE order_id = :order_id
    )"""
)
_OF_TRIP = text("SELECT order_id FROM deliveries WHERE trip_id = :trip_id AND case_id IS NULL ORDER BY order_id")


def re_estimate_order(tx: Transaction, order_id: UUID) -> None:
    """Reckon anew when one order comes; one that ended, is collected, or waits for its shop is left alone."""
    row = tx.open_one(_LOCK, {"order_id": order_id})
    if row is None or row.lat is None:
        return
    window = estimate(
        Told(usual_s=row.usual_s, from_s=row.promise_from_s, by_s=row.promise_by_s),
        Progress(
            now=row.now,
            paid_at=row.paid_at,
            ready_at=row.ready_at,
            picked_up_at=row.picked_up_at,
            distance_m=distance_m(row.lat, row.lng, row.door_lat, row.door_lng),
            **_seen(row),
        ),
    )
    before = row.expected_by_at
    if before is None or abs((window.latest_at - before).total_seconds()) >= TOLD_FROM_S:
        tx.record(
            OrderEstimated(
                order_id=order_id,
                account_id=row.account_id,
                shop_id=row.shop_id,
                courier_id=row.courier_id,
                state=row.state,
                earliest_at=window.earliest_at,
                latest_at=window.latest_at,
            )
        )
    tx.close(_EXPECT, {"order_id": order_id, "earliest_at": window.earliest_at, "latest_at": window.latest_at})


def re_estimate_trip(tx: Transaction, trip_id: UUID) -> None:
    """Reckon anew when the orders of a trip come; locked in the order of their ids, as everywhere."""
    for row in tx.execute(_OF_TRIP, {"trip_id": trip_id}).fetchall():
        re_estimate_order(tx, row.order_id)


def _seen(row: Row) -> dict[str, Any]:
    if row.seen_lat is None:
        return {}
    seen = (row.seen_lat, row.seen_lng)
    if row.picked_up_at is None:
        return {"to_counter_m": distance_m(*seen, row.lat, row.lng)}
    return {"to_door_m": distance_m(*seen, row.door_lat, row.door_lng)}
