"""Automatic payment (自动缴费): a person confirms once, up to a cap; the bills of an account then pay themselves."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.bills.errors import BillBindingNotFound, BillTaken
from app.core.bills.records import BillNoticeKind
from app.core.bills.rules import LATE_DAYS_MAX, PAY_DAYS
from app.core.bills.states import BillPaymentState, BillSource
from app.core.ledger import InsufficientFunds, codes
from app.core.stepup.models import Factor
from app.core.verification.errors import PaymentLimitExceeded, VerificationNeeded
from app.core.verification.limits import counting
from app.core.wealth.dates import today
from app.kernel.actor import Actor
from app.kernel.clock import business_now
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, read, transaction
from app.kernel.wire import Row
from app.usecases.billing.notices import tell_payer
from app.usecases.billing.pay_bill import JOIN_GRANT, PAY, bill_journal, payment_key, take_bill
from app.usecases.paying.confirmed import EXPECT_GRANT_USED, GRANT_REFUSED, STRENGTH_OF, USE_GRANT, confirmed_by

_TO_SET = opening(
    f"""
    SELECT b.binding_id, g.factor FROM bill_bindings AS b
    {JOIN_GRANT}
    WHERE b.binding_id = :subject_id AND b.account_id = :account_id AND b.removed_at IS NULL
    FOR NO KEY UPDATE OF b
    """
)
_SET = closing(
    f"""
    set_up AS (
        UPDATE bill_bindings SET autopay_cap_fen = :cap_fen, autopay_factor = :factor, autopay_tried_on = '2000-01-01',
            look_at = business_now()
        WHERE binding_id = :binding_id
    ), {USE_GRANT}""",
    expecting=EXPECT_GRANT_USED,
)
_DROP = text(
    """
    UPDATE bill_bindings SET autopay_cap_fen = NULL, autopay_factor = NULL
    WHERE binding_id = :binding_id AND account_id = :account_id AND removed_at IS NULL
    """
)
_CLAIM_BINDING = text(
    """
    UPDATE bill_bindings SET autopay_tried_on = CAST(:today AS date) WHERE binding_id = (
        SELECT b.binding_id FROM bill_bindings AS b
        WHERE b.removed_at IS NULL AND b.autopay_cap_fen IS NOT NULL AND b.autopay_tried_on < CAST(:today AS date)
            AND EXISTS (SELECT 1 FROM bills AS l WHERE l.utility_account_id = b.utility_account_id
                AND l.due_on BETWEEN :first AND :last AND greatest(l.taken_fen, l.told_paid_fen) < l.amount_fen)
        ORDER BY b.autopay_tried_on, b.binding_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING binding_id
    """
)
_DUE = text(
    """
    SELECT l.bill_id FROM bills AS l JOIN bill_bindings AS b ON b.utility_account_id = l.utility_account_id
    WHERE b.binding_id = :binding_id AND l.due_on BETWEEN :first AND :last
        AND greatest(l.taken_fen, l.told_paid_fen) < l.amount_fen
    ORDER BY l.due_on, l.bill_id LIMIT 60
    """
)
_LOCK_DUE = text(
    """
    SELECT b.binding_id, b.account_id, b.autopay_cap_fen, b.autopay_factor, b.utility_account_id, u.biller_id, r.code,
        r.is_part_allowed, a.verification_level, l.bill_id, l.due_on, business_now() AS now,
        l.amount_fen - greatest(l.taken_fen, l.told_paid_fen) AS left_fen
    FROM bill_bindings AS b JOIN accounts AS a ON a.account_id = b.account_id
    JOIN utility_accounts AS u ON u.utility_account_id = b.utility_account_id
    JOIN billers AS r ON r.biller_id = u.biller_id JOIN bills AS l ON l.bill_id = :bill_id
    WHERE b.binding_id = :binding_id AND b.autopay_cap_fen IS NOT NULL AND b.removed_at IS NULL AND a.state = 'active'
    FOR NO KEY UPDATE OF b
    """
)
_PAY = closing(PAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Autopay:
    """How the bills of an account pay themselves; None: they do not."""

    binding_id: UUID
    cap_fen: int


def set_autopay(actor: Actor, claim: Claim, *, binding_id: UUID, cap_fen: int, step_up_grant: UUID | None) -> Autopay:
    """Let each bill of a bound account up to ``cap_fen`` pay itself, three days before it is due.

    :param step_up_grant: what a payment PIN or a passkey bought for this account and cap, once for all bills.
    :raises BillBindingNotFound: there is none of the actor's. :raises StepUpRequired, StepUpRefused: of the grant.
    """
    with transaction(claim) as tx:
        asked = {"account_id": actor.account_id, "session_id": actor.session_id, "grant_id": step_up_grant}
        row = tx.open_one(_TO_SET, {**asked, "subject_id": binding_id, "amount_fen": cap_fen})
        if row is None:
            raise BillBindingNotFound
        factor = confirmed_by(row.factor, step_up_grant, amount_fen=cap_fen)
        autopay = Autopay(binding_id=binding_id, cap_fen=cap_fen)
        tx.describe(details={"factor": factor.value})
        tx.keep(autopay)
        params = {
            "binding_id": binding_id,
            "cap_fen": cap_fen,
            "factor": factor.value,
            "grant_id": step_up_grant,
        }
        tx.close(_SET, params, unmet=GRANT_REFUSED)
    return autopay


def drop_autopay(actor: Actor, *, binding_id: UUID) -> None:
    """Let bills of an account wait for the person again.

    :raises BillBindingNotFound: there is none of the actor's.
    """
    with transaction() as tx:
        if tx.execute(_DROP, {"binding_id": binding_id, "account_id": actor.account_id}).rowcount != 1:
            raise BillBindingNotFound


def pay_due_bills(limit: int) -> int:
    """Pay what is due by itself, account by account, each once a day; return how many accounts were looked at."""
    with transaction() as tx:
        day = today(business_now(tx))
    window = {"first": day - timedelta(days=LATE_DAYS_MAX), "last": day + timedelta(days=PAY_DAYS)}
    for done in range(limit):
        with transaction() as tx:
            claimed = tx.execute(_CLAIM_BINDING, {**window, "today": day}).one_or_none()
        if claimed is None:
            return done
        binding_id = claimed.binding_id
        for due in read(_DUE, {**window, "binding_id": binding_id}).fetchall():
            _pay_or_tell(binding_id, due.bill_id)
    return limit


def _pay_or_tell(binding_id: UUID, bill_id: UUID) -> None:
    try:
        _pay(binding_id, bill_id)
    except BillTaken:
        return
    except (InsufficientFunds, PaymentLimitExceeded, VerificationNeeded):
        with transaction() as tx:
            row = _locked(tx, binding_id, bill_id)
            if row is not None and row.left_fen > 0:
                tell_payer(tx, row, BillNoticeKind.NOT_PAID, amount_fen=row.left_fen)


def _locked(tx: Transaction, binding_id: UUID, bill_id: UUID) -> Row | None:
    return tx.execute(_LOCK_DUE, {"binding_id": binding_id, "bill_id": bill_id}).one_or_none()


def _pay(binding_id: UUID, bill_id: UUID) -> None:
    """Pay all that is left of a bill; over the cap, the person is told instead.

    :raises BillTaken: somebody was faster. :raises InsufficientFunds, PaymentLimitExceeded, VerificationNeeded: it is
        not there, or not allowed.
    """
    with transaction() as tx:
        row = _locked(tx, binding_id, bill_id)
        if row is None or row.left_fen <= 0:
            return
        if row.left_fen > row.autopay_cap_fen:
            tell_payer(tx, row, BillNoticeKind.OVER_CAP, amount_fen=row.left_fen)
            return
        is_whole = not row.is_part_allowed
        take_bill(tx, bill_id, row.left_fen, is_whole=is_whole)
        bill_payment_id = new_id()
        room = counting(
            row.account_id,
            level=row.verification_level,
            strength=STRENGTH_OF[Factor(row.autopay_factor)],
            amount_fen=row.left_fen,
            now=row.now,
        )
        ledger.post(
            tx, bill_journal(bill_payment_id, codes.e_account(row.account_id), row.code, row.left_fen), ahead=room
        )
        tell_payer(tx, row, BillNoticeKind.PAID, amount_fen=row.left_fen)
        tx.close(
            _PAY,
            {
                "bill_payment_id": bill_payment_id,
                "account_id": row.account_id,
                "biller_id": row.biller_id,
                "utility_account_id": row.utility_account_id,
                "bill_id": bill_id,
                "source": BillSource.AUTO.value,
                "is_whole": is_whole,
                "amount_fen": row.left_fen,
                "state": BillPaymentState.DEBITED.value,
                "key": payment_key(bill_payment_id),
                "lock": None,
                "rescue": timedelta(),
            },
        )
