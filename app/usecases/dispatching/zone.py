"""A zone as its tables say it, put the way the policies of dispatch read it: seconds, and meters on a plane.

Where somebody is and when they will be free is reckoned from the last thing that is known: a position with its time, a
stop that was done, or where the shift became free.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.models import ACTIVE_TRIPS_MAX, WEIGHT_G_MAX, Vehicle
from app.core.delivery.positions import SILENCE_MAX
from app.core.delivery.repository import HAS_CALLED
from app.core.delivery.states import EXCLUDED, NOT_AGAIN
from app.core.dispatch.problem import Courier, Delivery, Inbound, Point, Problem, Travel
from app.core.dispatch.tours import DOORS_MAX, shortest_tour
from app.core.dispatch.travel import SPEED_M_MIN, STOP_S, PlaneTravel
from app.kernel.clock import business_now
from app.kernel.geo import EARTH_RADIUS_M
from app.kernel.transaction import Transaction
from app.kernel.wire import Row

TICK_S = 20
"""How often the worker decides, about."""
PACES = {Vehicle.E_BIKE: 1.0, Vehicle.BICYCLE: 1.2, Vehicle.TRICYCLE: 1.3, Vehicle.FOOT: 2.6}
"""What a way takes by vehicle, as a multiple of what an e-bike needs."""
OFFERS_MAX = 3
OFFERS_WITHIN = timedelta(minutes=10)
"""After so many offers without a yes within so long, a trip of a community with a hall is left to the hall."""
SHIFT_MAX = timedelta(hours=12)
"""When a shift without an end is reckoned to end, from its start."""
TASKS_MAX = 2_000
COURIERS_MAX = 5_000

MODE = """
    SELECT DISTINCT ON (m.community_id) m.community_id, m.mode FROM dispatch_modes AS m
    ORDER BY m.community_id, m.set_at DESC
"""
_COLUMNS = """
    t.trip_id, t.order_count, t.weight_g, t.is_cold, d.created_at, t.pinned_to_id, t.is_apart, d.delivery_id, o.shop_id,
    CASE WHEN d.case_id IS NULL THEN o.promised_at END AS promised_at, CASE WHEN d.case_id IS NULL
        THEN coalesce(o.ready_at, o.expected_ready_at, t.expected_ready_at) ELSE t.expected_ready_at END AS ready_at,
    c.lat, c.lng, c.arrived_at, p.lat AS door_lat, p.lng AS door_lng
