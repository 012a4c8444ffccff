"""Routes of life bills: billers, bound accounts, asking, paying, automatic payment."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.bills.errors import BillerUnavailable, BillPaymentNotFound
from app.core.bills.states import BillPaymentState
from app.kernel.actor import Actor
from app.kernel.sealing import unseal
from app.kernel.transaction import Claim, read
from app.usecases.billing.ask_bills import Asked as AskedBills
from app.usecases.billing.ask_bills import ask_bills
from app.usecases.billing.autopay import Autopay, drop_autopay, set_autopay
from app.usecases.billing.bind import NICKNAME_CONTEXT, BindingMade, bind_account, change_binding, unbind_account
from app.usecases.billing.outcomes import ask_biller
from app.usecases.billing.pay_bill import BillPaid, pay_bill
from app.usecases.passkeys.challenges import Asked, ask_to_pay
from app.usecases.stepping_up.purposes import BILL_AUTOPAY, BILL_QUOTE, Payee
from app.user import bill_schemas as schemas
from app.user.step_up import ConfirmationIn, TipChallengeIn, confirmed
from app.web.bills import BillersOut, BillersQuery, billers_port, list_of_billers
from app.web.door import Door
from app.web.paging import PageQuery, page, read_cursor
from app.web.passkeys import ChallengeOut, party
from app.web.policy import Relation, policy

_BINDINGS = text(
    """
    SELECT b.binding_id, b.nickname_sealed, b.is_reminded, b.bound_at, b.autopay_cap_fen, u.tail, u.balance_fen,
        u.asked_at, r.biller_id, r.kind, r.name_zh, r.name_en, r.region_code,
        CAST(coalesce((SELECT sum(l.amount_fen - greatest(l.taken_fen, l.told_paid_fen)) FROM bills AS l
            WHERE l.utility_account_id = u.utility_account_id), 0) AS bigint) AS left_fen
    FROM bill_bindings AS b JOIN utility_accounts AS u ON u.utility_account_id = b.utility_account_id
    JOIN billers AS r ON r.biller_id = u.biller_id
    WHERE b.account_id = :account_id AND b.removed_at IS NULL AND b.binding_id < :before
    ORDER BY b.binding_id DESC LIMIT :limit
    """
)
PAYMENTS = text(
    """
    SELECT p.bill_payment_id, p.amount_fen, p.state, p.source, p.requested_at, p.ended_at, p.refusal,
        p.biller_reference, p.booked_on, p.bill_id, l.month, l.due_on, u.tail, r.biller_id, r.kind, r.name_zh, r.name_en
    FROM bill_payments AS p JOIN utility_accounts AS u ON u.utility_account_id = p.utility_account_id
    JOIN billers AS r ON r.biller_id = p.biller_id LEFT JOIN bills AS l ON l.bill_id = p.bill_id
    WHERE p.account_id = :account_id AND p.bill_payment_id < :before
        AND p.bill_payment_id = coalesce(CAST(:bill_payment_id AS uuid), p.bill_payment_id)
        AND p.state = coalesce(CAST(:state AS text), p.state)
    ORDER BY p.bill_payment_id DESC LIMIT :limit
    """
)
_NOTICES = text(
    """
    SELECT notice_id, binding_id, bill_id, kind, amount_fen, due_on, noticed_at FROM bill_notices
    WHERE account_id = :account_id AND notice_id < :before ORDER BY notice_id DESC LIMIT :limit
    """
)


def bill_payment(actor: Actor, bill_payment_id: UUID) -> dict[str, Any]:
    """Return one payment of the actor's.

    :raises BillPaymentNotFound: there is none.
    """
    asked = {"account_id": actor.account_id, "before": read_cursor(None), "state": None, "limit": 1}
    row = read(PAYMENTS, {**asked, "bill_payment_id": bill_payment_id}).one_or_none()
    if row is None:
        raise BillPaymentNotFound
    return dict(row._mapping)


def _submitted(actor: Actor, paid: dict[str, Any]) -> dict[str, Any]:
    """Have the biller take it now; the worker goes on when there is no answer."""
    bill_payment_id = UUID(str(paid["bill_payment_id"]))
    found = bill_payment(actor, bill_payment_id)
    if found["state"] == BillPaymentState.DEBITED:
        with suppress(BillerUnavailable):
            ask_biller(billers_port(), bill_payment_id)
        found = bill_payment(actor, bill_payment_id)
    return found


def add_bills(door: Door) -> None:
    """Add the routes to ``door``."""
    for part in (_add_accounts, _add_payments, _add_autopay):
        part(door)


def _add_accounts(door: Door) -> None:
    @door.get("/billers", query=BillersQuery, answer=BillersOut)
    @policy("bill.read", Relation.SIDE)
    def list_billers(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List billers by kind and region."""
        return list_of_billers(query)

    @door.post("/bill-accounts", body=schemas.BindIn, answer=schemas.BindingMadeOut, status=201, once=True)
    @policy("bill.bind", Relation.OWN)
    def bind(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> BindingMade:
        """Bind an account with a biller: one's own, or one's parents'."""
        return bind_account(actor, claim, billers_port(), **body)

    @door.get("/bill-accounts", query=PageQuery, answer=schemas.BindingsOut)
    @policy("bill.read", Relation.OWN)
    def list_bill_accounts(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's bound accounts, with what is open there as of the last time the biller was asked."""
        asked = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_BINDINGS, asked)]
        for row in rows:
            row["nickname"] = unseal(row.pop("nickname_sealed"), context=NICKNAME_CONTEXT)
        return page(rows, limit=query["limit"], key="binding_id")

    @door.put("/bill-accounts/<uuid:binding_id>", body=schemas.BindingIn)
    @policy("bill.bind", Relation.OWN)
    def change_bill_account(actor: Actor, *, binding_id: UUID, body: dict[str, Any]) -> None:
        """Give a bound account another nickname; have its reminders on or off."""
        change_binding(actor, binding_id=binding_id, **body)

    @door.delete("/bill-accounts/<uuid:binding_id>")
    @policy("bill.bind", Relation.OWN)
    def unbind(actor: Actor, *, binding_id: UUID) -> None:
        """Let a bound account go."""
        unbind_account(actor, binding_id=binding_id)

    @door.post("/bill-accounts/<uuid:binding_id>/queries", answer=schemas.AskedOut, status=201)
    @policy("bill.read", Relation.OWN)
    def query_bills(actor: Actor, *, binding_id: UUID) -> AskedBills:
        """Ask the biller for open bills; each amount is locked for some minutes."""
        return ask_bills(actor, billers_port(), binding_id=binding_id)

    @door.get("/bill-notices", query=PageQuery, answer=schemas.BillNoticesOut)
    @policy("bill.read", Relation.OWN)
    def list_bill_notices(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what one was told of bills, newest first."""
        asked = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_NOTICES, asked)], limit=query["limit"], key="notice_id")


def _add_payments(door: Door) -> None:
    @door.post("/bill-quotes/<uuid:quote_id>/step-up-challenges", body=TipChallengeIn, answer=ChallengeOut, status=201)
    @policy("bill.pay", Relation.OWN)
    def ask_for_bill_challenge(actor: Actor, *, quote_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm a bill's payment."""
        return ask_to_pay(actor, party(), Payee(BILL_QUOTE, quote_id), amount_fen=body["amount_fen"])

    @door.post(
        "/bill-quotes/<uuid:quote_id>/step-up-grants", body=ConfirmationIn, answer=schemas.QuoteGrantOut, status=201
    )
    @policy("bill.pay", Relation.OWN)
    def grant_bill(actor: Actor, *, quote_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm a bill's payment with the payment PIN or a passkey; good for five minutes, once."""
        return confirmed(actor, Payee(BILL_QUOTE, quote_id), body)

    @door.post(
        "/bill-quotes/<uuid:quote_id>/payments",
        body=schemas.BillPayIn,
        answer=schemas.BillPaymentOut,
        status=201,
        once=True,
        finish=_submitted,
        opens_in_standing=True,
    )
    @policy("bill.pay", Relation.OWN)
    def pay_quote(actor: Actor, *, claim: Claim, quote_id: UUID, body: dict[str, Any]) -> BillPaid:
        """Pay a quoted bill from the e-account, or top a prepaid account up."""
        return pay_bill(actor, claim, quote_id=quote_id, **body)

    @door.get("/bill-payments", query=schemas.BillPaymentsQuery, answer=schemas.BillPaymentsOut)
    @policy("bill.read", Relation.OWN)
    def list_bill_payments(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's payments of bills, newest first."""
        asked = {"account_id": actor.account_id, "state": query["state"], "bill_payment_id": None}
        more = {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(PAYMENTS, {**asked, **more})]
        return page(rows, limit=query["limit"], key="bill_payment_id")

    @door.get("/bill-payments/<uuid:bill_payment_id>", answer=schemas.BillPaymentOut)
    @policy("bill.read", Relation.OWN)
    def read_bill_payment(actor: Actor, *, bill_payment_id: UUID) -> dict[str, Any]:
        """Read one of one's payments of bills."""
        return bill_payment(actor, bill_payment_id)


def _add_autopay(door: Door) -> None:
    @door.post(
        "/bill-accounts/<uuid:binding_id>/step-up-challenges", body=TipChallengeIn, answer=ChallengeOut, status=201
    )
    @policy("bill.pay", Relation.OWN)
    def ask_for_autopay_challenge(actor: Actor, *, binding_id: UUID, body: dict[str, Any]) -> Asked:
        """Ask for a challenge that one of one's passkeys answers to confirm an automatic payment and its cap."""
        return ask_to_pay(actor, party(), Payee(BILL_AUTOPAY, binding_id), amount_fen=body["amount_fen"])

    @door.post(
        "/bill-accounts/<uuid:binding_id>/step-up-grants",
        body=ConfirmationIn,
        answer=schemas.AutopayGrantOut,
        status=201,
    )
    @policy("bill.pay", Relation.OWN)
    def grant_autopay(actor: Actor, *, binding_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
        """Confirm an automatic payment and its cap with the payment PIN or a passkey."""
        return confirmed(actor, Payee(BILL_AUTOPAY, binding_id), body)

    @door.put("/bill-accounts/<uuid:binding_id>/autopay", body=schemas.AutopayIn, answer=schemas.AutopayOut, once=True)
    @policy("bill.pay", Relation.OWN)
    def put_autopay(actor: Actor, *, claim: Claim, binding_id: UUID, body: dict[str, Any]) -> Autopay:
        """Let bills of an account pay themselves up to a cap, three days before they are due."""
        return set_autopay(actor, claim, binding_id=binding_id, **body)

    @door.delete("/bill-accounts/<uuid:binding_id>/autopay")
    @policy("bill.bind", Relation.OWN)
    def delete_autopay(actor: Actor, *, binding_id: UUID) -> None:
        """Let bills of an account wait for one again."""
        drop_autopay(actor, binding_id=binding_id)
