"""The bank's files: payouts that are due go out in one, and what the bank answers comes back in others.

A batch is committed before its file is written, and the file can be written again byte for byte. A file from the bank
is looked at whole before anything follows from it; then each line is a transaction of its own that repeats harmlessly.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.settlement.bank_files import Answer, Answers, BankFileRefused, Order, payout_file, read_answers
from app.core.settlement.payouts import (
    RETRIED,
    TARGET_CONTEXT,
    TRIES_MAX,
    BankFileState,
    LineState,
    bank_day_from,
    is_bank_day,
)
from app.core.settlement.states import PAYOUT_TRANSITIONS, PayoutAction, PayoutState
from app.kernel.actor import Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.sealing import unseal
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row

LINES_MAX = 1_000
LATE_DAYS_MAX = 30
"""The bank may return a payment so many days later."""

_TODAY = text("SELECT CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)")
_DUE = text(
    """
    SELECT p.payout_id, p.amount_fen, p.tries, b.target_sealed
    FROM payouts AS p JOIN bank_accounts AS b ON b.party_kind = p.party_kind AND b.party_id = p.party_id
    WHERE p.state = 'ready' AND p.due_on <= :today AND b.usable_at <= business_now() AND b.target_sealed IS NOT NULL
    ORDER BY p.due_on LIMIT :limit FOR UPDATE OF p SKIP LOCKED
    """
)
_BATCH = text(
    """
    WITH sent AS (
        SELECT * FROM unnest(CAST(:payout_ids AS uuid[]), CAST(:references AS text[]), CAST(:amounts AS bigint[]),
            CAST(:targets AS text[]), CAST(:tries AS bigint[])) AS n (payout_id, reference, amount_fen, target, try)
    ), batch AS (
        INSERT INTO payout_batches (batch_id, day, lines_count, total_fen, made_at)
        SELECT :batch_id, :today, count(*), sum(amount_fen), business_now() FROM sent RETURNING batch_id
    ), lines AS (
        INSERT INTO payout_lines (reference, batch_id, payout_id, try_number, amount_fen, target_sealed, state)
        SELECT n.reference, b.batch_id, n.payout_id, n.try, n.amount_fen, n.target, 'sent' FROM sent AS n, batch AS b
    )
    UPDATE payouts AS p SET state = 'sent', tries = n.try FROM sent AS n WHERE p.payout_id = n.payout_id
    """
)
_UNWRITTEN = text("SELECT batch_id, day FROM payout_batches WHERE written_at IS NULL ORDER BY batch_id LIMIT 20")
_LINES = text(
    "SELECT reference, amount_fen, target_sealed FROM payout_lines WHERE batch_id = :batch_id ORDER BY reference"
)
_WRITTEN = text("UPDATE payout_batches SET written_at = clock_timestamp() WHERE batch_id = :batch_id")
_REMEMBER = text(
    """
    INSERT INTO bank_files (sha256, name, day, state, line, why)
    VALUES (:sha256, :name, CAST(:day AS date), :state, CAST(:line AS bigint), CAST(:why AS text))
    ON CONFLICT (sha256) DO UPDATE
        SET state = CASE bank_files.state WHEN 'applied' THEN 'applied' ELSE excluded.state END
    RETURNING state
    """
)
_KNOWN = text(
    """
    SELECT l.reference, l.amount_fen, l.state, b.day FROM payout_lines AS l
    JOIN payout_batches AS b ON b.batch_id = l.batch_id WHERE l.reference = ANY (CAST(:references AS text[]))
    """
)
_LOCK_LINE = text(
    """
    SELECT p.payout_id, p.party_kind, p.party_id, p.amount_fen, p.state, p.tries, l.state AS line_state,
        CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today
    FROM payout_lines AS l JOIN payouts AS p ON p.payout_id = l.payout_id
    WHERE l.reference = :reference FOR UPDATE OF p
    """
)
_ANSWERED = text(
    """
    WITH line AS (
        UPDATE payout_lines SET state = :line_state, reason = NULLIF(:reason, ''), answered_on = :day
        WHERE reference = :reference
    )
    UPDATE payouts SET state = CAST(:state AS text), failure = NULLIF(:reason, ''), due_on = coalesce(
            CAST(:due_on AS date), due_on),
        ended_at = CASE WHEN :state IN ('paid', 'failed', 'returned') THEN business_now() END
    WHERE payout_id = :payout_id
    """
)
_NEXT = {
    LineState.PAID: LineState.SENT,
    LineState.FAILED: LineState.SENT,
    LineState.RETURNED: LineState.PAID,
}
"""An answer, and what the line has to be for it."""


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file to be put where the bank fetches it."""

    batch_id: UUID
    name: str
    content: bytes


def make_batch(limit: int = LINES_MAX) -> int:
    """Put payouts that are due into a batch, on bank days only; return how many."""
    with transaction() as tx:
        today: date = tx.execute(_TODAY).scalar_one()
        due = tx.execute(_DUE, {"today": today, "limit": limit}).fetchall() if is_bank_day(today) else []
        if not due:
            return 0
        tx.execute(
            _BATCH,
            {
                "batch_id": new_id(),
                "today": today,
                "payout_ids": [row.payout_id for row in due],
                "references": [f"{row.payout_id.hex}-{row.tries + 1}" for row in due],
                "amounts": [row.amount_fen for row in due],
                "targets": [row.target_sealed for row in due],
                "tries": [row.tries + 1 for row in due],
            },
        )
    return len(due)


