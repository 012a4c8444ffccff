"""What residents send and see."""

from marshmallow import fields

from app.core.catalog.models import Vertical
from app.core.delivery.checks import HandOverWay
from app.core.delivery.models import Vehicle
from app.core.delivery.pay import WALK_UP_FLOORS_MAX
from app.core.delivery.ratings import STARS_MAX, Mark
from app.core.delivery.states import ApplicationState
from app.core.delivery.tips import TIP_FEN_MAX, TIP_FEN_MIN
from app.core.orders.models import IN_A_CART
from app.core.orders.quote import LINES_MAX
from app.core.orders.states import CheckoutState, OrderState
from app.core.orders.wishes import LINE_NOTE_MAX
from app.core.payments.models import PaymentChannel, PaymentMethod, PaymentPurpose
from app.core.payments.states import AttemptState, PaymentState
from app.core.privacy.models import DataExportState, ErasureState, Purpose
from app.core.verification.models import CheckState
from app.core.verification.ports import Channel
from app.usecases.paying.top_up import TOP_UP_FEN_MAX
from app.user.slots import SlotWishIn
from app.web.fields import (
    Body,
    Choice,
    Degrees,
    Fen,
    Flag,
    Id,
    Instant,
    Int,
    Many,
    Pattern,
    PlaceOrNone,
    Quantity,
    Query,
    Text,
)
from app.web.paging import PageQuery
from app.web.reviews import RatingOut
from app.web.views import COUNT_MAX, LIST_MAX, OrderCore, PricedLine, PricedPart
from app.web.wishes import WishesIn, WishesOut


class PlaceQuery(PlaceOrNone, Query):
    """Near a place, or all by name."""

    lat = Degrees(bound=90, load_default=None)
    lng = Degrees(bound=180, load_default=None)
    limit = Int(low=1, high=100, load_default=20)


class AddressIn(PlaceOrNone, Body):
    """Where in a community, and for whom."""

    community_id = Id(required=True)
    contact_name = Text(high=50, required=True)
    contact_phone = Text(high=20, required=True)
    building = Text(high=20, required=True)
    unit = Text(high=20, low=0, load_default="")
    floor = Text(high=10, low=0, load_default="")
    door = Text(high=20, required=True)
    walk_up_floors = Int(low=0, high=WALK_UP_FLOORS_MAX, load_default=0)
    lat = Degrees(bound=90, load_default=None, allow_none=True)
    lng = Degrees(bound=180, load_default=None, allow_none=True)


class AddressAddedOut(Body):
    """The new address."""

    address_id = Id(required=True)
    community_id = Id(required=True)


class AddressOut(Body):
    """One of one's own addresses."""

    address_id = Id(required=True)
    community_id = Id(required=True)
    community_name = Text(high=100, required=True)
    contact_name = Text(high=50, required=True)
    contact_phone = Text(high=20, required=True)
    building = Text(high=20, required=True)
    unit = Text(high=20, low=0, required=True)
    floor = Text(high=10, low=0, required=True)
    door = Text(high=20, required=True)
    walk_up_floors = Int(low=0, high=WALK_UP_FLOORS_MAX, required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)


class AddressesOut(Body):
    """All of one's addresses, newest first."""

    items = Many(fields.Nested(AddressOut), high=LIST_MAX, required=True)


class ShopsQuery(Query):
    """Shops that deliver to an address."""

    address_id = Id(required=True)
    vertical = Choice(Vertical, load_default=None)
    is_open = Flag(load_default=None)
    limit = Int(low=1, high=100, load_default=50)


class ShopOut(RatingOut):
    """A shop as it stands for an address now."""

    shop_id = Id(required=True)
    name = Text(high=100, required=True)
    vertical = Choice(Vertical, required=True)
    is_open = Flag(required=True)
    distance_m = Int(low=0, high=COUNT_MAX, required=True)
    delivery_fen = Fen(required=True)
    minimum_fen = Fen(required=True)
    packing_fen = Fen(required=True)
    preparation_minutes = Int(low=0, high=COUNT_MAX, required=True)
    license_number = Text(high=50, required=True)


class ShopsOut(Body):
    """Nearest first."""

    items = Many(fields.Nested(ShopOut), high=LIST_MAX, required=True)


