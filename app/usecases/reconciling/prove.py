"""Prove the books (账目自证): what is new every minute, everything every few hours; what was found is kept.

A round goes no further than what an earlier one saw, and only when every transaction that was under way then has ended;
see :mod:`app.core.ledger.horizon`.
"""

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.ledger.horizon import HORIZON
from app.kernel.transaction import transaction
from app.usecases.reconciling.clearing import carry_anew, clearing_proof

log = structlog.get_logger()

_CHECKED = text(
    """
    INSERT INTO money_checks (name, checked_at, is_sound, value) VALUES (:name, clock_timestamp(), :is_sound, :value)
    ON CONFLICT (name) DO UPDATE
        SET checked_at = excluded.checked_at, is_sound = excluded.is_sound, value = excluded.value
    """
)
_MARK = text(f"SELECT proven_to, seen_to, awaited_xid, {HORIZON} FROM books_mark FOR UPDATE")
_ADVANCE = text("UPDATE books_mark SET proven_to = seen_to, seen_to = :latest, awaited_xid = :next_xid")


def prove_all() -> bool:
    """Prove the whole books and all of clearing, and keep when and with what result; return whether they are sound."""
    with transaction() as tx:
        proof = ledger.prove(tx)
    if clearing_proof(is_whole=True) != clearing_proof():
        log.error("what was carried of clearing was wrong, and is written anew")
        carry_anew()
    note_check("books", is_sound=proof.is_sound, value=len(proof.findings))
    return proof.is_sound


def prove_new() -> bool:
    """Prove what came into the books since the last rounds; return whether it is sound.

    What is not stays in front of the mark, and is found again by every round.
    """
    with transaction() as tx:
        mark = tx.execute(_MARK).one()
        found = ledger.findings_since(tx, mark.proven_to)
        if not found and mark.oldest_xid >= mark.awaited_xid:
            tx.execute(_ADVANCE, {"latest": mark.latest_journal_id, "next_xid": mark.next_xid})
    for one in found:
        log.error("the books are not sound", finding=one.finding, code=one.code, seq=one.seq, journal=one.journal_id)
    note_check("books_since", is_sound=not found, value=len(found))
    return not found


def note_check(name: str, *, is_sound: bool, value: int) -> None:
    """Keep when something was looked at and what was found."""
    with transaction() as tx:
        tx.execute(_CHECKED, {"name": name, "is_sound": is_sound, "value": value})
