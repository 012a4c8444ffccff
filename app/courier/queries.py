"""What couriers read: open trips without the door; their own trips with it, while they need it."""

import math
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.delivery.errors import TripNotFound
from app.core.delivery.models import ORDERS_IN_HAND_MAX
from app.core.delivery.states import EXCLUDED
from app.core.dispatch.hall import LAST_M
from app.core.ledger import codes
from app.core.privacy.visibility import AFTER_DELIVERY
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.geo import EARTH_RADIUS_M, distance_m, geo_uri
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.kernel.wire import Row
from app.usecases.delivering.hall import IS_EXCLUDED, IS_IN_REACH, ME
from app.usecases.delivering.trips import GRAB
from app.usecases.people.addresses import DOOR_CONTEXT
from app.web.messages import Language, say
from app.web.paging import page, read_cursor
from app.web.replies import in_json

_LAT = math.degrees(LAST_M / EARTH_RADIUS_M)
_LNG = f"{_LAT} / greatest(0.01, cosd(me.lat))"

_IS_EXCHANGE = """
    EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id AND d.case_id IS NOT NULL) AS is_exchange
"""
_ORDERS_LEFT = """
    (SELECT count(*) FROM deliveries AS d WHERE d.trip_id = t.trip_id AND d.state <> 'canceled') AS order_count
"""
_OPEN = text(
    f"""
    WITH {ME}
    SELECT t.trip_id, t.community_id, t.pay_fen, t.pay_parts, {_ORDERS_LEFT}, t.weight_g, t.is_cold,
        t.lat, t.lng, t.expected_ready_at, t.created_at, {_IS_EXCHANGE},
           (SELECT json_agg(DISTINCT s.name) FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
            JOIN shops AS s ON s.shop_id = o.shop_id WHERE d.trip_id = t.trip_id AND d.state <> 'canceled')
            AS shop_names,
           (SELECT json_agg(json_build_array(p.lat, p.lng) ORDER BY p.position) FROM stops AS p
            WHERE p.trip_id = t.trip_id AND p.state <> 'canceled') AS places
    FROM me JOIN trips AS t ON point(t.lng, t.lat)
        <@ box(point(me.lng - {_LNG}, me.lat - {_LAT}), point(me.lng + {_LNG}, me.lat + {_LAT}))
    WHERE t.state = 'open' AND t.pinned_to_id IS NULL AND (t.opens_at IS NULL OR t.opens_at <= business_now())
      AND NOT EXISTS (SELECT 1 FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
                      WHERE d.trip_id = t.trip_id AND (d.state = 'offered' OR o.account_id = me.courier_id))
      AND coalesce((SELECT m.mode FROM dispatch_modes AS m WHERE m.community_id = t.community_id
                    ORDER BY m.set_at DESC LIMIT 1), 'hall') <> 'assign'
      AND {IS_IN_REACH} AND NOT {IS_EXCLUDED}
    ORDER BY point(t.lng * cosd(:lat), t.lat) <-> point(:lng * cosd(:lat), :lat), t.trip_id LIMIT :limit
    """
)
_SINCE = f"business_now() - interval '{int(AFTER_DELIVERY.total_seconds())} seconds'"

_IS_NEEDED = f"(d.ended_at IS NULL OR d.ended_at > {_SINCE})"
"""Whether the courier of a delivery still sees the door, and what the resident wrote about it."""


def _place(column: str) -> str:
    """Return a stop's coordinate: of a door that is no longer to be seen, to a kilometer."""
    return (
        f"CASE WHEN p.kind = 'pick_up' OR t.ended_at IS NULL OR t.ended_at > {_SINCE} "
        f"THEN p.{column} ELSE round(CAST(p.{column} AS numeric), 2) END"
    )


