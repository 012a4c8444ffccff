"""Take a day's file of a provider or bank, match it against ours, and put what does not agree on the worklist.

Set-based: lines are copied into a table of the transaction while they are read, and matched by a few statements. One
transaction: a file that is refused, or a process that dies, leaves nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.balance_files import BalanceFileRefused, Reading
from app.core.payments.reconciliation import Mismatch, Source
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row
from app.usecases.reconciling.clearing import carry_forward
from app.usecases.reconciling.ours import BOUNDS, GRACE, OURS

if TYPE_CHECKING:
    import psycopg

ITEMS_MAX = 5_000
"""A file with more lines that do not agree is not a file of ours."""
LOOK_BACK = timedelta(days=35)

_ACCOUNT = {Source.STRIPE: codes.gateway_clearing("stripe"), Source.BANK: codes.BANK_SETTLEMENT}

_STAGE = text(
    """
    CREATE TEMP TABLE stage (line bigint, line_id text, kind text, object text, amount_fen bigint, fee_fen bigint)
    ON COMMIT DROP
    """
)
_COPY = "COPY stage (line, line_id, kind, object, amount_fen, fee_fen) FROM STDIN"
_ANALYZE = text("ANALYZE stage")
_KNOWN_FILE = text("SELECT sha256 FROM recon_files WHERE source = :source AND day = :day")
_DOUBLED = text(
    """
    SELECT line FROM (SELECT line, row_number() OVER (PARTITION BY line_id ORDER BY line) AS place FROM stage) AS s
    WHERE place > 1 ORDER BY line LIMIT 1
    """
)
_SEEN = text(
    """
    SELECT min(s.line) FROM stage AS s JOIN recon_lines AS l ON l.source = :source AND l.line_id = s.line_id
    """
)
_TAKE = text(
    """
    INSERT INTO recon_lines (source, line_id, day, kind, object, amount_fen)
    SELECT :source, line_id, :day, kind, object, amount_fen FROM stage
    """
)
_TAKEN = text(
    """
    INSERT INTO recon_files (file_id, source, day, sha256, lines_count, total_fen, fee_fen)
    VALUES (:file_id, :source, :day, :sha256, :lines_count, :total_fen, :fee_fen)
    """
)
_DIFFERING = {
    source: text(
        f"""
        WITH ours AS MATERIALIZED ({ours})
        SELECT s.line, s.line_id, s.object, s.kind, s.amount_fen AS theirs_fen, o.amount_fen AS ours_fen,
            s.kind IN ('dispute', 'dispute_reversal')
                OR EXISTS (SELECT 1 FROM payment_attempts AS a WHERE a.intent_id = s.object)
                OR s.kind = 'payment_failure_refund'
                    AND EXISTS (SELECT 1 FROM refunds AS r WHERE r.gateway_refund_id = s.object) AS is_known
        FROM stage AS s LEFT JOIN ours AS o ON o.object = s.object AND o.kind = s.kind
        WHERE o.amount_fen IS DISTINCT FROM s.amount_fen ORDER BY s.line LIMIT :limit
        """
    )
    for source, ours in OURS.items()
}
_LACKING = {
    source: text(
        f"""
        SELECT o.object, o.kind, o.amount_fen AS ours_fen FROM ({ours}) AS o
        WHERE o.ended_at < :until AND o.ended_at >= :since AND NOT EXISTS (
            SELECT 1 FROM recon_lines AS l WHERE l.object = o.object AND l.kind = o.kind AND l.source = :source)
        LIMIT :limit
        """
    )
    for source, ours in OURS.items()
}
_ITEMS = text(
    """
    INSERT INTO recon_items (item_id, source, day, mismatch, object, kind, line_id, ours_fen, theirs_fen, suspense_fen,
        state, found_at)
    SELECT n.item_id, :source, :day, n.mismatch, n.object, n.kind, n.line_id, n.ours_fen, n.theirs_fen, n.suspense_fen,
        'open', business_now()
    FROM unnest(CAST(:item_ids AS uuid[]), CAST(:mismatches AS text[]), CAST(:objects AS text[]),
        CAST(:kinds AS text[]), CAST(:line_ids AS text[]), CAST(:ours AS bigint[]), CAST(:theirs AS bigint[]),
        CAST(:suspended AS bigint[]))
        AS n (item_id, mismatch, object, kind, line_id, ours_fen, theirs_fen, suspense_fen)
    ON CONFLICT (source, object, kind, mismatch) DO NOTHING
    """
)
_SETTLED_BY_TIME = {
    source: text(
        f"""
        UPDATE recon_items AS i SET state = 'resolved', resolved_at = business_now(),
            resolution = CASE i.mismatch WHEN 'missing_there' THEN 'came_later' ELSE 'posted_late' END
        WHERE i.source = :source AND i.state = 'open' AND (
            i.mismatch = 'missing_there' AND EXISTS (
                SELECT 1 FROM recon_lines AS l WHERE l.object = i.object AND l.kind = i.kind AND l.source = i.source
                    AND l.amount_fen = i.ours_fen)
            OR i.mismatch = 'missing_here' AND i.suspense_fen = 0 AND EXISTS (
                SELECT 1 FROM ({ours}) AS o WHERE o.object = i.object AND o.kind = i.kind
                    AND o.amount_fen = i.theirs_fen))
        """
    )
    for source, ours in OURS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What one file brought: its lines, and how many of each mismatch were found."""

    lines: int
    missing_here: int
    missing_there: int
    amount_differs: int


