"""An operator takes deliveries out of an open trip: they become a trip of their own, and stay apart (拆单)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson

from app.core.delivery.errors import CannotSplit, TripNotFound, TripTaken
from app.core.delivery.pay import Tariff, pay_parts, pay_shares
from app.core.events import TripOpened
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, transaction
from app.kernel.wire import Row
from app.usecases.delivering.join_trips import LOCK_FREE_TRIPS, is_free

_SPLIT = closing(
    """
    made AS (
        INSERT INTO trips (trip_id, community_id, state, fee_fen, pay_fen, pay_parts, order_count, weight_g, is_cold,
            lat, lng, expected_ready_at, created_at, is_apart)
        SELECT :new_id, t.community_id, 'open', :new_fee_fen, :new_pay_fen, CAST(:new_parts AS jsonb), :new_count,
            least(t.weight_g, :new_weight_g), :new_is_cold, :new_lat, :new_lng, t.expected_ready_at, t.created_at, true
        FROM trips AS t WHERE t.trip_id = :trip_id
    ),
    its_stops AS (
        INSERT INTO stops (stop_id, trip_id, position, kind, state, lat, lng)
        SELECT s.stop_id, :new_id, s.position, s.kind, 'waiting', s.lat, s.lng
        FROM jsonb_to_recordset(CAST(:stops AS jsonb))
            AS s (stop_id uuid, position bigint, kind text, lat double precision, lng double precision)
    ),
    moved AS (
        UPDATE deliveries AS d SET trip_id = n.trip_id, pay_fen = n.pay_fen, pick_up_stop_id = n.pick_up_stop_id,
            drop_stop_id = n.drop_stop_id
        FROM jsonb_to_recordset(CAST(:deliveries AS jsonb))
            AS n (delivery_id uuid, trip_id uuid, pay_fen bigint, pick_up_stop_id uuid, drop_stop_id uuid)
        WHERE d.delivery_id = n.delivery_id
    ),
    left_over AS (UPDATE stops SET state = 'canceled' WHERE stop_id = ANY (CAST(:left_over AS uuid[]))),
    shrunk AS (
        UPDATE trips SET fee_fen = :fee_fen, pay_fen = :pay_fen, pay_parts = CAST(:pay_parts AS jsonb),
            order_count = :order_count, weight_g = greatest(0, weight_g - :new_weight_g), is_cold = :is_cold,
            lat = :lat, lng = :lng, is_apart = true
        WHERE trip_id = :trip_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripSplit:
    """What splitting answers: the trip that stays, and the new one."""

    trip_id: UUID
    new_trip_id: UUID


def split_trip(claim: Claim, *, trip_id: UUID, delivery_ids: frozenset[UUID]) -> TripSplit:
    """Take some deliveries out of an open trip of several. Both pay by their own way, and are joined no more.

    :raises TripNotFound: there is none. :raises TripTaken: it is offered, under way or over.
    :raises CannotSplit: a delivery is not its own, or none would be left.
    """
    with transaction(claim) as tx:
        rows = list(tx.open(LOCK_FREE_TRIPS, {"trip_ids": [trip_id]}))
        if not rows:
            raise TripNotFound
        if not is_free(rows):
            raise TripTaken
        if not delivery_ids < {row.delivery_id for row in rows}:
            raise CannotSplit(pointer="/delivery_ids")
        gone = [row for row in rows if row.delivery_id in delivery_ids]
        kept = [row for row in rows if row.delivery_id not in delivery_ids]
        made = TripSplit(trip_id=trip_id, new_trip_id=new_id())
        tx.record(TripOpened(trip_id=made.new_trip_id, community_id=rows[0].community_id))
        tx.keep(made)
        stops, moved = _own_stops(made.new_trip_id, gone)
        old, new = _pay(kept), _pay(gone)
        for row, share in zip(kept, old.shares, strict=True):
            same = {"pick_up_stop_id": row.pick_up_stop_id, "drop_stop_id": row.drop_stop_id}
            moved.append({"delivery_id": row.delivery_id, "trip_id": trip_id, "pay_fen": share, **same})
        for entry, share in zip(moved, new.shares, strict=False):
            entry["pay_fen"] = share
        used = {stop for row in kept for stop in (row.pick_up_stop_id, row.drop_stop_id)}
        tx.close(
            _SPLIT,
            {
                "trip_id": trip_id,
                "new_id": made.new_trip_id,
                "stops": orjson.dumps(stops).decode(),
                "deliveries": orjson.dumps(moved).decode(),
                "left_over": [s for row in gone for s in (row.pick_up_stop_id, row.drop_stop_id) if s not in used],
                "fee_fen": old.fee_fen,
                "pay_fen": old.pay_fen,
                "pay_parts": old.parts,
                "order_count": len(kept),
                "is_cold": any(row.is_own_cold for row in kept),
                "lat": kept[0].counter_lat,
                "lng": kept[0].counter_lng,
                "new_fee_fen": new.fee_fen,
                "new_pay_fen": new.pay_fen,
                "new_parts": new.parts,
                "new_count": len(gone),
                "new_weight_g": sum(row.own_weight_g for row in gone),
                "new_is_cold": any(row.is_own_cold for row in gone),
                "new_lat": gone[0].counter_lat,
                "new_lng": gone[0].counter_lng,
            },
        )
    return made


@dataclass(frozen=True, slots=True)
class _Pay:
    fee_fen: int
    pay_fen: int
    parts: str
    shares: list[int]


def _pay(rows: Sequence[Row]) -> _Pay:
    """Return what a trip of these deliveries pays, for its own way."""
    rates = dict(rows[0].tariff or {})
    counters = list(dict.fromkeys((row.counter_lat, row.counter_lng) for row in rows))
    doors = list(dict.fromkeys((row.door_lat, row.door_lng) for row in rows))
    fee_fen = sum(row.fee_fen for row in rows)
    parts = pay_parts(
        is_bad_weather=rates.pop("is_bad_weather", False),
        tariff=Tariff(**rates),
        length_m=sum(distance_m(*a, *b) for a, b in pairwise([*counters, *doors])),
        walk_up_floors=[row.walk_up_floors for row in rows],
        fee_fen=fee_fen,
        ready_at=rows[0].expected_ready_at,
    )
    shares = pay_shares(parts.pay_fen, [row.fee_fen for row in rows])
    return _Pay(fee_fen, parts.pay_fen, orjson.dumps(asdict(parts)).decode(), list(shares))


def _own_stops(trip_id: UUID, gone: Sequence[Row]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the stops of the new trip, and its deliveries with them; counters first."""
    stops: dict[tuple[str, float, float], dict[str, Any]] = {}
    for kind, name in (("pick_up", "counter"), ("drop", "door")):
        for row in gone:
            lat, lng = getattr(row, f"{name}_lat"), getattr(row, f"{name}_lng")
            place = {"stop_id": new_id(), "position": len(stops) + 1, "kind": kind, "lat": lat, "lng": lng}
            stops.setdefault((kind, lat, lng), place)
    moved = [
        {
            "delivery_id": row.delivery_id,
            "trip_id": trip_id,
            "pay_fen": 0,
            "pick_up_stop_id": stops["pick_up", row.counter_lat, row.counter_lng]["stop_id"],
            "drop_stop_id": stops["drop", row.door_lat, row.door_lng]["stop_id"],
        }
        for row in gone
    ]
    return list(stops.values()), moved