_TRIP = f"""
    SELECT t.trip_id, t.community_id, t.state, t.pay_fen, t.pay_parts, t.order_count, t.weight_g, t.is_cold,
        t.expected_ready_at, t.assigned_at, t.ended_at,
        (SELECT json_agg(json_build_object('stop_id', p.stop_id, 'position', p.position, 'kind', p.kind,
            'state', p.state, 'lat', {_place("lat")}, 'lng', {_place("lng")},
            'arrived_at', {in_json("p.arrived_at")}, 'arrived_distance_m', p.arrived_distance_m,
            'done_at', {in_json("p.done_at")}, 'done_distance_m', p.done_distance_m)
            ORDER BY p.position) FROM stops AS p WHERE p.trip_id = t.trip_id) AS stops,
        (SELECT json_agg(json_build_object('delivery_id', d.delivery_id, 'order_id', d.order_id,
            'order_number', o.number, 'order_state', o.state, 'shop_name', s.name,
            'pick_up_stop_id', d.pick_up_stop_id, 'drop_stop_id', d.drop_stop_id, 'state', d.state,
            'pay_fen', d.pay_fen, 'case_id', d.case_id,
            'promised_at', CASE WHEN d.case_id IS NULL THEN {in_json("o.promised_at")} END,
            'expected_by_at', CASE WHEN d.case_id IS NULL THEN {in_json("o.expected_by_at")} END,
            'note', CASE WHEN d.case_id IS NULL AND {_IS_NEEDED} THEN o.note ELSE '' END,
            'is_gift', o.gift_sealed IS NOT NULL, 'item_count',
            coalesce((SELECT sum(x.quantity) FROM after_sale_case_lines AS x WHERE x.case_id = d.case_id),
                (SELECT sum(l.quantity) FROM order_lines AS l
                 WHERE l.order_id = o.order_id AND l.shorted_at IS NULL), 0), 'sealed', CASE
                WHEN {_IS_NEEDED} THEN o.address_sealed END) ORDER BY d.delivery_id)
         FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id JOIN shops AS s ON s.shop_id = o.shop_id
         WHERE d.trip_id = t.trip_id) AS deliveries
    FROM trips AS t WHERE t.courier_id = :courier_id
"""
_MINE = text(
    f"{_TRIP} AND t.trip_id < :before AND (CAST(:state AS text) IS NULL OR t.state = :state) "
    "ORDER BY t.trip_id DESC LIMIT :limit"
)
_ONE = text(f"{_TRIP} AND t.trip_id = :trip_id")
_OFFERS = text(
    f"""
    SELECT f.trip_offer_id, f.trip_id, t.community_id, t.pay_fen, t.pay_parts, {_ORDERS_LEFT}, t.weight_g, t.is_cold,
        t.expected_ready_at, f.offered_at, f.expires_at, {_IS_EXCHANGE},
           (SELECT json_agg(DISTINCT s.name) FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
            JOIN shops AS s ON s.shop_id = o.shop_id WHERE d.trip_id = t.trip_id AND d.state <> 'canceled')
            AS shop_names,
           (SELECT json_agg(json_build_array(p.lat, p.lng) ORDER BY p.position) FROM stops AS p
            WHERE p.trip_id = t.trip_id AND p.state <> 'canceled') AS places
    FROM trip_offers AS f JOIN trips AS t ON t.trip_id = f.trip_id
    WHERE f.courier_id = :courier_id AND f.state = 'live' AND f.expires_at > business_now() AND t.state = 'open'
    ORDER BY f.trip_offer_id DESC LIMIT 10
    """
)
_IN_ZONE = text(
    """
    SELECT 1 FROM trips AS t JOIN communities AS c ON c.community_id = t.community_id
    JOIN communities AS mine ON mine.store_id = c.store_id
    JOIN couriers AS k ON k.community_id = mine.community_id AND k.courier_id = :courier_id
    WHERE t.trip_id = :trip_id
    """
)
_BEFORE = f"d.decided_at - interval '{int(EXCLUDED.total_seconds())} seconds'"
_DECISIONS = text(
    f"""
    WITH RECURSIVE carried AS (
        SELECT t.trip_id, t.joined_into_id FROM trips AS t WHERE t.trip_id = :trip_id
        UNION
        SELECT t.trip_id, t.joined_into_id FROM carried AS c JOIN trips AS t ON t.trip_id = c.joined_into_id
    )
    SELECT d.decided_at, d.policy, d.candidate_count, d.alternatives, p.place AS rank,
        CAST(d.weighed_costs[p.place] AS float8) AS cost, d.weighed_to_shop_m[p.place] AS to_shop_m,
        EXISTS (SELECT 1 FROM deliveries AS x JOIN orders AS o ON o.order_id = x.order_id
            WHERE x.trip_id = d.trip_id AND o.account_id = :courier_id) AS is_own,
        NOT EXISTS (SELECT 1 FROM courier_shifts AS h WHERE h.courier_id = :courier_id
            AND h.started_at <= d.decided_at AND (h.ended_at IS NULL OR h.ended_at > d.decided_at)) AS is_off_shift,
        EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.trip_id = d.trip_id AND f.courier_id = :courier_id
            AND f.state IN ('declined', 'expired') AND f.answered_at > {_BEFORE} AND f.answered_at <= d.decided_at)
            AS has_declined,
        EXISTS (SELECT 1 FROM trip_releases AS r WHERE r.trip_id = d.trip_id AND r.courier_id = :courier_id
            AND r.released_at > {_BEFORE} AND r.released_at <= d.decided_at) AS has_given_up,
        EXISTS (SELECT 1 FROM trip_offers AS f WHERE f.courier_id = :courier_id AND f.trip_id <> d.trip_id
            AND f.offered_at <= d.decided_at AND (f.answered_at IS NULL OR f.answered_at > d.decided_at)) AS is_asked,
        (SELECT coalesce(sum(t.order_count), 0)::bigint FROM trips AS t WHERE t.courier_id = :courier_id
            AND t.trip_id <> d.trip_id AND t.assigned_at <= d.decided_at
            AND (t.ended_at IS NULL OR t.ended_at > d.decided_at)) AS orders_in_hand
    FROM dispatch_decisions AS d
    CROSS JOIN LATERAL (SELECT array_position(d.weighed_ids, CAST(:courier_id AS uuid)) AS place) AS p
    WHERE d.trip_id IN (SELECT c.trip_id FROM carried AS c) ORDER BY d.decision_id DESC LIMIT 20
    """
)
_DONE = text("SELECT count(*) FROM trips WHERE courier_id = :courier_id AND state = 'done'")


