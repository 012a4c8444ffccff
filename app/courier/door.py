"""Routes of the courier's door, ``/courier/v1``."""

from typing import Any
from uuid import UUID

from flask import Response, current_app, request

from app.core.catalog.pictures import PICTURE_BYTES_MAX
from app.core.delivery.incidents import IncidentKind
from app.core.delivery.states import FailureReason
from app.core.orders.timeline import Reader
from app.courier import figures, queries, schemas
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.usecases.delivering.hand_over import (
    deliver,
    dispose,
    fail_delivery,
    pick_up,
    reattempt_delivery,
    return_to_shop,
)
from app.usecases.delivering.incidents import IncidentStands, report_incident
from app.usecases.delivering.moved import DeliveryMoved
from app.usecases.delivering.ratings import RatingMoved, appeal_rating
from app.usecases.delivering.report_position import PositionKept, report_position
from app.usecases.delivering.shifts import ShiftMoved, end_break, end_shift, start_shift, take_break
from app.usecases.delivering.slots import SlotMoved, drop_slot, pass_slot, take_slot
from app.usecases.delivering.trips import StopMoved, TripMoved, arrive_at_stop, claim_trip, give_back_trip
from app.usecases.dispatching.answer_offer import TripOfferMoved, accept_offer, decline_offer
from app.usecases.ordering.ending import OrderMoved
from app.usecases.proving.photos import PhotoKept, add_delivery_photo, show_to_courier
from app.web.application import Gathering
from app.web.door import Door
from app.web.finding import point_of
from app.web.messages import choose_language
from app.web.notices import add_notices
from app.web.order_papers import add_timeline
from app.web.paging import PageQuery
from app.web.passkeys import add_passkeys
from app.web.passwords import add_passwords
from app.web.payouts import add_courier_payouts
from app.web.photos import PhotoKeptOut, shown_photo
from app.web.policy import Relation, policy
from app.web.sign_in import add_sign_in
from app.web.statements import add_statements
from app.web.threads import add_thread
from app.web.views import IncidentStandsOut, OrderMovedOut, RatingMovedOut

door = Door("courier", __name__, side=Side.COURIER)
add_sign_in(door, Side.COURIER)
add_passwords(door, Side.COURIER)
add_passkeys(door, Side.COURIER)
add_notices(door)
add_thread(door, Relation.OWN_TRIP)
add_timeline(door, Reader.COURIER, Relation.OWN_TRIP)
add_statements(door, Side.COURIER, Relation.OWN)
add_courier_payouts(door)


@door.get("/shift", answer=schemas.ShiftOut)
@policy("shift.read", Relation.OWN)
def read_shift(actor: Actor) -> dict[str, Any]:
    """Show whether one is on shift, and until when."""
    return figures.shift(actor)


