"""Ask a biller to take a payment, and let its answer take effect once, whoever brings it and however often.

Safe to call any number of times from anywhere: the key is the payment's, the effect is decided under its lock. A
payment whose outcome is unknown is looked for first, then sent again under the same key; only a definite no returns it.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.bills.errors import BillOutcomeKnown, BillPaymentNotFound
from app.core.bills.ports import Biller, BillerOutcomeUnknown, BillerUnavailable, Outcome, Said
from app.core.bills.states import (
    BILL_PAYMENT_TRANSITIONS,
    OPEN_BILL_STATES,
    BillPaymentAction,
    BillPaymentState,
    BillSource,
    ask_after_s,
)
from app.core.events import BillPaymentMoved
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.verification.limits import giving_back
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.sealing import unseal
from app.kernel.transaction import Claim, Transaction, closing, opening, read, transaction
from app.kernel.wire import Row
from app.usecases.billing.bind import NUMBER_CONTEXT

log = structlog.get_logger()

_BEGIN = text(
    """
    SELECT p.bill_payment_id, p.state, p.ask_count FROM bill_payments AS p
    WHERE p.bill_payment_id = :bill_payment_id FOR NO KEY UPDATE
    """
)
_SUBMIT = text(
    """
    UPDATE bill_payments SET state = :state, ask_count = ask_count + 1,
        next_ask_at = clock_timestamp() + CAST(:after_s AS double precision) * interval '1 second'
    WHERE bill_payment_id = :bill_payment_id
    """
)
_ASKED_FOR = text(
    """
    SELECT p.bill_payment_id, p.key, p.amount_fen, p.lock, l.bill_no, u.number_sealed, r.code
    FROM bill_payments AS p JOIN utility_accounts AS u ON u.utility_account_id = p.utility_account_id
    JOIN billers AS r ON r.biller_id = p.biller_id LEFT JOIN bills AS l ON l.bill_id = p.bill_id
    WHERE p.bill_payment_id = :bill_payment_id
    """
)
_LOSE_SIGHT = text(
    "UPDATE bill_payments SET state = 'unknown' WHERE bill_payment_id = :bill_payment_id AND state = 'submitted'"
)
_BILL_OF = text("SELECT bill_id FROM bill_payments WHERE bill_payment_id = :bill_payment_id")
_LOCK_BILL = text("SELECT 1 FROM bills WHERE bill_id = :bill_id FOR NO KEY UPDATE")
_LOCK = text(
    """
    SELECT p.bill_payment_id, p.account_id, p.bill_id, p.amount_fen, p.source, p.state, p.requested_at, r.code
    FROM bill_payments AS p JOIN billers AS r ON r.biller_id = p.biller_id
    WHERE p.bill_payment_id = :bill_payment_id FOR NO KEY UPDATE OF p
    """
)
_ENDED = """
    ended AS (
        UPDATE bill_payments SET state = :state, biller_reference = CAST(:reference AS text),
            booked_on = CAST(:booked_on AS date), refusal = CAST(:refusal AS text), next_ask_at = NULL,
            ended_at = business_now()
        WHERE bill_payment_id = :bill_payment_id RETURNING bill_id
    ), free AS (
        UPDATE bills SET taken_fen = taken_fen - CAST(:freed_fen AS bigint)
        WHERE bill_id = (SELECT bill_id FROM ended) AND CAST(:freed_fen AS bigint) > 0
    )"""
_END = closing(_ENDED)
_END_WITHIN = text(f"WITH {_ENDED} SELECT bill_id FROM ended")
_SILENT = text(
    """
    SELECT bill_payment_id FROM bill_payments
    WHERE state IN ('debited', 'submitted', 'unknown') AND next_ask_at <= clock_timestamp()
    ORDER BY next_ask_at LIMIT :limit
    """
)
_LOCK_WAITING = opening(
    """
    SELECT bill_payment_id FROM bill_payments
    WHERE bill_payment_id = :bill_payment_id AND state IN ('debited', 'submitted', 'unknown') FOR NO KEY UPDATE
    """
)
_ASK_ANEW = closing(
    """
    anew AS (
        UPDATE bill_payments SET next_ask_at = clock_timestamp(), ask_count = least(ask_count, 1)
        WHERE bill_payment_id = :bill_payment_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAnew:
    """A payment that is asked about from the first step of the ladder on."""

    bill_payment_id: UUID


def ask_biller(billers: Biller, bill_payment_id: UUID) -> None:
    """Have a payment taken by its biller, or learn what became of it.

    :raises BillerUnavailable: there is no answer; it is asked again, on a ladder.
    """
    asked_before = _begin(bill_payment_id)
    if asked_before is None:
        return
    row = read(_ASKED_FOR, {"bill_payment_id": bill_payment_id}).one()
    try:
        outcome = billers.look(row.key) if asked_before else None
        if outcome is None:
            outcome = billers.pay(
                key=row.key,
                biller=row.code,
                number=unseal(row.number_sealed, context=NUMBER_CONTEXT),
                bill_no=row.bill_no,
                lock=row.lock,
                amount_fen=row.amount_fen,
            )
    except BillerUnavailable:
        _lose_sight(bill_payment_id)
        raise
    apply_outcome(bill_payment_id, outcome, key=row.key, amount_fen=row.amount_fen)


def _begin(bill_payment_id: UUID) -> bool | None:
    """Say whether a payment was asked about before, and note that it is being asked; None: it has ended."""
    with transaction() as tx:
        row = tx.execute(_BEGIN, {"bill_payment_id": bill_payment_id}).one_or_none()
        if row is None or BillPaymentState(row.state) not in OPEN_BILL_STATES:
            return None
        state = _next(BillPaymentState(row.state), BillPaymentAction.SUBMIT)
        after_s = ask_after_s(row.ask_count)
        tx.execute(_SUBMIT, {"bill_payment_id": bill_payment_id, "state": state.value, "after_s": after_s})
        return bool(row.ask_count)


def _next(state: BillPaymentState, action: BillPaymentAction) -> BillPaymentState:
    return next_state(BILL_PAYMENT_TRANSITIONS, state, action, Role.SYSTEM)


def _lose_sight(bill_payment_id: UUID) -> None:
    with transaction() as tx:
        tx.execute(_LOSE_SIGHT, {"bill_payment_id": bill_payment_id})


def apply_outcome(bill_payment_id: UUID, outcome: Outcome, *, key: str, amount_fen: int) -> None:
    """Let what a biller says take effect. An answer about another payment or amount is an alarm, and no answer."""
    if (outcome.key, outcome.amount_fen) != (key, amount_fen):
        log.error("a biller answers about another payment", bill_payment_id=str(bill_payment_id))
        _lose_sight(bill_payment_id)
    elif outcome.said is Said.SUCCEEDED:
        end_payment(
            bill_payment_id,
            BillPaymentAction.SUCCEED,
            reference=outcome.reference,
            booked_on=outcome.booked_on,
        )
    elif outcome.said is Said.REFUSED:
        end_payment(bill_payment_id, BillPaymentAction.RETURN, refusal=outcome.refusal or "refused")
    else:
        _lose_sight(bill_payment_id)


def end_payment(
    bill_payment_id: UUID,
    action: BillPaymentAction,
    *,
    reference: str | None = None,
    booked_on: date | None = None,
    refusal: str | None = None,
) -> None:
    """End an open payment: it succeeded, or its money goes back and the bill is free again. Once.

    Locks the bill, then the payment, then counters and accounts.
    """
    said = {"reference": reference, "booked_on": booked_on, "refusal": refusal}
    with transaction() as tx:
        ended = _ending(tx, bill_payment_id, action)
        if ended is not None:
            tx.close(_END, {**ended, **said})


def decide_outcome(tx: Transaction, bill_payment_id: UUID, *, is_paid: bool) -> None:
    """End a payment as two people say, who asked the biller themselves; one that has ended meanwhile stays as it is.

    If the biller's file says otherwise later, that is a difference as any other.

    :raises BillOutcomeKnown: it has ended.
    """
    action = BillPaymentAction.SUCCEED if is_paid else BillPaymentAction.RETURN
    ended = _ending(tx, bill_payment_id, action)
    if ended is None:
        raise BillOutcomeKnown(state="ended")
    refusal = None if is_paid else "decided"
    tx.execute(_END_WITHIN, {**ended, "reference": None, "booked_on": None, "refusal": refusal})


def _ending(tx: Transaction, bill_payment_id: UUID, action: BillPaymentAction) -> dict[str, object] | None:
    """Lock a payment that is to end, give its money back if it does, and return what is written; None: it has ended."""
    bill_id = tx.execute(_BILL_OF, {"bill_payment_id": bill_payment_id}).scalar_one()
    if bill_id is not None:
        tx.execute(_LOCK_BILL, {"bill_id": bill_id})
    row = tx.execute(_LOCK, {"bill_payment_id": bill_payment_id}).one()
    if BillPaymentState(row.state) not in OPEN_BILL_STATES:
        return None
    state = _next(BillPaymentState(row.state), action)
    is_returned = state is BillPaymentState.RETURNED
    if is_returned:
        _give_back(tx, row)
    tx.record(BillPaymentMoved(account_id=row.account_id, bill_payment_id=bill_payment_id, state=state.value))
    return {
        "bill_payment_id": bill_payment_id,
        "state": state.value,
        "freed_fen": row.amount_fen if is_returned else 0,
    }


def _give_back(tx: Transaction, row: Row) -> None:
    legs = (
        Leg(codes.biller_payable(row.code), -row.amount_fen),
        Leg(codes.e_account(row.account_id), row.amount_fen),
    )
    journal = Journal(
        key=f"bill-return:{row.bill_payment_id}",
        kind=JournalKind.BILL_RETURN,
        legs=legs,
        ref=str(row.bill_payment_id),
    )
    room = giving_back(row.account_id, amount_fen=row.amount_fen, paid_at=row.requested_at)
    is_counted = row.source != BillSource.DESK_CASH  # cash was not counted as paid from a balance
    ledger.post(tx, journal, ahead=room if is_counted else None)


def ask_silent(billers: Biller, limit: int) -> int:
    """Ask about payments whose time has come, the longest waiting first; return how many were answered.

    A biller that cannot be reached ends the round.
    """
    silent = [row.bill_payment_id for row in read(_SILENT, {"limit": limit})]
    for done, bill_payment_id in enumerate(silent):
        try:
            ask_biller(billers, bill_payment_id)
        except BillerOutcomeUnknown:
            continue
        except BillerUnavailable:
            return done
    return len(silent)


def ask_anew(actor: Actor, claim: Claim, *, bill_payment_id: UUID) -> AskedAnew:  # noqa: ARG001 - the claim has it
    """Have a payment whose outcome is not known asked about again.

    :raises BillPaymentNotFound: there is none that waits for an answer.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_WAITING, {"bill_payment_id": bill_payment_id}) is None:
            raise BillPaymentNotFound
        anew = AskedAnew(bill_payment_id=bill_payment_id)
        tx.keep(anew)
        tx.close(_ASK_ANEW, {"bill_payment_id": bill_payment_id})
    return anew
