"""Open trips that go well together become one (拼单): its stops in order, its pay anew, nothing lost.

Called by dispatch inside its own transaction, before anybody is asked. What a trip pays is reckoned for the whole way,
and is never less than the fees of its orders.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson

from app.core.delivery.pay import Tariff, pay_parts, pay_shares
from app.core.delivery.states import DeliveryState, TripState
from app.core.events import TripEnded
from app.kernel.geo import distance_m
from app.kernel.transaction import Transaction, closing, opening
from app.kernel.wire import Row

Place = tuple[float, float]

LOCK_FREE_TRIPS = opening(
    """
    WITH its_orders AS MATERIALIZED (
        SELECT o.* FROM orders AS o
        WHERE o.order_id IN (SELECT x.order_id FROM deliveries AS x
            WHERE x.trip_id = ANY (CAST(:trip_ids AS uuid[])))
        ORDER BY o.order_id FOR UPDATE
    )
    SELECT t.trip_id, t.state AS trip_state, t.order_count, t.weight_g, t.is_cold, t.community_id, t.expected_ready_at,
        d.delivery_id, o.shop_id, d.state AS delivery_state, d.fee_fen, d.pick_up_stop_id, d.drop_stop_id,
        o.walk_up_floors, c.lat AS counter_lat, c.lng AS counter_lng, e.lat AS door_lat, e.lng AS door_lng,
        (SELECT coalesce(sum(l.quantity * k.weight_g), 0)::bigint FROM order_lines AS l
         JOIN skus AS k ON k.sku_id = l.sku_id WHERE l.order_id = o.order_id) AS own_weight_g,
        (SELECT coalesce(bool_or(k.is_cold), false) FROM order_lines AS l
         JOIN skus AS k ON k.sku_id = l.sku_id WHERE l.order_id = o.order_id) AS is_own_cold,
        (SELECT json_build_object('base_fen', f.base_fen, 'drop_fen', f.drop_fen, 'step_fen', f.step_fen,
            'floor_fen', f.floor_fen, 'night_fen', f.night_fen, 'weather_fen', f.weather_fen,
            'is_bad_weather', coalesce(f.bad_weather_until > business_now(), false))
         FROM courier_tariffs AS f WHERE f.community_id = t.community_id ORDER BY f.set_at DESC LIMIT 1) AS tariff
    FROM its_orders AS o
    JOIN deliveries AS d ON d.order_id = o.order_id
    JOIN trips AS t ON t.trip_id = d.trip_id
    JOIN stops AS c ON c.stop_id = d.pick_up_stop_id
    JOIN stops AS e ON e.stop_id = d.drop_stop_id
    WHERE t.trip_id = ANY (CAST(:trip_ids AS uuid[])) AND (SELECT count(*) FROM its_orders) > 0
    ORDER BY t.trip_id, d.delivery_id FOR UPDATE OF t, d
    """
)
_JOIN = closing(
    """
    moved AS (
        UPDATE deliveries AS d SET trip_id = :trip_id, pay_fen = n.pay_fen, pick_up_stop_id = n.pick_up_stop_id,
            drop_stop_id = n.drop_stop_id
        FROM jsonb_to_recordset(CAST(:deliveries AS jsonb))
            AS n (delivery_id uuid, pay_fen bigint, pick_up_stop_id uuid, drop_stop_id uuid)
        WHERE d.delivery_id = n.delivery_id
    ),
    in_order AS (
        UPDATE stops AS p SET trip_id = :trip_id, position = n.position
        FROM jsonb_to_recordset(CAST(:stops AS jsonb)) AS n (stop_id uuid, position bigint)
        WHERE p.stop_id = n.stop_id
    ),
    left_over AS (UPDATE stops SET state = 'canceled' WHERE stop_id = ANY (CAST(:left_over AS uuid[]))),
    grown AS (
        UPDATE trips SET fee_fen = :fee_fen, pay_fen = :pay_fen, pay_parts = CAST(:pay_parts AS jsonb),
            order_count = :order_count, weight_g = :weight_g, is_cold = :is_cold,
            expected_ready_at = :expected_ready_at
        WHERE trip_id = :trip_id RETURNING trip_id
    ),
    joined AS (
        UPDATE trips SET state = 'canceled', ended_at = business_now(), joined_into_id = :trip_id
        WHERE trip_id = ANY (CAST(:joined_ids AS uuid[]))
    )""",
    answer="SELECT count(*) FROM grown",
)


@dataclass(frozen=True, slots=True)
class Route:
    """In which order counters and doors are visited: shops, and deliveries. What it does not name comes last."""

    shop_ids: Sequence[UUID]
    delivery_ids: Sequence[UUID]


def join_trips(tx: Transaction, trip_ids: Sequence[UUID], route: Route | None = None) -> bool:
    """Join open trips of one community into the first of them; say whether it was done.

    Nothing is done when one of them was claimed, offered or called off meanwhile, or has a delivery that ended. Orders
    of one counter share a stop, and so do orders of one door. Pick-ups come first, in the order given, then the doors,
    by the route or each time the nearest.

    :param trip_ids: at least two, the first keeps its id; the others are called off.
    """
    rows = tx.open(LOCK_FREE_TRIPS, {"trip_ids": list(trip_ids)})
    by_trip = {trip_id: [row for row in rows if row.trip_id == trip_id] for trip_id in trip_ids}
    if len(by_trip) < len(trip_ids) or not all(is_free(its) for its in by_trip.values()):
        return False
    if len({row.community_id for row in rows}) > 1:
        return False
    carried = [row for trip_id in trip_ids for row in by_trip[trip_id]]
    kept = trip_ids[0]
    by_counter = carried if route is None else sorted(carried, key=lambda row: _place(route.shop_ids, row.shop_id))
    by_door = carried if route is None else sorted(carried, key=lambda row: _place(route.delivery_ids, row.delivery_id))
    counters, doors = _shared(by_counter, "counter", "pick_up_stop_id"), _shared(by_door, "door", "drop_stop_id")
    way = list(counters)
    way += list(doors) if route is not None else _nearest_first(list(doors), start=list(counters)[-1])
    stops = [counters[place] for place in counters] + [doors[place] for place in way[len(counters) :]]
    ready_at: datetime = max(row.expected_ready_at for row in carried)
    rates = dict(carried[0].tariff or {})
    parts = pay_parts(
        is_bad_weather=rates.pop("is_bad_weather", False),
        tariff=Tariff(**rates),
        length_m=sum(distance_m(*a, *b) for a, b in pairwise(way)),
        walk_up_floors=[row.walk_up_floors for row in carried],
        fee_fen=sum(row.fee_fen for row in carried),
        ready_at=ready_at,
    )
    shares = pay_shares(parts.pay_fen, [row.fee_fen for row in carried])
    for joined in trip_ids[1:]:
        tx.record(TripEnded(trip_id=joined, community_id=carried[0].community_id))
    params: dict[str, Any] = {
        "trip_id": kept,
        "joined_ids": list(trip_ids[1:]),
        "deliveries": _moved(carried, shares, counters, doors),
        "stops": orjson.dumps(
            [{"stop_id": stop_id, "position": position} for position, stop_id in enumerate(stops, 1)]
        ).decode(),
        "left_over": [
            stop_id for row in carried for stop_id in (row.pick_up_stop_id, row.drop_stop_id) if stop_id not in stops
        ],
        "fee_fen": sum(row.fee_fen for row in carried),
        "pay_fen": parts.pay_fen,
        "pay_parts": orjson.dumps(asdict(parts)).decode(),
        "order_count": len(carried),
        "weight_g": sum(its[0].weight_g for its in by_trip.values()),
        "is_cold": any(row.is_cold for row in carried),
        "expected_ready_at": ready_at,
    }
    assert tx.close(_JOIN, params).scalar_one() == 1, "joined under lock"
    return True


def _place(ids: Sequence[UUID], which: UUID) -> int:
    return ids.index(which) if which in ids else len(ids)


def is_free(its: Sequence[Row]) -> bool:
    """Say whether a whole trip is open and waits for a courier."""
    return (
        bool(its)
        and its[0].trip_state == TripState.OPEN
        and len(its) == its[0].order_count
        and all(row.delivery_state == DeliveryState.OPEN for row in its)
    )


def _shared(carried: Sequence[Row], kind: str, stop: str) -> dict[Place, UUID]:
    """Return the places of a kind, in order, each with the stop that all who go there share."""
    found: dict[Place, UUID] = {}
    for row in carried:
        found.setdefault((getattr(row, f"{kind}_lat"), getattr(row, f"{kind}_lng")), getattr(row, stop))
    return found


def _nearest_first(places: list[Place], *, start: Place) -> list[Place]:
    way, here = [], start
    while places:
        here = min(places, key=lambda place: (distance_m(*here, *place), place))
        places.remove(here)
        way.append(here)
    return way


def _moved(carried: Sequence[Row], shares: Sequence[int], counters: dict[Place, UUID], doors: dict[Place, UUID]) -> str:
    return orjson.dumps(
        [
            {
                "delivery_id": row.delivery_id,
                "pay_fen": share,
                "pick_up_stop_id": counters[row.counter_lat, row.counter_lng],
                "drop_stop_id": doors[row.door_lat, row.door_lng],
            }
            for row, share in zip(carried, shares, strict=True)
        ]
    ).decode()
