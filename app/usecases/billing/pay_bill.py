"""Pay a bill from the e-account (缴费): the money, the key and the intent are committed before the biller is asked."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import SessionEnded
from app.core.bills.errors import BillQuoteExpired, BillQuoteNotFound, BillQuoteUsed, BillTaken
from app.core.bills.rules import Payable
from app.core.bills.states import BillPaymentState, BillSource, ask_after_s
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.repository import IN_STANDING
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, USE_GRANT, confirmed_by, room_of

JOIN_GRANT = """
    LEFT JOIN step_up_grants AS g ON g.grant_id = CAST(:grant_id AS uuid) AND g.session_id = :session_id
        AND g.purpose = 'pay_bill' AND g.subject_id = :subject_id AND g.amount_fen_max >= :amount_fen
        AND g.used_at IS NULL AND g.expires_at > clock_timestamp()
"""
_TO_PAY = opening(
    f"""
    SELECT {IN_STANDING} AS is_in_standing, g.factor, coalesce(g.is_new_device, false) AS is_new_device,
        q.bill_id, q.low_fen, q.high_fen, q.lock, q.used_at IS NOT NULL AS is_used, u.utility_account_id, u.biller_id,
        q.locked_until <= business_now() OR b.removed_at IS NOT NULL AS is_expired, r.code, r.is_part_allowed,
        a.verification_level,
        coalesce(l.amount_fen - greatest(l.taken_fen, l.told_paid_fen), q.high_fen) AS left_fen,
        business_now() AS now
    FROM bill_quotes AS q
    JOIN bill_bindings AS b ON b.binding_id = q.binding_id
    JOIN utility_accounts AS u ON u.utility_account_id = b.utility_account_id
    JOIN billers AS r ON r.biller_id = u.biller_id
    JOIN accounts AS a ON a.account_id = q.account_id
    LEFT JOIN bills AS l ON l.bill_id = q.bill_id
    {JOIN_GRANT}
    WHERE q.quote_id = :subject_id AND q.account_id = :account_id FOR NO KEY UPDATE OF q
    """
)
TAKE = text(
    """
    UPDATE bills SET taken_fen = taken_fen + CAST(:amount_fen AS bigint)
    WHERE bill_id = :bill_id AND amount_fen - greatest(taken_fen, told_paid_fen) >= CAST(:amount_fen AS bigint)
        AND (NOT CAST(:is_whole AS boolean) OR taken_fen = 0)
    """
)
"""Takes an amount of a bill, ahead of the ledger's accounts; it touches no row when so much is not left."""
PAY = """
made AS (
    INSERT INTO bill_payments (bill_payment_id, account_id, biller_id, utility_account_id, bill_id, source, is_whole,
        amount_fen, state, key, lock, requested_at, next_ask_at)
    VALUES (:bill_payment_id, :account_id, :biller_id, :utility_account_id, CAST(:bill_id AS uuid), :source, :is_whole,
        :amount_fen, :state, :key, CAST(:lock AS text), business_now(),
        clock_timestamp() + CAST(:rescue AS interval))
)"""
_PAY = closing(
    f"""{PAY}, spent AS (
        UPDATE bill_quotes SET used_at = business_now() WHERE quote_id = :quote_id
    ), {USE_GRANT}""",
    expecting=EXPECT_GRANT_USED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPaid:
    """A payment whose money has left the e-account; what became of it at the biller is asked for next."""

    bill_payment_id: UUID
    amount_fen: int
    state: str


def payment_key(bill_payment_id: UUID) -> str:
    """Return what the biller knows a payment by; it is the same at every repeat."""
    return f"linli-{bill_payment_id}"


def bill_journal(bill_payment_id: UUID, payer: str, biller: str, amount_fen: int) -> Journal:
    """Return the journal of the debit.

    :param payer: the code of the account that the money comes from.
    """
    legs = (Leg(payer, -amount_fen), Leg(codes.biller_payable(biller), amount_fen))
    return Journal(key=f"bill:{bill_payment_id}", kind=JournalKind.BILL, legs=legs, ref=str(bill_payment_id))


def take_bill(tx: Transaction, bill_id: UUID, amount_fen: int, *, is_whole: bool) -> None:
    """Take an amount of a bill and lock it: what is paid or under way can never be more than the bill.

    :param is_whole: the biller takes no parts: one payment of the bill and no other.
    :raises BillTaken: so much is not left.
    """
    if tx.execute(TAKE, {"bill_id": bill_id, "amount_fen": amount_fen, "is_whole": is_whole}).rowcount != 1:
        raise BillTaken(left_fen=0)


def require_payable(quote: Row, amount_fen: int) -> None:
    """Refuse to pay ``amount_fen`` of a quote that does not stand for it now.

    :raises BillQuoteExpired, BillQuoteUsed: its minutes are over, or it was paid.
    :raises BillTaken: the bill was paid meanwhile, or is being paid. :raises BillAmountRefused: of the amount.
    """
    if quote.is_used:
        raise BillQuoteUsed
    if quote.is_expired:
        raise BillQuoteExpired
    if quote.left_fen < quote.low_fen:
        raise BillTaken(left_fen=max(0, quote.left_fen))
    Payable(quote.low_fen, min(quote.high_fen, quote.left_fen)).require(amount_fen)


def take_quoted(tx: Transaction, quote: Row, amount_fen: int) -> bool:
    """Take an amount of the bill that a quote is of, if it is of one; return whether it is paid as a whole.

    :raises BillTaken: so much is not left.
    """
    is_whole = quote.bill_id is not None and not quote.is_part_allowed
    if quote.bill_id is not None:
        take_bill(tx, quote.bill_id, amount_fen, is_whole=is_whole)
    return is_whole


def payment(quote: Row, paid: BillPaid, *, account_id: UUID, source: BillSource, is_whole: bool) -> dict[str, object]:
    """Return the parameters of :data:`PAY` for what a quote stands for."""
    return {
        "bill_payment_id": paid.bill_payment_id,
        "account_id": account_id,
        "biller_id": quote.biller_id,
        "utility_account_id": quote.utility_account_id,
        "bill_id": quote.bill_id,
        "source": source.value,
        "is_whole": is_whole,
        "amount_fen": paid.amount_fen,
        "state": paid.state,
        "key": payment_key(paid.bill_payment_id),
        "lock": quote.lock,
        "rescue": rescue_after(),
    }


def rescue_after() -> timedelta:
    """Return when the worker looks after a payment whose request should have asked by then."""
    after_s = ask_after_s(0)
    assert after_s is not None, "there is a first step"
    return timedelta(seconds=after_s)


def pay_bill(
    actor: Actor, claim: Claim, *, quote_id: UUID, amount_fen: int, step_up_grant: UUID | None = None
) -> BillPaid:
    """Pay what was quoted, whole or in part as the biller allows, or top a prepaid account up.

    The bill is taken by one conditional update, whoever else has bound the same account: it cannot be paid twice.

    :param step_up_grant: what a payment PIN or a passkey bought for this quote.
    :raises BillQuoteNotFound: there is none of the actor's.
    :raises BillQuoteExpired, BillQuoteUsed: its minutes are over, or it was paid.
    :raises BillTaken: the bill was paid meanwhile, or is being paid. :raises BillAmountRefused: of the amount.
    :raises StepUpRequired, StepUpRefused: of the grant. :raises VerificationNeeded, PaymentLimitExceeded: of limits.
    :raises app.core.ledger.InsufficientFunds: the e-account holds less.
    """
    with transaction(claim) as tx:
        asked = {"account_id": actor.account_id, "session_id": actor.session_id, "grant_id": step_up_grant}
        row = tx.open_one(_TO_PAY, {**asked, "subject_id": quote_id, "amount_fen": amount_fen})
        if row is None:
            raise BillQuoteNotFound
        if not row.is_in_standing:
            raise SessionEnded
        require_payable(row, amount_fen)
        factor = confirmed_by(row.factor, step_up_grant, amount_fen=amount_fen)
        room = room_of(actor, row, factor, amount_fen=amount_fen)
        is_whole = take_quoted(tx, row, amount_fen)
        paid = BillPaid(bill_payment_id=new_id(), amount_fen=amount_fen, state=BillPaymentState.DEBITED.value)
        debit = bill_journal(paid.bill_payment_id, codes.e_account(actor.account_id), row.code, amount_fen)
        ledger.post(tx, debit, ahead=room)
        tx.describe(details={"factor": factor.value})
        tx.keep(paid)
        made = payment(row, paid, account_id=actor.account_id, source=BillSource.PERSON, is_whole=is_whole)
        tx.close(_PAY, {**made, "quote_id": quote_id, "grant_id": step_up_grant}, unmet=GRANT_REFUSED)
    return paid
