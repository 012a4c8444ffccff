"""Routes of price comparison: what a product, a basket or hours of a service cost to one's door."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.core.catalog.barcodes import read_barcode
from app.core.catalog.content import unit_price_fen
from app.kernel.actor import Actor
from app.kernel.wire import Row
from app.usecases.shopping.comparing import (
    SHOPS_MAX,
    Basket,
    Compared,
    Landed,
    Refused,
    Sought,
    compare_basket,
    compare_product,
    compare_service,
    content_of,
)
from app.web.door import Door
from app.web.fields import Body, Fen, Flag, Id, Instant, Int, Many, Pattern, Quantity, Query, Text
from app.web.policy import Relation, policy
from app.web.reviews import RatingOut
from app.web.views import COUNT_MAX, LIST_MAX, ContentOut, PricedPart, ProductOut, shown_content, shown_product

BASKET_MAX = 20
SERVICE_MINUTES_MAX = 24 * 60
LIMIT = 20
"""Shops in an answer unless more are asked for."""
BARCODE = r"[0-9]{8}([0-9]{5})?"


class _Named(Body):
    """A product, named by its id or by its barcode."""

    @validates_schema(skip_on_field_errors=True)
    def one_name(self, given: dict[str, Any], **_: object) -> None:
        """Refuse both names, and none."""
        if (given["standard_product_id"] is None) == (given["barcode"] is None):
            message = "field_required" if given["barcode"] is None else "field_not_beside|other=standard_product_id"
            raise ValidationError(message, "standard_product_id" if given["barcode"] is None else "barcode")


class ProductQuery(_Named, Query):
    """One product at one address. ``with_refused`` also lists shops that cannot serve it now, and why, as many."""

    address_id = Id(required=True)
    standard_product_id = Id(load_default=None)
    barcode = Pattern(BARCODE, high=13, load_default=None)
    quantity = Int(low=1, high=999, load_default=1)
    limit = Int(low=1, high=SHOPS_MAX, load_default=LIMIT)
    with_refused = Flag(load_default=False)


class ServiceQuery(Query):
    """So many minutes of a category of home services, at one address."""

    address_id = Id(required=True)
    category_code = Pattern(r"[a-z_]+(\.[a-z_]+){1,2}", high=100, required=True)
    minutes = Int(low=1, high=SERVICE_MINUTES_MAX, load_default=120)
    limit = Int(low=1, high=SHOPS_MAX, load_default=LIMIT)
    with_refused = Flag(load_default=False)


class BasketItemIn(_Named):
    """A product and how many pieces of it."""

    standard_product_id = Id(load_default=None)
    barcode = Pattern(BARCODE, high=13, load_default=None)
    quantity = Quantity(load_default=1)


class BasketIn(Body):
    """Several products at once, at one address."""

    address_id = Id(required=True)
    items = Many(fields.Nested(BasketItemIn), low=1, high=BASKET_MAX, required=True)


class LandedLineOut(Body):
    """What is bought; ``unit_price_fen`` is that of 100 g, 100 ml, one piece or one hour."""

    sku_id = Id(required=True)
    offer_id = Id(required=True)
    standard_product_id = Id(required=True, allow_none=True)
    name = Text(high=200, required=True)
    option = Text(high=200, low=0, required=True)
    quantity = Quantity(required=True)
    price_fen = Fen(required=True)
    unit_price_fen = Fen(required=True, allow_none=True)
    content = fields.Nested(ContentOut, required=True, allow_none=True)
    left = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)


class LandedOut(PricedPart, RatingOut):
    """What a shop's part costs to the door: what checkout charges for the same now."""

    distance_m = Int(low=0, high=COUNT_MAX, required=True)
    arrives_at = Instant(required=True)
    lines = Many(fields.Nested(LandedLineOut), high=BASKET_MAX, required=True)


class RefusedOut(Body):
    """A shop that has it and cannot serve this address now; ``code`` is the problem that checkout would answer."""

    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    distance_m = Int(low=0, high=COUNT_MAX, required=True)
    sku_id = Id(required=True)
    price_fen = Fen(required=True)
    code = Text(high=50, required=True)


class ComparisonOut(Body):
    """The cheapest to the door of all shops that serve this address now. ``refused`` only when asked for."""

    product = fields.Nested(ProductOut, required=True, allow_none=True)
    items = Many(fields.Nested(LandedOut), high=LIST_MAX, required=True)
    refused = Many(fields.Nested(RefusedOut), high=LIST_MAX, required=True)


