"""What stands on a shop's shelf: dishes, food by weight, barcoded groceries, services and vouchers.

The catalogue of barcoded products is one for the whole world; each shop asks its own price, within
:data:`PRICE_SPREAD` of the catalogue's. So the same product can be compared between shops.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from app.cli.demo import words
from app.cli.demo.seeded import chance, pick_weighted, price_near
from app.core.catalog.models import OfferKind

PRICE_SPREAD = 0.15
"""A shop's price of a barcoded product lies within this share of the catalogue's."""

OFFERS_MIN, OFFERS_MAX = 20, 40
STOCK_MIN, STOCK_MAX = 50, 500
VOUCHERS_PER_ORDER_MAX = 10
DEARER_PER_SIZE = 0.45
"""Each next size of a packed product costs this much more, as a share of the smallest's price."""

EXAMPLE_PREFIX = "952"
"""GS1's prefix for demonstrations and examples: no real product carries it."""


@dataclass(frozen=True, slots=True)
class Product:
    """A barcoded product of the catalogue.

    :param barcode: EAN-13.
    :param base_fen: price that the shops' prices lie around, fen.
    :param weight: how likely a shop has it.
    """

    barcode: str
    name: str
    category: str
    base_fen: int
    weight: float


@dataclass(frozen=True, slots=True)
class Form:
    """One buyable form of a listing: its option ("" when there is but one), price in fen and barcode."""

    option: str
    price_fen: int
    barcode: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """An offer before it has an id."""

    kind: OfferKind
    name: str
    category: str
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The barcoded products by name: what a convenience store may have, and what a pharmacy may have."""

    groceries: Mapping[str, Product]
    remedies: Mapping[str, Product]


@dataclass(frozen=True, slots=True)
class _Group:
    """A shelf group; ``median_fen`` is the middle price of the smallest of its ``sizes``, fen."""

    title: str
    median_fen: int
    sizes: tuple[str, ...]


_PACKED = {
    "drink": _Group("酒水饮料", 650, ("250 ml", "500 ml", "1 L", "6 × 250 ml")),
    "snack": _Group("休闲零食", 980, ("80 g", "120 g", "200 g", "300 g")),
    "staple": _Group("米面粮油", 1280, ("400 g", "500 g", "1 kg", "2.5 kg")),
    "seasoning": _Group("调味品", 1080, ("180 g", "250 g", "500 g")),
    "household": _Group("日用百货", 1380, ("1 件", "2 件装", "家庭装")),
}
_LOOSE = {
    "vegetable": _Group("蔬菜", 450, ("500 g", "1 kg")),
    "fruit": _Group("水果", 990, ("500 g", "1 kg", "2.5 kg")),
    "meat": _Group("肉禽蛋", 2280, ("500 g", "1 kg")),
    "seafood": _Group("水产", 3280, ("500 g", "1 kg")),
}
_COUNTER = _Group("鲜食", 480, ("一份",))
_DISHES = {
    "aquatic": ("河海鲜", 4800),
    "breakfast": ("早餐", 780),
    "dessert": ("甜品", 1800),
    "drink": ("饮品", 1400),
    "meat_dish": ("荤菜", 3600),
    "soup": ("汤粥", 1600),
    "staple": ("主食", 1800),
    "vegetable_dish": ("素菜", 1900),
}
_MENUS: Mapping[str, Mapping[str, int]] = {
    "home_cooking": {"meat_dish": 12, "vegetable_dish": 9, "soup": 4, "staple": 4},
    "noodles": {"staple": 20, "soup": 4, "vegetable_dish": 4},
    "breakfast": {"breakfast": 14, "soup": 4},
    "sweets": {"dessert": 12, "drink": 12},
    "night_grill": {"aquatic": 12, "meat_dish": 8, "vegetable_dish": 4},
}
_SIZED = frozenset({"staple", "soup", "drink"})
_SIZES = MappingProxyType({"drink": ("中杯", "大杯"), "soup": ("小份", "大份"), "staple": ("小份", "大份")})


def ean13(body: str) -> str:
    """Return ``body`` (12 digits) with its EAN-13 check digit."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


def make_catalogue(seed: int) -> Catalogue:
    """Return the world's barcoded products."""
    groceries: dict[str, Product] = {}
    for group, of in _PACKED.items():
        sought = dict.fromkeys(words.HOUSEHOLD, 150.0) if group == "household" else words.foods(group)
        for word, weight in sought.items():
            product = _product(seed, word, of, weight=weight, number=len(groceries))
            groceries[product.name] = product
    remedies: dict[str, Product] = {}
    of = _Group("医药健康", 2200, ("1 盒", "2 盒装", "便携装"))
    for word in words.PHARMACY:
        product = _product(seed, word, of, weight=1.0, number=len(groceries) + len(remedies))
        remedies[product.name] = product
    return Catalogue(MappingProxyType(groceries), MappingProxyType(remedies))


