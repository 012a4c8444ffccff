"""Prove the books (账目自证): what is new every minute, everything every few hours; what was found is kept.

What was proven since the last whole proof is looked at again by every round: it must be what it was, by its print, and
its accounts must stand where it leaves them.

A round goes no further than what an earlier one saw, and only when every transaction that was under way then has ended;
see :mod:`app.core.ledger.horizon`.
"""

import structlog
from sqlalchemy import text

from app.core import ledger
from app.core.ledger.horizon import HORIZON
from app.kernel.transaction import Transaction, transaction
from app.usecases.reconciling.clearing import carry_anew, clearing_proof

log = structlog.get_logger()

_CHECKED = text(
    """
    INSERT INTO money_checks (name, checked_at, is_sound, value) VALUES (:name, clock_timestamp(), :is_sound, :value)
    ON CONFLICT (name) DO UPDATE
        SET checked_at = excluded.checked_at, is_sound = excluded.is_sound, value = excluded.value
    """
)
_COLUMNS = f"proven_to, seen_to, awaited_xid, whole_to, print, {HORIZON}"
_MARK = text(f"SELECT {_COLUMNS} FROM books_mark FOR UPDATE")
_FREE_MARK = text(f"SELECT {_COLUMNS} FROM books_mark FOR UPDATE SKIP LOCKED")
_ADVANCE = text(
    "UPDATE books_mark SET proven_to = seen_to, seen_to = :latest, awaited_xid = :next_xid, print = print + :print"
)
_WHOLE = text("UPDATE books_mark SET whole_to = proven_to, print = 0")


def prove_all() -> bool:
    """Prove the whole books and all of clearing, and keep when and with what result; return whether they are sound.

    Sound books whose newer part is not what it was when it was proven keep their mark: :func:`begin_anew` moves it.
    """
    with transaction() as tx:
        mark = tx.execute(_MARK).one()
        proof = ledger.prove(tx)
        if proof.is_sound and not ledger.findings_again(tx, after=mark.whole_to, to=mark.proven_to, print_=mark.print):
            tx.execute(_WHOLE)
    if clearing_proof(is_whole=True) != clearing_proof():
        log.error("what was carried of clearing was wrong, and is written anew")
        carry_anew()
    note_check("books", is_sound=proof.is_sound, value=len(proof.findings))
    return proof.is_sound


def prove_new() -> bool:
    """Prove what came into the books since the last rounds; return whether it is sound.

    What is not stays in front of the mark, and is found again by every round. A round that another one, or the whole
    proof, is ahead of looks at nothing.
    """
    with transaction() as tx:
        mark = tx.execute(_FREE_MARK).one_or_none()
        if mark is None:
            return True
        found = ledger.findings_since(tx, mark.proven_to)
        found += ledger.findings_again(tx, after=mark.whole_to, to=mark.proven_to, print_=mark.print)
        if not found and mark.oldest_xid >= mark.awaited_xid:
            print_ = ledger.print_since(tx, mark.proven_to, mark.seen_to)
            if print_ is not None:
                tx.execute(_ADVANCE, {"latest": mark.latest_journal_id, "next_xid": mark.next_xid, "print": print_})
    for one in found:
        log.error("the books are not sound", finding=one.finding, code=one.code, seq=one.seq, journal=one.journal_id)
    note_check("books_since", is_sound=not found, value=len(found))
    return not found


def begin_anew(tx: Transaction) -> None:
    """Take what is in the books as it stands, though it is not what it was when it was proven.

    Somebody has looked at it, and :func:`app.core.ledger.prove` finds it sound.
    """
    tx.execute(_MARK)
    tx.execute(_WHOLE)


def note_check(name: str, *, is_sound: bool, value: int) -> None:
    """Keep when something was looked at and what was found."""
    with transaction() as tx:
        tx.execute(_CHECKED, {"name": name, "is_sound": is_sound, "value": value})
