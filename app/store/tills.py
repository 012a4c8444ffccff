"""Routes of tills and the agent desk, ``/store/v1``."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.core.tills.states import TillActKind, TillState, VisitMeans
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.store import till_queries as queries
from app.usecases.tending_tills.cash import cash_in, cash_out
from app.usecases.tending_tills.served import Served
from app.usecases.tending_tills.tills import TillClosed, TillMade, TillOpened, close_till, open_till, register_till
from app.usecases.tending_tills.transfers import TransferMoved, cancel_cash, receive_cash, send_cash
from app.usecases.tending_tills.visits import (
    VisitBegun,
    begin_visit_by_card,
    begin_visit_by_code,
    confirm_visit,
    visitor_balance,
)
from app.web.cash import CashTransferMovedOut, CashTransfersOut, CashTransfersQuery, CountIn
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Pattern, Query, Text
from app.web.paging import LIMIT_MAX, PageQuery
from app.web.policy import Relation, policy
from app.web.till_receipts import as_pdf, as_text
from app.web.views import COUNT_MAX


class ReceiptForm(StrEnum):
    """What a receipt is written as."""

    TEXT = "text"
    PDF = "pdf"


class ReceiptQuery(Query):
    """Which kind of receipt."""

    format = Choice(ReceiptForm, load_default=ReceiptForm.TEXT.value)


class TillIn(Body):
    """A new till of a store."""

    store_id = Id(required=True)
    name = Text(high=30, required=True)


class TillMadeOut(Body):
    """A till."""

    till_id = Id(required=True)
    state = Choice(TillState, required=True)


class TillOut(TillMadeOut):
    """A till, and who answers for it while it is open."""

    store_id = Id(required=True)
    name = Text(high=30, required=True)
    shift_id = Id(required=True, allow_none=True)
    in_charge_id = Id(required=True, allow_none=True)
    business_on = Day(required=True, allow_none=True)
    cash_fen = Fen(required=True)


class TillsOut(Body):
    """A page of tills."""

    items = Many(fields.Nested(TillOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class OpeningIn(CountIn):
    """The opening count; a manager may accept that it differs from the books."""

    is_difference_accepted = Flag(load_default=False)


class TillOpenedOut(TillMadeOut):
    """A till that serves."""

    shift_id = Id(required=True)
    cash_fen = Fen(required=True)


class TillClosedOut(TillMadeOut):
    """How it closed: ``difference = counted - expected``, below zero where cash is missing."""

    shift_id = Id(required=True)
    expected_fen = Fen(required=True)
    counted_fen = Fen(required=True)
    difference_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)


class TillProofOut(TillMadeOut):
    """Sound when all four sums are one: the float, the acts, the account in the books and its entries."""

    is_sound = Flag(required=True)
    cash_fen = Fen(required=True)
    acts_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    book_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    journals_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    proven_at = Instant(required=True)


class TillActOut(Body):
    """One act at a till; ``amount_fen`` is above zero into the drawer.

    ``account_fen`` left a person's e-account instead. Whose money it was is on the receipt's reference.
    """

    till_act_id = Id(required=True)
    number = Int(low=1, high=COUNT_MAX, required=True)
    kind = Choice(TillActKind, required=True)
    amount_fen = Int(low=-COUNT_MAX, high=COUNT_MAX, required=True)
    cash_after_fen = Fen(required=True)
    clerk_id = Id(required=True)
    transfer_id = Id(required=True, allow_none=True)
    account_fen = Fen(required=True, allow_none=True)
    bill_payment_id = Id(required=True, allow_none=True)
    sent_transfer_id = Id(required=True, allow_none=True)
    done_at = Instant(required=True)


class TillActsOut(Body):
    """A page of acts."""

    items = Many(fields.Nested(TillActOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CardVisitIn(Body):
    """The ID card in hand; where one works at several stores, which of them."""

    name = Text(high=50, required=True)
    id_number = Text(high=18, required=True)
    store_id = Id(load_default=None, allow_none=True)


class CodeVisitIn(Body):
    """The code that the person shows; where one works at several stores, which of them."""

    code = Pattern(r"[A-Za-z0-9_-]{16,64}", high=64, required=True)
    store_id = Id(load_default=None, allow_none=True)


class VisitBegunOut(Body):
    """A person at the desk, served by this clerk for so long."""

    visit_id = Id(required=True)
    means = Choice(VisitMeans, required=True)
    expires_in_s = Int(low=1, high=3_600, required=True)


class DeskPinIn(Body):
    """The payment PIN, typed by the person, and how much they want to take out; 0 to be told the balance.

    Where they pay a bill or send money from the e-account, the quote or the payee that it is for.
    """

    pin = Pattern(r"[0-9]{6}", high=6, required=True)
    amount_fen = Fen(required=True)
    subject_id = Id(load_default=None, allow_none=True)


class VisitConfirmedOut(Body):
    """The visit; one act up to the amount may follow."""

    visit_id = Id(required=True)


class VisitorBalanceOut(Body):
    """What the person has on the e-account."""

    visit_id = Id(required=True)
    available_fen = Fen(high=COUNT_MAX, required=True)


class CashIn(Body):
    """Cash over the counter."""

    visit_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)


class CashMovedOut(Body):
    """An act at the desk; its receipt is at ``/till-acts/{till_act_id}/receipt``."""

    till_act_id = Id(required=True)
    till_id = Id(required=True)
    number = Int(low=1, high=COUNT_MAX, required=True)
    kind = Choice(TillActKind, required=True)
    amount_fen = Fen(required=True)
    till_cash_fen = Fen(required=True)


class SendIn(Body):
    """Cash to another till, or to the bank when none is named."""

    to_till_id = Id(load_default=None, allow_none=True)
    amount_fen = Fen(low=1, required=True)


def add_tills(door: Door) -> None:
    """Add the routes to ``door``."""
    _add_counts(door)
    _add_desk(door)
    _add_transfers(door)


def _add_counts(door: Door) -> None:
    @door.get("/tills", query=PageQuery, answer=TillsOut)
    @policy("till.read", Relation.OWN_STORE)
    def list_tills(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the tills of one's stores, newest first."""
        return queries.tills(actor, **query)

    @door.post("/tills", body=TillIn, answer=TillMadeOut, status=201, once=True)
    @policy("till.register", Relation.OWN_STORE)
    def add_till(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> TillMade:
        """Give a store of one's own a till."""
        return register_till(actor, claim, **body)

    @door.post("/tills/<uuid:till_id>/opening", body=OpeningIn, answer=TillOpenedOut, once=True)
    @policy("till.count", Relation.OWN_STORE)
    def begin_till(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> TillOpened:
        """Open a till with a count; whoever opens it answers for its cash."""
        return open_till(actor, claim, till_id=till_id, **body)

    @door.post("/tills/<uuid:till_id>/closing", body=CountIn, answer=TillClosedOut, once=True)
    @policy("till.count", Relation.OWN_STORE)
    def end_till(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> TillClosed:
        """Close a till with a count; a difference is booked to who was in charge."""
        return close_till(actor, claim, till_id=till_id, **body)

    @door.get("/tills/<uuid:till_id>/proof", answer=TillProofOut)
    @policy("till.read", Relation.OWN_STORE)
    def prove_till(actor: Actor, *, till_id: UUID) -> dict[str, Any]:
        """Prove a till now: its float against its acts and its journals."""
        return queries.proof(actor, till_id=till_id)

    @door.get("/tills/<uuid:till_id>/acts", query=PageQuery, answer=TillActsOut)
    @policy("till.read", Relation.OWN_STORE)
    def list_till_acts(actor: Actor, *, till_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List the acts at a till, newest first."""
        return queries.acts(actor, till_id=till_id, **query)

    @door.get("/till-acts/<uuid:till_act_id>/receipt", query=ReceiptQuery, pages=("text/plain", "application/pdf"))
    @policy("till.read", Relation.OWN_STORE)
    def read_receipt(actor: Actor, *, till_act_id: UUID, query: dict[str, Any]) -> Response:
        """Read the receipt of an act, as text or PDF."""
        receipt = queries.receipt(actor, till_act_id=till_act_id)
        if query["format"] == ReceiptForm.PDF:
            response = Response(as_pdf(receipt), mimetype="application/pdf")
        else:
            response = Response(as_text(receipt), mimetype="text/plain")
        response.headers["Cache-Control"] = "no-store"
        return response


def _add_desk(door: Door) -> None:
    @door.post("/desk-visits/by-code", body=CodeVisitIn, answer=VisitBegunOut, status=201)
    @policy("till.serve", Relation.OWN_STORE)
    def begin_desk_visit_by_code(actor: Actor, *, body: dict[str, Any]) -> VisitBegun:
        """Begin to serve who shows a code of their own session."""
        return begin_visit_by_code(actor, **body)

    @door.post("/desk-visits/by-card", body=CardVisitIn, answer=VisitBegunOut, status=201)
    @policy("till.serve", Relation.OWN_STORE)
    def begin_desk_visit_by_card(actor: Actor, *, body: dict[str, Any]) -> VisitBegun:
        """Begin to serve who shows their ID card, without a phone."""
        return begin_visit_by_card(actor, **body)

    @door.post("/desk-visits/<uuid:visit_id>/confirmation", body=DeskPinIn, answer=VisitConfirmedOut)
    @policy("till.serve", Relation.OWN_STORE)
    def confirm_desk_visit(actor: Actor, *, visit_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Take the person's payment PIN at the desk's pad."""
        confirm_visit(actor, visit_id=visit_id, **body)
        return {"visit_id": visit_id}

    @door.get("/desk-visits/<uuid:visit_id>/balance", answer=VisitorBalanceOut)
    @policy("till.serve", Relation.OWN_STORE)
    def read_visitor_balance(actor: Actor, *, visit_id: UUID) -> dict[str, Any]:
        """Tell the person who confirmed with their PIN their balance."""
        return {"visit_id": visit_id, "available_fen": visitor_balance(actor, visit_id=visit_id)}

    @door.post("/tills/<uuid:till_id>/cash-ins", body=CashIn, answer=CashMovedOut, status=201, once=True)
    @policy("till.serve", Relation.OWN_STORE)
    def take_cash_in(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> Served:
        """Put cash on the person's e-account."""
        return cash_in(actor, claim, till_id=till_id, **body)

    @door.post("/tills/<uuid:till_id>/cash-outs", body=CashIn, answer=CashMovedOut, status=201, once=True)
    @policy("till.serve", Relation.OWN_STORE)
    def give_cash_out(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> Served:
        """Give the person cash from their e-account, which they confirmed with their PIN."""
        return cash_out(actor, claim, till_id=till_id, **body)


def _add_transfers(door: Door) -> None:
    @door.get("/cash-transfers", query=CashTransfersQuery, answer=CashTransfersOut)
    @policy("till.read", Relation.OWN_STORE)
    def list_cash_transfers(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List cash on its way from and to the tills of one's stores, newest first."""
        return queries.transfers(actor, **query)

    @door.post("/tills/<uuid:till_id>/cash-transfers", body=SendIn, answer=CashTransferMovedOut, status=201, once=True)
    @policy("cash.send", Relation.OWN_STORE)
    def send(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> TransferMoved:
        """Send cash from a till to another, or to the bank."""
        return send_cash(actor, claim, till_id=till_id, **body)

    @door.post("/cash-transfers/<uuid:transfer_id>/receiving", body=CountIn, answer=CashTransferMovedOut, once=True)
    @policy("cash.receive", Relation.OWN_STORE)
    def receive(actor: Actor, *, claim: Claim, transfer_id: UUID, body: dict[str, Any]) -> TransferMoved:
        """Count cash that arrived; somebody else sent it."""
        return receive_cash(actor, claim, transfer_id=transfer_id, **body)

    @door.post("/cash-transfers/<uuid:transfer_id>/cancellation", answer=CashTransferMovedOut, once=True)
    @policy("cash.send", Relation.OWN_STORE)
    def take_back(actor: Actor, *, claim: Claim, transfer_id: UUID) -> TransferMoved:
        """Take cash back that did not leave."""
        return cancel_cash(actor, claim, transfer_id=transfer_id)
