"""Lines that come into the cart from elsewhere: a past order (再来一单), or what a device held before its sign-in.

The cart is the account's, not the device's: every device sees the same one. What comes in never makes it hold less of
anything, and coming in twice changes nothing more; what cannot come in is said, with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.models import OfferKind, OfferState
from app.core.orders.errors import OrderNotFound
from app.core.orders.quote import LINES_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row

_ORDERED = text(
    """
    SELECT l.sku_id, l.name, l.option, l.unit_price_fen, sum(l.quantity)::bigint AS quantity
    FROM orders AS o JOIN order_lines AS l ON l.order_id = o.order_id
    WHERE o.order_id = :order_id AND o.account_id = :account_id
      AND NOT EXISTS (SELECT 1 FROM replacements AS r WHERE r.order_id = o.order_id AND r.state = 'accepted'
          AND r.sku_id = l.sku_id AND r.line < l.line AND r.unit_price_fen = l.unit_price_fen)
    GROUP BY l.sku_id, l.name, l.option, l.unit_price_fen ORDER BY min(l.line)
    """
)
"""What was ordered, not what came in its place."""
_SHELF = text(
    """
    SELECT w.sku_id, f.name, k.option, k.price_fen, k.quantity_max, k.removed_at, f.state, f.kind, n.on_hand,
        coalesce(c.quantity, 0) AS held,
        (SELECT count(*) FROM cart_lines AS a WHERE a.account_id = :account_id) AS line_count
    FROM unnest(CAST(:sku_ids AS uuid[])) AS w (sku_id)
    JOIN skus AS k ON k.sku_id = w.sku_id JOIN offers AS f ON f.offer_id = k.offer_id
    LEFT JOIN stock AS n ON n.sku_id = k.sku_id
    LEFT JOIN cart_lines AS c ON c.account_id = :account_id AND c.sku_id = k.sku_id
    """
)
_PUT = text(
    """
    INSERT INTO cart_lines AS c (account_id, sku_id, quantity)
    SELECT :account_id, w.sku_id, w.quantity
    FROM unnest(CAST(:sku_ids AS uuid[]), CAST(:quantities AS bigint[])) AS w (sku_id, quantity) ORDER BY w.sku_id
    ON CONFLICT (account_id, sku_id) DO UPDATE SET quantity = greatest(c.quantity, excluded.quantity)
    """
)
_GOODS = frozenset({OfferKind.GOODS, OfferKind.DISH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A line that is to come in; ``was_price_fen`` is what a piece cost when it was ordered, or None."""

    sku_id: UUID
    quantity: int
    name: str = ""
    option: str = ""
    was_price_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameIn:
    """A line that came in: how many were wanted, how many the cart now holds, what a piece costs now."""

    sku_id: UUID
    name: str
    option: str
    wanted: int
    quantity: int
    price_fen: int
    was_price_fen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A line that did not come in, and why: the code that the cart or checkout would give."""

    sku_id: UUID
    name: str
    option: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What came in and what did not, in the order in which it was wanted."""

    items: list[CameIn]
    left_out: list[LeftOut]


def reorder(actor: Actor, *, order_id: UUID) -> Merged:
    """Put what an order held into the cart again, as far as it is still sold.

    :raises OrderNotFound: there is none of the actor's.
    """
    with transaction() as tx:
        rows = tx.execute(_ORDERED, {"order_id": order_id, "account_id": actor.account_id}).fetchall()
        if not rows:
            raise OrderNotFound(pointer="/order_id")
        return _merge(tx, actor, [_coming(row) for row in rows])


def merge_cart(actor: Actor, *, lines: Mapping[UUID, int]) -> Merged:
    """Take in what a device held before its sign-in.

    :param lines: SKU → pieces.
    """
    with transaction() as tx:
        return _merge(tx, actor, [Coming(sku_id=sku_id, quantity=quantity) for sku_id, quantity in lines.items()])


def _coming(row: Row) -> Coming:
    return Coming(
        sku_id=row.sku_id,
        quantity=row.quantity,
        name=row.name,
        option=row.option,
        was_price_fen=row.unit_price_fen,
    )


def _merge(tx: Transaction, actor: Actor, coming: Sequence[Coming]) -> Merged:
    rows = tx.execute(_SHELF, {"account_id": actor.account_id, "sku_ids": [one.sku_id for one in coming]}).fetchall()
    merged = merged_of(coming, {row.sku_id: row for row in rows})
    came = {one.sku_id: one.quantity for one in merged.items}
    if came:
        put = {"account_id": actor.account_id, "sku_ids": list(came), "quantities": list(came.values())}
        tx.execute(_PUT, put)
    return merged


def merged_of(coming: Iterable[Coming], shelf: Mapping[UUID, Row]) -> Merged:
    """Decide what comes in: what is sold and there, as many as may be bought, while the cart has room for a line."""
    items: list[CameIn] = []
    left_out: list[LeftOut] = []
    room = LINES_MAX - max((row.line_count for row in shelf.values()), default=0)
    for one in coming:
        row = shelf.get(one.sku_id)
        code = _refused(row)
        if code is None and row is not None and not row.held and room <= 0:
            code = "cart_too_large"
        if row is None or code is not None:
            left_out.append(LeftOut(sku_id=one.sku_id, name=one.name, option=one.option, code=code or "sku_not_found"))
            continue
        room -= 0 if row.held else 1
        there = row.quantity_max if row.on_hand is None else min(row.quantity_max, row.on_hand)
        items.append(
            CameIn(
                sku_id=one.sku_id,
                name=row.name,
                option=row.option,
                wanted=one.quantity,
                quantity=max(row.held, min(one.quantity, there)),
                price_fen=row.price_fen,
                was_price_fen=one.was_price_fen,
            )
        )
    return Merged(items=items, left_out=left_out)


def _refused(row: Row | None) -> str | None:
    if row is None:
        return "sku_not_found"
    if row.removed_at is not None or row.state != OfferState.ON_SALE:
        return "offer_gone"
    if row.kind not in _GOODS:
        return "offer_not_deliverable"
    return "sold_out" if row.on_hand == 0 else None
