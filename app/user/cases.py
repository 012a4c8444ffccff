"""Routes of residents' after-sale cases, and of replacements that are offered to them."""

from typing import Any
from uuid import UUID

from flask import Response, current_app, request

from app.core.aftersale.errors import CaseNotFound
from app.core.aftersale.rules import Asked, CaseKind, CaseReason, ExchangeWay
from app.core.catalog.pictures import PICTURE_BYTES_MAX
from app.core.orders.errors import OrderNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.aftersale.apply import (
    apply_for_case,
    escalate_case,
    send_back,
    withdraw_case,
)
from app.usecases.aftersale.cases import CaseStands
from app.usecases.aftersale.exchange import confirm_exchange
from app.usecases.aftersale.replace_line import (
    ReplacementStands,
    accept_replacement,
    decline_replacement,
)
from app.usecases.ordering.ending import OrderMoved
from app.usecases.proving.photos import PhotoKept, add_order_photo, show_to_resident
from app.web.cases import (
    OWN_CASE,
    OWN_CASES,
    REPLACEMENTS,
    CaseIn,
    CaseNoteIn,
    CaseReferenceIn,
    CasesOut,
    CasesQuery,
    CaseStandsOut,
    OwnCaseOut,
    ReplacementsOut,
    ReplacementStandsOut,
    case_page,
    own_case,
)
from app.web.door import Door
from app.web.paging import page
from app.web.photos import PhotoKeptOut, shown_photo
from app.web.policy import Relation, policy
from app.web.views import OrderMovedOut


def add_own_cases(door: Door) -> None:
    """Add what residents do about cases."""

    @door.post("/orders/<uuid:order_id>/cases", body=CaseIn, answer=CaseStandsOut, status=201, once=True)
    @policy("case.apply", Relation.OWN)
    def open_case(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Apply for a refund, a return or an exchange of lines of an order that one received."""
        return apply_for_case(
            actor,
            claim,
            order_id=order_id,
            kind=CaseKind(body["kind"]),
            reason=CaseReason(body["reason"]),
            lines=[Asked(**one) for one in body["lines"]],
            note=body["note"],
            evidence=body["evidence"],
            exchange_way=None if body["exchange_way"] is None else ExchangeWay(body["exchange_way"]),
        )

    @door.get("/cases", query=CasesQuery, answer=CasesOut)
    @policy("case.read", Relation.OWN)
    def list_cases(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's cases, newest first."""
        rows = read(OWN_CASES, {"account_id": actor.account_id, **case_page(query)}).fetchall()
        return page([own_case(row) for row in rows], limit=query["limit"], key="case_id")

    @door.get("/cases/<uuid:case_id>", answer=OwnCaseOut)
    @policy("case.read", Relation.OWN)
    def read_case(actor: Actor, *, case_id: UUID) -> dict[str, Any]:
        """Read one's case."""
        row = read(OWN_CASE, {"account_id": actor.account_id, "case_id": case_id}).one_or_none()
        if row is None:
            raise CaseNotFound
        return own_case(row)

    @door.post("/cases/<uuid:case_id>/withdrawal", answer=CaseStandsOut, once=True)
    @policy("case.apply", Relation.OWN)
    def take_case_back(actor: Actor, *, claim: Claim, case_id: UUID) -> CaseStands:
        """Let a case rest."""
        return withdraw_case(actor, claim, case_id=case_id)

    @door.post("/cases/<uuid:case_id>/escalation", body=CaseNoteIn, answer=CaseStandsOut, once=True)
    @policy("case.apply", Relation.OWN)
    def ask_platform(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Ask the platform to rule on a case that the shop rejected."""
        return escalate_case(actor, claim, case_id=case_id, **body)

    @door.post("/cases/<uuid:case_id>/return", body=CaseReferenceIn, answer=CaseStandsOut, once=True)
    @policy("case.apply", Relation.OWN)
    def send_goods_back(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Say that the goods are on their way back to the shop."""
        return send_back(actor, claim, case_id=case_id, **body)

    @door.post("/cases/<uuid:case_id>/exchange-confirmation", answer=CaseStandsOut, once=True)
    @policy("case.apply", Relation.OWN)
    def confirm_exchanged(actor: Actor, *, claim: Claim, case_id: UUID) -> CaseStands:
        """Confirm that what was sent in exchange arrived."""
        return confirm_exchange(actor, claim, case_id=case_id)


def add_own_photos(door: Door) -> None:
    """Add what residents do about photos of their orders."""

    @door.post("/orders/<uuid:order_id>/photos", answer=PhotoKeptOut, status=201, once=True, upload=PICTURE_BYTES_MAX)
    @policy("case.apply", Relation.OWN)
    def upload_photo(actor: Actor, *, claim: Claim, order_id: UUID, file: bytes) -> PhotoKept:
        """Upload a photo (JPEG, PNG or WebP) as evidence for a case about one's order; it is drawn anew."""
        store, media = current_app.extensions["linli_pictures"], request.mimetype
        return add_order_photo(actor, claim, store, order_id=order_id, file=file, media=media)

    @door.get("/photos/<uuid:photo_id>", pages=("image/jpeg",))
    @policy("case.read", Relation.OWN)
    def show_photo(actor: Actor, *, photo_id: UUID) -> Response:
        """Show a photo of one's order: one's own, or what its courier handed in."""
        return shown_photo(show_to_resident(actor, current_app.extensions["linli_pictures"], photo_id=photo_id))


def add_replacements(door: Door) -> None:
    """Add what residents do about replacements for what a shop lacks."""

    @door.get("/orders/<uuid:order_id>/replacements", answer=ReplacementsOut)
    @policy("order.read", Relation.OWN)
    def list_replacements(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
        """List what the shop offered for lines that it lacks."""
        rows = read(REPLACEMENTS, {"order_id": order_id, "account_id": actor.account_id}).fetchall()
        if not rows:
            raise OrderNotFound
        return {"items": [dict(row._mapping) for row in rows if row.replacement_id is not None]}

    @door.post("/replacements/<uuid:replacement_id>/acceptance", answer=ReplacementStandsOut, once=True)
    @policy("order.confirm", Relation.OWN)
    def take_replacement(actor: Actor, *, claim: Claim, replacement_id: UUID) -> ReplacementStands:
        """Take what the shop offers instead; what it costs less goes back."""
        return accept_replacement(actor, claim, replacement_id=replacement_id)

    @door.post("/replacements/<uuid:replacement_id>/refusal", answer=OrderMovedOut, once=True)
    @policy("order.confirm", Relation.OWN)
    def refuse_replacement(actor: Actor, *, claim: Claim, replacement_id: UUID) -> OrderMoved:
        """Rather have the money back for the line."""
        return decline_replacement(actor, claim, replacement_id=replacement_id)
