"""Couriers who fell silent: what they have not picked up goes back to the others. What they carry stays theirs."""

from sqlalchemy import text

from app.core.delivery.positions import SILENCE_MAX
from app.kernel.transaction import transaction
from app.usecases.delivering.shifts import end_shifts_that_are_over
from app.usecases.delivering.trips import take_back_trip

LIMIT = 500

_SILENT = text(
    """
    SELECT t.trip_id, t.courier_id FROM courier_positions AS p
    JOIN courier_shifts AS h ON h.courier_id = p.courier_id AND h.ended_at IS NULL AND p.heard_at >= h.started_at
    JOIN trips AS t ON t.courier_id = p.courier_id AND t.state = 'assigned'
    WHERE p.heard_at < business_now() - :silence_max AND t.assigned_at < business_now() - :silence_max
      AND EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id AND d.state IN ('assigned', 'at_pickup'))
    ORDER BY t.trip_id LIMIT :limit
    """
)


_CANNOT = text(
    """
    SELECT t.trip_id, t.courier_id FROM (
        SELECT k.courier_id FROM couriers AS k WHERE k.state = 'suspended'
        UNION
        SELECT i.courier_id FROM incidents AS i WHERE i.state <> 'closed' AND i.is_sos
    ) AS c
    JOIN trips AS t ON t.courier_id = c.courier_id AND t.state = 'assigned'
    WHERE EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id AND d.state IN ('assigned', 'at_pickup'))
    ORDER BY t.trip_id LIMIT :limit
    """
)


def look_after_shifts() -> int:
    """Take back what silent, suspended and endangered couriers have not picked up, and end shifts that are over."""
    return take_back_from_silent() + take_back_from_those_who_cannot() + end_shifts_that_are_over()


def take_back_from_those_who_cannot() -> int:
    """Take trips back from couriers who were suspended or call for help; what they carry they, or support, finish."""
    with transaction() as tx:
        rows = tx.execute(_CANNOT, {"limit": LIMIT}).fetchall()
    taken = 0
    for row in rows:
        with transaction() as tx:
            taken += take_back_trip(tx, trip_id=row.trip_id, courier_id=row.courier_id)
    return taken


def take_back_from_silent() -> int:
    """Take trips back from couriers who were heard on this shift and not for ninety seconds; return how many.

    One who never reported a position is not silent, but has an app that does not report.
    """
    with transaction() as tx:
        silent = tx.execute(_SILENT, {"silence_max": SILENCE_MAX, "limit": LIMIT}).fetchall()
    taken = 0
    for row in silent:
        with transaction() as tx:
            taken += take_back_trip(tx, trip_id=row.trip_id, courier_id=row.courier_id)
    return taken
