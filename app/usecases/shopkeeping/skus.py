"""An offer's SKUs: added, changed, taken off; a barcode ties each to what other shops sell under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.core.catalog.barcodes import is_in_store, read_barcode
from app.core.catalog.content import Content
from app.core.catalog.errors import LastSku, OfferNotFound, SkuNotFound, StockReserved, TooManySkus
from app.core.catalog.matching import match_key
from app.core.catalog.standing import SKUS_MAX
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.shopkeeping.shelf import MEMBER, lock

LOCK_OFFER = opening(
    f"""
    SELECT f.offer_id, f.shop_id, f.state, f.name, f.brand, f.category_code, f.kind FROM offers AS f
    JOIN shops AS s ON s.shop_id = f.shop_id
    {MEMBER} AND f.offer_id = :offer_id AND f.shop_id = :shop_id AND f.state <> 'removed' FOR UPDATE OF f
    """
)
_LOCK_SKU = opening(
    f"""
    SELECT k.sku_id, k.offer_id, k.option, k.content_amount, k.content_unit, k.content_count, f.name, f.brand,
        f.category_code
    FROM skus AS k JOIN shops AS s ON s.shop_id = k.shop_id JOIN offers AS f ON f.offer_id = k.offer_id
    {MEMBER} AND k.sku_id = :sku_id AND k.shop_id = :shop_id AND k.removed_at IS NULL FOR UPDATE OF k
    """
)
_PRODUCT = """
    made_product AS (
        INSERT INTO standard_products (standard_product_id, barcode, name, brand, content_amount, content_unit,
            content_count, category_code, match_key)
        SELECT :product_id, CAST(:gtin AS text), :product_name, :brand, CAST(:content_amount AS bigint),
            CAST(:content_unit AS text), :content_count, CAST(:category_code AS text), :match_key
        WHERE CAST(:gtin AS text) IS NOT NULL
        ON CONFLICT (barcode) DO UPDATE SET barcode = excluded.barcode
        RETURNING standard_product_id
    )"""
MAKE_SKU = f"""{_PRODUCT},
    made_sku AS (
        INSERT INTO skus (sku_id, offer_id, shop_id, option, options, price_fen, packing_fen, barcode, quantity_max,
            content_amount, content_unit, content_count, per_person_max, per_person_days, weight_g, is_cold,
            standard_product_id)
        SELECT :sku_id, :offer_id, :shop_id, :option, CAST(:options AS jsonb), :price_fen, :packing_fen,
            CAST(:barcode AS text), :quantity_max, CAST(:content_amount AS bigint), CAST(:content_unit AS text),
            :content_count, CAST(:per_person_max AS bigint), :per_person_days, :weight_g, :is_cold,
            (SELECT standard_product_id FROM made_product)
        WHERE CAST(:skus_max AS bigint) > (SELECT count(*) FROM skus WHERE offer_id = :offer_id AND removed_at IS NULL)
        RETURNING sku_id
    ),
    made_stock AS (
        INSERT INTO stock (sku_id, received, on_hand)
        SELECT :sku_id, CAST(:on_hand AS bigint), CAST(:on_hand AS bigint) WHERE CAST(:on_hand AS bigint) IS NOT NULL
    )"""
"""Named writes that make a SKU from the parameters of :func:`sku_params`."""
_ADD_SKU = closing(MAKE_SKU, answer="SELECT sku_id FROM made_sku")
_CHANGE_SKU = closing(
    f"""{_PRODUCT},
    changed AS (
        UPDATE skus SET price_fen = coalesce(CAST(:price_fen AS bigint), price_fen),
            packing_fen = coalesce(CAST(:packing_fen AS bigint), packing_fen),
            option = coalesce(CAST(:option AS text), option),
            options = coalesce(CAST(:options AS jsonb), options),
            barcode = coalesce(CAST(:barcode AS text), barcode),
            standard_product_id = CASE WHEN CAST(:barcode AS text) IS NULL THEN standard_product_id
                                       ELSE (SELECT standard_product_id FROM made_product) END,
            content_amount = CASE WHEN CAST(:is_content_given AS boolean) THEN CAST(:content_amount AS bigint)
                                  ELSE content_amount END,
            content_unit = CASE WHEN CAST(:is_content_given AS boolean) THEN CAST(:content_unit AS text)
                                ELSE content_unit END,
            content_count = CASE WHEN CAST(:is_content_given AS boolean) THEN CAST(:content_count AS bigint)
                                 ELSE content_count END,
            quantity_max = coalesce(CAST(:quantity_max AS bigint), quantity_max),
            per_person_max = CASE WHEN CAST(:per_person_max AS bigint) = 0 THEN NULL
                                  ELSE coalesce(CAST(:per_person_max AS bigint), per_person_max) END,
            per_person_days = coalesce(CAST(:per_person_days AS bigint), per_person_days),
            weight_g = coalesce(CAST(:weight_g AS bigint), weight_g),
            is_cold = coalesce(CAST(:is_cold AS boolean), is_cold)
        WHERE sku_id = :sku_id
    ),
    uncounted AS (
        DELETE FROM stock WHERE sku_id = :sku_id AND CAST(:is_unlimited AS boolean) AND reserved = 0
    ),
    stocked AS (
        INSERT INTO stock (sku_id, received, on_hand)
        SELECT :sku_id, CAST(:on_hand AS bigint), CAST(:on_hand AS bigint) WHERE CAST(:on_hand AS bigint) IS NOT NULL
        ON CONFLICT (sku_id) DO UPDATE
        SET on_hand = excluded.on_hand, received = excluded.on_hand + stock.reserved + stock.sold
    )"""
)
_RESERVED = opening("SELECT reserved FROM stock WHERE sku_id = :sku_id FOR UPDATE")
_REMOVE_SKU = closing(
    """
    removed AS (
        UPDATE skus SET removed_at = business_now() WHERE sku_id = :sku_id AND offer_id = :offer_id
            AND removed_at IS NULL AND EXISTS (
                SELECT 1 FROM skus AS o WHERE o.offer_id = :offer_id AND o.sku_id <> :sku_id AND o.removed_at IS NULL)
        RETURNING sku_id
    )""",
    answer="""SELECT (SELECT sku_id FROM removed) AS removed_id,
        EXISTS (SELECT 1 FROM skus WHERE sku_id = :sku_id AND offer_id = :offer_id AND removed_at IS NULL) AS was_there
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChanged:
    """What a change of the shelf answers. ``state`` is the offer's, where it may have changed."""

    offer_id: UUID
    sku_id: UUID | None = None
    state: str | None = None


