"""Hold a biller's nightly file to our payments (对账). The file is the last word on what is unknown.

A file is taken whole by one transaction. What it says of payments that are open here takes effect after that, one by
one; a process that dies in between goes on with the next round.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.bills.errors import BillDifferenceNotFound, BillDifferenceResolved, BillerNotFound
from app.core.bills.files import BillFileRefused, read_bill_file
from app.core.bills.records import BillMismatch
from app.core.bills.states import BillPaymentAction
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, read, transaction
from app.usecases.billing.outcomes import end_payment

_BILLER = text("SELECT code FROM billers WHERE biller_id = :biller_id FOR NO KEY UPDATE")
_KNOWN = text("SELECT sha256 FROM bill_files WHERE biller_id = :biller_id AND day = :day")
_TAKE = text(
    """
    WITH file AS (
        INSERT INTO bill_files (file_id, biller_id, day, sha256, lines_count, total_fen)
        VALUES (:file_id, :biller_id, :day, :sha256, cardinality(CAST(:keys AS text[])), :total_fen)
    )
    INSERT INTO bill_file_lines (biller_id, key, file_id, reference, amount_fen)
    SELECT :biller_id, t.key, :file_id, t.reference, t.amount_fen
    FROM unnest(CAST(:keys AS text[]), CAST(:references AS text[]), CAST(:amounts AS bigint[]))
        AS t (key, reference, amount_fen)
    ON CONFLICT (biller_id, key) DO NOTHING
    """
)
_DIFFER = text(
    """
    WITH lines AS (SELECT * FROM bill_file_lines WHERE file_id = :file_id)
    SELECT CASE WHEN p.key IS NULL THEN 'missing_here' WHEN p.amount_fen <> l.amount_fen THEN 'amount_differs'
            ELSE 'paid_after_return' END AS mismatch,
        l.key, p.amount_fen AS ours_fen, l.amount_fen AS theirs_fen
    FROM lines AS l LEFT JOIN bill_payments AS p ON p.key = l.key AND p.biller_id = :biller_id
    WHERE p.key IS NULL OR p.amount_fen <> l.amount_fen OR p.state = 'returned'
    UNION ALL
    SELECT 'missing_there', p.key, p.amount_fen, NULL FROM bill_payments AS p
    WHERE p.biller_id = :biller_id AND p.booked_on = :day AND p.state = 'succeeded'
        AND NOT EXISTS (SELECT 1 FROM bill_file_lines AS l WHERE l.biller_id = p.biller_id AND l.key = p.key)
    """
)
_KEEP = text(
    """
    INSERT INTO bill_differences (difference_id, biller_id, day, mismatch, key, ours_fen, theirs_fen, found_at)
    SELECT r.difference_id, :biller_id, :day, r.mismatch, r.key, r.ours_fen, r.theirs_fen, business_now()
    FROM jsonb_to_recordset(CAST(:differences AS jsonb)) AS r (difference_id uuid, mismatch text, key text,
        ours_fen bigint, theirs_fen bigint)
    ON CONFLICT (biller_id, key, mismatch) DO NOTHING
    RETURNING mismatch
    """
)
_DECIDED = text(
    """
    SELECT p.bill_payment_id, l.reference, f.day FROM bill_payments AS p
    JOIN bill_file_lines AS l ON l.biller_id = p.biller_id AND l.key = p.key AND l.amount_fen = p.amount_fen
    JOIN bill_files AS f ON f.file_id = l.file_id
    WHERE p.state IN ('submitted', 'unknown') LIMIT :limit
    """
)
_LOCK_DIFFERENCE = opening(
    """
    SELECT d.difference_id, d.resolved_at IS NOT NULL AS is_resolved FROM bill_differences AS d
    WHERE d.difference_id = :difference_id FOR NO KEY UPDATE
    """
)
_RESOLVE = closing(
    """
    resolved AS (
        UPDATE bill_differences SET resolved_at = business_now(), resolved_by_id = :account_id, why = :why
        WHERE difference_id = :difference_id
    )"""
)
_PROOF = text(
    """
    SELECT r.code,
        CAST(coalesce((SELECT sum(b.posted_fen) FROM ledger.balance AS b WHERE b.code = 'biller_payable:' || r.code), 0)
            AS bigint) AS payable_fen,
        CAST(coalesce((SELECT sum(p.amount_fen) FROM bill_payments AS p WHERE p.biller_id = r.biller_id
            AND p.state <> 'returned' AND p.settled_on IS NULL AND p.suspended_on IS NULL), 0) AS bigint) AS paid_fen
    FROM billers AS r WHERE r.biller_id = coalesce(CAST(:biller_id AS uuid), r.biller_id) ORDER BY r.code
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one file brought: its lines, how many differ in each way, how many open payments it decided."""

    line_count: int
    differences: dict[str, int]
    decided_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayableProof:
    """What we owe a biller by the books, and by payments neither settled nor set aside: equal, or it is wrong."""

    code: str
    payable_fen: int
    paid_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceResolved:
    """A difference that somebody has explained."""

    difference_id: UUID


def compare_file(biller_id: UUID, day: date, lines: Iterable[str]) -> Compared | None:
    """Take the file of a biller for a day; None when that very file was taken before.

    :raises BillerNotFound: there is none.
    :raises BillFileRefused: it is broken, another day's, or the day was reported otherwise before.
    """
    text_of = list(lines)
    digest = hashlib.sha256("".join(text_of).encode()).hexdigest()
    with transaction() as tx:
        biller = tx.execute(_BILLER, {"biller_id": biller_id}).one_or_none()
        if biller is None:
            raise BillerNotFound
        found = read_bill_file(biller.code, day, text_of)
        known = tx.execute(_KNOWN, {"biller_id": biller_id, "day": day}).scalar_one_or_none()
        if known == digest:
            return None
        if known is not None:
            raise BillFileRefused(1, "day_reported_before")
        taken = {
            "file_id": new_id(),
            "biller_id": biller_id,
            "day": day,
            "sha256": digest,
            "total_fen": sum(one.amount_fen for one in found),
            "keys": [one.key for one in found],
            "references": [one.reference for one in found],
            "amounts": [one.amount_fen for one in found],
        }
        if tx.execute(_TAKE, taken).rowcount != len(found):
            raise BillFileRefused(1, "reported_before")
        about = {"file_id": taken["file_id"], "biller_id": biller_id, "day": day}
        differing = [{"difference_id": new_id(), **row._mapping} for row in tx.execute(_DIFFER, about)]
        kept = tx.execute(_KEEP, {**about, "differences": orjson.dumps(differing).decode()}) if differing else ()
        mismatches = [row.mismatch for row in kept]
    counts = {one.value: mismatches.count(one.value) for one in BillMismatch}
    return Compared(line_count=len(found), differences=counts, decided_count=decide_by_files())


def decide_by_files(limit: int = 1_000) -> int:
    """End open payments that stand in a file: the biller has booked them. Return how many."""
    decided = read(_DECIDED, {"limit": limit}).fetchall()
    for row in decided:
        end_payment(row.bill_payment_id, BillPaymentAction.SUCCEED, reference=row.reference, booked_on=row.day)
    return len(decided)


def resolve_difference(actor: Actor, claim: Claim, *, difference_id: UUID, why: str) -> DifferenceResolved:
    """Say what a difference was, by the reference of a case; money moves by a correction of two people, not here.

    :raises BillDifferenceNotFound: there is none. :raises BillDifferenceResolved: it was resolved.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_DIFFERENCE, {"difference_id": difference_id})
        if row is None:
            raise BillDifferenceNotFound
        if row.is_resolved:
            raise BillDifferenceResolved
        resolved = DifferenceResolved(difference_id=difference_id)
        tx.describe(why=why)
        tx.keep(resolved)
        tx.close(_RESOLVE, {"difference_id": difference_id, "account_id": actor.account_id, "why": why})
    return resolved


def prove_payables(biller_id: UUID | None = None) -> list[PayableProof]:
    """Hold what we owe billers by the books to our payments, now."""
    return [PayableProof(**row._mapping) for row in read(_PROOF, {"biller_id": biller_id})]
