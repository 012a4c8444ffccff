"""What a resident was offered on one trip comes onto one trip, once both shops have accepted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.models import WEIGHT_G_MAX, Vehicle
from app.kernel.transaction import Transaction
from app.usecases.delivering.join_trips import join_trips

_OTHER = text(
    """
    SELECT b.trip_id FROM deliveries AS d
    JOIN orders AS o ON o.order_id = d.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
    JOIN orders AS p ON p.checkout_id = o.checkout_id AND p.order_id <> o.order_id
        AND p.shared_trip_id = o.shared_trip_id
    JOIN deliveries AS e ON e.order_id = p.order_id
    JOIN trips AS b ON b.trip_id = e.trip_id
    WHERE d.trip_id = :trip_id AND b.trip_id <> t.trip_id AND t.state = 'open' AND b.state = 'open'
      AND t.order_count = 1 AND b.order_count = 1 AND t.weight_g + b.weight_g <= :weight_g_max
    """
)


def share_trip(tx: Transaction, body: Mapping[str, Any]) -> None:
    """Join a trip that was opened with that of the other order of the pair, if nobody has either.

    What one person can hardly carry stays apart, and so does what a courier took meanwhile: nobody pays more for that.
    """
    trip_id = UUID(body["trip_id"])
    row = tx.execute(_OTHER, {"trip_id": trip_id, "weight_g_max": WEIGHT_G_MAX[Vehicle.BICYCLE]}).one_or_none()
    if row is not None:
        join_trips(tx, [trip_id, row.trip_id])
