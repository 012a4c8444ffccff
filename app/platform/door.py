"""Routes of the operator's door, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from flask import Response

from app.core.accounts.models import MemberRole
from app.core.delivery.pay import Tariff
from app.core.delivery.states import DispatchMode
from app.core.orders.timeline import Reader
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim
from app.platform import audit_log, queries, schemas, zones
from app.platform.audit_flags import add_audit_flags
from app.platform.bills import add_biller_money, add_bills
from app.platform.board import add_board
from app.platform.books import add_books
from app.platform.campaigns import add_campaigns
from app.platform.cases import add_ruled_cases
from app.platform.cash import add_cash
from app.platform.commission import add_commission
from app.platform.communities import add_communities
from app.platform.dispatching import add_dispatch
from app.platform.disputes import add_disputes
from app.platform.finding import add_finding
from app.platform.looking import add_looking
from app.platform.offers import add_offer_review
from app.platform.operating import add_operating
from app.platform.reconciliation import add_reconciliation
from app.platform.reviews import add_review_folding
from app.platform.settlement import add_settlement
from app.platform.shop_desks import add_shop_desks
from app.platform.shops import add_shop_review
from app.platform.surcharges import add_surcharges
from app.platform.targets import add_targets
from app.platform.terms import add_terms
from app.platform.visits import add_shop_visits
from app.usecases.deciding.approvals import ApprovalMoved, approve, reject
from app.usecases.deciding.requests import (
    CommissionRate,
    Correction,
    StaffRole,
    ask_commission_rate,
    ask_correction,
    ask_staff_role,
)
from app.usecases.delivering.incidents import IncidentStands, close_incident, take_incident
from app.usecases.delivering.ratings import RatingMoved, decide_rating
from app.usecases.dispatching.set_mode import ModeSet, set_mode
from app.usecases.dispatching.set_tariff import TariffSet, set_tariff
from app.web.door import Door
from app.web.figures import add_figures
from app.web.listings import add_claim_review
from app.web.notices import add_notices
from app.web.order_papers import add_timeline
from app.web.paging import PageQuery
from app.web.papers import add_paper_review
from app.web.passkeys import add_passkeys
from app.web.passwords import add_passwords
from app.web.policy import Relation, policy
from app.web.sign_in import add_sign_in
from app.web.views import IncidentStandsOut, RatingMovedOut

door = Door("platform", __name__, side=Side.PLATFORM)
add_dispatch(door)
add_offer_review(door)
add_shop_review(door)
add_sign_in(door, Side.PLATFORM)
add_passwords(door, Side.PLATFORM)
add_passkeys(door, Side.PLATFORM)
add_notices(door)
add_paper_review(door, Side.PLATFORM, Relation.PLATFORM)
add_finding(door)
add_settlement(door)
add_claim_review(door)
add_reconciliation(door)
add_disputes(door)
add_books(door)
add_bills(door)
add_biller_money(door)
add_terms(door)
add_commission(door)
add_campaigns(door)
add_surcharges(door)
add_review_folding(door)
add_ruled_cases(door)
add_timeline(door, Reader.PLATFORM, Relation.PLATFORM)
add_cash(door)
add_shop_desks(door)
add_targets(door)
add_operating(door)
add_audit_flags(door)
add_looking(door)
add_board(door)
add_communities(door)
add_shop_visits(door)
add_figures(door, Side.PLATFORM, Relation.PLATFORM)


@door.get("/orders", query=schemas.OrdersQuery, answer=schemas.OrdersOut)
@policy("order.read", Relation.PLATFORM)
def list_orders(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List all orders, newest first."""
    return queries.orders(actor, **query)


