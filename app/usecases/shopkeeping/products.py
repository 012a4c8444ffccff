"""What a SKU is alike to: by barcode at once, by name, brand and content when a person confirms."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.barcodes import is_in_store
from app.core.catalog.content import Content, ContentUnit
from app.core.catalog.errors import ProductDiffers, ProductNotFound, SkuNotFound
from app.core.catalog.matching import match_key
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, read, transaction
from app.kernel.wire import Row
from app.usecases.shopkeeping.shelf import MEMBER, lock
from app.usecases.shopkeeping.skus import OfferChanged

PROPOSALS_MAX = 10
_COLUMNS = """
    p.standard_product_id, p.barcode, p.name, p.brand, p.category_code, p.content_amount, p.content_unit,
    p.content_count
"""
_BY_BARCODE = text(f"SELECT {_COLUMNS} FROM standard_products AS p WHERE p.barcode = :barcode")
_BY_KEY = text(
    f"""
    SELECT {_COLUMNS} FROM standard_products AS p WHERE p.match_key = :match_key
    ORDER BY p.barcode NULLS LAST, p.standard_product_id LIMIT {PROPOSALS_MAX}
    """
)
_SKU = f"""
    SELECT k.sku_id, k.offer_id, k.barcode, k.option, k.content_amount, k.content_unit, k.content_count, f.name,
        f.brand, f.category_code
    FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id JOIN shops AS s ON s.shop_id = k.shop_id
    {MEMBER} AND k.sku_id = :sku_id AND k.shop_id = :shop_id AND k.removed_at IS NULL
"""
_READ_SKU = text(_SKU)
_LOCK_SKU = opening(_SKU + "FOR UPDATE OF k")
_PRODUCT = text("SELECT match_key FROM standard_products WHERE standard_product_id = :product_id")
_TIE = closing("tied AS (UPDATE skus SET standard_product_id = :product_id WHERE sku_id = :sku_id)")
_MAKE = text(
    """
    INSERT INTO standard_products (standard_product_id, name, brand, content_amount, content_unit, content_count,
        category_code, match_key)
    VALUES (:product_id, :name, :brand, CAST(:content_amount AS bigint), CAST(:content_unit AS text), :content_count,
        CAST(:category_code AS text), :match_key)
    """
)


def product_of_barcode(barcode: str) -> Row:
    """Return what is known of a barcode, to fill a new offer in with.

    :raises ProductNotFound: nobody sold it before.
    """
    row = read(_BY_BARCODE, {"barcode": barcode}).one_or_none()
    if row is None:
        raise ProductNotFound(pointer="/barcode")
    return row


def proposals(actor: Actor, *, shop_id: UUID, sku_id: UUID) -> list[Row]:
    """Return the standard products that a SKU reads like.

    :raises SkuNotFound: it is not the actor's.
    """
    row = read(_READ_SKU, {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member}).one_or_none()
    if row is None:
        raise SkuNotFound
    return read(_BY_KEY, {"match_key": _key(row)}).fetchall()


def confirm_product(
    actor: Actor, claim: Claim, *, shop_id: UUID, sku_id: UUID, standard_product_id: UUID | None
) -> OfferChanged:
    """Tie a SKU to a standard product that it reads like; None makes a new one of what the SKU says.

    :raises SkuNotFound: it is not the actor's. :raises ProductNotFound: there is no such product.
    :raises ProductDiffers: name, brand and content read otherwise, or the SKU's barcode says what it is.
    """
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member}
        row = lock(tx, _LOCK_SKU, params, SkuNotFound)
        key = _key(row)
        if row.barcode is not None and not is_in_store(row.barcode):
            raise ProductDiffers
        product_id = standard_product_id or new_id()
        if standard_product_id is None:
            tx.execute(_MAKE, {"product_id": product_id, "match_key": key, **_said(row)})
        else:
            found = tx.execute(_PRODUCT, {"product_id": product_id}).first()
            if found is None:
                raise ProductNotFound(pointer="/standard_product_id")
            if found.match_key != key:
                raise ProductDiffers
        changed = OfferChanged(offer_id=row.offer_id, sku_id=sku_id)
        tx.keep(changed)
        tx.close(_TIE, {"sku_id": sku_id, "product_id": product_id})
    return changed


def _said(row: Row) -> dict[str, Any]:
    names = ("brand", "content_amount", "content_unit", "content_count", "category_code")
    return {"name": _full(row), **{name: getattr(row, name) for name in names}}


def _full(row: Row) -> str:
    return f"{row.name} {row.option}".strip()


def _key(row: Row) -> str:
    content = None
    if row.content_amount is not None:
        content = Content(row.content_amount, ContentUnit(row.content_unit), row.content_count)
    return match_key(_full(row), row.brand, content)