def files_to_write() -> list[OutFile]:
    """Return the files of batches that are not known to be written."""
    with transaction() as tx:
        batches = tx.execute(_UNWRITTEN).fetchall()
        return [
            OutFile(
                batch.batch_id,
                f"payout-{batch.day}-{batch.batch_id}.csv",
                payout_file(str(batch.batch_id), batch.day, _orders(tx, batch.batch_id)),
            )
            for batch in batches
        ]


def _orders(tx: Transaction, batch_id: UUID) -> list[Order]:
    orders = []
    for row in tx.execute(_LINES, {"batch_id": batch_id}):
        target = orjson.loads(unseal(row.target_sealed, context=TARGET_CONTEXT))
        orders.append(
            Order(row.reference, target["bank_code"], target["number"], target["holder"], int(row.amount_fen))
        )
    return orders


def mark_written(batch_id: UUID) -> None:
    """Remember that a batch's file stands where the bank fetches it."""
    with transaction() as tx:
        tx.execute(_WRITTEN, {"batch_id": batch_id})


def take_answers(name: str, content: bytes) -> int:
    """Apply a file of answers, once; return how many lines it has.

    :raises BankFileRefused: a line is broken, given twice, unknown, of another amount or day, or does not fit what is
        known; nothing of the file is applied.
    """
    digest = hashlib.sha256(content).hexdigest()
    try:
        found = read_answers(content)
        with transaction() as tx:
            _look_at(tx, name, found)
            known = {"sha256": digest, "name": name, "line": None, "why": None}
            state = tx.execute(_REMEMBER, {**known, "day": found.day, "state": "applying"}).scalar_one()
    except BankFileRefused as refusal:
        with transaction() as tx:
            given = {"sha256": digest, "name": name, "day": None, "line": refusal.line, "why": refusal.why}
            if tx.execute(_REMEMBER, {**given, "state": "refused"}).scalar_one() == BankFileState.APPLIED:
                return 0  # the same file again
        raise
    if state == BankFileState.APPLIED:
        return 0
    for answer in found.answers:
        _apply(answer, found.day)
    with transaction() as tx:
        tx.execute(_REMEMBER, {**known, "day": found.day, "state": "applied"})
    return len(found.answers)


def _look_at(tx: Transaction, name: str, found: Answers) -> None:
    """Hold a file to what we sent, before anything of it is applied."""
    today: date = tx.execute(_TODAY).scalar_one()
    if found.day > today or str(found.day) not in name:
        raise BankFileRefused(1, "wrong_day")
    rows = tx.execute(_KNOWN, {"references": [answer.reference for answer in found.answers]})
    known = {row.reference: row for row in rows}
    for answer in found.answers:
        line = known.get(answer.reference)
        if line is None:
            raise BankFileRefused(answer.line, "unknown_reference")
        if line.amount_fen != answer.amount_fen:
            raise BankFileRefused(answer.line, "amount_differs")
        if not line.day <= found.day <= line.day + timedelta(days=LATE_DAYS_MAX):
            raise BankFileRefused(answer.line, "wrong_day")
        if line.state not in {_NEXT[answer.state], answer.state}:
            raise BankFileRefused(answer.line, f"line_is_{line.state}")


def _apply(answer: Answer, day: date) -> None:
    with transaction() as tx:
        row = tx.execute(_LOCK_LINE, {"reference": answer.reference}).one()
        if row.line_state != _NEXT[answer.state]:
            return  # applied before
        action = _action(answer, row)
        state = next_state(PAYOUT_TRANSITIONS, PayoutState(row.state), action, Role.SYSTEM)
        if action in _MOVES_MONEY:
            _MOVES_MONEY[action](tx, row)
        tx.execute(
            _ANSWERED,
            {
                "reference": answer.reference,
                "line_state": answer.state.value,
                "reason": answer.reason,
                "day": day,
                "payout_id": row.payout_id,
                "state": state.value,
                "due_on": bank_day_from(row.today + timedelta(days=1)) if action is PayoutAction.TRY_AGAIN else None,
            },
        )


def _action(answer: Answer, row: Row) -> PayoutAction:
    if answer.state is LineState.PAID:
        return PayoutAction.PAY
    if answer.state is LineState.RETURNED:
        return PayoutAction.RETURN
    return PayoutAction.TRY_AGAIN if answer.reason in RETRIED and row.tries < TRIES_MAX else PayoutAction.FAIL


def _pay(tx: Transaction, row: Row) -> None:
    hold = f"payout:{row.payout_id}"
    bank = Leg(codes.BANK_SETTLEMENT, row.amount_fen)
    ledger.capture_hold(tx, hold, key=hold, kind=JournalKind.WITHDRAWAL, legs=(bank,), ref=str(row.payout_id))


def _give_up(tx: Transaction, row: Row) -> None:
    ledger.void_hold(tx, f"payout:{row.payout_id}")


def _take_back(tx: Transaction, row: Row) -> None:
    account = f"{row.party_kind}_available:{row.party_id}"
    legs = (Leg(codes.BANK_SETTLEMENT, -row.amount_fen), Leg(account, row.amount_fen))
    key, kind = f"payout_return:{row.payout_id}", JournalKind.WITHDRAWAL_RETURN
    ledger.post(tx, Journal(key=key, kind=kind, legs=legs, ref=str(row.payout_id)))


_MOVES_MONEY: Mapping[PayoutAction, Callable[[Transaction, Row], None]] = {
    PayoutAction.PAY: _pay,
    PayoutAction.FAIL: _give_up,
    PayoutAction.RETURN: _take_back,
}
