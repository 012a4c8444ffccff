"""Routes of the experience store's door, ``/store/v1``."""

from typing import Any
from uuid import UUID

from app.core.delivery.models import CourierState, Vehicle
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.store import queries, schemas
from app.store.activities import add_held_activities
from app.store.desk import add_desk
from app.store.helping import add_helping
from app.store.locker import add_locker
from app.store.parcels import add_parcels
from app.store.queueing import add_queue
from app.store.tills import add_tills
from app.store.vans import add_van
from app.store.visiting import add_visiting
from app.usecases.delivering.slots import SlotsPublished, publish_slots
from app.usecases.ordering.ending import OrderMoved
from app.usecases.ordering.finish_order import collect_order
from app.usecases.verifying.face_to_face import FaceCheckMoved, end_face_check, open_face_check
from app.usecases.vetting.apply import ApplicationMoved
from app.usecases.vetting.decide import CourierMoved, EquipmentSet, decide_application, set_courier_state, set_equipment
from app.web.door import Door
from app.web.figures import add_figures
from app.web.members import add_members
from app.web.notices import add_notices
from app.web.papers import add_paper_review
from app.web.passkeys import add_passkeys
from app.web.passwords import add_passwords
from app.web.policy import Relation, policy
from app.web.sign_in import add_sign_in
from app.web.views import ApplicationMovedOut, CommunitiesOut, DecisionIn, OrderMovedOut

door = Door("store", __name__, side=Side.STORE)
add_sign_in(door, Side.STORE)
add_passwords(door, Side.STORE)
add_passkeys(door, Side.STORE)
add_notices(door)
add_members(door, Side.STORE)
add_paper_review(door, Side.STORE, Relation.OWN_STORE)
add_locker(door)
add_tills(door)
add_desk(door)
add_queue(door)
add_parcels(door)
add_held_activities(door)
add_van(door)
add_visiting(door)
add_helping(door)
add_figures(door, Side.STORE, Relation.OWN_STORE)


@door.get("/communities", answer=CommunitiesOut)
@policy("community.read", Relation.OWN_STORE)
def list_communities(actor: Actor) -> dict[str, Any]:
    """List the communities of one's store's catchment."""
    return queries.communities(actor)


@door.get("/shelf", query=schemas.ShelfOrdersQuery, answer=schemas.ShelfOrdersOut)
@policy("order.read", Relation.OWN_STORE)
def list_shelf(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List orders that are collected at the counter, newest first."""
    return queries.shelf(actor, **query)


@door.post("/orders/<uuid:order_id>/collection", body=schemas.CollectIn, answer=OrderMovedOut, once=True)
@policy("order.collect", Relation.OWN_STORE)
def collect(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> OrderMoved:
    """Hand an order over to whoever shows its code."""
    return collect_order(actor, claim, order_id=order_id, code=body["code"])


@door.post(
    "/verifications",
    body=schemas.FaceCodeIn,
    answer=schemas.FaceCheckOut,
    status=201,
    once=True,
    finish=queries.face_check,
)
@policy("verification.confirm", Relation.OWN_STORE)
def begin_verification(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> FaceCheckMoved:
    """Begin to verify the resident whose code was scanned: see whose ID card it should be."""
    return open_face_check(actor, claim, code=body["code"])


@door.post(
    "/verifications/<uuid:verification_id>/confirmation",
    body=schemas.FaceCheckIn,
    answer=schemas.FaceCheckMovedOut,
    once=True,
)
@policy("verification.confirm", Relation.OWN_STORE)
def confirm_verification(actor: Actor, *, claim: Claim, verification_id: UUID, body: dict[str, Any]) -> FaceCheckMoved:
    """Say whether the ID card in hand is the person's, with its photo."""
    return end_face_check(actor, claim, verification_id=verification_id, **body)


@door.get("/courier-applications", query=schemas.ApplicationsQuery, answer=schemas.StoreApplicationsOut)
@policy("application.read", Relation.OWN_STORE)
def list_applications(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List applications to deliver in one's store's catchment, newest first."""
    return queries.applications(actor, **query)


@door.post(
    "/courier-applications/<uuid:application_id>/decision",
    body=DecisionIn,
    answer=ApplicationMovedOut,
    once=True,
)
@policy("application.decide", Relation.OWN_STORE)
def decide(actor: Actor, *, claim: Claim, application_id: UUID, body: dict[str, Any]) -> ApplicationMoved:
    """Approve or refuse an application."""
    return decide_application(actor, claim, application_id=application_id, **body)


@door.post("/shift-slots", body=schemas.SlotsIn, answer=schemas.SlotsPublishedOut, status=201, once=True)
@policy("slot.publish", Relation.OWN_STORE)
def publish(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> SlotsPublished:
    """Publish a planned shift with a number of places in a community of one's store."""
    return publish_slots(actor, claim, **body)


@door.put("/couriers/<uuid:courier_id>/equipment", body=schemas.EquipmentIn, answer=schemas.EquipmentOut, once=True)
@policy("courier.write", Relation.OWN_STORE)
def put_equipment(actor: Actor, *, claim: Claim, courier_id: UUID, body: dict[str, Any]) -> EquipmentSet:
    """Note what a courier goes by, and whether they have a cold box."""
    vehicle = Vehicle(body["vehicle"])
    return set_equipment(actor, claim, courier_id=courier_id, vehicle=vehicle, has_cold_box=body["has_cold_box"])


@door.put("/couriers/<uuid:courier_id>/state", body=schemas.CourierStateIn, answer=schemas.CourierOut, once=True)
@policy("courier.write", Relation.OWN_STORE)
def put_courier_state(actor: Actor, *, claim: Claim, courier_id: UUID, body: dict[str, Any]) -> CourierMoved:
    """Suspend a courier, or let them work again; who is suspended finishes what is in hand."""
    return set_courier_state(actor, claim, courier_id=courier_id, state=CourierState(body["state"]))
