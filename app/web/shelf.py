"""The shelf as a list: offers with prices and stock, put together by the database as the JSON that leaves. One read."""

from uuid import UUID

import orjson
from flask import Response
from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.vouchers.rules import VoucherTerms
from app.kernel.transaction import read
from app.web.fields import Int, Query, Text
from app.web.paging import CursorInvalid

_USUAL = VoucherTerms()
_SHELF = """
SELECT CAST(json_build_object('items', coalesce(json_agg(offer ORDER BY place, offer_id), CAST('[]' AS json))) AS text)
       AS page, count(*) AS found, max(place) AS last_place, {{seen}} AS is_seen
FROM (
    SELECT f.position AS place, f.offer_id, json_build_object(
        'offer_id', f.offer_id, 'kind', f.kind, 'name', f.name, 'category', f.category, 'state', f.state,
        'position', f.position, 'category_code', f.category_code, 'brand', f.brand, 'description', f.description,
        'attributes', f.attributes, 'sale_hours', f.sale_hours, 'preparation_minutes', f.preparation_minutes,
        'is_age_restricted', f.is_age_restricted, 'is_return_excluded', f.is_return_excluded, 'pictures', (
            SELECT coalesce(json_agg(p.digest ORDER BY p.position), CAST('[]' AS json))
            FROM offer_pictures AS p WHERE p.offer_id = f.offer_id), 'skus', (
            SELECT coalesce(json_agg(json_build_object(
                'sku_id', k.sku_id, 'option', k.option, 'price_fen', k.price_fen, 'packing_fen', k.packing_fen,
                'barcode', k.barcode, 'quantity_max', k.quantity_max, 'left', n.on_hand, 'options', k.options,
                'content', CASE WHEN k.content_amount IS NOT NULL THEN json_build_object('amount', k.content_amount,
                    'unit', k.content_unit, 'count', k.content_count) END,
                'unit_price_fen', unit_price_fen(k.price_fen, k.content_amount, k.content_unit, k.content_count),
                'standard_product_id', k.standard_product_id, 'per_person_max', k.per_person_max,
                'per_person_days', k.per_person_days, 'voucher', CASE WHEN f.kind = 'voucher' THEN json_build_object(
                    'uses', coalesce(t.uses, {{uses}}), 'valid_days', coalesce(t.valid_days, {{valid_days}}))
                    END)
                ORDER BY k.price_fen, k.sku_id),
                CAST('[]' AS json))
            FROM skus AS k LEFT JOIN stock AS n ON n.sku_id = k.sku_id
            LEFT JOIN voucher_terms AS t ON t.sku_id = k.sku_id AND f.kind = 'voucher'
            WHERE k.offer_id = f.offer_id AND k.removed_at IS NULL)) AS offer
    FROM offers AS f
    WHERE f.shop_id = :shop_id AND f.state {{states}} AND f.position > :after
    ORDER BY f.position, f.offer_id LIMIT :limit
) AS shelf
""".replace("{{", "{").replace("}}", "}")
_TERMS = {"uses": _USUAL.uses, "valid_days": _USUAL.valid_days}
PUBLIC = text(
    _SHELF.format(
        **_TERMS,
        states="= 'on_sale'",
        seen="EXISTS (SELECT 1 FROM shops WHERE shop_id = :shop_id AND state IN ('open', 'resting'))",
    )
)
FOR_MEMBER = text(
    _SHELF.format(
        **_TERMS,
        states="<> 'removed'",
        seen="""EXISTS (
            SELECT 1 FROM shops AS s
            JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
            WHERE s.shop_id = :shop_id AND m.account_id = :account_id
              AND m.role = ANY (CAST(:roles AS text[])))""",
    )
)
"""Positions on a shelf are unique per shop, so a cursor is the last position seen."""


class ShelfQuery(Query):
    """A page of the shelf."""

    limit = Int(low=1, high=100, load_default=20)
    cursor = Text(high=20, load_default=None)


def shelf_page(statement: object, shop_id: UUID, *, limit: int, cursor: str | None, **params: object) -> Response:
    """Return a page of a shop's shelf as it leaves.

    :raises ShopNotFound: there is no such shop, or it is not the asker's to see.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):  # noqa: PLR2004 - fits 64 bits
        raise CursorInvalid(pointer="/cursor")
    row = read(
        statement,  # type: ignore[arg-type]
        {"shop_id": shop_id, "after": int(cursor or -1), "limit": limit, **params},
    ).one()
    if not row.is_seen:
        raise ShopNotFound
    following = orjson.dumps(str(row.last_place) if row.found == limit else None).decode()
    body = f'{row.page[:-1]}, "next_cursor": {following}}}'
    response = Response(body, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
