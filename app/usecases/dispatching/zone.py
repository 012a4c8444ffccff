"""A zone as its tables say it, put the way the policies of dispatch read it: seconds, and meters on a plane."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.models import ACTIVE_TRIPS_MAX, WEIGHT_G_MAX, Vehicle
from app.core.delivery.positions import SILENCE_MAX
from app.core.dispatch.problem import Courier, Delivery, Inbound, Point, Problem
from app.core.dispatch.travel import SPEED_M_MIN, STOP_S, PlaneTravel
from app.kernel.clock import business_now
from app.kernel.geo import EARTH_RADIUS_M
from app.kernel.transaction import Transaction
from app.kernel.wire import Row

TICK_S = 20
"""How often the worker decides, about."""
PACES = {Vehicle.E_BIKE: 1.0, Vehicle.BICYCLE: 1.2, Vehicle.TRICYCLE: 1.3, Vehicle.FOOT: 2.6}
"""What a way takes by vehicle, as a multiple of what an e-bike needs."""
EXCLUDED = timedelta(minutes=5)
"""For how long a trip is not offered again to one who declined it or did not answer."""
LOOK_AHEAD = timedelta(minutes=25)
"""A trip that is ready later can wait for the next tick."""
OFFERS_MAX = 3
"""After so many offers without a yes, a trip of a community with a hall is left to the hall."""
SHIFT_MAX = timedelta(hours=12)
"""When a shift without an end is reckoned to end, from its start."""
TASKS_MAX = 2_000
COURIERS_MAX = 5_000

MODE = """
    SELECT DISTINCT ON (m.community_id) m.community_id, m.mode FROM dispatch_modes AS m
    ORDER BY m.community_id, m.set_at DESC
"""
_COLUMNS = """
    t.trip_id, t.order_count, t.weight_g, t.is_cold, t.created_at, d.delivery_id, o.shop_id, o.promised_at,
    coalesce(o.ready_at, t.expected_ready_at) AS ready_at,
    c.lat, c.lng, p.lat AS door_lat, p.lng AS door_lng