def open_trips(actor: Actor, *, lat: float, lng: float, limit: int) -> dict[str, Any]:
    """Return the trips that one may claim, from where one is, the nearest to a place first.

    :param lat: of the place, from where distances are told; off shift one is taken to be there. :param lng: the same.
    """
    rows = read(_OPEN, {"courier_id": actor.account_id, "lat": lat, "lng": lng, "limit": limit}).fetchall()
    return {
        "items": [
            {
                "trip_id": row.trip_id,
                "community_id": row.community_id,
                "pay_fen": row.pay_fen,
                "pay_parts": row.pay_parts,
                "order_count": row.order_count,
                "weight_g": row.weight_g,
                "is_cold": row.is_cold,
                "distance_m": distance_m(lat, lng, row.lat, row.lng),
                "length_m": _length_m(row.places),
                "shop_names": row.shop_names,
                "is_exchange": row.is_exchange,
                "expected_ready_at": row.expected_ready_at,
                "created_at": row.created_at,
            }
            for row in rows
        ]
    }


def trip_offers(actor: Actor) -> dict[str, Any]:
    """Return what one is offered now."""
    rows = read(_OFFERS, {"courier_id": actor.account_id}).fetchall()
    return {"items": [{**_without(row, "places"), "length_m": _length_m(row.places)} for row in rows]}


def reasons(actor: Actor, *, trip_id: UUID, language: Language) -> dict[str, Any]:
    """Return the decisions about a trip of the asker's zone, in words.

    :raises TripNotFound: there is none in the zone.
    """
    with transaction() as tx:
        if tx.execute(_IN_ZONE, {"trip_id": trip_id, "courier_id": actor.account_id}).first() is None:
            raise TripNotFound
        rows = tx.execute(_DECISIONS, {"trip_id": trip_id, "courier_id": actor.account_id}).fetchall()
    return {"trip_id": trip_id, "items": [_reason(actor, row, language) for row in rows]}