def sku_params(
    *,
    sku_id: UUID,
    offer_id: UUID,
    shop_id: UUID,
    name: str,
    brand: str,
    category_code: str | None,
    price_fen: int,
    options: Sequence[dict[str, str]] = (),
    option: str = "",
    packing_fen: int = 0,
    barcode: str | None = None,
    content: Content | None = None,
    on_hand: int | None = None,
    quantity_max: int = 99,
    per_person_max: int | None = None,
    per_person_days: int = 30,
    weight_g: int = 0,
    is_cold: bool = False,
) -> dict[str, Any]:
    """Return the parameters of :data:`MAKE_SKU`.

    :param barcode: EAN-13 or EAN-8; one that shops do not give themselves ties to a standard product.
    :raises app.core.catalog.errors.BarcodeInvalid: its check digit does not agree.
    """
    option = option_text(options) or option
    return {
        "sku_id": sku_id,
        "offer_id": offer_id,
        "shop_id": shop_id,
        "option": option,
        "options": orjson.dumps(list(options)).decode(),
        "price_fen": price_fen,
        "packing_fen": packing_fen,
        "quantity_max": quantity_max,
        "per_person_max": per_person_max or None,
        "per_person_days": per_person_days,
        "weight_g": weight_g,
        "is_cold": is_cold,
        "on_hand": on_hand,
        "skus_max": SKUS_MAX,
        **_product_params(name, option, brand, category_code, read_barcode(barcode), content),
    }


def _product_params(  # noqa: PLR0917 - what a product is made of
    name: str, option: str, brand: str, category_code: str | None, barcode: str | None, content: Content | None
) -> dict[str, Any]:
    full = f"{name} {option}".strip()
    return {
        "product_id": new_id(),
        "barcode": barcode,
        "gtin": None if barcode is None or is_in_store(barcode) else barcode,
        "product_name": full,
        "brand": brand,
        "category_code": category_code,
        "content_amount": None if content is None else content.amount,
        "content_unit": None if content is None else content.unit.value,
        "content_count": 1 if content is None else content.count,
        "match_key": match_key(full, brand, content),
    }


