"""Price comparison (比价): what a product, a basket or hours of a service cost to one's door, shop by shop.

Every total is that of the rule by which checkout charges (:mod:`app.core.orders.quote`), from the same columns of the
same rows. Three round trips: the address and the products; what serves the address now, with the few columns that its
total is made of; then, in full, what can be among the answer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.content import Content, ContentUnit
from app.core.catalog.errors import CategoryNotFound, ProductNotFound, ProductTwice
from app.core.catalog.rules import public_holidays
from app.core.dispatch.travel import SPEED_M_MIN
from app.core.orders.baskets import Split, best_part, best_split
from app.core.orders.models import Fulfillment
from app.core.orders.quote import ShopQuote, Terms, Wanted, quote_cart, total_fen
from app.core.search.statements import SERVING, SOLD_AT_THIS_HOUR
from app.kernel.actor import Actor
from app.kernel.errors import Conflict
from app.kernel.geo import box_around, map_cells
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.usecases.shopping.quoting import (
    BOUGHT,
    SURCHARGES,
    is_adult,
    lines_of,
    surcharges_for,
    terms_of,
    wanted_of,
)

REACH_M_MAX = 10_000
"""No shop delivers further."""
ZOOM = 12
"""Of the squares that SKUs are looked up by."""
SHOPS_MAX = 100
"""Shops in an answer about one product or service, at the most."""
CANDIDATES_A_SHOP = 2
"""SKUs that are looked at for each shop that is asked for: a shop may have a product in several."""
SINGLES_MAX = 20
"""Shops in an answer that have all of a basket."""

_ADDRESS = text(
    f"""
    SELECT a.address_id, a.lat, a.lng, a.walk_up_floors, g.night_fen, g.weather_fen, g.floor_fen,
        coalesce(g.is_bad_weather, false) AS is_bad_weather, CAST(NULL AS timestamptz) AS slot_starts_at,
        business_now() AS now, i.number_sealed, p.standard_product_id, p.barcode, p.name, p.brand, p.category_code,
        p.content_amount, p.content_unit, p.content_count
    FROM (SELECT 1) AS one
    LEFT JOIN addresses AS a ON a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    LEFT JOIN identities AS i ON i.account_id = :account_id
    LEFT JOIN {SURCHARGES} AS g ON true
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
        WHERE o.removed_at IS NULL
    )"""
_OF_CHOICES = """(
        SELECT CAST(:account_id AS uuid) AS account_id, w.*
        FROM unnest(CAST(:sku_ids AS uuid[]), CAST(:quantities AS bigint[]), CAST(:numbers AS bigint[]))
            AS w (sku_id, quantity, number)
    )"""
_OF_SERVICES = """(
        SELECT CAST(:account_id AS uuid) AS account_id, o.sku_id, 1 AS number,
            ceil(CAST(:minutes AS numeric) / (o.content_amount * o.content_count))::bigint AS quantity
        FROM shops AS t JOIN offers AS v ON v.shop_id = t.shop_id JOIN skus AS o ON o.offer_id = v.offer_id
        WHERE point(t.lng, t.lat) <@ box(point(:lng_min, :lat_min), point(:lng_max, :lat_max))
            AND v.kind = 'service' AND o.content_unit = 'minute' AND o.removed_at IS NULL
            AND (v.category_code = :category_code OR v.category_code LIKE :category_code || '.%')
    )"""
_WHERE = "s.state IN ('open', 'resting', 'suspended')"
_ALL_PRODUCTS = text(lines_of(lines=_OF_PRODUCTS, more=_MORE, joins=_RATED, where=_WHERE) + "LIMIT 5000")
_IN_FULL = text(lines_of(lines=_OF_CHOICES, more=_MORE, joins=_RATED, where=_WHERE))
_SERVICES = text(lines_of(lines=_OF_SERVICES, more=_MORE, joins=_RATED, where=_WHERE) + "LIMIT 5000")
_TIED = f"""
    WITH {SERVING},
    tied AS MATERIALIZED (
        SELECT w.number, w.quantity, k.sku_id, k.offer_id, k.price_fen, k.packing_fen, k.per_person_max,
            k.per_person_days, n.shop_id, n.minimum_fen, n.delivery_fen, n.rating_hundredths
        FROM serving AS n
        JOIN skus AS k ON k.shop_id = n.shop_id AND k.standard_product_id = ANY(CAST(:product_ids AS uuid[]))
        JOIN unnest(CAST(:product_ids AS uuid[]), CAST(:quantities AS bigint[])) WITH ORDINALITY
            AS w (product_id, quantity, number) ON w.product_id = k.standard_product_id
        WHERE k.removed_at IS NULL AND w.quantity <= k.quantity_max
    )"""
_SERVICE_CATEGORY = text("SELECT 1 FROM categories WHERE code = :category_code AND vertical = 'home_service'")
_CHOICE = """k.number, k.quantity, k.sku_id, k.price_fen, k.packing_fen, k.shop_id, k.minimum_fen, k.delivery_fen,
        k.rating_hundredths"""
_ON_SALE = f"""
    JOIN offers AS f ON f.offer_id = k.offer_id
    LEFT JOIN stock AS q ON q.sku_id = k.sku_id
    CROSS JOIN (SELECT CAST(:account_id AS uuid) AS account_id) AS c
    WHERE (q.sku_id IS NULL OR k.quantity <= q.on_hand)
        AND f.state = 'on_sale' AND f.kind IN ('goods', 'dish') AND (:is_adult OR NOT f.is_age_restricted)
        AND (nullif(f.sale_hours, 'null') IS NULL OR EXISTS (
            SELECT 1 FROM asked_at AS t CROSS JOIN searched_offers AS w
            WHERE w.offer_id = k.offer_id AND {SOLD_AT_THIS_HOUR}))
        AND (k.per_person_max IS NULL OR {BOUGHT} + k.quantity <= k.per_person_max)"""
_CHOICES = text(f"""{_TIED}
    SELECT {_CHOICE}, s.packing_fen AS shop_packing_fen, s.discount_tiers
    FROM tied AS k JOIN shops AS s ON s.shop_id = k.shop_id {_ON_SALE}