"""
_TASKS = text(
    f"""
    SELECT {_COLUMNS}
    FROM ({MODE}) AS m
    JOIN communities AS y ON y.community_id = m.community_id AND y.store_id = :store_id
    JOIN trips AS t ON t.community_id = y.community_id AND t.state = 'open'
    JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state = 'open'
    JOIN orders AS o ON o.order_id = d.order_id
    JOIN stops AS c ON c.stop_id = d.pick_up_stop_id
    JOIN stops AS p ON p.stop_id = d.drop_stop_id
    WHERE m.mode IN ('assign', 'both')
      AND coalesce(o.ready_at, t.expected_ready_at) <= business_now() + :look_ahead
      AND (m.mode = 'assign' OR :offers_max > (SELECT count(*) FROM trip_offers AS f WHERE f.trip_id = t.trip_id))
    ORDER BY t.created_at, t.trip_id LIMIT :limit
    """
)
_COURIERS = text(
    """
    SELECT h.courier_id, k.vehicle, k.has_cold_box, h.started_at, h.ends_at,
           coalesce(p.lat, h.lat) AS lat, coalesce(p.lng, h.lng) AS lng,
           (SELECT count(*) FROM trips AS t WHERE t.courier_id = h.courier_id AND t.assigned_at >= h.started_at
            AND t.state IN ('assigned', 'done')) AS trips
    FROM communities AS c
    JOIN couriers AS k ON k.community_id = c.community_id AND k.state = 'active'
    JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
    LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id AND p.heard_at >= h.started_at
    WHERE c.store_id = :store_id AND h.active_trips < :trips_max
      AND h.on_break_since IS NULL AND (h.ends_at IS NULL OR h.ends_at > business_now())
      AND NOT EXISTS (SELECT 1 FROM incidents AS i
          WHERE i.courier_id = h.courier_id AND i.is_sos AND i.state <> 'closed')
      AND (p.heard_at IS NULL OR p.heard_at >= business_now() - :silence_max)
      AND NOT EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.courier_id = h.courier_id AND f.state = 'live')
    ORDER BY h.courier_id LIMIT :limit
    """
)
_HELD = text(
    f"""
    SELECT t.courier_id, d.state, {_COLUMNS}
    FROM trips AS t
    JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state NOT IN ('delivered', 'returned', 'disposed', 'canceled')
    JOIN orders AS o ON o.order_id = d.order_id
    JOIN stops AS c ON c.stop_id = d.pick_up_stop_id
    JOIN stops AS p ON p.stop_id = d.drop_stop_id
    WHERE t.courier_id = ANY(CAST(:courier_ids AS uuid[])) AND t.state = 'assigned'
    ORDER BY t.courier_id, t.assigned_at, d.delivery_id
    """
)
_EXCLUDED = text(
    """
    SELECT d.delivery_id, f.courier_id FROM trip_offers AS f JOIN deliveries AS d ON d.trip_id = f.trip_id
    WHERE f.trip_id = ANY(CAST(:trip_ids AS uuid[])) AND f.state IN ('declined', 'expired')
      AND f.answered_at > business_now() - :excluded
    UNION
    SELECT d.delivery_id, o.account_id FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
    WHERE d.trip_id = ANY(CAST(:trip_ids AS uuid[]))
    """
)


@dataclass(frozen=True, slots=True)
class Zone:
    """A tick's problem, the trips of its deliveries, and places on earth: of shops by trip, of couriers."""

    problem: Problem
    trips: dict[UUID, UUID]
    shops: dict[UUID, tuple[float, float]]
    places: dict[UUID, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Plane:
    """Lays degrees flat around a latitude; over a zone that costs less than a hundredth of a distance."""

    lat: float

    def point(self, lat: float, lng: float) -> Point:
        per_degree = math.radians(EARTH_RADIUS_M)
        return lng * per_degree * math.cos(math.radians(self.lat)), lat * per_degree


def read_zone(tx: Transaction, store_id: UUID) -> Zone | None:
    """Return what is to be decided in a zone; None without open trips or couriers."""
    params = {"store_id": store_id, "look_ahead": LOOK_AHEAD, "offers_max": OFFERS_MAX, "limit": TASKS_MAX}
    tasks = tx.execute(_TASKS, params).fetchall()
    if not tasks:
        return None
    params = {"store_id": store_id, "trips_max": ACTIVE_TRIPS_MAX, "silence_max": SILENCE_MAX, "limit": COURIERS_MAX}
    couriers = tx.execute(_COURIERS, params).fetchall()
    if not couriers:
        return None
    held: dict[UUID, list[Row]] = {}
    for row in tx.execute(_HELD, {"courier_ids": [one.courier_id for one in couriers]}).fetchall():
        held.setdefault(row.courier_id, []).append(row)
    trip_ids = list(dict.fromkeys(row.trip_id for row in tasks))
    pairs = tx.execute(_EXCLUDED, {"trip_ids": trip_ids, "excluded": EXCLUDED}).fetchall()
    now = _seconds(business_now(tx))
    plane = _Plane(tasks[0].lat)
    travel = PlaneTravel(SPEED_M_MIN)
    problem = Problem(
        now_s=now,
        tick_s=TICK_S,
        deliveries=_deliveries(tasks, plane),
        couriers=[_courier(row, held.get(row.courier_id, []), plane, now, travel) for row in couriers],
        travel=travel,
        pick_up_s=STOP_S,
        drop_s=STOP_S,
        excluded=frozenset((row.delivery_id, row.courier_id) for row in pairs),
    )
    return Zone(
        problem,
        {row.delivery_id: row.trip_id for row in tasks},
        {row.trip_id: (row.lat, row.lng) for row in tasks},
        {row.courier_id: (row.lat, row.lng) for row in couriers},
    )


def _deliveries(rows: Sequence[Row], plane: _Plane) -> list[Delivery]:
    """Return the deliveries of ``rows``; a trip's weight, grams, hangs on its first, and those of one trip stay one."""
    weighed: set[UUID] = set()
    found = []
    for row in rows:
        found.append(
            Delivery(
                delivery_id=row.delivery_id,
                shop_id=row.shop_id,
                shop=plane.point(row.lat, row.lng),
                door=plane.point(row.door_lat, row.door_lng),
                placed_s=_seconds(row.created_at),
                ready_s=_seconds(row.ready_at),
                promised_s=None if row.promised_at is None else _seconds(row.promised_at),
                units=0 if row.trip_id in weighed else row.weight_g,
                is_cold=row.is_cold,
                group=row.trip_id if row.order_count > 1 else None,
            )
        )
        weighed.add(row.trip_id)
    return found


def _courier(row: Row, held: Sequence[Row], plane: _Plane, now: int, travel: PlaneTravel) -> Courier:
    """Return a courier with when and where what is in hand will be done."""
    place, pace = plane.point(row.lat, row.lng), PACES[Vehicle(row.vehicle)]
    free_s, inbound = now, None
    if held:
        deliveries = tuple(_deliveries(held, plane))
        if all(one.state in {"assigned", "at_pickup"} for one in held) and len({one.shop_id for one in held}) == 1:
            way_s = 0 if held[0].state == "at_pickup" else travel.seconds(place, deliveries[0].shop) * pace
            inbound = Inbound(deliveries=deliveries, arrives_s=round(now + way_s + STOP_S // 2))
        free_s, place = _free(held, deliveries, place, pace, now, travel)
    return Courier(
        courier_id=row.courier_id,
        place=place,
        free_s=free_s,
        on_s=_seconds(row.started_at),
        off_s=_seconds(row.started_at + SHIFT_MAX if row.ends_at is None else row.ends_at),
        done_count=row.trips,
        capacity=ACTIVE_TRIPS_MAX,
        units_max=WEIGHT_G_MAX[Vehicle(row.vehicle)],
        has_cold_box=row.has_cold_box,
        pace=pace,
        inbound=inbound,
    )


def _free(  # noqa: PLR0917 - what one is, where, and what is in hand
    held: Sequence[Row], deliveries: Sequence[Delivery], place: Point, pace: float, now: int, travel: PlaneTravel
) -> tuple[int, Point]:
    """Return when and where a courier will be free: first the counters that wait, then the doors, each at its turn."""
    clock = float(now)
    for row, one in zip(held, deliveries, strict=True):
        if row.state in {"assigned", "at_pickup"} and place != one.shop:
            clock = max(clock + travel.seconds(place, one.shop) * pace + STOP_S // 2, one.ready_s) + STOP_S // 2
            place = one.shop
    for one in _by_way(place, deliveries, travel):
        clock += travel.seconds(place, one.door) * pace + STOP_S
        place = one.door
    return round(clock), place


def _by_way(place: Point, deliveries: Iterable[Delivery], travel: PlaneTravel) -> list[Delivery]:
    """Return the deliveries in the order of their doors, the nearest of what is left first."""
    left, ordered = list(deliveries), []
    while left:
        nearest = min(left, key=lambda one: (travel.seconds(place, one.door), one.delivery_id))
        left.remove(nearest)
        ordered.append(nearest)
        place = nearest.door
    return ordered


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
