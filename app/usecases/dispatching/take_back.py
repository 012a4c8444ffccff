"""Trips that are better with others: of couriers who are silent, stand still or cannot, and where the shop is late.

Only what was not picked up goes back to the others, and it is held against nobody. What is carried stays where it is.
"""

from datetime import timedelta

from sqlalchemy import TextClause, text

from app.core.delivery.checks import NEAR_M
from app.core.delivery.positions import SILENCE_MAX, STILL_MAX
from app.core.delivery.states import ReleaseReason
from app.kernel.transaction import transaction
from app.usecases.delivering.shifts import end_shifts_that_are_over
from app.usecases.delivering.trips import LATE_SHOP, take_back_trip

LIMIT = 500
LATER = timedelta(minutes=10)
"""When a shop is reckoned to be ready that is late and says nothing: so long from now."""

_NOT_PICKED_UP = """
    EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id AND d.state IN ('assigned', 'at_pickup'))
"""
_SILENT = text(
    f"""
    SELECT t.trip_id, t.courier_id FROM courier_positions AS p
    JOIN courier_shifts AS h ON h.courier_id = p.courier_id AND h.ended_at IS NULL AND p.heard_at >= h.started_at
    JOIN trips AS t ON t.courier_id = p.courier_id AND t.state = 'assigned'
    WHERE p.heard_at < business_now() - :silence_max AND t.assigned_at < business_now() - :silence_max
      AND {_NOT_PICKED_UP}
    ORDER BY t.trip_id LIMIT :limit
    """
)
_CANNOT = text(
    f"""
    SELECT t.trip_id, t.courier_id FROM (
        SELECT k.courier_id FROM couriers AS k WHERE k.state = 'suspended'
        UNION
        SELECT i.courier_id FROM incidents AS i WHERE i.state <> 'closed' AND i.is_sos
    ) AS c
    JOIN trips AS t ON t.courier_id = c.courier_id AND t.state = 'assigned'
    WHERE {_NOT_PICKED_UP}
    ORDER BY t.trip_id LIMIT :limit
    """
)
_STILL = text(
    """
    SELECT t.trip_id, t.courier_id FROM courier_positions AS p
    JOIN courier_shifts AS h ON h.courier_id = p.courier_id AND h.ended_at IS NULL AND p.heard_at >= h.started_at
    JOIN trips AS t ON t.courier_id = p.courier_id AND t.state = 'assigned'
    WHERE p.still_since < business_now() - :still_max AND t.assigned_at < business_now() - :still_max
      AND h.active_trips = 1
      AND (point(p.lng * cosd(p.lat), p.lat) <-> point(t.lng * cosd(p.lat), t.lat)) * 111195 > :near_m
      AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id
          AND d.state NOT IN ('assigned', 'canceled'))
    ORDER BY t.trip_id LIMIT :limit
    """
)
"""Of who has one trip alone: one who delivers another first stands at that one's counter and doors."""
_LATE_SHOPS = text(
    """
    SELECT DISTINCT t.trip_id, t.courier_id FROM trips AS t
    JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state IN ('assigned', 'at_pickup')
    JOIN orders AS o ON o.order_id = d.order_id AND o.state = 'preparing'
    WHERE t.state = 'assigned' AND o.expected_ready_at < business_now() - :late_shop
    ORDER BY t.trip_id LIMIT :limit
    """
)
_LATER = text(
    """
    WITH later AS (
        UPDATE orders SET expected_ready_at = business_now() + :later
        WHERE state = 'preparing' AND order_id IN (SELECT order_id FROM deliveries WHERE trip_id = :trip_id)
    )
    UPDATE trips SET expected_ready_at = business_now() + :later WHERE trip_id = :trip_id
    """
)


def look_after_shifts() -> int:
    """Take back what is better with others, and end shifts that are over; return how many of both."""
    return (
        take_back_from_silent()
        + take_back_from_those_who_cannot()
        + take_back_from_those_who_stand_still()
        + release_from_late_shops()
        + end_shifts_that_are_over()
    )


def take_back_from_those_who_cannot() -> int:
    """Take trips back from couriers who were suspended or call for help; what they carry they, or support, finish."""
    return _take_back(_CANNOT, {}, ReleaseReason.UNABLE)


def take_back_from_silent() -> int:
    """Take trips back from couriers who were heard on this shift and not for ninety seconds; return how many.

    One who never reported a position is not silent, but has an app that does not report.
    """
    return _take_back(_SILENT, {"silence_max": SILENCE_MAX}, ReleaseReason.SILENT)


def take_back_from_those_who_stand_still() -> int:
    """Take trips back from couriers who are heard, but have not moved for minutes, and not at the counter."""
    return _take_back(_STILL, {"still_max": STILL_MAX, "near_m": NEAR_M}, ReleaseReason.STILL)


def release_from_late_shops() -> int:
    """Free couriers of shops that are ten minutes late and silent; the trip is offered for a later time."""
    return _take_back(_LATE_SHOPS, {"late_shop": LATE_SHOP}, ReleaseReason.LATE_SHOP)


def _take_back(found: TextClause, params: dict[str, object], reason: ReleaseReason) -> int:
    with transaction() as tx:
        rows = tx.execute(found, {**params, "limit": LIMIT}).fetchall()
    taken = 0
    for row in rows:
        with transaction() as tx:
            is_taken = take_back_trip(tx, trip_id=row.trip_id, courier_id=row.courier_id, reason=reason)
            if is_taken and reason is ReleaseReason.LATE_SHOP:
                tx.execute(_LATER, {"trip_id": row.trip_id, "later": LATER})
        taken += is_taken
    return taken
