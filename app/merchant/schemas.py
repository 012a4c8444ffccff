"""What merchants send and see."""

from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields

from app.core.catalog.models import OfferKind, OfferState, ShopState, Vertical
from app.core.delivery.models import Vehicle
from app.core.delivery.states import DeliveryState
from app.core.orders.states import OrderState
from app.core.papers.rules import PaperKind
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import PageQuery
from app.web.papers import PaperOut
from app.web.views import COUNT_MAX, LIST_MAX, OrderCore

PRICE_FEN_MAX = 10_000_000
SPANS_MAX = 5


class RejectReason(StrEnum):
    """Why a shop refuses an order."""

    OUT_OF_STOCK = "out_of_stock"
    TOO_BUSY = "too_busy"
    CLOSING = "closing"
    OTHER = "other"


class Clock(Pattern):
    """A time of day in Shanghai, ``HH:MM``; ``24:00`` ends the day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)", high=5, **kwargs)


class Hours(fields.Field[dict[str, Any]]):
    """ISO weekday ``"1".."7"`` → spans ``["08:00", "22:00"]``."""

    default_error_messages: dict[str, Any] = {
        "required": "field_required",
        "null": "field_null",
        "invalid": "field_not_object",
        "validator_failed": "field_invalid",
    }
    _clock = Clock()

    def _deserialize(self, value: object, attr: str | None, data: object, **_kwargs: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        for weekday, spans in value.items():
            if weekday not in {"1", "2", "3", "4", "5", "6", "7"} or not isinstance(spans, list):
                message = "field_wrong_form"
                raise ValidationError(message)
            if len(spans) > SPANS_MAX:
                raise ValidationError(f"field_list_length|min=0|max={SPANS_MAX}")
            for span in spans:
                if not isinstance(span, list) or len(span) != 2:  # noqa: PLR2004 - from and to
                    message = "field_wrong_form"
                    raise ValidationError(message)
                for clock in span:
                    self._clock.deserialize(clock)
        return value


class ShopOut(Body):
    """One of one's shops."""

    shop_id = Id(required=True)
    merchant_id = Id(required=True)
    name = Text(high=100, required=True)
    vertical = Choice(Vertical, required=True)
    state = Choice(ShopState, required=True)
    is_auto_accept = Flag(required=True)


class ShopsOut(Body):
    """All shops that one may act for."""

    items = Many(fields.Nested(ShopOut), high=LIST_MAX, required=True)


class OrdersQuery(PageQuery):
    """A shop's orders, newest first."""

    state = Choice(OrderState, load_default=None)


class OrderOut(OrderCore):
    """An order of one's shop. ``pick_up_code`` is told to the courier; the contact is masked, and gone in the end."""

    pick_up_code = Text(high=10, required=True, allow_none=True)
    masked_name = Text(high=10, required=True, allow_none=True)
    masked_phone = Text(high=20, required=True, allow_none=True)
    community_name = Text(high=100, required=True)


class OrdersOut(Body):
    """A page of orders."""

    items = Many(fields.Nested(OrderOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ArrivalOut(Body):
    """An order that waits for its courier, and when they come."""

    order_id = Id(required=True)
    number = Text(high=20, required=True)
    order_state = Choice(OrderState, required=True)
    delivery_state = Choice(DeliveryState, required=True)
    vehicle = Choice(Vehicle, required=True, allow_none=True)
    expected_ready_at = Instant(required=True)
    is_there = Flag(required=True)
    arrives_at = Instant(required=True, allow_none=True)


class ArrivalsOut(Body):
    """What is to be ready first stands first."""

    items = Many(fields.Nested(ArrivalOut), high=LIST_MAX, required=True)


class RejectIn(Body):
    """Why."""

    reason = Choice(RejectReason, required=True)


class ShortIn(Body):
    """Which lines are lacking."""

    lines = Many(Int(low=1, high=1000), low=1, high=50, required=True)


class CancelAnswerIn(Body):
    """Whether the shop lets the order go."""

    is_agreed = Flag(required=True)


class OpeningIn(Body):
    """Open or resting; a pause of some minutes; weekly hours when they change."""

    is_open = Flag(required=True)
    pause_minutes = Int(low=1, high=1440, load_default=None, allow_none=True)
    hours = Hours(load_default=None, allow_none=True)


class OpeningOut(Body):
    """The shop's state now."""

    shop_id = Id(required=True)
    state = Choice(ShopState, required=True)


class OfferIn(Body):
    """A new offer with one SKU; ``on_hand`` null means unlimited."""

    kind = Choice(OfferKind, required=True)
    name = Text(high=100, required=True)
    category = Text(high=50, required=True)
    option = Text(high=50, low=0, load_default="")
    price_fen = Fen(low=1, high=PRICE_FEN_MAX, required=True)
    packing_fen = Fen(high=10_000, load_default=0)
    barcode = Pattern(r"[0-9]{8}([0-9]{5})?", high=13, load_default=None, allow_none=True)
    on_hand = Int(low=0, high=1_000_000, load_default=None, allow_none=True)


class OfferChangeIn(Body):
    """A new name, or another place on or off the shelf."""

    state = Choice(OfferState, load_default=None, allow_none=True)
    name = Text(high=100, load_default=None, allow_none=True)


class SkuChangeIn(Body):
    """A new price, or the pieces counted on the shelf."""

    price_fen = Fen(low=1, high=PRICE_FEN_MAX, load_default=None, allow_none=True)
    on_hand = Int(low=0, high=1_000_000, load_default=None, allow_none=True)


class OfferChangedOut(Body):
    """What was changed."""

    offer_id = Id(required=True)
    sku_id = Id(required=True, allow_none=True)


class PaperIn(Body):
    """A paper as it reads: its number, its last day (null where it runs without an end), and its photo."""

    kind = Choice(PaperKind, required=True)
    number = Text(high=20, required=True)
    expires_on = Day(required=True, allow_none=True)
    photo_reference = Text(high=200, required=True)


class PapersOut(Body):
    """A shop's papers; ``license_expires_on`` is the last day on which all that it needs are good."""

    license_expires_on = Day(required=True)
    needed = Many(Choice(PaperKind), high=LIST_MAX, required=True)
    items = Many(fields.Nested(PaperOut), high=LIST_MAX, required=True)


class BalanceOut(Body):
    """What one merchant has earned: pending until its day, then available."""

    merchant_id = Id(required=True)
    name = Text(high=100, required=True)
    pending_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    available_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class BalancesOut(Body):
    """One per merchant that one is a member of."""

    items = Many(fields.Nested(BalanceOut), high=LIST_MAX, required=True)
