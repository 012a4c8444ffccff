"""The trip of an exchange: born when the shop agrees, called off when the new piece is not to be carried any more."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.next_opening import next_opening
from app.core.catalog.rules import is_open_at
from app.core.events import TripEnded
from app.core.orders.repository import TARIFF, Order
from app.kernel.transaction import Transaction
from app.usecases.delivering.birth import announce, trip_of

_FACTS = text(
    f"""
    SELECT s.lat AS shop_lat, s.lng AS shop_lng, s.state, s.hours, s.paused_until, o.walk_up_floors,
        coalesce(w.weight_g, 0)::bigint AS weight_g, coalesce(w.is_cold, false) AS is_cold, {TARIFF} AS tariff
    FROM orders AS o JOIN shops AS s ON s.shop_id = o.shop_id
    CROSS JOIN (
        SELECT sum(x.quantity * k.weight_g) AS weight_g, bool_or(k.is_cold) AS is_cold
        FROM after_sale_case_lines AS x JOIN skus AS k ON k.sku_id = x.exchange_sku_id WHERE x.case_id = :case_id
    ) AS w
    WHERE o.order_id = :order_id
    """
)
_TRIP = text(
    """
    SELECT t.trip_id, t.community_id, t.courier_id FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
    WHERE d.case_id = :case_id AND t.state IN ('open', 'assigned')
    """
)


def begin_trip(tx: Transaction, order: Order, case_id: UUID) -> Mapping[str, Any] | None:
    """Return the trip on which the new piece comes, and tell couriers of it; None where there is no door any more.

    It pays the way there and, with the old piece, back. It waits for the shop to open, and is joined with no other:
    what is exchanged goes back to its own counter.
    """
    if order.address_lat is None:
        return None
    facts = tx.execute(_FACTS, {"case_id": case_id, "order_id": order.order_id}).one()
    opens_at = None
    if not is_open_at(facts.hours, facts.paused_until, order.now):
        opens_at = next_opening(facts.state, facts.hours, facts.paused_until, order.now)
    trip = trip_of(
        order,
        facts,
        fee_fen=0,
        expected_ready_at=opens_at or order.now,
        opens_at=opens_at,
        ways=2,
        is_apart=True,
        case_id=case_id,
    )
    announce(tx, trip, order.now)
    return trip


def tell_off(tx: Transaction, case_id: UUID) -> None:
    """Tell who carries or could carry the new piece that it stays at the shop."""
    row = tx.execute(_TRIP, {"case_id": case_id}).one_or_none()
    if row is not None:
        tx.record(TripEnded(trip_id=row.trip_id, community_id=row.community_id, courier_id=row.courier_id))