def reconcile(source: Source, day: date, lines: Iterable[str]) -> Reconciled | None:
    """Take the file of ``source`` for ``day``; None when that very file was taken before.

    :raises BalanceFileRefused: a line is broken or doubled, the day is another or was reported otherwise before, or
        nearly nothing agrees; nothing of the file is used.
    """
    digest = hashlib.sha256()
    reading = Reading(source.value, day)

    def hashed() -> Iterator[str]:
        for line in lines:
            digest.update(line.encode())
            yield line

    with transaction() as tx:
        for bound in BOUNDS:
            tx.execute(bound)
        tx.execute(_STAGE)
        connection = cast("psycopg.Connection", tx.connection.connection.driver_connection)
        with connection.cursor().copy(_COPY) as copy:
            for row in reading.rows(hashed()):
                copy.write_row(row)
        known = tx.execute(_KNOWN_FILE, {"source": source.value, "day": day}).scalar_one_or_none()
        if known == digest.hexdigest():
            return None
        if known is not None:
            raise BalanceFileRefused(1, "day_reported_before")
        _refuse_doubled(tx, source)
        file_id = new_id()
        tx.execute(
            _TAKEN,
            {
                "file_id": file_id,
                "source": source.value,
                "day": day,
                "sha256": digest.hexdigest(),
                "lines_count": reading.count,
                "total_fen": reading.total_fen,
                "fee_fen": reading.fee_fen,
            },
        )
        return _match(tx, source, day, file_id, reading)


def _refuse_doubled(tx: Transaction, source: Source) -> None:
    tx.execute(_ANALYZE)
    for query, why in ((_DOUBLED, "duplicate"), (_SEEN, "reported_before")):
        line = tx.execute(query, {"source": source.value} if query is _SEEN else {}).scalar_one_or_none()
        if line is not None:
            raise BalanceFileRefused(line, why)


def _match(tx: Transaction, source: Source, day: date, file_id: UUID, reading: Reading) -> Reconciled:
    known = {"source": source.value, "day": day}
    differing = tx.execute(_DIFFERING[source], {"limit": ITEMS_MAX + 1}).fetchall()
    if len(differing) > ITEMS_MAX:
        raise BalanceFileRefused(differing[0].line, "nothing_agrees")
    tx.execute(_TAKE, known)
    ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), SHANGHAI)
    bounds = {"until": ends - GRACE, "since": ends - LOOK_BACK, "source": source.value, "limit": ITEMS_MAX}
    lacking = tx.execute(_LACKING[source], bounds).fetchall()
    items = [_item(row) for row in differing] + [_lacking(row) for row in lacking]
    if items:
        columns = list(zip(*items, strict=True))
        tx.execute(_ITEMS, {**known, **dict(zip(_COLUMNS, map(list, columns), strict=True))})
    tx.execute(_SETTLED_BY_TIME[source], {"source": source.value})
    if source is Source.STRIPE:
        carry_forward(tx, ends)
    ledger.post_many(tx, _journals(source, file_id, day, reading, items))
    count = [item[1] for item in items].count
    return Reconciled(
        lines=reading.count,
        missing_here=count(Mismatch.MISSING_HERE.value),
        missing_there=count(Mismatch.MISSING_THERE.value),
        amount_differs=count(Mismatch.AMOUNT_DIFFERS.value),
    )


_COLUMNS = ("item_ids", "mismatches", "objects", "kinds", "line_ids", "ours", "theirs", "suspended")
_Item = tuple[UUID, str, str, str, str | None, int | None, int | None, int]


def _item(row: Row) -> _Item:
    """Return what is written of a line that does not agree; one that we know, or of a dispute, is asked about."""
    if row.ours_fen is None:
        suspended = 0 if row.is_known else row.theirs_fen
        mismatch = Mismatch.MISSING_HERE
    else:
        suspended, mismatch = row.theirs_fen - row.ours_fen, Mismatch.AMOUNT_DIFFERS
    return new_id(), mismatch.value, row.object, row.kind, row.line_id, row.ours_fen, row.theirs_fen, suspended


def _lacking(row: Row) -> _Item:
    return new_id(), Mismatch.MISSING_THERE.value, row.object, row.kind, None, row.ours_fen, None, 0


def _journals(source: Source, file_id: UUID, day: date, reading: Reading, items: Iterable[_Item]) -> list[Journal]:
    account = _ACCOUNT[source]
    journals = [
        Journal(
            key=f"recon:{item_id}",
            kind=JournalKind.CORRECTION,
            legs=(Leg(account, -suspended), Leg(codes.SUSPENSE, suspended)),
            ref=str(item_id),
        )
        for item_id, _, _, _, _, _, _, suspended in items
        if suspended
    ]
    if reading.fee_fen:
        legs = (Leg(account, reading.fee_fen), Leg(codes.FEE_EXPENSE, -reading.fee_fen))
        journals.append(Journal(key=f"fees:{file_id}", kind=JournalKind.PROVIDER_FEE, legs=legs, ref=f"{source}:{day}"))
    return journals