@door.get("/orders/<uuid:order_id>", answer=schemas.OrderOut)
@policy("order.read", Relation.PLATFORM)
def read_order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Read any order."""
    return queries.order(actor, order_id=order_id)


@door.put(
    "/communities/<uuid:community_id>/dispatch-mode",
    body=schemas.DispatchModeIn,
    answer=schemas.DispatchModeOut,
    once=True,
)
@policy("dispatch.write", Relation.PLATFORM)
def put_dispatch_mode(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> ModeSet:
    """Say how a community's trips find their couriers from now on."""
    return set_mode(actor, claim, community_id=community_id, mode=DispatchMode(body["mode"]))


@door.get("/communities/<uuid:community_id>/courier-tariff", answer=schemas.TariffOut)
@policy("dispatch.read", Relation.PLATFORM)
def read_tariff(_actor: Actor, *, community_id: UUID) -> dict[str, Any]:
    """Read what a community's trips pay."""
    return zones.tariff(community_id=community_id)


@door.put("/communities/<uuid:community_id>/courier-tariff", body=schemas.TariffIn, answer=schemas.TariffOut, once=True)
@policy("dispatch.write", Relation.PLATFORM)
def put_tariff(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> TariffSet:
    """Say what a community's trips pay from now on; a trip that is born already keeps its pay."""
    until = body.pop("bad_weather_until")
    return set_tariff(actor, claim, community_id=community_id, tariff=Tariff(**body), bad_weather_until=until)


@door.get("/dispatch/zones/<uuid:store_id>", answer=schemas.ZoneOut)
@policy("dispatch.read", Relation.PLATFORM)
def read_zone(_actor: Actor, *, store_id: UUID) -> dict[str, Any]:
    """Read a zone of dispatch: open trips, couriers and their load, promised against real, how even the work is."""
    return zones.zone(store_id=store_id)


@door.get("/dispatch/zones/<uuid:store_id>/board", answer=schemas.BoardOut)
@policy("dispatch.read", Relation.PLATFORM)
def read_board(_actor: Actor, *, store_id: UUID) -> dict[str, Any]:
    """Read a zone's trips that wait or are under way, and its couriers on shift with what they carry."""
    return zones.board(store_id=store_id)


@door.get("/incidents", query=schemas.IncidentsQuery, answer=schemas.IncidentsOut)
@policy("incident.read", Relation.PLATFORM)
def list_incidents(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List cases that are not closed, calls for help first."""
    return zones.incidents(actor, **query)


@door.post("/incidents/<uuid:incident_id>/taking", answer=IncidentStandsOut, once=True)
@policy("incident.write", Relation.PLATFORM)
def take_case(actor: Actor, *, claim: Claim, incident_id: UUID) -> IncidentStands:
    """Say that one looks after a case."""
    return take_incident(actor, claim, incident_id=incident_id)


@door.post("/incidents/<uuid:incident_id>/closing", body=schemas.OutcomeIn, answer=IncidentStandsOut, once=True)
@policy("incident.write", Relation.PLATFORM)
def close_case(actor: Actor, *, claim: Claim, incident_id: UUID, body: dict[str, Any]) -> IncidentStands:
    """Close a case with what came of it; its place is forgotten."""
    return close_incident(actor, claim, incident_id=incident_id, outcome=body["outcome"])


@door.get("/courier-ratings", query=PageQuery, answer=schemas.AppealsOut)
@policy("rating.read", Relation.PLATFORM)
def list_appeals(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List ratings that a courier appealed against, newest first."""
    return zones.appeals(**query)


@door.post(
    "/courier-ratings/<uuid:rating_id>/decision", body=schemas.RatingDecisionIn, answer=RatingMovedOut, once=True
)
@policy("rating.decide", Relation.PLATFORM)
def decide_appeal(actor: Actor, *, claim: Claim, rating_id: UUID, body: dict[str, Any]) -> RatingMoved:
    """Fold a rating, or let it stand, with a reason."""
    return decide_rating(actor, claim, rating_id=rating_id, **body)


@door.get("/parties", query=schemas.PartiesQuery, answer=schemas.PartiesOut)
@policy("party.read", Relation.PLATFORM)
def list_parties(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List merchants, couriers or stores."""
    return queries.parties(actor, **query)


@door.get("/books", answer=schemas.BooksOut)
@policy("books.read", Relation.PLATFORM)
def read_books(actor: Actor) -> dict[str, Any]:
    """Read the trial balance."""
    return queries.books(actor)


@door.post("/books/proof", answer=schemas.ProofOut)
@policy("books.prove", Relation.PLATFORM)
def prove_books(actor: Actor) -> dict[str, Any]:
    """Prove the books now."""
    return queries.prove(actor)


@door.get("/approvals", query=schemas.ApprovalsQuery, answer=schemas.ApprovalsOut)
@policy("approval.read", Relation.PLATFORM)
def list_approvals(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List requests that another person has to decide about, newest first."""
    return queries.approvals(actor, **query)


@door.post("/approvals/<uuid:approval_id>/approval", answer=schemas.ApprovalMovedOut, once=True)
@policy("approval.decide", Relation.PLATFORM)
def approve_request(actor: Actor, *, claim: Claim, approval_id: UUID) -> ApprovalMoved:
    """Approve what another asked for; it happens at once."""
    return approve(actor, claim, approval_id=approval_id)


@door.post("/approvals/<uuid:approval_id>/rejection", answer=schemas.ApprovalMovedOut, once=True)
@policy("approval.decide", Relation.PLATFORM)
def reject_request(actor: Actor, *, claim: Claim, approval_id: UUID) -> ApprovalMoved:
    """Reject what another asked for."""
    return reject(actor, claim, approval_id=approval_id)


@door.post("/corrections", body=schemas.CorrectionIn, answer=schemas.ApprovalMovedOut, status=201, once=True)
@policy("correction.request", Relation.PLATFORM)
def request_correction(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
    """Ask for a correction between two ledger accounts."""
    return ask_correction(actor, claim, why=body.pop("why"), wish=Correction(**body))


@door.post("/commission-rates", body=schemas.CommissionRateIn, answer=schemas.ApprovalMovedOut, status=201, once=True)
@policy("commission.request", Relation.PLATFORM)
def request_commission_rate(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
    """Ask for a shop's commission rate from a day on."""
    why = body.pop("why")
    return ask_commission_rate(actor, claim, why=why, wish=CommissionRate(**body))


@door.post("/staff-roles", body=schemas.StaffRoleIn, answer=schemas.ApprovalMovedOut, status=201, once=True)
@policy("staff.request", Relation.PLATFORM)
def request_staff_role(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ApprovalMoved:
    """Ask for somebody's role at the platform to be given, changed or taken away."""
    role = None if body["role"] is None else MemberRole(body["role"])
    return ask_staff_role(actor, claim, why=body["why"], wish=StaffRole(account_id=body["account_id"], role=role))


@door.get("/staff", query=PageQuery, answer=schemas.StaffOut)
@policy("staff.read", Relation.PLATFORM)
def list_staff(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List who is a member of the platform, and as what."""
    return queries.staff(actor, **query)


@door.get("/audit/acts", query=schemas.ActsQuery, answer=schemas.ActsOut)
@policy("audit.read", Relation.PLATFORM)
def list_acts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
    """List acts of the audit log in the order of its chain."""
    return audit_log.acts(actor, **query)


@door.get("/audit/export", query=schemas.ActsExportQuery, pages=("text/csv", "application/jsonl"))
@policy("audit.export", Relation.PLATFORM)
def export_acts(actor: Actor, *, query: dict[str, Any]) -> Response:
    """Write a part of the audit log out as CSV or JSON lines."""
    return audit_log.export(actor, **query)


@door.post("/audit/proof", answer=schemas.LogProofOut)
@policy("audit.prove", Relation.PLATFORM)
def prove_log(actor: Actor) -> dict[str, Any]:
    """Prove the audit log now."""
    return audit_log.prove(actor)