class SplitOut(Body):
    """The cheapest split over shops that was found; ``is_exact`` when none can be cheaper."""

    total_fen = Fen(high=COUNT_MAX, required=True)
    is_exact = Flag(required=True)
    parts = Many(fields.Nested(LandedOut), high=BASKET_MAX, required=True)


class BasketOut(Body):
    """Shops that have all of it, the cheapest first, and the cheapest split; ``lacking`` counts from 0."""

    products = Many(fields.Nested(ProductOut), high=BASKET_MAX, required=True)
    items = Many(fields.Nested(LandedOut), high=LIST_MAX, required=True)
    split = fields.Nested(SplitOut, required=True, allow_none=True)
    lacking = Many(Int(low=0, high=BASKET_MAX), high=BASKET_MAX, required=True)


def add_comparisons(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/price-comparisons", query=ProductQuery, answer=ComparisonOut)
    @policy("checkout.quote", Relation.OWN)
    def compare(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Compare what a product costs to one's door, in every shop that serves the address now."""
        sought, with_refused = _sought(query), query["with_refused"]
        found = compare_product(
            actor,
            address_id=query["address_id"],
            sought=sought,
            limit=query["limit"],
            with_refused=with_refused,
        )
        return _shown(found, with_refused=with_refused)

    @door.get("/service-comparisons", query=ServiceQuery, answer=ComparisonOut)
    @policy("checkout.quote", Relation.OWN)
    def compare_services(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Compare what some time of a home service costs, by the hour and in all."""
        with_refused = query.pop("with_refused")
        return _shown(compare_service(actor, **query), with_refused=with_refused)

    @door.post("/basket-comparisons", body=BasketIn, answer=BasketOut)
    @policy("checkout.quote", Relation.OWN)
    def compare_baskets(actor: Actor, *, body: dict[str, Any]) -> dict[str, Any]:
        """Compare several products at once: the cheapest single shop, and the cheapest split. Changes nothing."""
        sought = [_sought(item, at=f"/items/{number}") for number, item in enumerate(body["items"])]
        return _basket(compare_basket(actor, address_id=body["address_id"], sought=sought))


def _sought(given: dict[str, Any], *, at: str = "") -> Sought:
    barcode = read_barcode(given["barcode"], pointer=f"{at}/barcode")
    return Sought(standard_product_id=given["standard_product_id"], barcode=barcode, quantity=given["quantity"])


def _shown(found: Compared, *, with_refused: bool) -> dict[str, Any]:
    return {
        "product": shown_product(found.products[0]) if found.products else None,
        "items": [_landed(one) for one in found.items],
        "refused": [_refused(one) for one in found.refused] if with_refused else [],
    }


def _basket(found: Basket) -> dict[str, Any]:
    split = None
    if found.split is not None:
        total_fen = sum(part.quote.total_fen for part in found.split)
        split = {
            "total_fen": total_fen,
            "is_exact": found.is_split_exact,
            "parts": [_landed(part) for part in found.split],
        }
    return {
        "products": [shown_product(row) for row in found.products],
        "items": [_landed(one) for one in found.singles],
        "split": split,
        "lacking": found.lacking,
    }


def _landed(one: Landed) -> dict[str, Any]:
    quote = one.quote
    names = (
        "shop_id", "shop_name", "goods_fen", "packing_fen", "delivery_fen", "delivery_parts", "discount_fen",
        "platform_off_fen", "total_fen",
    )  # fmt: skip
    return {
        **{name: getattr(quote, name) for name in names},
        "distance_m": quote.distance_m,
        "review_count": one.rows[0].review_count,
        "rating_hundredths": one.rows[0].rating_hundredths,
        "arrives_at": one.arrives_at,
        "lines": [_line(row) for row in one.rows],
    }


def _line(row: Row) -> dict[str, Any]:
    content = content_of(row)
    return {
        "sku_id": row.sku_id,
        "offer_id": row.offer_id,
        "standard_product_id": row.standard_product_id,
        "name": row.offer_name,
        "option": row.option,
        "quantity": row.quantity,
        "price_fen": row.price_fen,
        "unit_price_fen": None if content is None else unit_price_fen(row.price_fen, content),
        "content": shown_content(row),
        "left": row.on_hand,
    }


def _refused(one: Refused) -> dict[str, Any]:
    return {
        "shop_id": one.row.shop_id,
        "shop_name": one.row.shop_name,
        "distance_m": one.distance_m,
        "sku_id": one.row.sku_id,
        "price_fen": one.row.price_fen,
        "code": one.code,
    }
