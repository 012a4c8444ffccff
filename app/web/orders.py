"""Orders as lists show them: one read, lines included, put together by the database."""

from typing import Any

from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.transaction import Transaction
from app.kernel.wire import Row

_FIELDS = (
    "order_id", "number", "shop_id", "shop_name", "state", "fulfillment", "goods_fen", "packing_fen", "delivery_fen",
    "delivery_parts", "discount_fen", "platform_off_fen", "total_fen", "refunded_fen", "note", "cutlery_count",
    "is_gift", "cancel_reason", "placed_at", "accepted_at",
    "promised_from_at", "promised_at", "expected_from_at", "expected_by_at", "slot_starts_at", "slot_ends_at",
    "ready_at", "picked_up_at", "delivered_at", "ended_at", "cancel_requested_at", "lines",
)  # fmt: skip

COLUMNS = """
    o.order_id, o.number, o.checkout_id, o.account_id, o.shop_id, s.name AS shop_name, o.merchant_id, o.community_id,
    o.store_id, o.state, o.fulfillment, o.goods_fen, o.packing_fen, o.delivery_fen, o.discount_fen,
    o.platform_off_fen, o.total_fen, o.refunded_fen, o.note, o.cutlery_count, o.gift_sealed IS NOT NULL AS is_gift,
    o.cancel_reason, o.placed_at, o.accepted_at, o.promised_from_at, o.promised_at,
    o.expected_from_at, o.expected_by_at, o.slot_starts_at, o.slot_ends_at, o.ready_at, o.picked_up_at,
    o.delivered_at, o.ended_at, o.cancel_requested_at,
    json_build_object('distance_fen', o.delivery_fen + o.trip_saving_fen - o.night_fen - o.weather_fen
            - o.floors_fen, 'trip_saving_fen', o.trip_saving_fen,
        'night_fen', o.night_fen, 'weather_fen', o.weather_fen, 'floors_fen', o.floors_fen) AS delivery_parts,
    (SELECT json_agg(json_build_object('line', l.line, 'sku_id', l.sku_id, 'name', l.name, 'option', l.option,
        'unit_price_fen', l.unit_price_fen, 'quantity', l.quantity, 'goods_fen', l.goods_fen,
        'packing_fen', l.packing_fen, 'discount_fen', l.discount_fen, 'note', l.note,
        'is_shorted', l.shorted_at IS NOT NULL)
        ORDER BY l.line)
     FROM order_lines AS l WHERE l.order_id = o.order_id) AS lines
"""
FROM = "FROM orders AS o JOIN shops AS s ON s.shop_id = o.shop_id"


def order_core(row: Row) -> dict[str, Any]:
    """Return what every party may see of the order in a row of :data:`COLUMNS`."""
    return {name: getattr(row, name) for name in _FIELDS}


def leave_orders_read(tx: Transaction, actor: Actor, shown: dict[str, Any]) -> None:
    """Leave the act of staff who are shown a page of orders: their notes are the residents' own words."""
    order_ids = [str(item["order_id"]) for item in shown["items"]]
    if order_ids:
        audit.record(tx, actor, "order.read", subject_kind="order", details={"order_ids": order_ids})
