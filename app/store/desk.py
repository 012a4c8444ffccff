"""Routes of bills and transfers at the desk of a store, ``/store/v1``."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from marshmallow import fields

from app.core.bills.errors import BillerUnavailable
from app.core.bills.states import BillKind, BillPaymentState
from app.core.tills.states import PaidFrom
from app.core.transfers.rules import TRANSFER_FEN_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.store import till_queries as queries
from app.store.tills import CashMovedOut
from app.usecases.billing.outcomes import ask_biller
from app.usecases.tending_tills.bills import AskedAtDesk, DeskBillPaid, ask_at_desk, pay_bill_at_desk
from app.usecases.tending_tills.sending import DeskTransferred, name_payee, send_at_desk
from app.usecases.transferring.payees import PayeeAdded
from app.web.bills import NUMBER_HIGH, BillersOut, BillersQuery, BillQuoteOut, billers_port, list_of_billers
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX


class AskAtDeskIn(Body):
    """Whose bills: the biller, and the number as it stands on the bill that the person brings."""

    biller_id = Id(required=True)
    number = Text(high=NUMBER_HIGH, required=True)


class AskedAtDeskOut(Body):
    """What the biller says; ``prepaid_fen`` is what is left with it where one pays ahead."""

    visit_id = Id(required=True)
    prepaid_fen = Fen(required=True, allow_none=True)
    quotes = Many(fields.Nested(BillQuoteOut), high=LIMIT_MAX, required=True)


class DeskBillIn(Body):
    """What of which quote is paid, out of what."""

    visit_id = Id(required=True)
    quote_id = Id(required=True)
    amount_fen = Fen(low=1, required=True)
    paid_from = Choice(PaidFrom, required=True)


class DeskBillPaidOut(CashMovedOut):
    """A bill that was paid; its receipt is at ``/till-acts/{till_act_id}/receipt``.

    In a state that is neither ``succeeded`` nor ``returned`` the biller has not answered: nobody pays again, it is
    asked on.
    """

    bill_payment_id = Id(required=True)
    state = Choice(BillPaymentState, required=True)


class DeskBillsQuery(PageQuery):
    """Bills paid at one's desks, newest first."""

    state = Choice(BillPaymentState, load_default=None)


class DeskBillOut(Body):
    """A bill that was paid at a desk, as its clerks see it; what was returned is on the person's e-account."""

    bill_payment_id = Id(required=True)
    till_act_id = Id(required=True)
    till_id = Id(required=True)
    number = Int(low=1, high=COUNT_MAX, required=True)
    clerk_id = Id(required=True)
    paid_from = Choice(PaidFrom, required=True)
    amount_fen = Fen(required=True)
    state = Choice(BillPaymentState, required=True)
    refusal = Text(high=40, required=True, allow_none=True)
    biller_id = Id(required=True)
    kind = Choice(BillKind, required=True)
    name_zh = Text(high=100, required=True)
    name_en = Text(high=100, required=True)
    tail = Text(high=4, required=True)
    month = Day(required=True, allow_none=True)
    done_at = Instant(required=True)


class DeskBillsOut(Body):
    """A page of them."""

    items = Many(fields.Nested(DeskBillOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class DeskPayeeIn(Body):
    """Whom the person sends money to, by phone. Whether the phone has an account is not said."""

    phone = Text(high=20, low=5, required=True)


class DeskPayeeOut(Body):
    """A payee of the person's; at the desk, with the card in hand, they can be sent money at once.

    By the person's own phone they can from ``usable_at`` on.
    """

    payee_id = Id(required=True)
    usable_at = Instant(required=True)


class DeskTransferIn(Body):
    """How much is sent to whom, out of what."""

    visit_id = Id(required=True)
    payee_id = Id(required=True)
    amount_fen = Fen(low=1, high=TRANSFER_FEN_MAX, required=True)
    paid_from = Choice(PaidFrom, required=True)


class DeskTransferredOut(CashMovedOut):
    """A transfer; it cannot be taken back. Its receipt is at ``/till-acts/{till_act_id}/receipt``."""

    transfer_id = Id(required=True)
    is_final = Flag(required=True)


def _submitted(_actor: Actor, paid: dict[str, Any]) -> dict[str, Any]:
    """Have the biller take it now; the worker goes on when there is no answer."""
    bill_payment_id = UUID(str(paid["bill_payment_id"]))
    with suppress(BillerUnavailable):
        ask_biller(billers_port(), bill_payment_id)
    return {**paid, "state": queries.bill_state(bill_payment_id)}


def add_desk(door: Door) -> None:
    """Add the routes to ``door``."""
    _add_bills(door)
    _add_sending(door)


def _add_bills(door: Door) -> None:
    @door.get("/billers", query=BillersQuery, answer=BillersOut)
    @policy("till.serve", Relation.SIDE)
    def list_desk_billers(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List billers by kind and region."""
        return list_of_billers(query)

    @door.post("/desk-visits/<uuid:visit_id>/bill-queries", body=AskAtDeskIn, answer=AskedAtDeskOut, status=201)
    @policy("till.serve", Relation.OWN_STORE)
    def query_desk_bills(actor: Actor, *, visit_id: UUID, body: dict[str, Any]) -> AskedAtDesk:
        """Ask a biller for the open bills that the person at the desk wants to pay."""
        return ask_at_desk(actor, billers_port(), visit_id=visit_id, **body)

    @door.post(
        "/tills/<uuid:till_id>/bill-payments",
        body=DeskBillIn,
        answer=DeskBillPaidOut,
        status=201,
        once=True,
        finish=_submitted,
    )
    @policy("till.serve", Relation.OWN_STORE)
    def pay_desk_bill(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> DeskBillPaid:
        """Pay a quoted bill in cash, or from the person's e-account, which they confirmed with their PIN."""
        body["paid_from"] = PaidFrom(body["paid_from"])
        return pay_bill_at_desk(actor, claim, till_id=till_id, **body)

    @door.get("/desk-bills", query=DeskBillsQuery, answer=DeskBillsOut)
    @policy("till.read", Relation.OWN_STORE)
    def list_desk_bills(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the bills that were paid at the desks of one's stores, newest first."""
        return queries.desk_bills(actor, **query)


def _add_sending(door: Door) -> None:
    @door.post("/desk-visits/<uuid:visit_id>/payees", body=DeskPayeeIn, answer=DeskPayeeOut, status=201, once=True)
    @policy("till.serve", Relation.OWN_STORE)
    def name_desk_payee(actor: Actor, *, claim: Claim, visit_id: UUID, body: dict[str, Any]) -> PayeeAdded:
        """Name whom the person at the desk, who shows the ID card, sends money to."""
        return name_payee(actor, claim, visit_id=visit_id, phone=body["phone"])

    @door.post("/tills/<uuid:till_id>/transfers", body=DeskTransferIn, answer=DeskTransferredOut, status=201, once=True)
    @policy("till.serve", Relation.OWN_STORE)
    def send_from_desk(actor: Actor, *, claim: Claim, till_id: UUID, body: dict[str, Any]) -> DeskTransferred:
        """Send money to a payee in cash, or from the person's e-account, which they confirmed with their PIN."""
        body["paid_from"] = PaidFrom(body["paid_from"])
        return send_at_desk(actor, claim, till_id=till_id, **body)
