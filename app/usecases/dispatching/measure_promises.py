"""What promises are made of, measured anew every few minutes: how long shops take, and by how much orders come late.

Placing an order reads one prepared row of its shop along with the cart, and nothing else.
"""

from collections.abc import Iterable
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.dispatch.promise import PromiseBook
from app.kernel.transaction import transaction
from app.kernel.wire import Row

ORDERS_MAX = 2_000
"""The newest orders of a store's catchment that are looked at: lately is what these tell."""

_STORES = text("SELECT store_id FROM stores ORDER BY store_id LIMIT 10000")
# Orders for a slot are ready when it begins: how long they took since the payment tells nothing.
_LATELY = text(
    """
    SELECT o.shop_id, s.preparation_minutes, o.usual_s,
        extract(epoch FROM o.ready_at - o.paid_at)::bigint AS ready_s,
        extract(epoch FROM o.delivered_at - o.paid_at)::bigint AS delivered_s
    FROM (
        SELECT * FROM orders WHERE store_id = :store_id ORDER BY order_id DESC LIMIT :limit
    ) AS o JOIN shops AS s ON s.shop_id = o.shop_id
    WHERE o.ready_at IS NOT NULL AND o.paid_at IS NOT NULL AND o.slot_starts_at IS NULL ORDER BY o.order_id
    """
)
_KEEP = text(
    """
    INSERT INTO shop_promises (shop_id, preparation_s, early_s, late_s, measured_count, measured_at)
    SELECT m.shop_id, m.preparation_s, m.early_s, m.late_s, m.measured_count, business_now()
    FROM jsonb_to_recordset(CAST(:measured AS jsonb))
        AS m (shop_id uuid, preparation_s bigint, early_s bigint, late_s bigint, measured_count bigint)
    ORDER BY m.shop_id
    ON CONFLICT (shop_id) DO UPDATE SET preparation_s = excluded.preparation_s, early_s = excluded.early_s,
        late_s = excluded.late_s, measured_count = excluded.measured_count, measured_at = excluded.measured_at
    """
)


def measure_promises() -> int:
    """Measure every store's catchment; return how many shops have a row anew."""
    with transaction() as tx:
        stores = [row.store_id for row in tx.execute(_STORES)]
    return sum(measure_store(store_id) for store_id in stores)


def measure_store(store_id: UUID) -> int:
    """Measure the shops of one store's catchment by its newest orders; return how many."""
    with transaction() as tx:
        rows = tx.execute(_LATELY, {"store_id": store_id, "limit": ORDERS_MAX}).fetchall()
        measured = _measured(rows)
        if measured:
            tx.execute(_KEEP, {"measured": orjson.dumps(measured).decode()})
    return len(measured)


def _measured(rows: Iterable[Row]) -> list[dict[str, object]]:
    book, said_s = PromiseBook(), dict[UUID, int]()
    for row in rows:
        said_s[row.shop_id] = 60 * row.preparation_minutes
        book.ready(row.shop_id, row.ready_s)
        if row.usual_s is not None and row.delivered_s is not None:
            book.delivered(row.usual_s, row.delivered_s)
    spread = book.spread
    return [
        {
            "shop_id": shop_id,
            "preparation_s": book.preparation_s(shop_id, said),
            "early_s": spread.early_s,
            "late_s": spread.late_s,
            "measured_count": book.measured_count(shop_id),
        }
        for shop_id, said in said_s.items()
    ]