"""
_TASKS = text(
    f"""
    SELECT {_COLUMNS}
    FROM ({MODE}) AS m
    JOIN communities AS y ON y.community_id = m.community_id AND y.store_id = :store_id
    JOIN trips AS t ON t.community_id = y.community_id AND t.state = 'open'
        AND (t.opens_at IS NULL OR t.opens_at <= business_now())
    JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state = 'open'
    JOIN orders AS o ON o.order_id = d.order_id
    JOIN stops AS c ON c.stop_id = d.pick_up_stop_id
    JOIN stops AS p ON p.stop_id = d.drop_stop_id
    WHERE m.mode IN ('assign', 'both') AND (m.mode = 'assign' OR t.pinned_to_id IS NOT NULL
      OR :offers_max > (SELECT count(*) FROM trip_offers AS f
                        WHERE f.trip_id = t.trip_id AND f.offered_at > business_now() - :offers_within))
    ORDER BY t.created_at, t.trip_id LIMIT :limit
    """
)
_COURIERS = text(
    f"""
    SELECT h.courier_id, k.vehicle, k.has_cold_box, h.started_at, h.ends_at, h.freed_at,
           h.lat AS free_lat, h.lng AS free_lng, coalesce(p.lat, h.lat) AS lat, coalesce(p.lng, h.lng) AS lng,
           p.measured_at,
           (SELECT coalesce(sum(t.order_count), 0)::bigint FROM trips AS t WHERE t.courier_id = h.courier_id
            AND t.assigned_at >= h.started_at AND t.state IN ('assigned', 'done')) AS orders
    FROM communities AS c
    JOIN couriers AS k ON k.community_id = c.community_id AND k.state = 'active'
    JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
    LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id AND p.heard_at >= h.started_at
    WHERE c.store_id = :store_id
      AND h.on_break_since IS NULL AND (h.ends_at IS NULL OR h.ends_at > business_now())
      AND NOT {HAS_CALLED.format("h.courier_id")}
      AND (p.heard_at IS NULL OR p.heard_at >= business_now() - :silence_max)
      AND NOT EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.courier_id = h.courier_id AND f.state = 'live')
    ORDER BY h.courier_id LIMIT :limit
    """
)
_HELD = text(
    f"""
    SELECT t.courier_id, d.state, t.assigned_at, {_COLUMNS},
        last.lat AS last_lat, last.lng AS last_lng, last.done_at, last.kind AS last_kind
    FROM trips AS t
    JOIN deliveries AS d ON d.trip_id = t.trip_id AND d.state NOT IN ('delivered', 'returned', 'disposed', 'canceled')
    JOIN orders AS o ON o.order_id = d.order_id
    JOIN stops AS c ON c.stop_id = d.pick_up_stop_id
    JOIN stops AS p ON p.stop_id = d.drop_stop_id
    LEFT JOIN LATERAL (
        SELECT s.lat, s.lng, s.done_at, s.kind FROM stops AS s
        WHERE s.trip_id = t.trip_id AND s.done_at IS NOT NULL ORDER BY s.done_at DESC LIMIT 1
    ) AS last ON true
    WHERE t.courier_id = ANY(CAST(:courier_ids AS uuid[])) AND t.state = 'assigned'
    ORDER BY t.courier_id, t.assigned_at, c.position, d.delivery_id
    """
)
_EXCLUDED = text(
    """
    SELECT d.delivery_id, f.courier_id FROM trip_offers AS f JOIN deliveries AS d ON d.trip_id = f.trip_id
    WHERE f.trip_id = ANY(CAST(:trip_ids AS uuid[])) AND f.state IN ('declined', 'expired')
      AND f.answered_at > business_now() - :excluded
    UNION
    SELECT d.delivery_id, r.courier_id FROM trip_releases AS r JOIN deliveries AS d ON d.trip_id = r.trip_id
    WHERE r.trip_id = ANY(CAST(:trip_ids AS uuid[])) AND r.released_at > business_now() - :excluded
      AND r.reason = ANY(CAST(:not_again AS text[]))
    UNION
    SELECT d.delivery_id, o.account_id FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
    WHERE d.trip_id = ANY(CAST(:trip_ids AS uuid[]))
    """
)


_USUAL_TRAVEL = PlaneTravel(SPEED_M_MIN)


class Plane(Protocol):
    """Lays degrees flat."""

    def point(self, lat: float, lng: float) -> Point:
        """Return a place, WGS-84 degrees, in meters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a tick reckons with beside the tables.

    :ivar tick_s: when the next one comes. :ivar pick_up_s: what a stop at a counter takes, half before the act.
    :ivar drop_s: the same for a door. :ivar is_waiting: whether a trip that somebody else holds for a moment is waited
        for, not left for the next tick. :ivar plane: how degrees are laid flat; None: around the zone's first shop.
    """

    tick_s: int = TICK_S
    travel: Travel = _USUAL_TRAVEL
    pick_up_s: int = STOP_S
    drop_s: int = STOP_S
    is_waiting: bool = False
    plane: Plane | None = None


USUAL = Conditions()
"""Real life."""


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


def read_zone(tx: Transaction, store_id: UUID, conditions: Conditions = USUAL) -> Zone | None:
    """Return what is to be decided in a zone; None without open trips or couriers."""
    asked: dict[str, object] = {"store_id": store_id, "offers_max": OFFERS_MAX, "offers_within": OFFERS_WITHIN}
    tasks = tx.execute(_TASKS, {**asked, "limit": TASKS_MAX}).fetchall()
    if not tasks:
        return None
    params = {"store_id": store_id, "silence_max": SILENCE_MAX, "limit": COURIERS_MAX}
    couriers = tx.execute(_COURIERS, params).fetchall()
    if not couriers:
        return None
    held: dict[UUID, list[Row]] = {}
    for row in tx.execute(_HELD, {"courier_ids": [one.courier_id for one in couriers]}).fetchall():
        held.setdefault(row.courier_id, []).append(row)
    trip_ids = list(dict.fromkeys(row.trip_id for row in tasks))
    asked = {"trip_ids": trip_ids, "excluded": EXCLUDED, "not_again": list(NOT_AGAIN)}
    pairs = {(row.delivery_id, row.courier_id) for row in tx.execute(_EXCLUDED, asked)}
    pairs |= {
        (task.delivery_id, one.courier_id)
        for task in tasks
        if task.pinned_to_id is not None
        for one in couriers
        if one.courier_id != task.pinned_to_id
    }
    reckoner = _Reckoner(_seconds(business_now(tx)), conditions, conditions.plane or _Plane(tasks[0].lat))
    problem = Problem(
        now_s=reckoner.now,
        tick_s=conditions.tick_s,
        deliveries=reckoner.deliveries(tasks),
        couriers=[reckoner.courier(row, held.get(row.courier_id, [])) for row in couriers],
        travel=conditions.travel,
        pick_up_s=conditions.pick_up_s,
        drop_s=conditions.drop_s,
        excluded=frozenset(pairs),
    )
    return Zone(
        problem,
        {row.delivery_id: row.trip_id for row in tasks},
        {row.trip_id: (row.lat, row.lng) for row in tasks},
        {row.courier_id: (row.lat, row.lng) for row in couriers},
    )


@dataclass(frozen=True, slots=True)
class _Reckoner:
    """Puts rows in the terms of a problem at one moment."""

    now: int
    conditions: Conditions
    plane: Plane

    def deliveries(self, rows: Sequence[Row]) -> list[Delivery]:
        """Return the deliveries of ``rows``; a trip's weight, grams, hangs on its first; those of one stay one."""
        weighed: set[UUID] = set()
        found = []
        for row in rows:
            found.append(
                Delivery(
                    delivery_id=row.delivery_id,
                    shop_id=row.shop_id,
                    shop=self.plane.point(row.lat, row.lng),
                    door=self.plane.point(row.door_lat, row.door_lng),
                    placed_s=_seconds(row.created_at),
                    ready_s=_seconds(row.ready_at),
                    promised_s=None if row.promised_at is None else _seconds(row.promised_at),
                    units=0 if row.trip_id in weighed else row.weight_g,
                    is_cold=row.is_cold,
                    group=row.trip_id if row.order_count > 1 else None,
                    is_apart=row.is_apart or row.pinned_to_id is not None,
                )
            )
            weighed.add(row.trip_id)
        return found

    def courier(self, row: Row, held: Sequence[Row]) -> Courier:
        """Return a courier with when and where what is in hand will be done."""
        pace = PACES[Vehicle(row.vehicle)]
        place, free_s, inbound = self.plane.point(row.lat, row.lng), _seconds(row.started_at), None
        if held:
            free_s, place, inbound = self._busy(row, held, pace)
        elif row.freed_at is not None:  # half of the last stop comes after the act
            free_s = _seconds(row.freed_at) + self._after(self.conditions.drop_s)
        return Courier(
            courier_id=row.courier_id,
            place=place,
            free_s=free_s,
            on_s=_seconds(row.started_at),
            off_s=_seconds(row.started_at + SHIFT_MAX if row.ends_at is None else row.ends_at),
            done_count=row.orders,
            capacity=ACTIVE_TRIPS_MAX,
            units_max=WEIGHT_G_MAX[Vehicle(row.vehicle)],
            has_cold_box=row.has_cold_box,
            pace=pace,
            inbound=inbound,
        )

    def _busy(self, row: Row, held: Sequence[Row], pace: float) -> tuple[int, Point, Inbound | None]:
        """Return when and where a courier will be free, and what may still grow: counters first, then the doors."""
        seconds, half = self.conditions.travel.seconds, self.conditions.pick_up_s // 2
        clock, place = self._start(row, held)
        deliveries = self.deliveries(held)
        waiting = [pair for pair in zip(held, deliveries, strict=True) if pair[0].state in {"assigned", "at_pickup"}]
        inbound = None
        for shop in dict.fromkeys(one.shop for _, one in waiting):
            here = [(each, one) for each, one in waiting if one.shop == shop]
            came = clock + seconds(place, shop) * pace + half
            arrived = [each.arrived_at for each, _ in here if each.arrived_at is not None]
            came = _seconds(min(arrived)) + half if arrived else max(came, self.now + half)
            if len(waiting) == len(held) == len(here):
                inbound = Inbound(deliveries=tuple(deliveries), arrives_s=round(came))
            clock = max(came, *(one.ready_s for _, one in here), 0) + self._after(self.conditions.pick_up_s)
            place = shop
        for door in self._doors(place, [one.door for one in deliveries]):
            acted = max(clock + seconds(place, door) * pace + self.conditions.drop_s // 2, self.now)
            clock, place = acted + self._after(self.conditions.drop_s), door
        return max(round(clock), self.now + 1), place, inbound

    def _start(self, row: Row, held: Sequence[Row]) -> tuple[float, Point]:
        """Return from when and where a courier goes on: where seen last, or the last stop, or where they set out."""
        after, point = self._after, self.plane.point
        known = [(each.done_at, each.last_kind, point(each.last_lat, each.last_lng)) for each in held if each.done_at]
        known += [(row.freed_at, "drop", point(row.free_lat, row.free_lng))] if row.freed_at else []
        known += [(row.measured_at, None, point(row.lat, row.lng))] if row.measured_at else []
        set_out = _seconds(min(each.assigned_at for each in held))
        if not known:
            return set_out, point(row.free_lat, row.free_lng)
        at, kind, place = max(known, key=lambda one: one[0])
        service = {"pick_up": self.conditions.pick_up_s, "drop": self.conditions.drop_s}.get(kind or "", 0)
        return max(set_out, _seconds(at) + after(service)), place

    def _doors(self, place: Point, doors: list[Point]) -> list[Point]:
        """Return the doors as they are best visited; of many, each time the nearest."""
        travel = self.conditions.travel
        if len(doors) <= DOORS_MAX:
            return [doors[index] for index in shortest_tour(place, tuple(doors), travel, 0, 0).sequence]
        ordered = []
        while doors:
            place = min(doors, key=lambda door: (travel.seconds(place, door), door))
            doors.remove(place)
            ordered.append(place)
        return ordered

    @staticmethod
    def _after(service_s: int) -> int:
        """Return what of a stop's service comes after the act."""
        return service_s - service_s // 2


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
