"""Work on what does not agree: note what was found out, and resolve it when two people agree."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.errors import ItemResolved, MismatchNotFound
from app.core.payments.reconciliation import ItemState, Resolution
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

_FIND = opening("SELECT state FROM recon_items WHERE item_id = :item_id FOR SHARE")
_NOTE = closing(
    """
    noted AS (
        INSERT INTO recon_notes (note_id, item_id, account_id, note) VALUES (:note_id, :item_id, :account_id, :note)
    )"""
)
_LOCK = text("SELECT state, suspense_fen FROM recon_items WHERE item_id = :item_id FOR UPDATE")
_RESOLVE = text(
    """
    UPDATE recon_items SET state = 'resolved', resolution = :resolution, resolved_at = business_now()
    WHERE item_id = :item_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A note that was left at an item."""

    item_id: UUID
    note_id: UUID


def note_mismatch(actor: Actor, claim: Claim, *, item_id: UUID, note: str) -> Noted:
    """Leave a note at an item.

    :raises MismatchNotFound: no such item.
    """
    with transaction(claim) as tx:
        if tx.open_one(_FIND, {"item_id": item_id}) is None:
            raise MismatchNotFound
        noted = Noted(item_id=item_id, note_id=new_id())
        tx.keep(noted)
        tx.close(_NOTE, {"note_id": noted.note_id, "item_id": item_id, "account_id": actor.account_id, "note": note})
    return noted


def resolve_mismatch(tx: Transaction, item_id: UUID) -> None:
    """Resolve an item on which two people agree: what of it is in suspense is the platform's loss, or gain.

    :raises ItemResolved: it was resolved before.
    """
    row = tx.execute(_LOCK, {"item_id": item_id}).one_or_none()
    if row is None or row.state != ItemState.OPEN:
        raise ItemResolved
    resolution = Resolution.EXPLAINED
    if row.suspense_fen:
        resolution = Resolution.WRITTEN_OFF
        legs = (Leg(codes.SUSPENSE, -row.suspense_fen), Leg(codes.PLATFORM_LOSS, row.suspense_fen))
        ledger.post(tx, Journal(key=f"recon_end:{item_id}", kind=JournalKind.CORRECTION, legs=legs, ref=str(item_id)))
    tx.execute(_RESOLVE, {"item_id": item_id, "resolution": resolution.value})
