"""A trip as it is born: where from, where to, and what it pays, known before anybody says yes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from app.core.delivery.pay import Tariff, pay_parts
from app.core.delivery.states import DeliveryState, StopKind, StopState, TripState
from app.core.events import TripOpened
from app.core.orders.repository import Order
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.timers import Timer
from app.kernel.transaction import Transaction
from app.kernel.wire import Row

TRIP_OPENS = "trip_opens"
"""Timer: the trip of an order for a slot may be claimed from now on."""


def announce(tx: Transaction, trip: Mapping[str, Any], now: datetime) -> None:
    """Tell couriers of a trip that is born: at once, or when it opens."""
    opened = TripOpened(trip_id=trip["trip_id"], community_id=trip["community_id"])
    if trip["opens_at"] is None or trip["opens_at"] <= now:
        tx.record(opened)
    else:
        tx.schedule(Timer(TRIP_OPENS, opened.trip_id, trip["opens_at"] - now))


def trip_of(
    order: Order,
    row: Row,
    *,
    fee_fen: int,
    expected_ready_at: datetime,
    opens_at: datetime | None,
    ways: int = 1,
    **more: object,
) -> Mapping[str, Any]:
    """Return the parameters of :data:`app.core.delivery.writes.TRIP_BORN`.

    :param row: with ``shop_lat``, ``shop_lng``, ``walk_up_floors``, ``weight_g``, ``is_cold`` and the newest
        ``tariff`` of the community, null for the usual one.
    :param fee_fen: what the resident pays for it. :param ways: how often the way is gone: twice, there and back.
    """
    assert order.address_lat is not None, "what is delivered has an address"
    assert order.address_lng is not None, "what is delivered has an address"
    rates = dict(row.tariff or {})
    parts = pay_parts(
        is_bad_weather=rates.pop("is_bad_weather", False),
        tariff=Tariff(**rates),
        length_m=ways * distance_m(row.shop_lat, row.shop_lng, order.address_lat, order.address_lng),
        walk_up_floors=[row.walk_up_floors],
        fee_fen=fee_fen,
        ready_at=expected_ready_at,
    )
    return {
        "trip_id": new_id(),
        "delivery_id": new_id(),
        "pick_up_stop_id": new_id(),
        "drop_stop_id": new_id(),
        "community_id": order.community_id,
        "trip_state": TripState.OPEN.value,
        "delivery_state": DeliveryState.OPEN.value,
        "stop_state": StopState.WAITING.value,
        "pick_up_kind": StopKind.PICK_UP.value,
        "drop_kind": StopKind.DROP.value,
        "fee_fen": fee_fen,
        "pay_fen": parts.pay_fen,
        "pay_parts": orjson.dumps(parts).decode(),
        "weight_g": row.weight_g,
        "is_cold": row.is_cold,
        "is_apart": False,
        "case_id": None,
        "shop_lat": row.shop_lat,
        "shop_lng": row.shop_lng,
        "address_lat": order.address_lat,
        "address_lng": order.address_lng,
        "expected_ready_at": expected_ready_at,
        "opens_at": opens_at,
        **more,
    }
