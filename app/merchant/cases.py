"""Routes by which shops answer after-sale cases, offer replacements, and say what cannot be sent back."""

from typing import Any
from uuid import UUID

from flask import Response, current_app

from app.core.aftersale.errors import CaseNotFound
from app.core.catalog.errors import ShopNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read, transaction
from app.usecases.aftersale.answer import (
    agree_to_case,
    dispute_return,
    receive_return,
    reject_case,
    replace_goods,
    take_exchange_back,
)
from app.usecases.aftersale.cases import CaseStands
from app.usecases.aftersale.replace_line import (
    ReplacementStands,
    offer_replacement,
)
from app.usecases.proving.photos import show_to_shop
from app.web.cases import (
    IS_MEMBER,
    SHOP_CASE,
    SHOP_CASES,
    CaseAnswerIn,
    CaseReferenceIn,
    CasesQuery,
    CaseStandsOut,
    ExchangeBackIn,
    ReplacementIn,
    ReplacementStandsOut,
    ReturnAnswerIn,
    ShopCaseOut,
    ShopCasesOut,
    case_page,
    shop_case,
)
from app.web.door import Door
from app.web.paging import page
from app.web.photos import shown_photo
from app.web.policy import Relation, policy


def add_shop_cases(door: Door) -> None:
    """Add what shops do about cases."""

    @door.get("/shops/<uuid:shop_id>/cases", query=CasesQuery, answer=ShopCasesOut)
    @policy("case.read", Relation.OWN_SHOP)
    def list_cases(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List a shop's cases, newest first."""
        params = {"shop_id": shop_id, **actor.as_member}
        with transaction() as tx:
            rows = tx.execute(SHOP_CASES, {**params, **case_page(query)}).fetchall()
            if not rows and tx.execute(IS_MEMBER, params).first() is None:
                raise ShopNotFound
        return page([shop_case(row) for row in rows], limit=query["limit"], key="case_id")

    @door.get("/cases/<uuid:case_id>", answer=ShopCaseOut)
    @policy("case.read", Relation.OWN_SHOP)
    def read_case(actor: Actor, *, case_id: UUID) -> dict[str, Any]:
        """Read a case of one's shop."""
        row = read(SHOP_CASE, {"case_id": case_id, **actor.as_member}).one_or_none()
        if row is None:
            raise CaseNotFound
        return shop_case(row)

    @door.post("/cases/<uuid:case_id>/answer", body=CaseAnswerIn, answer=CaseStandsOut, once=True)
    @policy("case.answer", Relation.OWN_SHOP)
    def answer_case(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Agree to a case, or reject it with a reason."""
        if body["is_approved"]:
            return agree_to_case(actor, claim, case_id=case_id, is_refund=body["is_refund"])
        return reject_case(actor, claim, case_id=case_id, reason=body["reason"])

    @door.post("/cases/<uuid:case_id>/return-answer", body=ReturnAnswerIn, answer=CaseStandsOut, once=True)
    @policy("case.answer", Relation.OWN_SHOP)
    def answer_return(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Say that the goods are back, or that they are not what was sold."""
        if body["is_approved"]:
            return receive_return(actor, claim, case_id=case_id, is_resalable=body["is_resalable"])
        return dispute_return(actor, claim, case_id=case_id, reason=body["reason"])


def add_exchanges(door: Door) -> None:
    """Add what shops do about exchanges."""

    @door.post("/cases/<uuid:case_id>/exchange", body=CaseReferenceIn, answer=CaseStandsOut, once=True)
    @policy("case.answer", Relation.OWN_SHOP)
    def send_exchange(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Give other pieces in exchange: to the resident, or to the store where they are exchanged."""
        return replace_goods(actor, claim, case_id=case_id, **body)

    @door.post("/cases/<uuid:case_id>/exchange-return", body=ExchangeBackIn, answer=CaseStandsOut, once=True)
    @policy("case.answer", Relation.OWN_SHOP)
    def take_back(actor: Actor, *, claim: Claim, case_id: UUID, body: dict[str, Any]) -> CaseStands:
        """Say that pieces that were sent out in exchange came back; they are reserved again."""
        return take_exchange_back(actor, claim, case_id=case_id, **body)


def add_case_photos(door: Door) -> None:
    """Add how shops see photos."""

    @door.get("/photos/<uuid:photo_id>", pages=("image/jpeg",))
    @policy("case.read", Relation.OWN_SHOP)
    def show_photo(actor: Actor, *, photo_id: UUID) -> Response:
        """Show a photo of a case of one's shop, or of what a courier took from its counter."""
        return shown_photo(show_to_shop(actor, current_app.extensions["linli_pictures"], photo_id=photo_id))


def add_replacements(door: Door) -> None:
    """Add what shops offer for what they lack."""

    @door.post(
        "/orders/<uuid:order_id>/replacements", body=ReplacementIn, answer=ReplacementStandsOut, status=201, once=True
    )
    @policy("order.short", Relation.OWN_SHOP)
    def offer_instead(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReplacementStands:
        """Offer something else for a line that the shop lacks; the line is refunded after ten minutes."""
        return offer_replacement(actor, claim, order_id=order_id, **body)
