"""What couriers read: open trips without the door; their own trips with it, while they need it."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.delivery.errors import TripNotFound
from app.core.ledger import codes
from app.core.privacy.visibility import AFTER_DELIVERY
from app.kernel.actor import Actor
from app.kernel.geo import box_around, distance_m
from app.kernel.sealing import unseal
from app.kernel.transaction import transaction
from app.kernel.wire import Row
from app.usecases.people.addresses import DOOR_CONTEXT
from app.web.paging import page, read_cursor

HALL_RADIUS_M = 5_000

_OPEN = text(
    """
    SELECT t.trip_id, t.community_id, t.fee_fen, t.lat, t.lng, t.expected_ready_at, t.created_at,
           (SELECT json_agg(DISTINCT s.name) FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
            JOIN shops AS s ON s.shop_id = o.shop_id WHERE d.trip_id = t.trip_id) AS shop_names,
           (SELECT json_agg(json_build_array(p.lat, p.lng) ORDER BY p.position) FROM stops AS p
            WHERE p.trip_id = t.trip_id) AS places
    FROM trips AS t
    WHERE t.state = 'open' AND point(t.lng, t.lat) <@ box(point(:lng_min, :lat_min), point(:lng_max, :lat_max))
    ORDER BY point(t.lng * cosd(:lat), t.lat) <-> point(:lng * cosd(:lat), :lat), t.trip_id LIMIT :limit
    """
)
_SINCE = f"business_now() - interval '{int(AFTER_DELIVERY.total_seconds())} seconds'"


def _place(column: str) -> str:
    """Return a stop's coordinate: of a door that is no longer to be seen, to a kilometer."""
    return (
        f"CASE WHEN p.kind = 'pick_up' OR t.ended_at IS NULL OR t.ended_at > {_SINCE} "
        f"THEN p.{column} ELSE round(CAST(p.{column} AS numeric), 2) END"
    )


_TRIP = f"""
    SELECT t.trip_id, t.community_id, t.state, t.fee_fen, t.expected_ready_at, t.assigned_at, t.ended_at,
        (SELECT json_agg(json_build_object('stop_id', p.stop_id, 'position', p.position, 'kind', p.kind,
            'state', p.state, 'lat', {_place("lat")}, 'lng', {_place("lng")},
            'arrived_at', p.arrived_at, 'done_at', p.done_at)
            ORDER BY p.position) FROM stops AS p WHERE p.trip_id = t.trip_id) AS stops,
        (SELECT json_agg(json_build_object('delivery_id', d.delivery_id, 'order_id', d.order_id,
            'order_number', o.number, 'order_state', o.state, 'shop_name', s.name,
            'pick_up_stop_id', d.pick_up_stop_id, 'drop_stop_id', d.drop_stop_id, 'state', d.state,
            'fee_fen', d.fee_fen, 'note', o.note, 'sealed', CASE
                WHEN d.ended_at IS NULL OR d.ended_at > {_SINCE}
                THEN o.address_sealed END) ORDER BY d.delivery_id)
         FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id JOIN shops AS s ON s.shop_id = o.shop_id
         WHERE d.trip_id = t.trip_id) AS deliveries
    FROM trips AS t WHERE t.courier_id = :courier_id
"""
_MINE = text(
    f"{_TRIP} AND t.trip_id < :before AND (CAST(:state AS text) IS NULL OR t.state = :state) "
    "ORDER BY t.trip_id DESC LIMIT :limit"
)
_ONE = text(f"{_TRIP} AND t.trip_id = :trip_id")
_DONE = text("SELECT count(*) FROM trips WHERE courier_id = :courier_id AND state = 'done'")


def open_trips(*, lat: float, lng: float, limit: int) -> dict[str, Any]:
    """Return trips that may be claimed near a place, nearest first."""
    lat_min, lng_min, lat_max, lng_max = box_around(lat, lng, HALL_RADIUS_M)
    params = {"lat": lat, "lng": lng, "lat_min": lat_min, "lng_min": lng_min, "lat_max": lat_max, "lng_max": lng_max}
    with transaction() as tx:
        rows = tx.execute(_OPEN, {**params, "limit": limit}).fetchall()
    return {
        "items": [
            {
                "trip_id": row.trip_id,
                "community_id": row.community_id,
                "fee_fen": row.fee_fen,
                "distance_m": distance_m(lat, lng, row.lat, row.lng),
                "length_m": sum(distance_m(*a, *b) for a, b in zip(row.places, row.places[1:], strict=False)),
                "shop_names": row.shop_names,
                "expected_ready_at": row.expected_ready_at,
                "created_at": row.created_at,
            }
            for row in rows
        ]
    }


def trips(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of one's trips, newest first."""
    params = {"courier_id": actor.account_id, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    with transaction() as tx:
        rows = tx.execute(_MINE, params).fetchall()
    return page([_trip(row) for row in rows], limit=limit, key="trip_id")


def trip(actor: Actor, *, trip_id: UUID) -> dict[str, Any]:
    """Return one of one's trips."""
    with transaction() as tx:
        row = tx.execute(_ONE, {"courier_id": actor.account_id, "trip_id": trip_id}).one_or_none()
    if row is None:
        raise TripNotFound
    return _trip(row)


def earnings(actor: Actor) -> dict[str, Any]:
    """Return what one has earned."""
    with transaction() as tx:
        pending = ledger.balance(tx, codes.courier_pending(actor.account_id))
        available = ledger.balance(tx, codes.courier_available(actor.account_id))
        done = tx.execute(_DONE, {"courier_id": actor.account_id}).scalar_one()
    return {"pending_fen": pending.posted_fen, "available_fen": available.available_fen, "trips_done": done}


def _trip(row: Row) -> dict[str, Any]:
    return {**row._mapping, "deliveries": [_delivery(delivery) for delivery in row.deliveries]}


def _delivery(delivery: dict[str, Any]) -> dict[str, Any]:
    sealed = delivery.pop("sealed")
    return {**delivery, "drop": None if sealed is None else orjson.loads(unseal(sealed, context=DOOR_CONTEXT))}