class CartLineIn(Body):
    """How many pieces the cart is to hold, and what is noted to them; without a note it stays as it is."""

    quantity = Quantity(required=True)
    note = Text(high=LINE_NOTE_MAX, low=0, load_default=None)


class CartLineOut(Body):
    """What the cart holds of one SKU."""

    sku_id = Id(required=True)
    quantity = Quantity(required=True)


class CartItemOut(CartLineOut):
    """A line of the cart with what the shelf says of it now."""

    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    name = Text(high=200, required=True)
    option = Text(high=100, low=0, required=True)
    price_fen = Fen(required=True)
    note = Text(high=LINE_NOTE_MAX, low=0, required=True)
    is_on_sale = Flag(required=True)
    left = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)


class CartOut(Body):
    """The cart, shop by shop."""

    items = Many(fields.Nested(CartItemOut), high=LIST_MAX, required=True)
    goods_fen = Fen(high=COUNT_MAX, required=True)


class QuoteIn(Body):
    """Where to, and how. With ``is_trip_shared`` shops that can share a trip do, for one delivery fee."""

    address_id = Id(required=True)
    fulfillment = Choice(IN_A_CART, load_default="delivery")
    slots = Many(fields.Nested(SlotWishIn), high=LINES_MAX, load_default=list)
    is_trip_shared = Flag(load_default=False)
    coupon_id = Id(load_default=None, allow_none=True)


class ShopQuoteOut(PricedPart):
    """One shop's part of the cart: what it costs, and from when until when it comes if it is paid now."""

    distance_m = Int(low=0, high=COUNT_MAX, required=True)
    preparation_minutes = Int(low=0, high=COUNT_MAX, required=True)
    promised_from_at = Instant(required=True, allow_none=True)
    promised_at = Instant(required=True, allow_none=True)
    slot_starts_at = Instant(required=True, allow_none=True)
    slot_ends_at = Instant(required=True, allow_none=True)
    lines = Many(fields.Nested(PricedLine), high=LIST_MAX, required=True)


class SharedTripOut(Body):
    """Two shops of the cart whose orders can come on one trip, and what that saves."""

    shop_ids = Many(Id(), high=2, required=True)
    saving_fen = Fen(high=COUNT_MAX, required=True)


class BestCouponOut(Body):
    """The coupon that takes most off, and what it takes; name it as ``coupon_id`` to use it."""

    coupon_id = Id(required=True)
    off_fen = Fen(high=COUNT_MAX, required=True)
    expires_at = Instant(required=True)


class QuoteOut(Body):
    """What the cart costs to this address now. Placing takes the version as agreement.

    ``best_coupon`` is the one of those one holds that takes most off this cart, whether or not this quote uses it.

    ``shared_trips`` is on offer; ``is_trip_shared`` says whether this quote takes it.
    """

    quote_version = Text(high=32, required=True)
    total_fen = Fen(high=COUNT_MAX, required=True)
    is_trip_shared = Flag(required=True)
    shared_trips = Many(fields.Nested(SharedTripOut), high=LIST_MAX, required=True)
    best_coupon = fields.Nested(BestCouponOut, required=True, allow_none=True)
    shops = Many(fields.Nested(ShopQuoteOut), high=LIST_MAX, required=True)


class CheckoutIn(QuoteIn, WishesIn):
    """Agreement to a quote, and what is wished beside the goods."""

    quote_version = Pattern(r"[0-9a-f]{32}", high=32, required=True)
    note = Text(high=200, low=0, load_default="")


class PlacedOrderOut(Body):
    """One order of a checkout."""

    order_id = Id(required=True)
    number = Text(high=20, required=True)
    shop_id = Id(required=True)
    total_fen = Fen(high=COUNT_MAX, required=True)
    promised_from_at = Instant(required=True, allow_none=True)
    promised_at = Instant(required=True, allow_none=True)


class PlacedOut(Body):
    """A checkout to be paid within fifteen minutes."""

    checkout_id = Id(required=True)
    payment_id = Id(required=True)
    state = Choice(CheckoutState, required=True)
    total_fen = Fen(high=COUNT_MAX, required=True)
    orders = Many(fields.Nested(PlacedOrderOut), high=LIST_MAX, required=True)


class CheckoutOrderOut(PlacedOrderOut):
    """One order of a checkout, as it stands."""

    state = Choice(OrderState, required=True)


