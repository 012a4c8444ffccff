"""A trip that nobody has and that lost an order pays for the way that is left: what is shown is what is paid."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.delivery.pay import Tariff, pay_parts, pay_shares
from app.core.delivery.states import DeliveryState, TripState
from app.kernel.geo import distance_m
from app.kernel.transaction import Transaction, closing
from app.usecases.delivering.join_trips import LOCK_FREE_TRIPS

_OF_ORDER = text("SELECT trip_id FROM deliveries WHERE order_id = :order_id AND case_id IS NULL")
_IS_OFF = text(
    """
    SELECT t.state = 'open' AND t.order_count > 1 AND t.pay_fen > (SELECT coalesce(sum(d.pay_fen), 0)
        FROM deliveries AS d WHERE d.trip_id = t.trip_id AND d.state IN ('open', 'offered'))
    FROM trips AS t WHERE t.trip_id = :trip_id
    """
)
_PLACES = text("SELECT lat, lng FROM stops WHERE trip_id = :trip_id AND state <> 'canceled' ORDER BY position")
_PAY = closing(
    """
    shares AS (
        UPDATE deliveries AS d SET pay_fen = n.pay_fen
        FROM jsonb_to_recordset(CAST(:deliveries AS jsonb)) AS n (delivery_id uuid, pay_fen bigint)
        WHERE d.delivery_id = n.delivery_id
    ),
    shrunk AS (
        UPDATE trips SET fee_fen = :fee_fen, pay_fen = :pay_fen, pay_parts = CAST(:pay_parts AS jsonb),
            weight_g = least(weight_g, :weight_g), is_cold = :is_cold, lat = :lat, lng = :lng
        WHERE trip_id = :trip_id
    )"""
)


def pay_anew_for_order(tx: Transaction, body: Mapping[str, Any]) -> None:
    """Reckon the trip of an order anew that was called off."""
    row = tx.execute(_OF_ORDER, {"order_id": UUID(body["order_id"])}).one_or_none()
    if row is not None:
        pay_anew(tx, row.trip_id)


def pay_anew_for_trip(tx: Transaction, body: Mapping[str, Any]) -> None:
    """Reckon a trip anew that is open again: one of its orders may have been called off while somebody had it."""
    pay_anew(tx, UUID(body["trip_id"]))


def pay_anew(tx: Transaction, trip_id: UUID) -> None:
    """Let an open trip pay what its courier will earn: by the way that is left, and the orders that are.

    One that somebody has keeps what it was taken for, less what was called off.
    """
    if not tx.execute(_IS_OFF, {"trip_id": trip_id}).scalar():
        return
    rows = tx.open(LOCK_FREE_TRIPS, {"trip_ids": [trip_id]})
    left = [row for row in rows if row.delivery_state in {DeliveryState.OPEN, DeliveryState.OFFERED}]
    if not left or left[0].trip_state != TripState.OPEN:
        return
    way = [(place.lat, place.lng) for place in tx.execute(_PLACES, {"trip_id": trip_id})]
    rates = dict(left[0].tariff or {})
    fees = [row.fee_fen for row in left]
    parts = pay_parts(
        is_bad_weather=rates.pop("is_bad_weather", False),
        tariff=Tariff(**rates),
        length_m=sum(distance_m(*a, *b) for a, b in pairwise(way)),
        walk_up_floors=[row.walk_up_floors for row in left],
        fee_fen=sum(fees),
        ready_at=left[0].expected_ready_at,
    )
    shares = zip(left, pay_shares(parts.pay_fen, fees), strict=True)
    tx.close(
        _PAY,
        {
            "trip_id": trip_id,
            "deliveries": orjson.dumps(
                [{"delivery_id": row.delivery_id, "pay_fen": share} for row, share in shares]
            ).decode(),
            "fee_fen": sum(fees),
            "pay_fen": parts.pay_fen,
            "pay_parts": orjson.dumps(asdict(parts)).decode(),
            "weight_g": sum(row.own_weight_g for row in left),
            "is_cold": any(row.is_own_cold for row in left),
            "lat": way[0][0],
            "lng": way[0][1],
        },
    )
