"""What couriers send and see."""

from marshmallow import ValidationError, fields, validates_schema

from app.core.aftersale.states import CaseState
from app.core.delivery.incidents import IncidentKind
from app.core.delivery.slots import SlotState
from app.core.delivery.states import (
    DeliveryState,
    FailureReason,
    RatingState,
    StopKind,
    StopState,
    TripOfferState,
    TripState,
)
from app.core.orders.states import OrderState
from app.web.fields import (
    Body,
    Choice,
    Day,
    Degrees,
    Fen,
    Flag,
    Id,
    Instant,
    Int,
    Many,
    Pattern,
    PlaceOrNone,
    Query,
    Text,
)
from app.web.paging import PageQuery
from app.web.views import COUNT_MAX, LIST_MAX


class ShiftIn(Body):
    """Where the shift begins."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    ends_at = Instant(load_default=None, allow_none=True)


class ShiftOut(Body):
    """Whether one is on shift; from ``ends_at`` on it takes no new trip, what is in hand is finished."""

    courier_id = Id(required=True)
    is_on = Flag(required=True)
    is_on_break = Flag(required=True)
    ends_at = Instant(required=True, allow_none=True)


class SlotsQuery(Query):
    """Planned shifts that end after now, soonest first."""

    limit = Int(low=1, high=100, load_default=50)


class SlotOut(Body):
    """A planned shift; ``is_mine`` is one's own."""

    slot_id = Id(required=True)
    state = Choice(SlotState, required=True)
    is_mine = Flag(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)


class SlotsOut(Body):
    """Soonest first."""

    items = Many(fields.Nested(SlotOut), high=LIST_MAX, required=True)


class SlotMovedOut(Body):
    """Where a planned shift stands."""

    slot_id = Id(required=True)
    state = Choice(SlotState, required=True)


class IncidentIn(PlaceOrNone, Body):
    """What happened, where, and whether help is needed now. Without a place, the last one that is known is taken."""

    kind = Choice(IncidentKind, required=True)
    is_sos = Flag(load_default=False)
    lat = Degrees(bound=90, load_default=None, allow_none=True)
    lng = Degrees(bound=180, load_default=None, allow_none=True)
    note = Text(high=500, load_default=None, allow_none=True)


class FiguresQuery(Query):
    """The week that holds a day of Shanghai; today's without one."""

    on = Day(load_default=None)


class DayFiguresOut(Body):
    """One day of one's work."""

    day = Day(required=True)
    minutes_on_shift = Int(low=0, high=COUNT_MAX, required=True)
    trips_done = Int(low=0, high=COUNT_MAX, required=True)
    orders_delivered = Int(low=0, high=COUNT_MAX, required=True)
    orders_by_promise = Int(low=0, high=COUNT_MAX, required=True)
    pay_fen = Fen(high=COUNT_MAX, required=True)
    tips_fen = Fen(high=COUNT_MAX, required=True)


class FiguresOut(Body):
    """Monday to Sunday. Figures are one's own; nobody is ranked by them."""

    days = Many(fields.Nested(DayFiguresOut), high=7, required=True)


class PayoutOut(Body):
    """What became available on a day, or will when ``is_settled`` is false."""

    day = Day(required=True)
    is_settled = Flag(required=True)
    earned_fen = Fen(high=COUNT_MAX, required=True)
    tips_fen = Fen(high=COUNT_MAX, required=True)
    order_count = Int(low=0, high=COUNT_MAX, required=True)


class PayoutsOut(Body):
    """Newest first, at most sixty days."""

    items = Many(fields.Nested(PayoutOut), high=100, required=True)


class RatingOut(Body):
    """A rating of oneself; who gave it is not told, and its day only."""

    rating_id = Id(required=True)
    stars = Int(low=1, high=5, required=True)
    marks = Many(Text(high=20), high=7, required=True)
    state = Choice(RatingState, required=True)
    day = Day(required=True)
    decision = Text(high=500, required=True, allow_none=True)


