"""A bill is paid at the desk (代缴), in cash or from the e-account of who stands there.

The biller is asked as on the resident's side, after the money has moved. What it refuses goes to the person's
e-account, also where it was paid in cash: who paid may have gone home by then, and the till's day may be over.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.bills.errors import BillQuoteNotFound, BillQuoteUsed
from app.core.bills.ports import Biller
from app.core.bills.states import BillPaymentState, BillSource
from app.core.events import CashServed
from app.core.operating.switches import Feature, is_on
from app.core.tills.errors import DeskConfirmationNeeded, DeskVisitNotFound
from app.core.tills.states import CASH_FROM_PEOPLE, PaidFrom, TillActKind
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, read, transaction
from app.usecases.billing.ask_bills import Quoted, quote
from app.usecases.billing.bind import KNOW_ACCOUNT, ask_by_number, sealed_number
from app.usecases.billing.pay_bill import PAY, BillPaid, bill_journal, payment, require_payable, take_quoted
from app.usecases.tending_tills.drawer import MEMBER, MOVE_CASH, TILL
from app.usecases.tending_tills.served import AT_DESK, USE_CONFIRMATION, VISITOR, Served, payer, paying, serve

_KINDS = {PaidFrom.CASH: TillActKind.BILL_IN_CASH, PaidFrom.E_ACCOUNT: TillActKind.BILL_FROM_ACCOUNT}
_VISITOR = text(
    f"""
    SELECT v.account_id FROM desk_visits AS v JOIN memberships AS m ON m.organization_id = v.store_id AND {MEMBER}
    WHERE v.visit_id = :visit_id AND v.clerk_id = :account_id AND v.expires_at > clock_timestamp()
    """
)
_LOCK = opening(
    f"""
    SELECT {TILL}, business_now() AS now, {VISITOR}, {is_on(Feature.DESK_BILLS)} AS is_on,
        q.quote_id, q.bill_id, q.low_fen, q.high_fen, q.lock, q.used_at IS NOT NULL AS is_used,
        q.locked_until <= business_now() AS is_expired, u.utility_account_id, u.biller_id, r.code, r.is_part_allowed,
        coalesce(l.amount_fen - greatest(l.taken_fen, l.told_paid_fen), q.high_fen) AS left_fen
    FROM tills AS t {AT_DESK}
    LEFT JOIN bill_quotes AS q ON q.quote_id = :quote_id AND q.account_id = v.account_id AND q.binding_id IS NULL
    LEFT JOIN utility_accounts AS u ON u.utility_account_id = q.utility_account_id
    LEFT JOIN billers AS r ON r.biller_id = u.biller_id
    LEFT JOIN bills AS l ON l.bill_id = q.bill_id
    WHERE t.till_id = :till_id FOR NO KEY UPDATE OF t
    """
)
_SPEND = """
    spent AS (
        UPDATE bill_quotes SET used_at = business_now() WHERE quote_id = :quote_id AND used_at IS NULL
        RETURNING quote_id
    )"""
_IN_CASH = closing(f"{PAY}, {_SPEND}, {MOVE_CASH}", answer="SELECT count(*) AS quotes, 1 AS confirmations FROM spent")
_FROM_ACCOUNT = closing(
    f"{PAY}, {_SPEND}, {USE_CONFIRMATION}, {MOVE_CASH}",
    answer="SELECT (SELECT count(*) FROM spent) AS quotes, (SELECT count(*) FROM used) AS confirmations",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAtDesk:
    """What a biller says of an account that a person named at the desk; of a prepaid one, what is left."""

    visit_id: UUID
    prepaid_fen: int | None
    quotes: list[Quoted]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskBillPaid(Served):
    """A bill that was paid at the desk; what became of it at the biller is asked for next."""

    bill_payment_id: UUID
    state: str


def ask_at_desk(actor: Actor, billers: Biller, *, visit_id: UUID, biller_id: UUID, number: str) -> AskedAtDesk:
    """Ask for the open bills of an account that the person at the desk names; each amount is locked for some minutes.

    :raises DeskVisitNotFound: none of the clerk's. :raises BillerNotFound: there is none.
    :raises BillNumberInvalid, BillNumberUnknown: of the number. :raises BillerUnavailable: there is no answer.
    """
    visit = read(_VISITOR, {**actor.as_member, "visit_id": visit_id}).one_or_none()
    if visit is None:
        raise DeskVisitNotFound
    biller, clean, told = ask_by_number(billers, biller_id=biller_id, number=number)
    with transaction() as tx:
        known = tx.execute(KNOW_ACCOUNT, {**sealed_number(biller_id, clean), "account_id": visit.account_id}).one()
        about = {"account_id": visit.account_id, "utility_account_id": known.utility_account_id}
        quotes = quote(tx, told, biller, **about)
        audit.record(tx, actor, "desk.ask_bills", subject_kind="visit", subject_id=visit_id, whom_id=visit.account_id)
    return AskedAtDesk(visit_id=visit_id, prepaid_fen=told.balance_fen, quotes=quotes)


def pay_bill_at_desk(  # what a clerk enters
    actor: Actor,
    claim: Claim,
    *,
    till_id: UUID,
    visit_id: UUID,
    quote_id: UUID,
    amount_fen: int,
    paid_from: PaidFrom,
) -> DeskBillPaid:
    """Pay what was quoted at the desk, in cash or from the person's e-account.

    Locks the till, the bill, the counters of limits, the ledger's accounts, the quote.

    :raises TillNotFound, DeskVisitNotFound: none of the clerk's. :raises TillNotOpen, TillOfAnotherDay: of the till.
    :raises AccountSuspended, VerificationNeeded: of the person's account. :raises FeatureOff: it is switched off.
    :raises BillQuoteNotFound: none of the person's. :raises BillQuoteExpired, BillQuoteUsed, BillTaken: of the quote.
    :raises BillAmountRefused: of the amount. :raises CashLimitExceeded, TillFull: of cash.
    :raises DeskConfirmationNeeded, PaymentLimitExceeded, app.core.ledger.InsufficientFunds: of the e-account.
    """
    kind = _KINDS[paid_from]
    with transaction(claim) as tx:
        asked = {"till_id": till_id, "visit_id": visit_id, "quote_id": quote_id}
        found = tx.open_one(_LOCK, {**actor.as_member, **asked})
        row, drawer = serve(tx, actor, found, visit_id=visit_id, feature=Feature.DESK_BILLS)
        if row.quote_id is None:
            raise BillQuoteNotFound(pointer="/quote_id")
        require_payable(row, amount_fen)
        ahead = paying(row, drawer, kind, subject_id=quote_id, amount_fen=amount_fen)
        is_whole = take_quoted(tx, row, amount_fen)
        paid = BillPaid(bill_payment_id=new_id(), amount_fen=amount_fen, state=BillPaymentState.DEBITED.value)
        is_cash = kind in CASH_FROM_PEOPLE
        till_act_id, change_fen = new_id(), amount_fen if is_cash else 0
        moving = drawer.moving(
            kind,
            change_fen,
            till_act_id=till_act_id,
            clerk_id=actor.account_id,
            whom_id=row.account_id,
            account_fen=None if is_cash else amount_fen,
            bill_payment_id=paid.bill_payment_id,
        )
        ledger.post(tx, bill_journal(paid.bill_payment_id, payer(row, kind), row.code, amount_fen), ahead=ahead)
        done = DeskBillPaid(
            till_act_id=till_act_id,
            till_id=till_id,
            number=row.last_number + 1,
            kind=kind.value,
            amount_fen=amount_fen,
            till_cash_fen=drawer.after(change_fen),
            bill_payment_id=paid.bill_payment_id,
            state=paid.state,
        )
        tx.record(CashServed(account_id=row.account_id, till_act_id=till_act_id, state=kind.value,
                             amount_fen=amount_fen))  # fmt: skip
        tx.describe(whom_id=row.account_id)
        tx.keep(done)
        source = BillSource.DESK_CASH if is_cash else BillSource.DESK
        made = payment(row, paid, account_id=row.account_id, source=source, is_whole=is_whole)
        # One act, two tables: what PAY calls account_id is the payer's.
        params = {**moving, **made, "visit_id": visit_id, "quote_id": quote_id, "subject_id": quote_id}
        left = tx.close(_IN_CASH if is_cash else _FROM_ACCOUNT, params).one()
        if left.quotes != 1:
            raise BillQuoteUsed
        if left.confirmations != 1:
            raise DeskConfirmationNeeded(pointer="/amount_fen")
    return done