def _product(seed: int, word: str, group: _Group, *, weight: float, number: int) -> Product:
    random = chance(seed, "product", word)
    brand = random.randrange(len(words.BRANDS))
    size = random.randrange(len(group.sizes))
    return Product(
        barcode=ean13(f"{EXAMPLE_PREFIX}{brand + 1:04d}{number + 1:05d}"),
        name=f"{words.BRANDS[brand]} {word} {group.sizes[size]}",
        category=group.title,
        base_fen=price_near(random, round(group.median_fen * (1 + DEARER_PER_SIZE * size))),
        weight=weight,
    )


def fill_shelf(trade: str, random: Random, catalogue: Catalogue) -> list[Listing]:
    """Return the offers of one shop of ``trade``, :data:`OFFERS_MIN` to :data:`OFFERS_MAX`, in shelf order."""
    if trade in _MENUS:
        return _menu(trade, random)
    if trade in words.SERVICES:
        return _services(trade, random)
    if trade in words.LEISURE:
        return _vouchers(trade, random)
    fill: Mapping[str, Callable[[Random, Catalogue], list[Listing]]] = {
        "convenience": lambda r, c: [*_packed(r, c.groceries, r.randint(22, 34)), *_counter(r, r.randint(3, 6))],
        "pharmacy": lambda r, c: _packed(r, c.remedies, r.randint(26, 36)),
        "produce": lambda r, _: _fresh(r),
    }
    return fill[trade](random, catalogue)


def _packed(random: Random, products: Mapping[str, Product], count: int) -> list[Listing]:
    picked = pick_weighted(random, {name: product.weight for name, product in products.items()}, count)
    found = sorted((products[name] for name in picked), key=lambda product: product.category)
    return [
        Listing(OfferKind.GOODS, product.name, product.category, (_barcoded(random, product),)) for product in found
    ]


def _barcoded(random: Random, product: Product) -> Form:
    asked_fen = round(product.base_fen * random.uniform(1 - PRICE_SPREAD, 1 + PRICE_SPREAD) / 10) * 10
    margin_fen = int(product.base_fen * PRICE_SPREAD)
    price_fen = min(max(asked_fen, product.base_fen - margin_fen), product.base_fen + margin_fen)
    return Form("", price_fen, product.barcode)


def _counter(random: Random, count: int) -> list[Listing]:
    picked = pick_weighted(random, words.foods("street_food"), count)
    return [
        Listing(OfferKind.GOODS, word, _COUNTER.title, (Form("", price_near(random, _COUNTER.median_fen)),))
        for word in picked
    ]


def _fresh(random: Random) -> list[Listing]:
    shares = {"vegetable": (10, 14), "fruit": (6, 10), "meat": (4, 8), "seafood": (2, 6)}
    return [
        Listing(OfferKind.GOODS, word, _LOOSE[group].title, _weighed(random, _LOOSE[group]))
        for group, (fewest, most) in shares.items()
        for word in pick_weighted(random, words.foods(group), random.randint(fewest, most))
    ]


def _weighed(random: Random, group: _Group) -> tuple[Form, ...]:
    """Return the first size, and sometimes the second at a little less than twice the price."""
    price_fen = price_near(random, group.median_fen)
    first = Form(group.sizes[0], price_fen)
    if random.random() < 0.7:  # noqa: PLR2004 - seven in ten are sold in one size
        return (first,)
    return first, Form(group.sizes[1], round(price_fen * 0.19) * 10)


def _menu(trade: str, random: Random) -> list[Listing]:
    listings = [
        Listing(OfferKind.DISH, dish.name, _DISHES[category][0], _servings(random, category))
        for category, count in _MENUS[trade].items()
        for dish in random.sample(words.dishes(category), count)
    ]
    if trade == "breakfast":
        listings += [
            Listing(OfferKind.DISH, word, "点心", (Form("", price_near(random, 480)),))
            for word in pick_weighted(random, words.foods("street_food"), random.randint(6, 10))
        ]
    if trade == "home_cooking":
        listings.append(Listing(OfferKind.DISH, "米饭", "主食", (Form("", 200),)))
    return listings


def _servings(random: Random, category: str) -> tuple[Form, ...]:
    price_fen = price_near(random, _DISHES[category][1])
    if category not in _SIZED:
        return (Form("", price_fen),)
    small, large = _SIZES[category]
    return Form(small, price_fen), Form(large, price_fen + random.choice((200, 300, 400)))


def _services(trade: str, random: Random) -> list[Listing]:
    own = words.SERVICES[trade].split()
    others = [word for key, text in words.SERVICES.items() if key != trade for word in text.split()]
    listings = []
    for name in [*own, *random.sample(others, random.randint(2, 8))]:
        hour_fen = price_near(random, 6000)
        forms = tuple(Form(f"{hours} 小时", round(hour_fen * hours / 500) * 500) for hours in (2, 3, 4))
        listings.append(Listing(OfferKind.SERVICE, name, "家政服务", forms))
    return listings


def _vouchers(trade: str, random: Random) -> list[Listing]:
    listings = []
    for name in words.LEISURE[trade].split():
        usual_fen = round(price_near(random, 8800) / 100) * 100
        for occasion, percent in zip(words.OCCASIONS, (80, 110, 100), strict=True):
            form = Form("", usual_fen * percent // 100)
            listings.append(Listing(OfferKind.VOUCHER, f"{name}（{occasion}）", "到店券", (form,)))
    return listings
