"""Shapes of a search, shared by the doors that search: what may be asked, and what a result is."""

from enum import StrEnum

from marshmallow import fields

from app.core.catalog.models import OfferKind, Vertical
from app.core.search.ranking import PARTS, Sort
from app.core.search.statements import RADIUS_M_MAX
from app.core.search.words import WORDS_MAX
from app.kernel.money import FEN_MAX
from app.web.fields import BIGINT_MAX, Body, Choice, Degrees, Fen, Flag, Id, Instant, Int, Many, Query, Text
from app.web.paging import LIMIT_MAX
from app.web.reviews import RatingOut

ITEMS_MAX = LIMIT_MAX + 2
"""A page, and what is paid for."""


class Datum(StrEnum):
    """What coordinates are measured against; converted at the door."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"


class PointQuery(Query):
    """Near a point: ``lat``, ``lng`` in degrees, WGS-84, or GCJ-02 where ``datum`` says so."""

    lat = Degrees(bound=180, load_default=None)
    lng = Degrees(bound=180, load_default=None)
    datum = Choice(Datum, load_default=Datum.WGS84.value)


class ShopSearchQuery(PointQuery):
    """Shops near a point, or near ``address_id``. ``is_delivered`` false also shows those that do not deliver there."""

    words = Text(high=WORDS_MAX, load_default=None)
    vertical = Choice(Vertical, load_default=None)
    radius_m = Int(low=1, high=RADIUS_M_MAX, load_default=5_000)
    is_delivered = Flag(load_default=True)
    only_open = Flag(load_default=False)
    delivery_fen_max = Fen(load_default=None)
    minimum_fen_max = Fen(load_default=None)
    sort = Choice(Sort, load_default=Sort.RELEVANCE.value)
    limit = Int(low=1, high=LIMIT_MAX, load_default=20)
    cursor = Text(high=200, load_default=None)


class OfferSearchQuery(ShopSearchQuery):
    """Offers near a point, or near ``address_id``; of a ``category``, which is a group of shelves or a code."""

    category = Text(high=100, load_default=None)
    price_fen_min = Fen(load_default=None)
    price_fen_max = Fen(load_default=None)
    spans = (("price_fen_min", "price_fen_max"),)


class NearAddressQuery(Query):
    """Instead of a point."""

    address_id = Id(load_default=None)


class OwnShopSearchQuery(ShopSearchQuery, NearAddressQuery):
    """Shops that sell what one looks for. No order looks at who asks."""


class OwnOfferSearchQuery(OfferSearchQuery, NearAddressQuery):
    """Offers that one looks for. No order looks at who asks."""


class FoundShopOut(RatingOut):
    """A shop as it stands for the place now; a paid place is marked 广告. ``opens_at`` null: open, or nobody knows."""

    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    vertical = Choice(Vertical, required=True)
    is_open = Flag(required=True)
    opens_at = Instant(required=True, allow_none=True)
    distance_m = Int(low=0, high=RADIUS_M_MAX * 2, required=True)
    delivery_fen = Fen(required=True)
    minimum_fen = Fen(required=True)
    preparation_minutes = Int(low=0, high=100_000, required=True)
    is_advertisement = Flag(required=True)
    label = Text(high=10, required=True, allow_none=True)


class FoundOfferOut(FoundShopOut):
    """An offer that is left, by its cheapest SKU that is, and the shop that sells it.

    ``is_open`` says that it is sold at this hour: the shop is open, and the offer's own hours hold it.
    """

    offer_id = Id(required=True)
    name = Text(high=200, required=True)
    kind = Choice(OfferKind, required=True)
    category = Text(high=100, required=True, low=0)
    sku_id = Id(required=True)
    price_fen = Fen(low=1, high=FEN_MAX, required=True)
    sku_count = Int(low=1, high=10_000, required=True)
    is_age_restricted = Flag(required=True)


class PageOut(Body):
    """A page of results. ``is_corrected``: nothing holds the words; these do with one character wrong."""

    is_corrected = Flag(required=True)
    next_cursor = Text(high=200, required=True, allow_none=True)


class FoundShopsOut(PageOut):
    """A page of shops, advertised ones in their slots."""

    items = Many(fields.Nested(FoundShopOut), high=ITEMS_MAX, required=True)


class FoundOffersOut(PageOut):
    """A page of offers, advertised ones in their slots."""

    items = Many(fields.Nested(FoundOfferOut), high=ITEMS_MAX, required=True)


class PartOut(Body):
    """One thing that counted: ``value_bp`` of 10,000 times ``weight`` is ``points`` of the score, 1,000 a weight."""

    name = Text(high=20, required=True)
    weight = Int(low=0, high=100, required=True)
    value_bp = Int(low=0, high=10_000, required=True)
    points = Int(low=0, high=100_000, required=True)


class ExplainedOfferOut(FoundOfferOut):
    """A result with why it stands where it stands; ``words`` is its name as it is searched."""

    score = Int(low=-BIGINT_MAX, high=BIGINT_MAX, required=True)
    words = Text(high=200, required=True)
    parts = Many(fields.Nested(PartOut), high=len(PARTS), required=True)


class ExplainedOffersOut(PageOut):
    """A page of explained results."""

    items = Many(fields.Nested(ExplainedOfferOut), high=ITEMS_MAX, required=True)


class SuggestionSource(StrEnum):
    """How we know of a suggestion."""

    RECENT = "recent"
    POPULAR = "popular"
    NEARBY = "nearby"
