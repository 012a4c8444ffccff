"""What the demo's shelves say of themselves: categories, brands, contents, and the products that shops have alike."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.cli.demo import words
from app.cli.demo.seeded import demo_id
from app.cli.demo.shapes import Offer, Sku, World
from app.core.catalog.content import Content, read_content
from app.core.catalog.matching import match_key

Row = dict[str, Any]

CATEGORIES: Mapping[str, str] = {
    "酒水饮料": "retail.drinks",
    "休闲零食": "retail.snacks",
    "米面粮油": "retail.staples",
    "调味品": "retail.staples.seasoning",
    "日用百货": "retail.household",
    "医药健康": "retail.health",
    "蔬菜": "retail.fresh.vegetables",
    "水果": "retail.fresh.fruit",
    "肉禽蛋": "retail.fresh.meat",
    "水产": "retail.fresh.seafood",
    "鲜食": "retail.fresh.deli",
    "河海鲜": "food.meals.home_cooking",
    "荤菜": "food.meals.home_cooking",
    "素菜": "food.meals.home_cooking",
    "汤粥": "food.breakfast.porridge",
    "主食": "food.noodles",
    "早餐": "food.breakfast",
    "点心": "food.breakfast.bun",
    "甜品": "food.sweets.dessert",
    "饮品": "food.sweets.milk_tea",
    "家政服务": "home_service.cleaning",
    "到店券": "leisure.fun",
}
"""Title of a shelf group → category."""


def offer_row(offer: Offer) -> Row:
    """Return what an offer's row says beyond its shape."""
    brand = brand_of(offer.name)
    return {"category_code": CATEGORIES.get(offer.category), "brand": brand}


def brand_of(name: str) -> str:
    """Return the invented brand that a name begins with, or nothing."""
    first = name.partition(" ")[0]
    return first if first in words.BRANDS else ""


def content_of(name: str, option: str) -> Content | None:
    """Return the content that an option names, or a packed product's name ends with."""
    return read_content(option) or read_content(name.split(" ", 2)[-1] if brand_of(name) else "")


def sku_rows(seed: int, world: World) -> tuple[list[Row], list[Row]]:
    """Return the rows of standard products, and for each SKU of the world what its row says beyond its shape."""
    names = {offer.offer_id: offer for offer in world.offers}
    products: dict[str, Row] = {}
    rows = []
    for sku in world.skus:
        offer = names[sku.offer_id]
        content = content_of(offer.name, sku.option)
        row = _content(content)
        if sku.barcode is not None:
            product = products.setdefault(sku.barcode, _product(seed, sku, offer, content))
            row["standard_product_id"] = product["standard_product_id"]
        else:
            row["standard_product_id"] = None
        rows.append(row)
    return list(products.values()), rows


def _product(seed: int, sku: Sku, offer: Offer, content: Content | None) -> Row:
    brand = brand_of(offer.name)
    return {
        "standard_product_id": demo_id(seed, "product", sku.barcode),
        "barcode": sku.barcode,
        "name": offer.name,
        "brand": brand,
        "category_code": CATEGORIES.get(offer.category),
        "match_key": match_key(offer.name, brand, content),
        **_content(content),
    }


def _content(content: Content | None) -> Row:
    return {
        "content_amount": None if content is None else content.amount,
        "content_unit": None if content is None else content.unit.value,
        "content_count": 1 if content is None else content.count,
    }


def joined(things: Iterable[Row], said: Iterable[Row]) -> list[Row]:
    """Return rows with what is said of them, one by one."""
    return [{**thing, **more} for thing, more in zip(things, said, strict=True)]
