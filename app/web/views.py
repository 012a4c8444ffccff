"""Shapes that more than one side shows. Each side's own shapes are in its ``schemas``."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.core.catalog.content import AMOUNT_MAX, ContentUnit
from app.core.catalog.content import COUNT_MAX as CONTENT_COUNT_MAX
from app.core.catalog.models import OfferKind, OfferState, OptionKind, Vertical
from app.core.delivery.states import ApplicationState, IncidentState, RatingState
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.states import OrderState
from app.core.vouchers.rules import USES_MAX, VALID_DAYS_MAX
from app.kernel.polygons import POINTS_MAX
from app.kernel.wire import Row
from app.web.fields import Body, Choice, Fen, Flag, Id, Instant, Int, Many, Quantity, Text

COUNT_MAX = 2**53 - 1
LIST_MAX = 1000


class PricedLine(Body):
    """A line of a price: what is bought, how many, and its share of packing and discount."""

    sku_id = Id(required=True)
    name = Text(high=200, required=True)
    option = Text(high=100, low=0, required=True)
    unit_price_fen = Fen(required=True)
    quantity = Quantity(required=True)
    goods_fen = Fen(high=COUNT_MAX, required=True)
    packing_fen = Fen(high=COUNT_MAX, required=True)
    discount_fen = Fen(high=COUNT_MAX, required=True)


class DeliveryPartsOut(Body):
    """What a delivery fee is made of: the distance, and where they apply night, weather and floors without a lift.

    ``trip_saving_fen`` is taken off them, because another shop's order comes on the same trip.
    """

    distance_fen = Fen(high=COUNT_MAX, required=True)
    night_fen = Fen(high=COUNT_MAX, required=True)
    weather_fen = Fen(high=COUNT_MAX, required=True)
    floors_fen = Fen(high=COUNT_MAX, required=True)
    trip_saving_fen = Fen(high=COUNT_MAX, required=True)


class PricedPart(Body):
    """What one shop's part costs: ``total = goods + packing + delivery - discount``.

    ``platform_off_fen`` is a part of the discount: what the platform bears by a coupon. The rest is the shop's own.
    """

    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    goods_fen = Fen(high=COUNT_MAX, required=True)
    packing_fen = Fen(high=COUNT_MAX, required=True)
    delivery_fen = Fen(high=COUNT_MAX, required=True)
    delivery_parts = fields.Nested(DeliveryPartsOut, required=True)
    discount_fen = Fen(high=COUNT_MAX, required=True)
    platform_off_fen = Fen(high=COUNT_MAX, required=True)
    total_fen = Fen(high=COUNT_MAX, required=True)


class LineOut(PricedLine):
    """A frozen line of an order."""

    line = Int(low=1, high=1000, required=True)
    note = Text(high=200, low=0, required=True)
    is_shorted = Flag(required=True)


class OrderCore(PricedPart):
    """What every party of an order may see of it.

    It is promised to come from ``promised_from_at`` until ``promised_at``; ``expected_…_at`` is how it looks now.
    """

    order_id = Id(required=True)
    number = Text(high=20, required=True)
    state = Choice(OrderState, required=True)
    fulfillment = Choice(Fulfillment, required=True)
    refunded_fen = Fen(high=COUNT_MAX, required=True)
    note = Text(high=200, low=0, required=True)
    cutlery_count = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)
    is_gift = Flag(required=True)
    cancel_reason = Choice(CancelReason, required=True, allow_none=True)
    placed_at = Instant(required=True)
    accepted_at = Instant(required=True, allow_none=True)
    promised_from_at = Instant(required=True, allow_none=True)
    promised_at = Instant(required=True, allow_none=True)
    expected_from_at = Instant(required=True, allow_none=True)
    expected_by_at = Instant(required=True, allow_none=True)
    slot_starts_at = Instant(required=True, allow_none=True)
    slot_ends_at = Instant(required=True, allow_none=True)
    ready_at = Instant(required=True, allow_none=True)
    picked_up_at = Instant(required=True, allow_none=True)
    delivered_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    cancel_requested_at = Instant(required=True, allow_none=True)
    lines = Many(fields.Nested(LineOut), high=LIST_MAX, required=True)


class OrderMovedOut(Body):
    """Where an order stands after an act on it, and what was refunded by it."""

    order_id = Id(required=True)
    state = Choice(OrderState, required=True)
    refund_id = Id(required=True, allow_none=True)
    refund_fen = Fen(high=COUNT_MAX, required=True)


class OptionOut(Body):
    """One thing that is chosen: a spec, a flavor, a portion."""

    kind = Choice(OptionKind, required=True)
    value = Text(high=30, required=True)


class ContentOut(Body):
    """How much is in it: ``count`` times ``amount`` of ``unit``."""

    amount = Int(low=1, high=AMOUNT_MAX, required=True)
    unit = Choice(ContentUnit, required=True)
    count = Int(low=1, high=CONTENT_COUNT_MAX, required=True)


class ProductOut(Body):
    """A standard product."""

    standard_product_id = Id(required=True)
    barcode = Text(high=13, required=True, allow_none=True)
    name = Text(high=200, required=True)
    brand = Text(high=100, low=0, required=True)
    content = fields.Nested(ContentOut, required=True, allow_none=True)
    category_code = Text(high=100, required=True, allow_none=True)


def shown_content(row: Row) -> dict[str, Any] | None:
    """Return the content of a SKU or product as it is shown."""
    if row.content_amount is None:
        return None
    return {"amount": row.content_amount, "unit": row.content_unit, "count": row.content_count}


def shown_product(row: Row) -> dict[str, Any]:
    """Return a standard product as it is shown."""
    names = ("standard_product_id", "barcode", "name", "brand", "category_code")
    return {**{name: getattr(row, name) for name in names}, "content": shown_content(row)}


class VoucherTermsOut(Body):
    """How often a voucher can be used, and for how many days from its purchase."""

    uses = Int(low=1, high=USES_MAX, required=True)
    valid_days = Int(low=1, high=VALID_DAYS_MAX, required=True)


class SkuOut(Body):
    """One buyable form of an offer; ``left`` is null for unlimited stock.

    ``unit_price_fen`` is that of 100 g, 100 ml, one piece or one hour, null without a content. One person may buy
    ``per_person_max`` within ``per_person_days``; null for no such cap.
    """

    sku_id = Id(required=True)
    option = Text(high=200, low=0, required=True)
    options = Many(fields.Nested(OptionOut), high=LIST_MAX, required=True)
    price_fen = Fen(required=True)
    unit_price_fen = Fen(required=True, allow_none=True)
    content = fields.Nested(ContentOut, required=True, allow_none=True)
    standard_product_id = Id(required=True, allow_none=True)
    per_person_max = Quantity(required=True, allow_none=True)
    per_person_days = Int(low=1, high=366, required=True)
    packing_fen = Fen(required=True)
    barcode = Text(high=20, required=True, allow_none=True)
    quantity_max = Quantity(required=True)
    left = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)
    voucher = fields.Nested(VoucherTermsOut, required=True, allow_none=True)


class OfferOut(Body):
    """What a shop sells."""

    offer_id = Id(required=True)
    kind = Choice(OfferKind, required=True)
    name = Text(high=200, required=True)
    category = Text(high=100, low=0, required=True)
    state = Choice(OfferState, required=True)
    position = Int(low=0, high=COUNT_MAX, required=True)
    category_code = Text(high=100, required=True, allow_none=True)
    brand = Text(high=100, low=0, required=True)
    description = Text(high=1000, low=0, required=True)
    attributes = fields.Dict(keys=fields.String(), required=True)
    sale_hours = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    preparation_minutes = Int(low=0, high=COUNT_MAX, required=True)
    is_age_restricted = Flag(required=True)
    is_return_excluded = Flag(required=True)
    pictures = Many(fields.String(), high=LIST_MAX, required=True)
    skus = Many(fields.Nested(SkuOut), high=LIST_MAX, required=True)


class OffersOut(Body):
    """A page of the shelf; ``next_cursor`` is null on the last."""

    items = Many(fields.Nested(OfferOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ShopBrief(Body):
    """A shop by name."""

    shop_id = Id(required=True)
    name = Text(high=100, required=True)
    vertical = Choice(Vertical, required=True)


class CommunityOut(Body):
    """A community; coordinates are WGS-84 degrees."""

    community_id = Id(required=True)
    name = Text(high=100, required=True)
    district = Text(high=100, required=True)
    street = Text(high=100, required=True)
    store_id = Id(required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    outline = Many(Many(fields.Float(), low=2, high=2), high=POINTS_MAX, required=True, allow_none=True)
    """Corners, latitude first; null where nobody drew it."""


class CommunitiesOut(Body):
    """Communities, nearest first when a place was given."""

    items = Many(fields.Nested(CommunityOut), high=LIST_MAX, required=True)


class StatementLineOut(Body):
    """One entry of an account, newest first; ``balance_fen`` is the balance after it."""

    seq = Int(low=1, high=COUNT_MAX, required=True)
    kind = Text(high=50, required=True)
    reference = Text(high=200, low=0, required=True, allow_none=True)
    amount_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    balance_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    posted_at = Instant(required=True)


class StatementOut(Body):
    """A page of an account's entries."""

    items = Many(fields.Nested(StatementLineOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ApplicationMovedOut(Body):
    """Where an application to be a courier stands."""

    application_id = Id(required=True)
    state = Choice(ApplicationState, required=True)


class DecisionIn(Body):
    """Yes, or no with a reason that whoever asked reads."""

    is_approved = Flag(required=True)
    reason = Text(high=200, load_default=None, allow_none=True)

    @validates_schema
    def says_why(self, data: dict[str, object], **_kwargs: object) -> None:
        """Want a reason for a refusal."""
        if data.get("is_approved") is False and data.get("reason") is None:
            raise ValidationError("field_required", "reason")


class RatingMovedOut(Body):
    """Where a rating stands."""

    rating_id = Id(required=True)
    state = Choice(RatingState, required=True)


class IncidentStandsOut(Body):
    """Where a case stands."""

    incident_id = Id(required=True)
    state = Choice(IncidentState, required=True)
    is_sos = Flag(required=True)