""")
"""What can be bought for the address now, by the rules that refuse at checkout; nothing is left out of an answer for
another reason, and nothing is in it by this alone."""
_OFF = """(
                    SELECT least(coalesce(max(CAST(e ->> 'off_fen' AS bigint)), 0), g.goods_fen - 1)
                    FROM jsonb_array_elements(s.discount_tiers) AS e
                    WHERE CAST(e ->> 'from_fen' AS bigint) <= g.goods_fen
                )"""
_CHEAPEST_CHOICES = text(f"""{_TIED}
    SELECT {_CHOICE}, k.shop_packing_fen, k.discount_tiers
    FROM (
        SELECT t.*, s.packing_fen AS shop_packing_fen, s.discount_tiers,
            g.goods_fen + t.packing_fen * t.quantity + s.packing_fen + t.delivery_fen
                - CASE WHEN s.discount_tiers = '[]' THEN 0 ELSE {_OFF} END AS total_fen
        FROM tied AS t JOIN shops AS s ON s.shop_id = t.shop_id
        CROSS JOIN LATERAL (SELECT t.price_fen * t.quantity AS goods_fen) AS g
        WHERE g.goods_fen >= t.minimum_fen
        ORDER BY total_fen, rating_hundredths DESC, sku_id OFFSET 0
    ) AS k {_ON_SALE}
    ORDER BY k.total_fen, k.rating_hundredths DESC, k.sku_id LIMIT :candidates
""")
"""So many of what can be bought for the address now, the cheapest to the door: surcharges are the same for all, and are
not in the order; see :func:`total_fen`. Only these are looked at closely."""


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


class SkuChoice(NamedTuple):
    """A SKU that a product can be bought as now; ``number`` is the product's, from 1."""

    sku_id: UUID
    quantity: int
    unit_price_fen: int
    packing_fen: int
    number: int