class CheckoutOut(PlacedOut):
    """A checkout as it stands."""

    orders = Many(fields.Nested(CheckoutOrderOut), high=LIST_MAX, required=True)
    placed_at = Instant(required=True)
    expires_at = Instant(required=True)


class CheckoutMovedOut(Body):
    """A checkout that ended unpaid."""

    checkout_id = Id(required=True)
    state = Choice(CheckoutState, required=True)


class PayIn(Body):
    """How to pay. From the e-account it takes a ``step_up_grant`` for this checkout, bought with the payment PIN.

    A mixed payment names its part from the e-account, for which the grant is to be good; the rest comes by ``channel``.
    """

    method = Choice(PaymentMethod, required=True)
    channel = Choice(PaymentChannel, load_default=PaymentChannel.WECHAT_PAY.value)
    account_part_fen = Fen(low=1, load_default=None, allow_none=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class TopUpIn(Body):
    """How much to put into the e-account, and by what it comes."""

    channel = Choice(PaymentChannel, load_default=PaymentChannel.WECHAT_PAY.value)
    amount_fen = Fen(low=1, high=TOP_UP_FEN_MAX, required=True)


class PaymentOut(Body):
    """A payment; ``qr_text`` is what to draw as a QR code while it waits to be scanned.

    By card, ``client_secret`` is what the gateway's script in the payer's app takes beside the card: keep it there.
    """

    payment_id = Id(required=True)
    purpose = Choice(PaymentPurpose, required=True)
    checkout_id = Id(required=True, allow_none=True)
    method = Choice(PaymentMethod, required=True, allow_none=True)
    state = Choice(PaymentState, required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True)
    refunded_fen = Fen(high=COUNT_MAX, required=True)
    attempt_id = Id(required=True, allow_none=True)
    attempt_state = Choice(AttemptState, required=True, allow_none=True)
    account_part_fen = Fen(required=True, allow_none=True)
    qr_text = Text(high=2000, required=True, allow_none=True)
    client_secret = Text(high=500, required=True, allow_none=True)


class OrdersQuery(PageQuery):
    """One's orders, newest first."""

    state = Choice(OrderState, load_default=None)


class TipIn(Body):
    """A tip for the courier, from 1 to 50 yuan, with the ``step_up_grant`` that a PIN or a passkey bought for it."""

    amount_fen = Fen(low=TIP_FEN_MIN, high=TIP_FEN_MAX, required=True)
    step_up_grant = Id(load_default=None, allow_none=True)


class TipOut(Body):
    """The tip is the courier's. ``is_final`` is always true: it cannot be taken back."""

    order_id = Id(required=True)
    amount_fen = Fen(required=True)
    is_final = Flag(required=True)


class RatingIn(Body):
    """One to five stars, and what one wants to say in set words."""

    stars = Int(low=1, high=STARS_MAX, required=True)
    marks = Many(Choice(Mark), high=7, load_default=list)


class HandOverOut(Body):
    """How it was handed over: to whom, or where it lies; ``locker_code`` opens the box until it is fetched.

    The photo is shown at ``/photos/{photo_id}``.
    """

    way = Choice(HandOverWay, required=True)
    photo_id = Text(high=200, required=True, allow_none=True)
    neighbor = Text(high=50, required=True, allow_none=True)
    locker_box = Text(high=12, required=True, allow_none=True)
    locker_code = Text(high=10, required=True, allow_none=True)


class OrderOut(OrderCore, WishesOut):
    """One's order. ``door_code`` is for the courier at the door, ``collect_code`` for the store's counter.

    ``late_fen`` is what one got because it came late.
    """

    checkout_id = Id(required=True)
    door_code = Text(high=10, required=True, allow_none=True)
    collect_code = Text(high=10, required=True, allow_none=True)
    hand_over = fields.Nested(HandOverOut, required=True, allow_none=True)
    late_fen = Fen(high=COUNT_MAX, required=True, allow_none=True)


class OrdersOut(Body):
    """A page of orders."""

    items = Many(fields.Nested(OrderOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class AccountOut(Body):
    """The e-account."""

    account_id = Id(required=True)
    verification_level = Int(low=0, high=3, required=True)
    balance_fen = Fen(high=COUNT_MAX, required=True)
    held_fen = Fen(high=COUNT_MAX, required=True)
    available_fen = Fen(high=COUNT_MAX, required=True)


class StatementQuery(Query):
    """A page of the statement."""

    limit = Int(low=1, high=100, load_default=20)
    cursor = Pattern(r"[0-9]{1,18}", high=18, load_default=None)


class VerificationIn(Body):
    """Who one is: level 1 asks one outside party, level 2 three."""

    name = Text(high=50, low=2, required=True)
    id_number = Text(high=18, low=18, required=True)
    level = Int(low=1, high=2, load_default=1)


class IdentityCheckOut(Body):
    """How far one outside party is."""

    channel = Choice(Channel, required=True)
    state = Choice(CheckState, required=True)


class VerificationOut(Body):
    """One's level, what was asked, and the caps of payments from the balance; null where there is none."""

    level = Int(low=0, high=3, required=True)
    checks = Many(fields.Nested(IdentityCheckOut), high=10, required=True)
    lifetime_fen_max = Fen(high=COUNT_MAX, required=True, allow_none=True)
    year_fen_max = Fen(high=COUNT_MAX, required=True, allow_none=True)
    year_used_fen = Fen(high=COUNT_MAX, required=True)


class FaceCodeOut(Body):
    """What one shows at a store's counter, as text and as the drawing of a QR code."""

    code = Text(high=64, required=True)
    qr_svg = Text(high=20_000, required=True)
    expires_in_s = Int(low=1, high=3600, required=True)


class ErasureOut(Body):
    """How far one's erasure is."""

    erasure_id = Id(required=True)
    state = Choice(ErasureState, required=True)


class WordsOut(Body):
    """In Chinese and English."""

    zh = Text(high=200, required=True)
    en = Text(high=200, required=True)


class QuestionOut(WordsOut):
    """A question of the quiz; an answer is named by its place, from 0."""

    answers = Many(fields.Nested(WordsOut), high=10, required=True)


class TrainingOut(Body):
    """The quiz of today."""

    version = Int(low=1, high=COUNT_MAX, required=True)
    pass_percent = Int(low=0, high=100, required=True)
    questions = Many(fields.Nested(QuestionOut), high=100, required=True)


class QuizIn(Body):
    """The place of the answer to each question, in their order, for the version that was read."""

    version = Int(low=1, high=1_000_000, required=True)
    answers = Many(Int(low=0, high=9), high=100, required=True)


class QuizOut(Body):
    """How it went."""

    record_id = Id(required=True)
    version = Int(low=1, high=COUNT_MAX, required=True)
    percent = Int(low=0, high=100, required=True)
    is_passed = Flag(required=True)


class ApplicationIn(Body):
    """Where one would deliver, and by what."""

    community_id = Id(required=True)
    vehicle = Choice(Vehicle, required=True)


class ApplicationOut(Body):
    """An application; ``reason`` is the store's for a refusal."""

    application_id = Id(required=True)
    community_id = Id(required=True)
    vehicle = Choice(Vehicle, required=True)
    state = Choice(ApplicationState, required=True)
    reason = Text(high=200, required=True, allow_none=True)
    submitted_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)


class ApplicationsOut(Body):
    """One's own, newest first."""

    items = Many(fields.Nested(ApplicationOut), high=LIST_MAX, required=True)


class DataExportOut(Body):
    """How far one's export is; ``DataExportReady`` tells when it can be downloaded."""

    export_id = Id(required=True)
    state = Choice(DataExportState, required=True)


class CourierPlaceOut(Body):
    """About where a courier is, on a grid of a hundred meters, and when that was measured."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    measured_at = Instant(required=True)


class OrderCourierOut(Body):
    """Null until a courier has the trip, once the delivery is over, and while the courier is not heard."""

    place = fields.Nested(CourierPlaceOut, required=True, allow_none=True)


class ConsentIn(Body):
    """What one says about a version of a purpose."""

    purpose = Choice(Purpose, required=True)
    version = Text(high=40, required=True)
    is_given = Flag(required=True)


class ConsentOut(Body):
    """How one purpose stands; without a word it is not given. What ``is_asked`` a client asks for."""

    purpose = Choice(Purpose, required=True)
    current_version = Text(high=40, required=True)
    is_asked = Flag(required=True)
    version = Text(high=40, required=True, allow_none=True)
    is_given = Flag(required=True)
    said_at = Instant(required=True, allow_none=True)


class ConsentsOut(Body):
    """All purposes."""

    items = Many(fields.Nested(ConsentOut), high=10, required=True)