def _reason(actor: Actor, row: Row, language: Language) -> dict[str, Any]:
    told = [{**one, "rank": rank, "cost": float(one["cost"])} for rank, one in enumerate(row.alternatives, 1)]
    chosen = next(one for one in told if one["is_chosen"])
    yours = next((one for one in told if one["courier_id"] == str(actor.account_id)), None)
    if yours is None and row.rank is not None:
        yours = {"rank": row.rank, "cost": row.cost, "to_shop_m": row.to_shop_m, "is_chosen": False}
    params = {
        "at": f"{row.decided_at.astimezone(SHANGHAI):%H:%M}",
        "count": row.candidate_count,
        "cost": f"{chosen['cost']:.1f}",
        "to_shop_m": chosen["to_shop_m"],
        "your_cost": "" if yours is None else f"{yours['cost']:.1f}",
        "your_to_shop_m": "" if yours is None else yours["to_shop_m"],
        "orders_max": ORDERS_IN_HAND_MAX,
    }
    words = say(_why(row, chosen, yours), "detail", language, params)
    if yours is None and (fact := _why_not_weighed(row)) is not None:
        words = f"{words} {say(fact, 'detail', language, params)}"
    return {
        **{name: getattr(row, name) for name in ("decided_at", "policy", "candidate_count")},
        "chosen": _cost(chosen),
        "yours": None if yours is None else _cost(yours),
        "words": words,
    }


def _why(row: Row, chosen: dict[str, Any], yours: dict[str, Any] | None) -> str:
    """Return the code of the words about who was chosen."""
    if row.policy == GRAB:
        return "why_you_grabbed" if yours is not None else "why_grabbed"
    if yours is None:
        return "why_not_among"
    return "why_yours" if yours["is_chosen"] else "why_dearer" if yours["cost"] > chosen["cost"] else "why_balance"


def _why_not_weighed(row: Row) -> str | None:
    """Return the code of the fact for which one could not have had it then; None when nothing that is kept tells."""
    facts = (
        (row.is_own, "why_own_order"),
        (row.is_off_shift, "why_off_shift"),
        (row.has_declined, "why_declined"),
        (row.has_given_up, "why_given_up"),
        (row.orders_in_hand >= ORDERS_IN_HAND_MAX, "why_hands_full"),
        (row.policy != GRAB and row.is_asked, "why_asked_otherwise"),
        (row.policy != GRAB, "why_not_able"),
    )
    return next((code for holds, code in facts if holds), None)


def _cost(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("rank", "cost", "to_shop_m")}


def _without(row: Row, name: str) -> dict[str, Any]:
    return {key: value for key, value in row._mapping.items() if key != name}


def _length_m(places: list[list[float]]) -> int:
    return sum(distance_m(*a, *b) for a, b in pairwise(places))


def trips(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of one's trips, newest first."""
    params = {"courier_id": actor.account_id, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    rows = read(_MINE, params).fetchall()
    return page([_trip(row) for row in rows], limit=limit, key="trip_id")


def trip(actor: Actor, *, trip_id: UUID) -> dict[str, Any]:
    """Return one of one's trips."""
    row = read(_ONE, {"courier_id": actor.account_id, "trip_id": trip_id}).one_or_none()
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
    stops = [{**stop, "geo_uri": geo_uri(stop["lat"], stop["lng"])} for stop in row.stops]
    return {**row._mapping, "stops": stops, "deliveries": [_delivery(delivery) for delivery in row.deliveries]}


def _delivery(delivery: dict[str, Any]) -> dict[str, Any]:
    sealed = delivery.pop("sealed")
    return {**delivery, "drop": None if sealed is None else orjson.loads(unseal(sealed, context=DOOR_CONTEXT))}