class ShopCharges(NamedTuple):
    """What a shop's part costs beside its goods, for this address now."""

    minimum_fen: int
    packing_fen: int
    fee_fen: int
    discount_tiers: list[dict[str, Any]]
    rating_hundredths: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where it is to go, what is sought, and the parameters of the statements that look for it."""

    place: Row
    products: list[Row]
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Market:
    """What can be bought for the address now, shop by shop."""

    charges: dict[UUID, ShopCharges]
    shelves: dict[UUID, dict[int, list[SkuChoice]]]

    def forget(self, shop_id: UUID, choices: Sequence[SkuChoice]) -> None:
        """Take back what checkout refuses after all; without ``choices`` the shop as a whole."""
        shelf = self.shelves.get(shop_id, {})
        for choice in choices:
            left = [other for other in shelf.get(choice.number - 1, ()) if other.sku_id != choice.sku_id]
            shelf.pop(choice.number - 1, None)
            if left:
                shelf[choice.number - 1] = left
        if not choices or not shelf:
            self.shelves.pop(shop_id, None)


class _Total(NamedTuple):
    """What one product costs to the door as one SKU."""

    total_fen: int
    rating_hundredths: int
    shop_id: UUID
    choice: SkuChoice

    def order(self) -> tuple[int, int]:
        """Sort the cheapest first, the better rated of two."""
        return self.total_fen, -self.rating_hundredths


_BoughtPart = tuple[UUID, Sequence[SkuChoice]]
"""A shop, and what is bought there."""


def compare_product(
    actor: Actor, *, address_id: UUID, sought: Sought, limit: int = SHOPS_MAX, with_refused: bool = False
) -> Compared:
    """Compare one product over all shops around an address.

    :param limit: so many of the shops at the most, the cheapest. :param with_refused: also tell of shops that cannot
        serve, those that do not deliver so far among them; so many of them, the nearest.
    :raises AddressNotFound: it is not the asker's. :raises ProductNotFound: there is no such standard product.
    """
    asked = _asked_for(actor, address_id, [sought], is_basket=False)
    if with_refused:
        found = _compared(read(_ALL_PRODUCTS, asked.params).fetchall(), limit=limit, is_service=False)
        return replace(found, products=asked.products)
    return Compared(products=asked.products, items=_cheapest(asked, limit), refused=[])


def compare_service(
    actor: Actor, *, address_id: UUID, category_code: str, minutes: int, limit: int = SHOPS_MAX
) -> Compared:
    """Compare so many minutes of a service (家政) by its category: as many units as cover them.

    :raises AddressNotFound: it is not the asker's. :raises CategoryNotFound: there is none of services by that code.
    """
    place = read(_ADDRESS, _asked(actor, address_id, [])).fetchall()[0]
    if place.address_id is None:
        raise AddressNotFound(pointer="/address_id")
    lat_min, lng_min, lat_max, lng_max = box_around(place.lat, place.lng, REACH_M_MAX)
    bounds = {"lat_min": lat_min, "lng_min": lng_min, "lat_max": lat_max, "lng_max": lng_max}
    asked = {"account_id": actor.account_id, "address_id": address_id, "category_code": category_code}
    rows = read(_SERVICES, {**asked, "minutes": minutes, **bounds}).fetchall()
    if not rows and read(_SERVICE_CATEGORY, {"category_code": category_code}).first() is None:
        raise CategoryNotFound(pointer="/category_code")
    return _compared(rows, limit=limit, is_service=True)


def compare_basket(actor: Actor, *, address_id: UUID, sought: Sequence[Sought]) -> Basket:
    """Compare several products at once: the shops that have all of them, and the cheapest split over shops.

    :raises AddressNotFound: it is not the asker's. :raises ProductNotFound: one of them is no standard product.
    """
    asked = _asked_for(actor, address_id, sought, is_basket=True)
    market = _market(asked)
    while True:
        singles, split = _best_parts(market, len(sought))
        parts = [*singles, *([] if split is None else split.parts.items())]
        rows = _in_full(asked, [line for _, lines in parts for line in lines])
        landed = [_landed_of(lines, rows) for _, lines in parts]
        if None not in landed:
            break
        for (shop_id, lines), one in zip(parts, landed, strict=True):
            if one is None:  # by a hair's breadth of time, or it would not have been a choice
                market.forget(shop_id, [line for line in lines if _landed_of([line], rows, minimum_fen=0) is None])
    found = [one for one in landed if one is not None]
    return Basket(
        products=asked.products,
        singles=sorted(found[: len(singles)], key=_cheapest_first),
        split=None if split is None else sorted(found[len(singles) :], key=_cheapest_first),
        is_split_exact=split is not None and split.is_exact,
        lacking=[number for number in range(len(sought)) if not any(number in one for one in market.shelves.values())],
    )


def _asked(actor: Actor, address_id: UUID, sought: Sequence[Sought]) -> dict[str, Any]:
    return {
        "account_id": actor.account_id,
        "address_id": address_id,
        "product_ids": [one.standard_product_id for one in sought if one.standard_product_id is not None],
        "barcodes": [one.barcode for one in sought if one.barcode is not None],
    }


def _asked_for(actor: Actor, address_id: UUID, sought: Sequence[Sought], *, is_basket: bool) -> _Asked:
    """Return the products, in the order of ``sought``, and what to ask the shelves around the address with."""
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
        "cells": map_cells(box_around(place.lat, place.lng, REACH_M_MAX), ZOOM),
    }
    return _Asked(place=place, products=products, params=params)


def _market(asked: _Asked, *, candidates: int | None = None) -> _Market:
    """Return what can be bought for the address now; of one product the ``candidates`` cheapest to the door."""
    place = asked.place
    params = {
        **asked.params,
        "lat": place.lat,
        "lng": place.lng,
        "moment": None,
        "holidays": public_holidays(),
        "is_adult": is_adult(place.number_sealed, place.now),
    }
    more_fen = surcharges_for(place).total_fen
    market = _Market({}, {})
    statement = _CHOICES if candidates is None else _CHEAPEST_CHOICES
    for row in read(statement, params if candidates is None else {**params, "candidates": candidates}):
        shelf = market.shelves.get(row.shop_id)
        if shelf is None:
            shelf = market.shelves[row.shop_id] = {}
            market.charges[row.shop_id] = ShopCharges(
                minimum_fen=row.minimum_fen,
                packing_fen=row.shop_packing_fen,
                fee_fen=row.delivery_fen + more_fen,
                discount_tiers=row.discount_tiers,
                rating_hundredths=row.rating_hundredths,
            )
        choice = SkuChoice(row.sku_id, row.quantity, row.price_fen, row.packing_fen, row.number)
        shelf.setdefault(row.number - 1, []).append(choice)
    return market


def _in_full(asked: _Asked, choices: Iterable[SkuChoice]) -> dict[UUID, Row]:
    """Return what checkout looks at, by SKU; one that is gone meanwhile is not there."""
    lines = {choice.sku_id: choice for choice in choices}
    if not lines:
        return {}
    params = {
        **asked.params,
        "sku_ids": list(lines),
        "quantities": [choice.quantity for choice in lines.values()],
        "numbers": [choice.number for choice in lines.values()],
    }
    return {row.sku_id: row for row in read(_IN_FULL, params)}


def _cheapest(asked: _Asked, limit: int) -> list[Landed]:
    """Return so many shops that serve the address, the cheapest to the door first; only these are priced in full.

    Some more SKUs than that are looked at, the cheapest; all, where one beyond them could be among the answer.
    """
    candidates = limit * CANDIDATES_A_SHOP
    waiting = sorted(_totals(_market(asked, candidates=candidates)), key=_Total.order)
    found = _cheapest_of(asked, waiting, limit)
    if len(waiting) < candidates or (len(found) == limit and _cheapest_first(found[-1])[:2] < waiting[-1].order()):
        return found
    return _cheapest_of(asked, sorted(_totals(_market(asked)), key=_Total.order), limit)


def _cheapest_of(asked: _Asked, waiting: list[_Total], limit: int) -> list[Landed]:
    """Return so many shops of those ``waiting``, which are in order; priced in full."""
    best: dict[UUID, Landed] = {}
    while waiting:
        if len(best) >= limit:
            last = sorted(best.values(), key=_cheapest_first)[limit - 1]
            if waiting[0].order() > _cheapest_first(last)[:2]:
                break
        asked_now, waiting = _first_of_each_shop(waiting, limit)
        rows = _in_full(asked, [one.choice for one in asked_now])
        for one in asked_now:
            landed = _landed_of([one.choice], rows)
            if landed is not None and (
                one.shop_id not in best or _cheapest_first(landed) < _cheapest_first(best[one.shop_id])
            ):
                best[one.shop_id] = landed
        waiting = [one for one in waiting if one.shop_id not in best]
    return sorted(best.values(), key=_cheapest_first)[:limit]


def _totals(market: _Market) -> Iterator[_Total]:
    """Yield what the one product costs to the door as each SKU; not below a shop's minimum."""
    for shop_id, shelf in market.shelves.items():
        charges = market.charges[shop_id]
        for choice in shelf[0]:
            goods_fen = choice.unit_price_fen * choice.quantity
            if goods_fen >= charges.minimum_fen:
                packing_fen = choice.packing_fen * choice.quantity
                total = total_fen(charges, goods_fen=goods_fen, line_packing_fen=packing_fen)
                yield _Total(total, charges.rating_hundredths, shop_id, choice)


