"""Search as residents and operators get it: from a query string to a page of results, in order, with a cursor.

A cursor names the question that it belongs to, the moment of its first page (by which shops are open or not on all
pages) and the place of the last result; results that sell out in between are left out, none is skipped or repeated.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.next_opening import next_opening
from app.core.catalog.rules import delivery_fee_fen, public_holidays
from app.core.search.errors import PlaceMissing, PlaceOutside, SearchTooWide, WordsInvalid
from app.core.search.ranking import ADVERTISEMENT_SLOTS, PARTS, POINTS, Sort
from app.core.search.statements import (
    BROWSE_M_MAX,
    offers_statement,
    shape_of,
    shops_statement,
    word_params,
)
from app.core.search.words import TERMS_MAX, Asked, almost, read_words, squares
from app.kernel.actor import Actor
from app.kernel.geo import box_around, distance_m, gcj02_to_wgs84
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.web.paging import CursorInvalid

LAT_MIN, LAT_MAX, LNG_MIN, LNG_MAX = 3.0, 54.0, 73.0, 136.0
"""A box around China. What lies outside is no place to deliver to."""
GCJ02 = "gcj02"
RADIUS_M = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_MAX = 4_102_444_800
_INT8_MAX = 2**63 - 1

_ADDRESS = text(
    "SELECT lat, lng FROM addresses WHERE address_id = :address_id AND account_id = :account_id AND removed_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A point, WGS-84 degrees."""

    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended.

    :param digest: of the question. :param moment: of its first page. :param key: the last result's, and its id.
    :param is_almost: whether names with one character wrong were looked for.
    """

    digest: str
    moment: datetime
    key: int
    last_id: UUID
    is_almost: bool

    def written(self) -> str:
        """Return the cursor as callers carry it."""
        moment_us = (self.moment - _EPOCH) // timedelta(microseconds=1)
        told = [self.digest, moment_us, self.key, self.last_id.hex, self.is_almost]
        return base64.urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")


def read_cursor(cursor: str | None, digest: str) -> Cursor | None:
    """Return what a cursor says.

    :raises CursorInvalid: no search made it, or another one did.
    """
    if cursor is None:
        return None
    try:
        told = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        of, moment_us, key, last_id, is_almost = told
        sound = type(moment_us) is int and type(key) is int and type(is_almost) is bool and of == digest
        if not sound or not 0 <= moment_us < _SECONDS_MAX * 1_000_000 or abs(key) > _INT8_MAX:
            raise CursorInvalid(pointer="/cursor")
        return Cursor(of, _EPOCH + timedelta(microseconds=moment_us), key, UUID(hex=last_id), is_almost)
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise CursorInvalid(pointer="/cursor") from None


def place_of(actor: Actor, query: Mapping[str, Any]) -> Place:
    """Return where a search is: at one's own address, or at a point.

    :raises PlaceMissing: neither, both, or half a point. :raises AddressNotFound: not the actor's.
    :raises PlaceOutside: the point is not in China.
    """
    lat, lng, address_id = query["lat"], query["lng"], query.get("address_id")
    if (lat is None) != (lng is None) or (address_id is None) == (lat is None):
        raise PlaceMissing(pointer="/address_id" if lat is None else "/lng" if lng is None else "/lat")
    if address_id is not None:
        row = read(_ADDRESS, {"address_id": address_id, "account_id": actor.account_id}).one_or_none()
        if row is None:
            raise AddressNotFound(pointer="/address_id")
        return Place(row.lat, row.lng)
    return point_of(lat, lng, query.get("datum"))


def point_of(lat: float, lng: float, datum: str | None = None) -> Place:
    """Return a point in China as WGS-84.

    :raises PlaceOutside: it is not in China.
    """
    if not _is_inside(lat, lng):
        raise PlaceOutside(pointer="/lat", is_swapped=_is_inside(lng, lat))
    return Place(*gcj02_to_wgs84(lat, lng)) if datum == GCJ02 else Place(lat, lng)


def _is_inside(lat: float, lng: float) -> bool:
    return LAT_MIN <= lat <= LAT_MAX and LNG_MIN <= lng <= LNG_MAX


def asked_of(words: str | None) -> Asked | None:
    """Return what words ask for; None without words.

    :raises WordsInvalid: there is nothing in them, or too much.
    """
    if words is None:
        return None
    asked = read_words(words)
    if asked is None:
        raise WordsInvalid(pointer="/words", terms_max=TERMS_MAX)
    return asked


def around(place: Place, radius_m: int) -> dict[str, object]:
    """Return the parameters that say where a search is, and which days near now are public holidays."""
    lat_min, lng_min, lat_max, lng_max = box = box_around(place.lat, place.lng, radius_m)
    return {
        "lat": place.lat,
        "lng": place.lng,
        "radius_m": radius_m,
        "lat_min": lat_min,
        "lat_max": lat_max,
        "lng_min": lng_min,
        "lng_max": lng_max,
        "squares": squares(box, radius_m),
        "holidays": public_holidays(),
    }


@dataclass(frozen=True, slots=True)
class Search:
    """One question, and how its statement is made."""

    asked: Asked | None
    place: Place
    filters: Mapping[str, Any]
    sort: Sort
    radius_m: int
    is_of_shops: bool

    @property
    def digest(self) -> str:
        """What a cursor is bound to: the whole question without the page."""
        told = [self.asked and self.asked.whole, self.place, self.filters, self.sort, self.radius_m, self.is_of_shops]
        return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()

    def run(self, *, limit: int, cursor: Cursor | None, is_almost: bool) -> Sequence[Row]:
        """Return the rows of a page and one more."""
        page = {
            "moment": cursor and cursor.moment,
            "after_key": cursor and cursor.key,
            "after_id": cursor and cursor.last_id,
            "with_paid": cursor is None,
            "limit": limit + 1,
        }
        if self.is_of_shops and self.asked is None and self.sort == Sort.DISTANCE and cursor is None:
            statement, params = self.statement(is_nearest=True)
            rows = read(statement, params | page).fetchall()
            ordered_count = sum(not row.is_advertisement for row in rows)
            if ordered_count > limit or (rows and rows[0].safe_m is None):
                return rows
        statement, params = self.statement(is_almost=is_almost)
        return read(statement, params | page).fetchall()

    def statement(
        self, *, is_almost: bool = False, is_whole: bool = False, is_nearest: bool = False
    ) -> tuple[TextClause, dict[str, Any]]:
        """Return the statement and its parameters, but for the page.

        :param is_whole: the ids of all results instead of a page. :param is_nearest: of the nearest shops alone.
        """
        category = self.filters.get("category")
        shape = shape_of(self.asked, sort=self.sort, has_category=category is not None, is_almost=is_almost)
        params = {
            **word_params(self.asked, shape, is_almost=is_almost),
            **self.filters,
            **around(self.place, self.radius_m),
        }
        make = shops_statement if self.is_of_shops else offers_statement
        return make(replace(shape, is_whole=is_whole, is_nearest=is_nearest)), params


def search_of(actor: Actor, query: Mapping[str, Any], *, is_of_shops: bool) -> Search:
    """Return the question that a query string asks.

    :raises SearchTooWide: the circle holds too much to be looked at without words.
    """
    place, asked = place_of(actor, query), asked_of(query["words"])
    if not is_of_shops and asked is None and query["radius_m"] > BROWSE_M_MAX:
        raise SearchTooWide(pointer="/radius_m", radius_m_max=BROWSE_M_MAX)
    names = ["is_delivered", "vertical", "minimum_fen_max", "only_open", "delivery_fen_max"]
    names += [] if is_of_shops else ["price_fen_min", "price_fen_max", "category"]
    filters = {name: query[name] for name in names}
    return Search(asked, place, filters, Sort(query["sort"]), query["radius_m"], is_of_shops)


def results(actor: Actor, query: Mapping[str, Any], *, is_of_shops: bool, is_explained: bool = False) -> dict[str, Any]:
    """Return a page of results.

    Where no name holds what was asked, those with one character wrong are returned, and ``is_corrected`` says so.
    """
    search = search_of(actor, query, is_of_shops=is_of_shops)
    cursor = read_cursor(query["cursor"], search.digest)
    limit, is_almost = query["limit"], cursor is not None and cursor.is_almost
    rows = search.run(limit=limit, cursor=cursor, is_almost=is_almost)
    has_longer = search.asked is not None and any(almost(term.word) for term in search.asked.terms)
    if not rows and cursor is None and has_longer:
        rows = search.run(limit=limit, cursor=None, is_almost=True)
        is_almost = bool(rows)
    paid = [row for row in rows if row.is_advertisement]
    ordered = [row for row in rows if not row.is_advertisement]
    shown = ordered[:limit]
    following = None
    if len(ordered) > limit:
        last = shown[-1]
        last_id = last.shop_id if is_of_shops else last.offer_id
        following = Cursor(search.digest, last.now, last.key, last_id, is_almost).written()
    show = _shop if is_of_shops else _offer
    items = [{**show(row, search.place), **(_explained(row) if is_explained else {})} for row in _placed(shown, paid)]
    return {"items": items, "is_corrected": is_almost, "next_cursor": following}


def _placed(ordered: Sequence[Row], paid: Sequence[Row]) -> list[Row]:
    """Return the results with the paid ones in their slots, as far as there are results to stand between."""
    found = list(ordered)
    for slot, row in zip(ADVERTISEMENT_SLOTS, paid, strict=False):
        if slot <= len(found):
            found.insert(slot, row)
    return found


def _shop(row: Row, place: Place) -> dict[str, Any]:
    meters = distance_m(row.shop_lat, row.shop_lng, place.lat, place.lng)
    return {
        "shop_id": row.shop_id,
        "shop_name": row.shop_name,
        "vertical": row.vertical,
        "is_open": row.is_open,
        "opens_at": None if row.is_open else _opens_at(row),
        "distance_m": meters,
        "delivery_fen": delivery_fee_fen(row.fee_tiers, meters),
        "minimum_fen": row.minimum_fen,
        "preparation_minutes": row.preparation_minutes,
        "review_count": row.review_count,
        "rating_hundredths": row.rating_hundredths,
        "is_advertisement": row.is_advertisement,
        "label": "广告" if row.is_advertisement else None,
    }


def _opens_at(row: Row) -> datetime | None:
    opens_at = next_opening(row.shop_state, row.hours, row.paused_until, row.now, sale_hours=row.sale_hours)
    return None if opens_at is None else opens_at.astimezone(UTC)


def _offer(row: Row, place: Place) -> dict[str, Any]:
    return {
        "offer_id": row.offer_id,
        "name": row.name,
        "kind": row.kind,
        "category": row.category,
        "sku_id": row.sku_id,
        "price_fen": row.live_fen,
        "sku_count": row.sku_count,
        "is_age_restricted": row.is_age_restricted,
        **_shop(row, place),
    }


def _explained(row: Row) -> dict[str, Any]:
    return {
        "score": row.score,
        "words": row.words,
        "parts": [
            {
                "name": part.name,
                "weight": part.weight,
                "value_bp": round(getattr(row, f"part_{part.name}") * 10_000),
                "points": round(getattr(row, f"part_{part.name}") * part.weight * POINTS),
            }
            for part in PARTS
        ],
    }
