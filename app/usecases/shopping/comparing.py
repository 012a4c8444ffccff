"""Price comparison (比价): what a product, a basket or hours of a service cost to one's door, shop by shop.

Every total is that of the rule by which checkout charges (:mod:`app.core.orders.quote`), from the same columns of the
same rows. Two round trips: the address and the products, then the shelves around it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.content import Content, ContentUnit
from app.core.catalog.errors import ProductNotFound, ProductTwice
from app.core.dispatch.travel import SPEED_M_MIN
from app.core.orders.baskets import Shelf, best_part, best_split
from app.core.orders.models import Fulfillment
from app.core.orders.quote import ShopQuote, Terms, Wanted, quote_cart
from app.core.search.statements import delivers_to
from app.kernel.actor import Actor
from app.kernel.errors import Conflict
from app.kernel.geo import box_around, map_cells
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.usecases.shopping.quoting import lines_of, terms_of, wanted_of

REACH_M_MAX = 10_000
"""No shop delivers further."""
ZOOM = 12
"""Of the squares that SKUs are looked up by."""
SHOPS_MAX = 100
"""Shops in an answer."""

_ADDRESS = text(
    """
    SELECT a.address_id, a.lat, a.lng, p.standard_product_id, p.barcode, p.name, p.brand, p.category_code,
        p.content_amount, p.content_unit, p.content_count
    FROM (SELECT 1) AS one
    LEFT JOIN addresses AS a ON a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    LEFT JOIN standard_products AS p ON p.standard_product_id = ANY(CAST(:product_ids AS uuid[]))
        OR p.barcode = ANY(CAST(:barcodes AS text[]))
    """
)
_MORE = """, c.number, f.offer_id, k.standard_product_id, k.content_amount, k.content_unit, k.content_count,
           coalesce(rated.review_count, 0) AS review_count,
           rating_hundredths(rated.review_count, rated.star_sum) AS rating_hundredths"""
_RATED = "LEFT JOIN shop_ratings AS rated ON rated.shop_id = s.shop_id"
_OF_PRODUCTS = """(
        SELECT CAST(:account_id AS uuid) AS account_id, o.sku_id, w.quantity, w.number
        FROM unnest(CAST(:product_ids AS uuid[]), CAST(:quantities AS bigint[])) WITH ORDINALITY
            AS w (product_id, quantity, number)
        JOIN skus AS o ON o.standard_product_id = w.product_id AND o.cell = ANY(CAST(:cells AS bigint[]))
        {reaching}WHERE o.removed_at IS NULL
    )"""
_REACHING = f"JOIN searched_shops AS z ON z.shop_id = o.shop_id AND {delivers_to(':lat', ':lng')}\n        "
"""Of shops that deliver to the address: nine in ten around it do not, and would be priced in vain."""
_OF_SERVICES = """(
        SELECT CAST(:account_id AS uuid) AS account_id, o.sku_id, 1 AS number,
            ceil(CAST(:minutes AS numeric) / (o.content_amount * o.content_count))::bigint AS quantity
        FROM shops AS t JOIN offers AS v ON v.shop_id = t.shop_id JOIN skus AS o ON o.offer_id = v.offer_id
        WHERE point(t.lng, t.lat) <@ box(point(:lng_min, :lat_min), point(:lng_max, :lat_max))
            AND v.kind = 'service' AND o.content_unit = 'minute' AND o.removed_at IS NULL
            AND (v.category_code = :category_code OR v.category_code LIKE :category_code || '.%')
    )"""
_WHERE = "s.state IN ('open', 'resting', 'suspended')"
_PRODUCTS, _ALL_PRODUCTS = (
    text(lines_of(lines=_OF_PRODUCTS.format(reaching=reaching), more=_MORE, joins=_RATED, where=_WHERE) + "LIMIT 5000")
    for reaching in (_REACHING, "")
)
_SERVICES = text(lines_of(lines=_OF_SERVICES, more=_MORE, joins=_RATED, where=_WHERE) + "LIMIT 5000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A product that is looked for, by its id or its barcode, and how many pieces of it."""

    standard_product_id: UUID | None
    barcode: str | None
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What one shop's part costs to the door; ``lines`` with the rows that they were made from."""

    quote: ShopQuote
    rows: tuple[Row, ...]
    arrives_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a shop cannot serve this address now: the code of the refusal that checkout would give."""

    row: Row
    distance_m: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """All shops, the cheapest to the door first, and those that cannot serve."""

    products: list[Row]
    items: list[Landed]
    refused: list[Refused]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """Shops that have all of it, the cheapest first; the cheapest split; products that no shop can serve."""

    products: list[Row]
    singles: list[Landed]
    split: list[Landed] | None
    is_split_exact: bool
    lacking: list[int]


def compare_product(actor: Actor, *, address_id: UUID, sought: Sought, with_refused: bool = False) -> Compared:
    """Compare one product over all shops around an address.

    :param with_refused: also tell of shops that cannot serve, those that do not deliver so far among them.
    :raises AddressNotFound: it is not the asker's. :raises ProductNotFound: there is no such standard product.
    """
    statement = _ALL_PRODUCTS if with_refused else _PRODUCTS
    products, rows = _around(actor, address_id, [sought], statement, is_basket=False)
    return replace(_compared(rows, is_service=False), products=products)


def compare_service(actor: Actor, *, address_id: UUID, category_code: str, minutes: int) -> Compared:
    """Compare so many minutes of a service (家政) by its category: as many units as cover them.

    :raises AddressNotFound: it is not the asker's.
    """
    place = read(_ADDRESS, _asked(actor, address_id, [])).fetchall()[0]
    if place.address_id is None:
        raise AddressNotFound(pointer="/address_id")
    lat_min, lng_min, lat_max, lng_max = box_around(place.lat, place.lng, REACH_M_MAX)
    bounds = {"lat_min": lat_min, "lng_min": lng_min, "lat_max": lat_max, "lng_max": lng_max}
    asked = {"account_id": actor.account_id, "address_id": address_id, "category_code": category_code}
    return _compared(read(_SERVICES, {**asked, "minutes": minutes, **bounds}).fetchall(), is_service=True)


def compare_basket(actor: Actor, *, address_id: UUID, sought: Sequence[Sought]) -> Basket:
    """Compare several products at once: every shop that has all of them, and the cheapest split over shops.

    :raises AddressNotFound: it is not the asker's. :raises ProductNotFound: one of them is no standard product.
    """
    products, rows = _around(actor, address_id, sought, _PRODUCTS, is_basket=True)
    terms, shelves, row_of = _shelves(rows)
    count = len(sought)
    lacking = [number for number in range(count) if not any(number in shelf for shelf in shelves.values())]
    singles = []
    for shop_id, shelf in shelves.items():
        part = best_part(terms[shop_id], shelf, range(count))
        if part is not None and part.short_fen == 0:
            singles.append(_landed(terms[shop_id], part.lines, row_of))
    split = None if lacking else best_split(terms, shelves, count)
    parts = [] if split is None else [_landed(terms[at], lines, row_of) for at, lines in split.parts.items()]
    return Basket(
        products=products,
        singles=sorted(singles, key=_cheapest_first)[:SHOPS_MAX],
        split=None if split is None else sorted(parts, key=_cheapest_first),
        is_split_exact=split is not None and split.is_exact,
        lacking=lacking,
    )


def _asked(actor: Actor, address_id: UUID, sought: Sequence[Sought]) -> dict[str, Any]:
    return {
        "account_id": actor.account_id,
        "address_id": address_id,
        "product_ids": [one.standard_product_id for one in sought if one.standard_product_id is not None],
        "barcodes": [one.barcode for one in sought if one.barcode is not None],
    }


def _around(
    actor: Actor, address_id: UUID, sought: Sequence[Sought], statement: TextClause, *, is_basket: bool
) -> tuple[list[Row], list[Row]]:
    """Return the products, in the order of ``sought``, and what is on the shelves around the address."""
    found = read(_ADDRESS, _asked(actor, address_id, sought)).fetchall()
    place = found[0]
    if place.address_id is None:
        raise AddressNotFound(pointer="/address_id")
    by_id = {row.standard_product_id: row for row in found if row.standard_product_id is not None}
    by_barcode = {row.barcode: row for row in by_id.values()}
    products = []
    for number, one in enumerate(sought):
        row = by_id.get(one.standard_product_id) or by_barcode.get(one.barcode or "")
        if row is None:
            raise ProductNotFound(pointer=f"/items/{number}" if is_basket else None)
        if row in products:
            raise ProductTwice(pointer=f"/items/{number}")
        products.append(row)
    params = {
        "account_id": actor.account_id,
        "address_id": address_id,
        "product_ids": [row.standard_product_id for row in products],
        "quantities": [one.quantity for one in sought],
        **({"lat": place.lat, "lng": place.lng} if statement is _PRODUCTS else {}),
        "cells": map_cells(box_around(place.lat, place.lng, REACH_M_MAX), ZOOM),
    }
    return products, read(statement, params).fetchall()


def _compared(rows: Iterable[Row], *, is_service: bool) -> Compared:
    best: dict[UUID, Landed] = {}
    refused: dict[UUID, Refused] = {}
    for row in rows:
        terms, wanted = terms_of(row, Fulfillment.DELIVERY), wanted_of(row)
        if is_service:
            wanted = replace(wanted, is_deliverable=True)
        try:
            landed = _landed(terms, (wanted,), {row.sku_id: row})
        except Conflict as conflict:
            refused.setdefault(row.shop_id, Refused(row=row, distance_m=terms.distance_m, code=conflict.code))
            continue
        if row.shop_id not in best or _cheapest_first(landed) < _cheapest_first(best[row.shop_id]):
            best[row.shop_id] = landed
    others = [one for shop_id, one in refused.items() if shop_id not in best]
    return Compared(
        products=[],
        items=sorted(best.values(), key=_cheapest_first)[:SHOPS_MAX],
        refused=sorted(others, key=lambda one: (one.distance_m, one.row.shop_id))[:SHOPS_MAX],
    )


def _shelves(rows: Iterable[Row]) -> tuple[dict[UUID, Terms], dict[UUID, Shelf], dict[UUID, Row]]:
    """Return each shop's terms and what it can sell now, by product; what checkout refuses is left out."""
    terms: dict[UUID, Terms] = {}
    shelves: dict[UUID, dict[int, list[Wanted]]] = defaultdict(lambda: defaultdict(list))
    row_of: dict[UUID, Row] = {}
    for row in rows:
        at = terms_of(row, Fulfillment.DELIVERY)
        wanted = wanted_of(row)
        try:
            quote_cart([wanted], {row.shop_id: replace(at, minimum_fen=0)}, row.now)
        except Conflict:
            continue
        terms[row.shop_id] = at
        shelves[row.shop_id][row.number - 1].append(wanted)
        row_of[row.sku_id] = row
    return terms, {shop_id: dict(shelf) for shop_id, shelf in shelves.items()}, row_of


def _landed(terms: Terms, lines: Sequence[Wanted], row_of: dict[UUID, Row]) -> Landed:
    """Price a shop's part by the rule of checkout.

    :raises Conflict: it cannot be served.
    """
    now: datetime = row_of[lines[0].sku_id].now
    quote = quote_cart(lines, {terms.shop_id: terms}, now).shops[0]
    ride = timedelta(minutes=quote.distance_m / SPEED_M_MIN)
    return Landed(
        quote=quote,
        rows=tuple(row_of[line.sku_id] for line in lines),
        arrives_at=now + timedelta(minutes=quote.preparation_minutes) + ride,
    )


def _cheapest_first(landed: Landed) -> tuple[Any, ...]:
    quote = landed.quote
    return quote.total_fen, -landed.rows[0].rating_hundredths, landed.arrives_at, quote.distance_m, quote.shop_id


def content_of(row: Row) -> Content | None:
    """Return the content of a SKU or product."""
    if row.content_amount is None:
        return None
    return Content(row.content_amount, ContentUnit(row.content_unit), row.content_count)
