"""The books as they were: sums until a moment, and every entry of a day for its seal."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from app.kernel.transaction import Transaction

_WHOLE = (text("SET LOCAL enable_seqscan = on"), text("SET LOCAL statement_timeout = '120s'"))
_TOTALS = text(
    """
    SELECT account_kind, sum(amount_fen)::bigint AS fen, count(DISTINCT code) AS accounts FROM ledger.record
    WHERE posted_at <= :at GROUP BY account_kind ORDER BY account_kind
    """
)
_ENTRIES = text(
    """
    SELECT seq, kind, ref, amount_fen, balance_fen, posted_at, effective_on FROM ledger.record
    WHERE code = :code AND seq < :before_seq ORDER BY seq DESC LIMIT :limit
    """
)
_SEQ_MAX = 2**63 - 1
_RECORDS = text(
    """
    SELECT code, seq, journal_id, key, kind, ref, effective_on, posted_at, amount_fen, balance_fen, head
    FROM ledger.record WHERE effective_on = :day AND month = ledger.month_of(:day) ORDER BY code COLLATE "C", seq
    """
)


def totals_at(tx: "Transaction", at: datetime) -> dict[str, int]:
    """Return the sum of all entries posted until ``at``, by kind of account, fen."""
    for statement in _WHOLE:
        tx.execute(statement)
    return {row.account_kind: int(row.fen) for row in tx.execute(_TOTALS, {"at": at})}


def entries_of(tx: "Transaction", code: str, *, before_seq: int | None, limit: int) -> list[dict[str, Any]]:
    """Return at most ``limit`` entries of an account of one row, ours too, newest first.

    :param before_seq: only entries before this place; None begins with the latest.
    """
    params = {"code": code, "before_seq": _SEQ_MAX if before_seq is None else before_seq, "limit": limit}
    return [dict(row) for row in tx.execute(_ENTRIES, params).mappings()]


def records_of(tx: "Transaction", day: date) -> Iterator[dict[str, Any]]:
    """Yield every entry that takes effect on ``day``, by account and place."""
    for statement in _WHOLE:
        tx.execute(statement)
    for row in tx.execute(_RECORDS, {"day": day}):
        yield {
            "account": row.code,
            "seq": row.seq,
            "journal": row.journal_id,
            "key": row.key,
            "kind": row.kind,
            "ref": row.ref,
            "effective_on": row.effective_on.isoformat(),
            "posted_at": row.posted_at.isoformat(timespec="microseconds"),
            "amount_fen": row.amount_fen,
            "balance_fen": row.balance_fen,
            "head": bytes(row.head).hex(),
        }