def _first_of_each_shop(waiting: Iterable[_Total], limit: int) -> tuple[list[_Total], list[_Total]]:
    """Return the first of so many shops as the answer has, with what costs the same there, and the rest."""
    firsts: dict[UUID, int] = {}
    chosen: list[_Total] = []
    rest: list[_Total] = []
    for one in waiting:
        if one.shop_id not in firsts and len(firsts) < limit:
            firsts[one.shop_id] = one.total_fen
        (chosen if firsts.get(one.shop_id) == one.total_fen else rest).append(one)
    return chosen, rest


def _best_parts(market: _Market, count: int) -> tuple[list[_BoughtPart], Split[SkuChoice] | None]:
    """Return the cheapest shops that have all of it, and the cheapest split."""
    singles = []
    for shop_id, shelf in market.shelves.items():
        part = best_part(market.charges[shop_id], shelf, range(count)) if len(shelf) == count else None
        if part is not None and part.short_fen == 0:
            singles.append((part.cost_fen, shop_id, part.lines))
    cheapest = sorted(singles, key=itemgetter(0, 1))[:SINGLES_MAX]
    split = best_split(market.charges, market.shelves, count)
    return [(shop_id, lines) for _, shop_id, lines in cheapest], split


def _landed_of(
    choices: Sequence[SkuChoice], rows: Mapping[UUID, Row], *, minimum_fen: int | None = None
) -> Landed | None:
    """Return a shop's part as checkout prices it, None where it refuses.

    :param minimum_fen: in place of the shop's.
    """
    if any(choice.sku_id not in rows for choice in choices):
        return None
    lines = [rows[choice.sku_id] for choice in choices]
    terms = terms_of(lines[0], Fulfillment.DELIVERY)
    if minimum_fen is not None:
        terms = replace(terms, minimum_fen=minimum_fen)
    try:
        return _landed(terms, [wanted_of(row) for row in lines], rows)
    except Conflict:
        return None


def _compared(rows: Iterable[Row], *, limit: int, is_service: bool) -> Compared:
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
        items=sorted(best.values(), key=_cheapest_first)[:limit],
        refused=sorted(others, key=lambda one: (one.distance_m, one.row.shop_id))[:limit],
    )


def _landed(terms: Terms, lines: Sequence[Wanted], row_of: Mapping[UUID, Row]) -> Landed:
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
