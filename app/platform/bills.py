"""Routes of life bills at the platform: what does not agree with billers' files, payments that wait for an answer."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.bills.records import BillMismatch
from app.core.bills.states import BillKind, BillPaymentState
from app.core.settlement.payouts import BankTarget
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.platform.schemas import ApprovalMovedOut, Why
from app.usecases.billing.compare_files import DifferenceResolved, prove_payables, resolve_difference
from app.usecases.billing.outcomes import AskedAnew, ask_anew
from app.usecases.deciding.approvals import ApprovalMoved
from app.usecases.deciding.requests import ask_bill_outcome, ask_biller_account
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Fen, Flag, Id, Instant, Int, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

BILLERS_MAX = 5_000
_DIFFERENCES = text(
    """
    SELECT d.difference_id, d.biller_id, r.code AS biller_code, d.day, d.mismatch, d.key, d.ours_fen, d.theirs_fen,
        d.found_at, d.resolved_at, d.why
    FROM bill_differences AS d JOIN billers AS r ON r.biller_id = d.biller_id
    WHERE d.difference_id < :before AND (d.resolved_at IS NOT NULL) = :is_resolved
    ORDER BY d.difference_id DESC LIMIT :limit
    """
)
_WAITING = text(
    """
    SELECT p.bill_payment_id, p.biller_id, r.code AS biller_code, r.kind, p.amount_fen, p.state, p.requested_at,
        p.ask_count, p.next_ask_at
    FROM bill_payments AS p JOIN billers AS r ON r.biller_id = p.biller_id
    WHERE p.state IN ('debited', 'submitted', 'unknown') AND p.bill_payment_id < :before
    ORDER BY p.bill_payment_id DESC LIMIT :limit
    """
)

_SETTLEMENTS = text(
    """
    SELECT s.settlement_id, s.biller_id, r.code AS biller_code, s.day, s.payments_count, s.amount_fen,
        s.suspended_fen, s.settled_at
    FROM bill_settlements AS s JOIN billers AS r ON r.biller_id = s.biller_id
    WHERE s.settlement_id < :before ORDER BY s.settlement_id DESC LIMIT :limit
    """
)


class DifferencesQuery(PageQuery):
    """Open ones, or those that are resolved."""

    is_resolved = Flag(load_default=False)


class DifferenceOut(Body):
    """What does not agree."""

    difference_id = Id(required=True)
    biller_id = Id(required=True)
    biller_code = Text(high=40, required=True)
    day = Day(required=True)
    mismatch = Choice(BillMismatch, required=True)
    key = Text(high=80, required=True)
    ours_fen = Fen(required=True, allow_none=True)
    theirs_fen = Fen(required=True, allow_none=True)
    found_at = Instant(required=True)
    resolved_at = Instant(required=True, allow_none=True)
    why = Text(high=64, required=True, allow_none=True)


class DifferencesOut(Body):
    """A page of the worklist."""

    items = Many(fields.Nested(DifferenceOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class DifferenceResolutionIn(Body):
    """The reference of the case in which it was explained."""

    why = Why()


class DifferenceResolvedOut(Body):
    """A difference that is resolved."""

    difference_id = Id(required=True)


class WaitingBillOut(Body):
    """A payment whose outcome is not known; without ``next_ask_at`` it is not asked about by itself any more."""

    bill_payment_id = Id(required=True)
    biller_id = Id(required=True)
    biller_code = Text(high=40, required=True)
    kind = Choice(BillKind, required=True)
    amount_fen = Fen(low=1, required=True)
    state = Choice(BillPaymentState, required=True)
    requested_at = Instant(required=True)
    ask_count = Int(low=0, high=1_000, required=True)
    next_ask_at = Instant(required=True, allow_none=True)


class WaitingBillsOut(Body):
    """A page of payments that wait for their biller, newest first."""

    items = Many(fields.Nested(WaitingBillOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class AskedAnewOut(Body):
    """A payment that is asked about from the first step of the ladder on."""

    bill_payment_id = Id(required=True)


class BillOutcomeIn(Body):
    """Whether the biller has the money, and the case in which it was asked."""

    is_paid = Flag(required=True)
    why = Why()


class BillerAccountIn(Body):
    """Where a biller's money goes: the bank's 12-digit code (联行号), the number and its holder; and the case."""

    bank_code = Pattern(r"[0-9]{12}", high=12, required=True)
    number = Pattern(r"[0-9]{8,30}", high=30, required=True)
    holder = Pattern(r"[^,]{2,60}", high=60, required=True)
    why = Why()


class BillSettlementOut(Body):
    """What a biller got of one of its days, and what its file lacked."""

    settlement_id = Id(required=True)
    biller_id = Id(required=True)
    biller_code = Text(high=40, required=True)
    day = Day(required=True)
    payments_count = Int(low=0, high=COUNT_MAX, required=True)
    amount_fen = Fen(high=COUNT_MAX, required=True)
    suspended_fen = Fen(high=COUNT_MAX, required=True)
    settled_at = Instant(required=True)


class BillSettlementsOut(Body):
    """A page of settlements with billers, newest first."""

    items = Many(fields.Nested(BillSettlementOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class PayableOut(Body):
    """What we owe one biller: by the books, and by payments."""

    code = Text(high=40, required=True)
    payable_fen = fields.Integer(required=True, strict=True)
    paid_fen = fields.Integer(required=True, strict=True)


class PayablesOut(Body):
    """Every biller; the two sums are equal, or something is wrong."""

    is_sound = Flag(required=True)
    items = Many(fields.Nested(PayableOut), high=BILLERS_MAX, required=True)


def add_bills(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/bill-differences", query=DifferencesQuery, answer=DifferencesOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def list_bill_differences(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what does not agree between billers' files and our payments."""
        asked = {**query, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_DIFFERENCES, asked)]
        return page(rows, limit=query["limit"], key="difference_id")

    @door.post(
        "/bill-differences/<uuid:difference_id>/resolution",
        body=DifferenceResolutionIn,
        answer=DifferenceResolvedOut,
        once=True,
    )
    @policy("reconciliation.write", Relation.PLATFORM)
    def resolve_bill_difference(
        actor: Actor, *, claim: Claim, difference_id: UUID, body: dict[str, Any]
    ) -> DifferenceResolved:
        """Say by which case a difference was explained; money moves by a correction of two people."""
        return resolve_difference(actor, claim, difference_id=difference_id, **body)

    @door.get("/waiting-bill-payments", query=PageQuery, answer=WaitingBillsOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def list_waiting_bill_payments(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List payments of bills whose outcome is not known."""
        asked = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_WAITING, asked)]
        return page(rows, limit=query["limit"], key="bill_payment_id")

    @door.post("/waiting-bill-payments/<uuid:bill_payment_id>/question", answer=AskedAnewOut, once=True)
    @policy("reconciliation.write", Relation.PLATFORM)
    def ask_about_bill_payment(actor: Actor, *, claim: Claim, bill_payment_id: UUID) -> AskedAnew:
        """Have a payment asked about again, from the first step of the ladder on."""
        return ask_anew(actor, claim, bill_payment_id=bill_payment_id)

    @door.post("/bill-payables/proof", answer=PayablesOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def prove_bill_payables(_actor: Actor) -> dict[str, Any]:
        """Hold what we owe billers by the books to our payments, now."""
        proofs = prove_payables()
        items = [{"code": one.code, "payable_fen": one.payable_fen, "paid_fen": one.paid_fen} for one in proofs]
        return {"is_sound": all(one.payable_fen == one.paid_fen for one in proofs), "items": items}


def add_biller_money(door: Door) -> None:
    """Add the routes by which two people decide about billers' money, and its list."""

    @door.post(
        "/bill-payments/<uuid:bill_payment_id>/outcome",
        body=BillOutcomeIn,
        answer=ApprovalMovedOut,
        status=201,
        once=True,
    )
    @policy("reconciliation.write", Relation.PLATFORM)
    def request_bill_outcome(
        actor: Actor, *, claim: Claim, bill_payment_id: UUID, body: dict[str, Any]
    ) -> ApprovalMoved:
        """Ask for a payment to be ended whose biller has said nothing for days; another person approves."""
        return ask_bill_outcome(actor, claim, bill_payment_id=bill_payment_id, **body)

    @door.post(
        "/billers/<uuid:biller_id>/bank-account", body=BillerAccountIn, answer=ApprovalMovedOut, status=201, once=True
    )
    @policy("payout.request", Relation.PLATFORM)
    def request_biller_account(actor: Actor, *, claim: Claim, biller_id: UUID, body: dict[str, Any]) -> ApprovalMoved:
        """Ask for a biller's money to go to a bank account; another person approves."""
        return ask_biller_account(actor, claim, biller_id=biller_id, why=body.pop("why"), target=BankTarget(**body))

    @door.get("/bill-settlements", query=PageQuery, answer=BillSettlementsOut)
    @policy("reconciliation.read", Relation.PLATFORM)
    def list_bill_settlements(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what billers got, day by day, newest first."""
        asked = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_SETTLEMENTS, asked)]
        return page(rows, limit=query["limit"], key="settlement_id")
