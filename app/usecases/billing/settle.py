"""Pass on to a biller what its file of a day agrees with, and set aside what the file lacks. Once a day and biller.

Money goes by the files of the bank, as payouts of others do. What a later file brings after all is taken out of
suspense by the settlement of that day; what people have resolved is theirs to correct.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.settlement.payouts import COOLING
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row

log = structlog.get_logger()

_DUE = text(
    """
    SELECT f.biller_id, f.day FROM bill_files AS f
    WHERE NOT EXISTS (SELECT 1 FROM bill_settlements AS s WHERE s.biller_id = f.biller_id AND s.day = f.day)
        AND NOT EXISTS (SELECT 1 FROM bill_file_lines AS l JOIN bill_payments AS p ON p.key = l.key
            WHERE l.file_id = f.file_id AND p.biller_id = f.biller_id AND p.amount_fen = l.amount_fen
                AND p.state IN ('submitted', 'unknown'))
    ORDER BY f.day, f.biller_id LIMIT :limit
    """
)
_BILLER = text("SELECT code FROM billers WHERE biller_id = :biller_id FOR NO KEY UPDATE")
_IS_SETTLED = text("SELECT 1 FROM bill_settlements WHERE biller_id = :biller_id AND day = :day")
_AGREED = text(
    """
    SELECT p.bill_payment_id, p.amount_fen, p.suspended_on IS NOT NULL AS is_suspended
    FROM bill_payments AS p JOIN bill_file_lines AS l ON l.biller_id = p.biller_id AND l.key = p.key
    JOIN bill_files AS f ON f.file_id = l.file_id
    WHERE p.biller_id = :biller_id AND p.state = 'succeeded' AND p.settled_on IS NULL AND l.amount_fen = p.amount_fen
        AND f.day <= :day AND NOT EXISTS (SELECT 1 FROM bill_differences AS d
            WHERE d.biller_id = p.biller_id AND d.key = p.key AND d.resolved_at IS NOT NULL)
    ORDER BY p.bill_payment_id FOR NO KEY UPDATE OF p
    """
)
_LACKING = text(
    """
    SELECT p.bill_payment_id, p.amount_fen
    FROM bill_differences AS d JOIN bill_payments AS p ON p.biller_id = d.biller_id AND p.key = d.key
    WHERE d.biller_id = :biller_id AND d.day <= :day AND d.resolved_at IS NULL
        AND d.mismatch IN ('missing_there', 'amount_differs')
        AND p.state = 'succeeded' AND p.settled_on IS NULL AND p.suspended_on IS NULL
        AND NOT p.bill_payment_id = ANY (CAST(:agreed_ids AS uuid[]))
    ORDER BY p.bill_payment_id FOR NO KEY UPDATE OF p
    """
)
_SETTLE = text(
    """
    WITH settlement AS (
        INSERT INTO bill_settlements (settlement_id, biller_id, day, payments_count, amount_fen, suspended_fen,
            settled_at)
        VALUES (:settlement_id, :biller_id, :day, cardinality(CAST(:agreed_ids AS uuid[])), :amount_fen,
            :suspended_fen, business_now())
    ), aside AS (
        UPDATE bill_payments SET suspended_on = :day WHERE bill_payment_id = ANY (CAST(:lacking_ids AS uuid[]))
    )
    UPDATE bill_payments SET settled_on = :day WHERE bill_payment_id = ANY (CAST(:agreed_ids AS uuid[]))
    """
)
_NAME = text(
    """
    INSERT INTO bank_accounts (party_kind, party_id, target_sealed, tail, is_automatic, changed_at, changed_by,
        usable_at)
    VALUES ('biller', :biller_id, :target_sealed, :tail, true, business_now(), :changed_by,
        business_now() + CAST(:cooling AS interval))
    ON CONFLICT (party_kind, party_id) DO UPDATE SET target_sealed = excluded.target_sealed, tail = excluded.tail,
        is_automatic = true, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
        usable_at = excluded.usable_at
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillerSettled:
    """What a biller gets of a day, and what was set aside, fen."""

    amount_fen: int
    suspended_fen: int


def settle_billers(limit: int = 20) -> int:
    """Settle days whose file was taken and whose open payments were decided by it; return how many."""
    due = read(_DUE, {"limit": limit}).fetchall()
    for row in due:
        settle_biller(row.biller_id, row.day)
    return len(due)


def settle_biller(biller_id: UUID, day: date) -> BillerSettled | None:
    """Settle one day of a biller; None when that was done before.

    Locks the biller, then its payments, then the accounts.
    """
    about: dict[str, object] = {"biller_id": biller_id, "day": day}
    with transaction() as tx:
        code = tx.execute(_BILLER, {"biller_id": biller_id}).scalar_one()
        if tx.execute(_IS_SETTLED, about).first() is not None:  # looked at under the lock, by a snapshot of its own
            return None
        agreed = tx.execute(_AGREED, about).fetchall()
        agreed_ids = [row.bill_payment_id for row in agreed]
        lacking = tx.execute(_LACKING, {**about, "agreed_ids": agreed_ids}).fetchall()
        settlement_id = new_id()
        settled = BillerSettled(amount_fen=_sum(agreed), suspended_fen=_sum(lacking))
        found_fen = sum(row.amount_fen for row in agreed if row.is_suspended)
        _post(tx, (biller_id, code, day), settled, found_fen, settlement_id)
        tx.execute(
            _SETTLE,
            {
                **about,
                "settlement_id": settlement_id,
                "amount_fen": settled.amount_fen,
                "suspended_fen": settled.suspended_fen,
                "agreed_ids": agreed_ids,
                "lacking_ids": [row.bill_payment_id for row in lacking],
            },
        )
    if settled.suspended_fen:
        told = {"biller": code, "day": str(day), "suspended_fen": settled.suspended_fen}
        log.error("a biller's file lacks what it has said yes to", **told)
    return settled


def _sum(rows: list[Row]) -> int:
    return sum(row.amount_fen for row in rows)


def _post(
    tx: Transaction, about: tuple[UUID, str, date], settled: BillerSettled, found_fen: int, settlement_id: UUID
) -> None:
    """Move the money of a settlement, where any moves.

    :param found_fen: of what agrees, what an earlier settlement had set aside.
    """
    biller_id, code, day = about
    moves = {
        codes.biller_payable(code): found_fen - settled.amount_fen - settled.suspended_fen,
        codes.SUSPENSE: settled.suspended_fen - found_fen,
        codes.biller_available(biller_id): settled.amount_fen,
    }
    legs = tuple(Leg(account, amount_fen) for account, amount_fen in moves.items() if amount_fen)
    if legs:
        key = f"bill-settle:{biller_id}:{day}"
        ledger.post(tx, Journal(key=key, kind=JournalKind.SETTLEMENT, legs=legs, ref=str(settlement_id)))


def set_bank_account(tx: Transaction, *, biller_id: UUID, target_sealed: str, tail: str, changed_by: UUID) -> None:
    """Let a biller's money go to a bank account from when it has cooled on: two people have agreed."""
    named = {"biller_id": biller_id, "target_sealed": target_sealed, "tail": tail, "changed_by": changed_by}
    tx.execute(_NAME, {**named, "cooling": COOLING})
