"""Trips that are better with others: of couriers who are silent, still, astray, late or unable, and of late shops.

Only what was not picked up goes back to the others, and it is held against nobody. What is carried stays where it is.
"""

from datetime import timedelta

from sqlalchemy import TextClause, text

from app.core.delivery.checks import NEAR_M
from app.core.delivery.positions import SILENCE_MAX, STILL_M, STILL_MAX
from app.core.delivery.states import ReleaseReason
from app.core.dispatch.travel import SPEED_M_MIN
from app.kernel.geo import meters_sql
from app.kernel.transaction import transaction
from app.usecases.delivering.shifts import end_shifts_that_are_over
from app.usecases.delivering.trips import LATE_SHOP, take_back_trip
from app.usecases.dispatching.zone import MODE, PACES

LIMIT = 500
LATE_MAX = timedelta(minutes=8)
"""By how much one may come after the order is ready, and after the time that was reckoned with."""
GAIN_S = 120
"""By how much sooner somebody else must be there for a late courier to lose the trip: being asked takes time."""
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


def _meters(place: str, to: str) -> str:
    """Return the meters from one row with ``lat`` and ``lng`` to another."""
    return meters_sql(f"{place}.lat", f"{place}.lng", to)


_NEXT = """
    SELECT s.lat, s.lng FROM trips AS x
    JOIN deliveries AS d ON d.trip_id = x.trip_id AND d.ended_at IS NULL
    JOIN stops AS s ON s.stop_id = CASE WHEN d.state IN ('assigned', 'at_pickup', 'returning')
        THEN d.pick_up_stop_id ELSE d.drop_stop_id END
    WHERE x.courier_id = p.courier_id AND x.state = 'assigned'
"""
"""Where a courier with any number of trips in hand may be going: counters of what waits, doors of what is carried."""
_HEARD = f"""
    courier_positions AS p
    JOIN courier_shifts AS h ON h.courier_id = p.courier_id AND h.ended_at IS NULL AND p.heard_at >= h.started_at
        AND p.heard_at >= business_now() - interval '{SILENCE_MAX.total_seconds()} seconds'
    JOIN trips AS t ON t.courier_id = p.courier_id AND t.state = 'assigned'
        AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id
            AND d.state NOT IN ('assigned', 'canceled'))
"""
"""Couriers who are heard, with their trips of which nothing was picked up, and where they have not arrived."""
_STILL = text(
    f"""
    SELECT t.trip_id, t.courier_id FROM {_HEARD}
    WHERE p.still_since < business_now() - :still_max AND t.assigned_at < business_now() - :still_max
      AND NOT EXISTS (SELECT 1 FROM ({_NEXT}) AS n WHERE {_meters("p", "n")} <= :near_m)
    ORDER BY t.trip_id LIMIT :limit
    """
)
_ASTRAY = text(
    f"""
    SELECT t.trip_id, t.courier_id FROM {_HEARD}
    JOIN LATERAL (
        SELECT w.lat, w.lng FROM courier_trail AS w
        WHERE w.courier_id = p.courier_id AND w.measured_at <= p.measured_at - :still_max
          AND w.measured_at >= greatest(t.assigned_at, p.measured_at - 2 * :still_max)
        ORDER BY w.measured_at DESC LIMIT 1
    ) AS was ON true
    WHERE coalesce(h.freed_at < p.measured_at - :still_max, true)
      AND NOT EXISTS (SELECT 1 FROM trips AS x JOIN stops AS s ON s.trip_id = x.trip_id
          WHERE x.courier_id = p.courier_id AND x.state = 'assigned'
            AND greatest(s.arrived_at, s.done_at) > p.measured_at - 2 * :still_max)
      AND NOT EXISTS (SELECT 1 FROM ({_NEXT}) AS n
          WHERE {_meters("p", "n")} <= greatest(:near_m, {_meters("was", "n")} - {STILL_M}))
    ORDER BY t.trip_id LIMIT :limit
    """
)
"""By the trail: as far as five minutes ago from all that is to be done, and nothing was done meanwhile."""
_PACE = "(CASE {}.vehicle " + " ".join(f"WHEN '{one.value}' THEN {pace}" for one, pace in PACES.items()) + " END)"
_S_PER_M = 60 / SPEED_M_MIN
_LATE = text(
    f"""
    SELECT t.trip_id, t.courier_id FROM {_HEARD}
    JOIN couriers AS k ON k.courier_id = t.courier_id
    JOIN communities AS c ON c.community_id = t.community_id
    JOIN ({MODE}) AS m ON m.community_id = t.community_id AND m.mode IN ('assign', 'both')
    JOIN LATERAL (
        SELECT jsonb_path_query_first(d.alternatives, '$[*] ? (@.is_chosen == true)') AS chosen
        FROM dispatch_decisions AS d WHERE d.trip_id = t.trip_id ORDER BY d.decision_id DESC LIMIT 1
    ) AS d ON CAST(d.chosen ->> 'courier_id' AS uuid) = t.courier_id
    CROSS JOIN LATERAL (SELECT {_meters("p", "t")} * {_S_PER_M} * {_PACE.format("k")} AS way_s) AS now
    CROSS JOIN LATERAL (
        SELECT max(coalesce(o.ready_at, o.expected_ready_at, t.expected_ready_at)) AS ready_at
        FROM deliveries AS x JOIN orders AS o ON o.order_id = x.order_id WHERE x.trip_id = t.trip_id
          AND x.state <> 'canceled'
    ) AS shop
    WHERE business_now() + now.way_s * interval '1 second' > :late_max + greatest(shop.ready_at,
            t.assigned_at + interval '1 second' * (coalesce(CAST(d.chosen ->> 'free_in_s' AS float8), 0)
                + CAST(d.chosen ->> 'to_shop_m' AS float8) * {_S_PER_M} * {_PACE.format("k")}))
      AND {_meters("p", "t")} > :near_m
      AND EXISTS (
        SELECT 1 FROM communities AS home
        JOIN couriers AS other ON other.community_id = home.community_id AND other.state = 'active'
        JOIN courier_shifts AS on_shift ON on_shift.courier_id = other.courier_id AND on_shift.ended_at IS NULL
            AND on_shift.active_trips = 0 AND on_shift.on_break_since IS NULL
            AND coalesce(on_shift.ends_at > business_now(), true)
        LEFT JOIN courier_positions AS q ON q.courier_id = other.courier_id AND q.heard_at >= on_shift.started_at
        CROSS JOIN LATERAL (SELECT coalesce(q.lat, on_shift.lat) AS lat, coalesce(q.lng, on_shift.lng) AS lng) AS place
        WHERE home.store_id = c.store_id
          AND coalesce(q.heard_at >= business_now() - interval '{SILENCE_MAX.total_seconds()} seconds', true)
          AND NOT EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.courier_id = other.courier_id AND f.state = 'live')
          AND {_meters("place", "t")} * {_S_PER_M} * {_PACE.format("other")} + :gain_s < now.way_s
      )
    ORDER BY t.trip_id LIMIT :limit
    """
)
"""Eight minutes past the time of the food, and past what was reckoned when the trip was given; and one is nearer."""
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
        + take_back_from_those_who_go_elsewhere()
        + take_back_from_those_who_come_late()
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
    """Take trips back from couriers who are heard, but stand still for minutes where they have nothing to do."""
    return _take_back(_STILL, {"still_max": STILL_MAX, "near_m": NEAR_M}, ReleaseReason.STILL)


def take_back_from_those_who_go_elsewhere() -> int:
    """Take trips back from couriers who came no nearer to anything they have to do in the last five minutes."""
    return _take_back(_ASTRAY, {"still_max": STILL_MAX, "near_m": NEAR_M}, ReleaseReason.ASTRAY)


def take_back_from_those_who_come_late() -> int:
    """Take trips back, where they are offered, from couriers who would be far too late while another is nearer."""
    return _take_back(_LATE, {"late_max": LATE_MAX, "near_m": NEAR_M, "gain_s": GAIN_S}, ReleaseReason.LATE)


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