@door.put("/shift", body=schemas.ShiftIn, answer=schemas.ShiftOut, once=True)
@policy("shift.write", Relation.OWN)
def begin_shift(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ShiftMoved:
    """Go on shift at a place in China, near one's community; or, on shift already, go on with this phone."""
    point_of(body["lat"], body["lng"])
    return start_shift(actor, claim, **body)


@door.post("/shift/end", answer=schemas.ShiftOut, once=True)
@policy("shift.end", Relation.OWN)
def finish_shift(actor: Actor, *, claim: Claim) -> ShiftMoved:
    """Go off shift."""
    return end_shift(actor, claim)


@door.put("/shift/break", answer=schemas.ShiftOut, once=True)
@policy("shift.end", Relation.OWN)
def begin_break(actor: Actor, *, claim: Claim) -> ShiftMoved:
    """Rest: no new trip comes; half an hour begins the hours in a row anew."""
    return take_break(actor, claim)


@door.post("/shift/break/end", answer=schemas.ShiftOut, once=True)
@policy("shift.end", Relation.OWN)
def finish_break(actor: Actor, *, claim: Claim) -> ShiftMoved:
    """Work again."""
    return end_break(actor, claim)


@door.get("/shift-slots", query=schemas.SlotsQuery, answer=schemas.SlotsOut)
@policy("slot.read", Relation.SIDE)
def list_slots(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List planned shifts of one's community: one's own, and those that one may take."""
    return figures.slots(actor, **query)


@door.post("/shift-slots/<uuid:slot_id>/taking", answer=schemas.SlotMovedOut, once=True)
@policy("slot.take", Relation.SIDE)
def take_planned_shift(actor: Actor, *, claim: Claim, slot_id: UUID) -> SlotMoved:
    """Take a planned shift that is open, or that another passes on."""
    return take_slot(actor, claim, slot_id=slot_id)


@door.post("/shift-slots/<uuid:slot_id>/passing", answer=schemas.SlotMovedOut, once=True)
@policy("slot.leave", Relation.OWN)
def pass_planned_shift(actor: Actor, *, claim: Claim, slot_id: UUID) -> SlotMoved:
    """Offer one's planned shift to others; it stays one's own until it is taken."""
    return pass_slot(actor, claim, slot_id=slot_id)


@door.post("/shift-slots/<uuid:slot_id>/drop", answer=schemas.SlotMovedOut, once=True)
@policy("slot.leave", Relation.OWN)
def drop_planned_shift(actor: Actor, *, claim: Claim, slot_id: UUID) -> SlotMoved:
    """Give a planned shift back, at least two hours before it begins."""
    return drop_slot(actor, claim, slot_id=slot_id)


@door.post("/incidents", body=schemas.IncidentIn, answer=IncidentStandsOut, status=201, once=True)
@policy("incident.report", Relation.OWN)
def report(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> IncidentStands:
    """Report an incident, or call for help; the platform sees it at once."""
    return report_incident(actor, claim, kind=IncidentKind(body.pop("kind")), **body)


@door.get("/figures", query=schemas.FiguresQuery, answer=schemas.FiguresOut)
@policy("account.read", Relation.OWN)
def read_figures(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """Read one's week: hours, trips, orders, what they paid, and tips, by day."""
    return figures.week(actor, **query)


@door.get("/payouts", answer=schemas.PayoutsOut)
@policy("account.read", Relation.OWN)
def list_payouts(actor: Actor) -> dict[str, Any]:
    """List what became available, or will, day by day."""
    return figures.payouts(actor)


@door.get("/ratings", query=PageQuery, answer=schemas.RatingsOut)
@policy("rating.read", Relation.OWN)
def list_ratings(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List one's ratings without who gave them, newest first, and their mean when there are enough."""
    return figures.ratings(actor, **query)


@door.post("/ratings/<uuid:rating_id>/appeal", body=schemas.AppealIn, answer=RatingMovedOut, once=True)
@policy("rating.appeal", Relation.OWN)
def appeal(actor: Actor, *, claim: Claim, rating_id: UUID, body: dict[str, Any]) -> RatingMoved:
    """Ask the platform to look at a rating; it does not count while the appeal waits."""
    return appeal_rating(actor, claim, rating_id=rating_id, reason=body["reason"])


@door.put(
    "/position",
    body=schemas.PositionIn,
    answer=schemas.PositionOut,
    opens_in_standing=True,
    gathering=Gathering(tick_s=0.4, crowd=20),
)
@policy("position.write", Relation.OWN)
def put_position(actor: Actor, *, body: dict[str, Any]) -> PositionKept:
    """Say where one is, at most once a second; this is also how one stays online."""
    return report_position(actor, **body)


@door.get("/trip-offers", answer=schemas.TripOffersOut)
@policy("trip.offers", Relation.OWN)
def list_trip_offers(actor: Actor) -> dict[str, Any]:
    """List trips that one is offered now: what one would earn and how far it is, before saying yes."""
    return queries.trip_offers(actor)


@door.post("/trip-offers/<uuid:trip_offer_id>/acceptance", answer=schemas.TripMovedOut, once=True)
@policy("trip.claim", Relation.OWN)
def accept_trip_offer(actor: Actor, *, claim: Claim, trip_offer_id: UUID) -> TripMoved:
    """Take the trip that one is offered."""
    return accept_offer(actor, claim, trip_offer_id=trip_offer_id)


@door.post("/trip-offers/<uuid:trip_offer_id>/refusal", answer=schemas.TripOfferMovedOut, once=True)
@policy("trip.decline", Relation.OWN)
def decline_trip_offer(actor: Actor, *, claim: Claim, trip_offer_id: UUID) -> TripOfferMoved:
    """Leave the trip that one is offered to others."""
    return decline_offer(actor, claim, trip_offer_id=trip_offer_id)


@door.get("/trips/<uuid:trip_id>/reasons", answer=schemas.ReasonsOut)
@policy("trip.reasons", Relation.SIDE)
def read_reasons(actor: Actor, *, trip_id: UUID) -> dict[str, Any]:
    """Read why a trip of one's zone was offered to others, or to oneself, with the costs of each decision."""
    language = choose_language(request.headers.get("Accept-Language", ""))
    return queries.reasons(actor, trip_id=trip_id, language=language)


@door.get("/trips/open", query=schemas.OpenTripsQuery, answer=schemas.OpenTripsOut)
@policy("trip.hall", Relation.SIDE)
def list_open_trips(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List the trips that one may claim now from where one is, the nearest to a place first."""
    return queries.open_trips(actor, **query)


@door.get("/trips", query=schemas.TripsQuery, answer=schemas.TripsOut)
@policy("trip.read", Relation.OWN_TRIP)
def list_trips(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List one's trips, newest first."""
    return queries.trips(actor, **query)


@door.get("/trips/<uuid:trip_id>", answer=schemas.TripOut)
@policy("trip.read", Relation.OWN_TRIP)
def read_trip(actor: Actor, *, trip_id: UUID) -> dict[str, Any]:
    """Read one of one's trips, with the doors to go to."""
    return queries.trip(actor, trip_id=trip_id)


@door.post("/trips/<uuid:trip_id>/claim", answer=schemas.TripMovedOut, once=True)
@policy("trip.claim", Relation.SIDE)
def claim_open_trip(actor: Actor, *, claim: Claim, trip_id: UUID) -> TripMoved:
    """Take an open trip; of any number of couriers, one gets it."""
    return claim_trip(actor, claim, trip_id=trip_id)


@door.post("/trips/<uuid:trip_id>/give-back", answer=schemas.TripMovedOut, once=True)
@policy("trip.give_back", Relation.OWN_TRIP)
def give_back(actor: Actor, *, claim: Claim, trip_id: UUID) -> TripMoved:
    """Give a trip back before anything was picked up."""
    return give_back_trip(actor, claim, trip_id=trip_id)


@door.post("/stops/<uuid:stop_id>/arrival", answer=schemas.StopMovedOut, once=True)
@policy("trip.carry", Relation.OWN_TRIP)
def arrive(actor: Actor, *, claim: Claim, stop_id: UUID) -> StopMoved:
    """Say that one stands at a stop."""
    return arrive_at_stop(actor, claim, stop_id=stop_id)


@door.post(
    "/deliveries/<uuid:delivery_id>/photos",
    answer=PhotoKeptOut,
    status=201,
    once=True,
    upload=PICTURE_BYTES_MAX,
)
@policy("trip.carry", Relation.OWN_TRIP)
def upload_photo(actor: Actor, *, claim: Claim, delivery_id: UUID, file: bytes) -> PhotoKept:
    """Upload a photo (JPEG, PNG or WebP) to hand in at the counter or at the door; it is drawn anew."""
    store, media = current_app.extensions["linli_pictures"], request.mimetype
    return add_delivery_photo(actor, claim, store, delivery_id=delivery_id, file=file, media=media)


@door.get("/photos/<uuid:photo_id>", pages=("image/jpeg",))
@policy("trip.read", Relation.OWN)
def show_photo(actor: Actor, *, photo_id: UUID) -> Response:
    """Show a photo that one took."""
    return shown_photo(show_to_courier(actor, current_app.extensions["linli_pictures"], photo_id=photo_id))


@door.post("/deliveries/<uuid:delivery_id>/pick-up", body=schemas.PickUpIn, answer=schemas.DeliveryMovedOut, once=True)
@policy("trip.carry", Relation.OWN_TRIP)
def take(actor: Actor, *, claim: Claim, delivery_id: UUID, body: dict[str, Any]) -> DeliveryMoved:
    """Take an order from the counter, with the shop's code."""
    return pick_up(actor, claim, delivery_id=delivery_id, **body)


@door.post(
    "/deliveries/<uuid:delivery_id>/hand-over", body=schemas.HandOverIn, answer=schemas.DeliveryMovedOut, once=True
)
@policy("trip.carry", Relation.OWN_TRIP)
def hand_over(actor: Actor, *, claim: Claim, delivery_id: UUID, body: dict[str, Any]) -> DeliveryMoved:
    """Hand an order over: by the resident's code, with a photo, to a neighbor, or into the store's locker."""
    return deliver(actor, claim, delivery_id=delivery_id, **body)


@door.post("/deliveries/<uuid:delivery_id>/failure", body=schemas.FailureIn, answer=schemas.DeliveryMovedOut, once=True)
@policy("trip.carry", Relation.OWN_TRIP)
def fail(actor: Actor, *, claim: Claim, delivery_id: UUID, body: dict[str, Any]) -> DeliveryMoved:
    """Say that an order could not be handed over, and why."""
    return fail_delivery(actor, claim, delivery_id=delivery_id, reason=FailureReason(body.pop("reason")), **body)


@door.post("/deliveries/<uuid:delivery_id>/reattempt", answer=schemas.DeliveryMovedOut, once=True)
@policy("trip.carry", Relation.OWN_TRIP)
def reattempt(actor: Actor, *, claim: Claim, delivery_id: UUID) -> DeliveryMoved:
    """Set out for the door again."""
    return reattempt_delivery(actor, claim, delivery_id=delivery_id)


@door.post("/deliveries/<uuid:delivery_id>/return", answer=OrderMovedOut, once=True)
@policy("trip.carry", Relation.OWN_TRIP)
def bring_back(actor: Actor, *, claim: Claim, delivery_id: UUID) -> OrderMoved:
    """Say that the goods are back at the shop."""
    return return_to_shop(actor, claim, delivery_id=delivery_id)


@door.post("/deliveries/<uuid:delivery_id>/disposal", answer=OrderMovedOut, once=True)
@policy("trip.carry", Relation.OWN_TRIP)
def throw_away(actor: Actor, *, claim: Claim, delivery_id: UUID) -> OrderMoved:
    """Say that an undeliverable order was disposed of."""
    return dispose(actor, claim, delivery_id=delivery_id)


@door.get("/earnings", answer=schemas.EarningsOut)
@policy("account.read", Relation.OWN)
def read_earnings(actor: Actor) -> dict[str, Any]:
    """Read what one has earned."""
    return queries.earnings(actor)
