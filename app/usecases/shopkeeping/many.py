"""Many SKUs at once: their prices and stock, and a whole shelf copied to another shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.catalog.errors import ShelfTooLarge, ShopNotFound, ShopsDiffer, ShopTheSame, SkuNotInShop
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.shopkeeping.shelf import MEMBER

CHANGES_MAX = 500
COPY_MAX = 5_000
"""SKUs of a shelf that is copied."""

_LOCK_SKUS = opening(
    """
    SELECT s.shop_id, k.sku_id FROM shops AS s
    LEFT JOIN skus AS k ON k.shop_id = s.shop_id AND k.removed_at IS NULL
        AND k.sku_id = ANY (CAST(:sku_ids AS uuid[]))
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE s.shop_id = :shop_id ORDER BY k.sku_id FOR NO KEY UPDATE OF s
    """
)
_CHANGE = closing(
    """
    asked AS (
        SELECT r.sku_id, r.price_fen, r.on_hand
        FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS r (sku_id uuid, price_fen bigint, on_hand bigint)
    ),
    priced AS (
        UPDATE skus AS k SET price_fen = a.price_fen FROM asked AS a
        WHERE k.sku_id = a.sku_id AND a.price_fen IS NOT NULL AND k.price_fen <> a.price_fen
    ),
    stocked AS (
        INSERT INTO stock (sku_id, received, on_hand)
        SELECT sku_id, on_hand, on_hand FROM asked WHERE on_hand IS NOT NULL ORDER BY sku_id
        ON CONFLICT (sku_id) DO UPDATE
        SET on_hand = excluded.on_hand, received = excluded.on_hand + stock.reserved + stock.sold
    )"""
)
_LOCK_SHOPS = opening(
    f"""
    SELECT s.shop_id, s.vertical, s.reviewed_until > business_now() AS is_new_shop FROM shops AS s
    {MEMBER} AND s.shop_id = ANY (CAST(:shop_ids AS uuid[])) ORDER BY s.shop_id FOR UPDATE OF s
    """
)
_SOURCE = text(
    """
    SELECT k.sku_id, k.offer_id FROM offers AS f JOIN skus AS k ON k.offer_id = f.offer_id AND k.removed_at IS NULL
    WHERE f.shop_id = :from_id AND f.state IN ('on_sale', 'paused') AND NOT EXISTS (
        SELECT 1 FROM offers AS o WHERE o.shop_id = :to_id AND o.name = f.name AND o.category = f.category
            AND o.state <> 'removed')
    ORDER BY f.position, k.sku_id LIMIT :limit
    """
)
_COPY = closing(
    """
    offer_ids AS (
        SELECT * FROM unnest(CAST(:offers AS uuid[]), CAST(:new_offers AS uuid[])) WITH ORDINALITY
            AS m (old_id, new_id, place)
    ),
    copied AS (
        INSERT INTO offers (offer_id, shop_id, kind, name, category, position, state, is_paused_after_review,
            category_code, brand, description, attributes, sale_hours, preparation_minutes, is_age_restricted,
            is_return_excluded)
        SELECT m.new_id, :to_id, f.kind, f.name, f.category,
            m.place + (SELECT coalesce(max(position), 0) FROM offers WHERE shop_id = :to_id),
            CASE WHEN CAST(:is_new_shop AS boolean) OR g.is_sensitive THEN 'in_review' ELSE f.state END,
            f.state = 'paused', f.category_code, f.brand, f.description, f.attributes, f.sale_hours,
            f.preparation_minutes, f.is_age_restricted, f.is_return_excluded
        FROM offer_ids AS m JOIN offers AS f ON f.offer_id = m.old_id
        LEFT JOIN categories AS g ON g.code = f.category_code
    ),
    sku_ids AS (
        SELECT * FROM unnest(CAST(:skus AS uuid[]), CAST(:new_skus AS uuid[])) AS m (old_id, new_id)
    ),
    copied_skus AS (
        INSERT INTO skus (sku_id, offer_id, shop_id, option, options, price_fen, packing_fen, barcode, quantity_max,
            weight_g, is_cold, content_amount, content_unit, content_count, standard_product_id, per_person_max,
            per_person_days)
        SELECT m.new_id, o.new_id, :to_id, k.option, k.options, k.price_fen, k.packing_fen, k.barcode, k.quantity_max,
            k.weight_g, k.is_cold, k.content_amount, k.content_unit, k.content_count, k.standard_product_id,
            k.per_person_max, k.per_person_days
        FROM sku_ids AS m JOIN skus AS k ON k.sku_id = m.old_id JOIN offer_ids AS o ON o.old_id = k.offer_id
    ),
    copied_stock AS (
        INSERT INTO stock (sku_id, received, on_hand)
        SELECT m.new_id, 0, 0 FROM sku_ids AS m JOIN stock AS n ON n.sku_id = m.old_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuChange:
    """A new price, a new count, or both."""

    sku_id: UUID
    price_fen: int | None
    on_hand: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfChanged:
    """How many SKUs a change reached."""

    shop_id: UUID
    sku_count: int


def change_many(actor: Actor, claim: Claim, *, shop_id: UUID, changes: Sequence[SkuChange]) -> ShelfChanged:
    """Set prices and counts of many SKUs of a shop: all or none.

    :raises ShopNotFound: it is not the actor's. :raises SkuNotInShop: one is not of the shop, or is named twice.
    """
    with transaction(claim) as tx:
        sku_ids = [one.sku_id for one in changes]
        rows = tx.open(_LOCK_SKUS, {"shop_id": shop_id, "sku_ids": sku_ids, **actor.as_member})
        if not rows:
            raise ShopNotFound
        known = {row.sku_id for row in rows}
        for number, one in enumerate(sku_ids):
            if one not in known:
                raise SkuNotInShop(pointer=f"/items/{number}/sku_id")
            known.discard(one)
        changed = ShelfChanged(shop_id=shop_id, sku_count=len(sku_ids))
        tx.keep(changed)
        tx.close(_CHANGE, {"changes": orjson.dumps(list(changes)).decode()})
    return changed


def copy_shelf(actor: Actor, claim: Claim, *, shop_id: UUID, to_shop_id: UUID) -> ShelfChanged:
    """Copy what stands on one shop's shelf to another's; what that has by name and group already is passed over.

    Counted stock begins at nothing. A shop whose offers are reviewed has the copies reviewed, too.

    :raises ShopNotFound: one of them is not the actor's. :raises ShopTheSame: both are one.
    :raises ShopsDiffer: their verticals do. :raises ShelfTooLarge: more than :data:`COPY_MAX` SKUs.
    """
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_ids": [shop_id, to_shop_id], **actor.as_member}
        shops = {row.shop_id: row for row in tx.open(_LOCK_SHOPS, params)}
        if shops.keys() != {shop_id, to_shop_id}:
            raise ShopNotFound
        if shop_id == to_shop_id:
            raise ShopTheSame(pointer="/to_shop_id")
        target = shops[to_shop_id]
        if shops[shop_id].vertical != target.vertical:
            raise ShopsDiffer
        source = {"from_id": shop_id, "to_id": to_shop_id, "limit": COPY_MAX + 1}
        rows = tx.execute(_SOURCE, source).fetchall()
        if len(rows) > COPY_MAX:
            raise ShelfTooLarge(skus_max=COPY_MAX)
        offers = list(dict.fromkeys(row.offer_id for row in rows))
        changed = ShelfChanged(shop_id=to_shop_id, sku_count=len(rows))
        tx.keep(changed)
        tx.close(
            _COPY,
            {
                "to_id": to_shop_id,
                "is_new_shop": bool(target.is_new_shop),
                "offers": offers,
                "new_offers": [new_id() for _ in offers],
                "skus": [row.sku_id for row in rows],
                "new_skus": [new_id() for _ in rows],
            },
        )
    return changed