class RatingsOut(Body):
    """A page of ratings; ``mean_tenths`` is of the newest hundred that count, null below five."""

    items = Many(fields.Nested(RatingOut), high=LIST_MAX, required=True)
    mean_tenths = Int(low=10, high=50, required=True, allow_none=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class AppealIn(Body):
    """Why the rating is unjust."""

    reason = Text(high=500, required=True)


class PositionIn(Body):
    """Where one was, and when the phone measured it."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    measured_at = Instant(required=True)


class PositionOut(Body):
    """It is the last known place now; ``is_trailed`` says that it is kept for thirty days."""

    courier_id = Id(required=True)
    measured_at = Instant(required=True)
    is_trailed = Flag(required=True)


class PayPartsOut(Body):
    """What a trip pays, by its parts; they add up to ``pay_fen``.

    ``drops_fen`` is for further orders, ``floors_fen`` for floors climbed on foot, ``fee_rest_fen`` what residents pay
    beyond the rest.
    """

    base_fen = Fen(required=True)
    drops_fen = Fen(required=True)
    distance_fen = Fen(required=True)
    floors_fen = Fen(required=True)
    night_fen = Fen(required=True)
    weather_fen = Fen(required=True)
    fee_rest_fen = Fen(required=True)


class TripOfferOut(Body):
    """A trip that one may take until ``expires_at``; the door is shown when one has it."""

    trip_offer_id = Id(required=True)
    trip_id = Id(required=True)
    community_id = Id(required=True)
    pay_fen = Fen(required=True)
    pay_parts = fields.Nested(PayPartsOut, required=True)
    order_count = Int(low=1, high=100, required=True)
    weight_g = Int(low=0, high=COUNT_MAX, required=True)
    is_cold = Flag(required=True)
    is_exchange = Flag(required=True)
    length_m = Int(low=0, high=COUNT_MAX, required=True)
    shop_names = Many(Text(high=100), high=20, required=True)
    expected_ready_at = Instant(required=True)
    offered_at = Instant(required=True)
    expires_at = Instant(required=True)


class TripOffersOut(Body):
    """At most one."""

    items = Many(fields.Nested(TripOfferOut), high=10, required=True)


class TripOfferMovedOut(Body):
    """How the offer ended."""

    trip_offer_id = Id(required=True)
    trip_id = Id(required=True)
    state = Choice(TripOfferState, required=True)


class CostOut(Body):
    """What a candidate was counted with: minutes, less is better, and meters to the shop."""

    rank = Int(low=1, high=COUNT_MAX, required=True)
    cost = fields.Float(required=True)
    to_shop_m = Int(low=0, high=COUNT_MAX, required=True)


class ReasonOut(Body):
    """One decision about the trip; who the others were is not told."""

    decided_at = Instant(required=True)
    policy = Text(high=50, required=True)
    candidate_count = Int(low=0, high=COUNT_MAX, required=True)
    chosen = fields.Nested(CostOut, required=True)
    yours = fields.Nested(CostOut, required=True, allow_none=True)
    words = Text(high=500, required=True)


class ReasonsOut(Body):
    """The decisions about a trip, newest first, at most twenty; of one that was joined, those about the whole, too.

    A claim out of the hall is one, by the policy ``grab``, with the way to the shop as its cost.
    """

    trip_id = Id(required=True)
    items = Many(fields.Nested(ReasonOut), high=20, required=True)


class OpenTripsQuery(Query):
    """Open trips near a place."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    limit = Int(low=1, high=100, load_default=20)


class OpenTripOut(Body):
    """A trip that may be claimed, before one knows the door. An exchange goes there, and back with the old piece."""

    trip_id = Id(required=True)
    community_id = Id(required=True)
    pay_fen = Fen(required=True)
    pay_parts = fields.Nested(PayPartsOut, required=True)
    order_count = Int(low=1, high=100, required=True)
    weight_g = Int(low=0, high=COUNT_MAX, required=True)
    is_cold = Flag(required=True)
    is_exchange = Flag(required=True)
    distance_m = Int(low=0, high=COUNT_MAX, required=True)
    length_m = Int(low=0, high=COUNT_MAX, required=True)
    shop_names = Many(Text(high=100), high=20, required=True)
    expected_ready_at = Instant(required=True)
    created_at = Instant(required=True)


class OpenTripsOut(Body):
    """Nearest first."""

    items = Many(fields.Nested(OpenTripOut), high=LIST_MAX, required=True)


class TripsQuery(PageQuery):
    """One's trips, newest first."""

    state = Choice(TripState, load_default=None)


class StopOut(Body):
    """A stop of one's trip.

    ``geo_uri`` hands over to a navigation app (RFC 5870, WGS-84). Distances say how far away one was seen.
    """

    stop_id = Id(required=True)
    position = Int(low=1, high=100, required=True)
    kind = Choice(StopKind, required=True)
    state = Choice(StopState, required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    arrived_at = Instant(required=True, allow_none=True)
    arrived_distance_m = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)
    done_at = Instant(required=True, allow_none=True)
    done_distance_m = Int(low=0, high=COUNT_MAX, required=True, allow_none=True)
    geo_uri = Text(high=100, required=True)


class DropOut(Body):
    """The door, shown from acceptance until half an hour after delivery."""

    contact_name = Text(high=50, required=True)
    contact_phone = Text(high=20, required=True)
    building = Text(high=20, required=True)
    unit = Text(high=20, low=0, required=True)
    floor = Text(high=10, low=0, required=True)
    door = Text(high=20, required=True)


class DeliveryOut(Body):
    """The delivery of one order on one's trip; with ``case_id`` of a new piece, to be given for the old one."""

    delivery_id = Id(required=True)
    order_id = Id(required=True)
    case_id = Id(required=True, allow_none=True)
    order_number = Text(high=20, required=True)
    order_state = Choice(OrderState, required=True)
    shop_name = Text(high=100, required=True)
    pick_up_stop_id = Id(required=True)
    drop_stop_id = Id(required=True)
    state = Choice(DeliveryState, required=True)
    pay_fen = Fen(required=True)
    promised_at = Instant(required=True, allow_none=True)
    expected_by_at = Instant(required=True, allow_none=True)
    item_count = Int(low=0, high=COUNT_MAX, required=True)
    note = Text(high=200, low=0, required=True)
    is_gift = Flag(required=True)
    drop = fields.Nested(DropOut, required=True, allow_none=True)


class TripOut(Body):
    """One's trip with stops and deliveries."""

    trip_id = Id(required=True)
    community_id = Id(required=True)
    state = Choice(TripState, required=True)
    pay_fen = Fen(required=True)
    pay_parts = fields.Nested(PayPartsOut, required=True)
    order_count = Int(low=1, high=100, required=True)
    weight_g = Int(low=0, high=COUNT_MAX, required=True)
    is_cold = Flag(required=True)
    expected_ready_at = Instant(required=True)
    assigned_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
    stops = Many(fields.Nested(StopOut), high=100, required=True)
    deliveries = Many(fields.Nested(DeliveryOut), high=100, required=True)


class TripsOut(Body):
    """A page of trips."""

    items = Many(fields.Nested(TripOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class TripMovedOut(Body):
    """Where a trip stands after an act on it."""

    trip_id = Id(required=True)
    state = Choice(TripState, required=True)


class StopMovedOut(Body):
    """Where a stop stands after an act on it."""

    stop_id = Id(required=True)
    trip_id = Id(required=True)
    state = Choice(StopState, required=True)


class DeliveryMovedOut(Body):
    """Where a delivery and its order stand after an act on them, and the case of an exchange."""

    delivery_id = Id(required=True)
    order_id = Id(required=True)
    state = Choice(DeliveryState, required=True)
    order_state = Choice(OrderState, required=True)
    case_id = Id(required=True, allow_none=True)
    case_state = Choice(CaseState, required=True, allow_none=True)


class PickUpIn(Body):
    """The shop's code; how many pieces one counted, and an uploaded photo of them, where one did."""

    code = Pattern(r"[0-9]{4}", high=4, required=True)
    item_count = Int(low=1, high=100_000, load_default=None, allow_none=True)
    photo_id = Id(load_default=None, allow_none=True)


class HandOverIn(Body):
    """The resident's code, a photo of where it was left, the neighbor who took it, or a box."""

    code = Pattern(r"[0-9]{4}", high=4, load_default=None, allow_none=True)
    photo_id = Id(load_default=None, allow_none=True)
    neighbor = Text(high=50, load_default=None, allow_none=True)
    locker_box = Pattern(r"[A-Za-z0-9-]{1,12}", high=12, load_default=None, allow_none=True)

    @validates_schema
    def one_way(self, data: dict[str, object], **_kwargs: object) -> None:
        """Want one of the ways; a photo may come with each."""
        ways = [name for name in ("code", "neighbor", "locker_box") if data.get(name) is not None]
        if len(ways) > 1 or not (ways or data.get("photo_id") is not None):
            message = "field_code_or_photo"
            raise ValidationError(message)


class FailureIn(Body):
    """Why it could not be handed over, with a photo as proof.

    Without proof, and without having been seen at the door, the resident is not blamed.
    """

    reason = Choice(FailureReason, required=True)
    photo_id = Id(load_default=None, allow_none=True)


class EarningsOut(Body):
    """What one has earned: pending until its day, then available."""

    pending_fen = Fen(high=COUNT_MAX, required=True)
    available_fen = Fen(high=COUNT_MAX, required=True)
    trips_done = Int(low=0, high=COUNT_MAX, required=True)