def option_text(options: Sequence[dict[str, str]]) -> str:
    """Return what is chosen (规格、口味、份量) as it reads on an order's line."""
    return " ".join(option["value"] for option in options)


def add_sku(actor: Actor, claim: Claim, *, shop_id: UUID, offer_id: UUID, **terms: Any) -> OfferChanged:
    """Add a SKU to an offer: another size, flavor or portion, with its own price.

    :param terms: those of :func:`sku_params`.
    :raises OfferNotFound: there is none of the actor's. :raises TooManySkus: it has :data:`SKUS_MAX` already.
    """
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "offer_id": offer_id, **actor.as_member}
        row = lock(tx, LOCK_OFFER, params, OfferNotFound)
        changed = OfferChanged(offer_id=offer_id, sku_id=new_id(), state=row.state)
        tx.keep(changed)
        offer = {"name": row.name, "brand": row.brand, "category_code": row.category_code}
        made = tx.close(
            _ADD_SKU,
            sku_params(sku_id=changed.sku_id or new_id(), offer_id=offer_id, shop_id=shop_id, **offer, **terms),
        )
        if made.first() is None:
            raise TooManySkus(skus_max=SKUS_MAX)
    return changed


def change_sku(
    actor: Actor,
    claim: Claim,
    *,
    shop_id: UUID,
    sku_id: UUID,
    on_hand: int | None = None,
    is_unlimited: bool = False,
    options: Sequence[dict[str, str]] | None = None,
    option: str | None = None,
    barcode: str | None = None,
    content: Content | None = None,
    **terms: Any,
) -> OfferChanged:
    """Change a SKU: what is None stays. Pieces counted are those on the shelf, beside what orders have reserved.

    :param is_unlimited: stop counting the stock. :param terms: ``price_fen``, ``packing_fen``, ``quantity_max``,
        ``per_person_max`` (0 takes the cap away), ``per_person_days``, ``weight_g``, ``is_cold``.
    :raises StockReserved: orders hold pieces, so counting cannot stop.
    """
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "sku_id": sku_id, **actor.as_member}
        row = lock(tx, _LOCK_SKU, params, SkuNotFound)
        if is_unlimited:
            held = tx.open_one(_RESERVED, {"sku_id": sku_id})
            if held is not None and held.reserved > 0:
                raise StockReserved(pointer="/is_unlimited", reserved=held.reserved)
        changed = OfferChanged(offer_id=row.offer_id, sku_id=sku_id)
        tx.keep(changed)
        named = option_text(options) if options else option
        product = _product_params(
            row.name,
            row.option if named is None else named,
            row.brand,
            row.category_code,
            read_barcode(barcode),
            content,
        )
        tx.close(
            _CHANGE_SKU,
            {
                **dict.fromkeys(
                    ("price_fen", "packing_fen", "quantity_max", "per_person_max", "per_person_days", "weight_g",
                     "is_cold"),
                ),
                **terms,
                **product,
                "sku_id": sku_id,
                "option": named,
                "options": None if options is None else orjson.dumps(list(options)).decode(),
                "is_content_given": content is not None,
                "on_hand": None if is_unlimited else on_hand,
                "is_unlimited": is_unlimited,
            },
        )  # fmt: skip
    return changed


def remove_sku(actor: Actor, claim: Claim, *, shop_id: UUID, offer_id: UUID, sku_id: UUID) -> OfferChanged:
    """Take a SKU off an offer that has others. Orders keep what they copied; carts show that it is gone.

    :raises OfferNotFound, SkuNotFound: there is none of the actor's. :raises LastSku: the offer has no other.
    """
    with transaction(claim) as tx:
        params: dict[str, object] = {"shop_id": shop_id, "offer_id": offer_id, **actor.as_member}
        lock(tx, LOCK_OFFER, params, OfferNotFound)
        changed = OfferChanged(offer_id=offer_id, sku_id=sku_id)
        tx.keep(changed)
        row = tx.close(_REMOVE_SKU, {"offer_id": offer_id, "sku_id": sku_id}).one()
        if row.removed_id is None:
            raise LastSku if row.was_there else SkuNotFound
    return changed
