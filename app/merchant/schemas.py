"""What merchants send and see."""

from enum import StrEnum

from marshmallow import fields

from app.core.catalog.models import ShopState, Vertical
from app.core.delivery.models import Vehicle
from app.core.delivery.states import DeliveryState
from app.core.orders.quote import LINES_MAX
from app.core.orders.states import OrderState
from app.core.papers.rules import PaperKind
from app.web.fields import Body, Choice, Day, Flag, Id, Instant, Int, Many, Text
from app.web.hours import Hours
from app.web.paging import PageQuery
from app.web.papers import PaperOut
from app.web.views import COUNT_MAX, LIST_MAX, OrderCore
from app.web.wishes import WishesOut


class RejectReason(StrEnum):
    """Why a shop refuses an order."""

    OUT_OF_STOCK = "out_of_stock"
    TOO_BUSY = "too_busy"
    CLOSING = "closing"
    OTHER = "other"


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


class OrderOut(OrderCore, WishesOut):
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

    lines = Many(Int(low=1, high=1000), low=1, high=LINES_MAX, required=True)


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
