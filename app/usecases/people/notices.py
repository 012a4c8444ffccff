"""Security notices (安全提醒): whose account changes in what protects it is told, in the app and by text message.

A notice is left by the very transaction that makes the change. The text message goes by a job; it names the kind of
change and nothing else. Wall time.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.events import SecurityNoticed
from app.core.notices.models import NoticeKind
from app.core.notices.ports import NoticeMessages
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import unseal
from app.kernel.transaction import Transaction, read, transaction
from app.usecases.people.phones import PHONE_CONTEXT

_LEAVE = text("INSERT INTO security_notices (notice_id, account_id, kind) VALUES (:notice_id, :account_id, :kind)")
_READ = text(
    """
    SELECT notice_id, kind, noticed_at FROM security_notices
    WHERE account_id = :account_id AND notice_id < :before ORDER BY notice_id DESC LIMIT :limit
    """
)
_UNSENT = text(
    """
    SELECT n.kind, a.phone_sealed FROM security_notices AS n JOIN accounts AS a ON a.account_id = n.account_id
    WHERE n.notice_id = :notice_id AND n.sent_at IS NULL AND a.phone_sealed <> ''
    """
)
_SENT = text("UPDATE security_notices SET sent_at = clock_timestamp() WHERE notice_id = :notice_id")


def tell(tx: Transaction, account_id: UUID, kind: NoticeKind) -> None:
    """Tell the owner of an account what changed."""
    notice_id = new_id()
    tx.execute(_LEAVE, {"notice_id": notice_id, "account_id": account_id, "kind": kind.value})
    tx.record(SecurityNoticed(account_id=account_id, notice_id=notice_id, state=kind.value))


def send_notice(messages: NoticeMessages, notice_id: UUID) -> None:
    """Send a notice to its owner's phone, once unless the process dies between sending and remembering it.

    :raises app.kernel.errors.Unavailable: the message could not be handed over; ask again.
    """
    row = read(_UNSENT, {"notice_id": notice_id}).one_or_none()
    if row is None:
        return
    messages.send_notice(phone=unseal(row.phone_sealed, context=PHONE_CONTEXT), kind=row.kind)
    with transaction() as tx:
        tx.execute(_SENT, {"notice_id": notice_id})


def notices_of(actor: Actor, *, before: UUID, limit: int) -> list[dict[str, Any]]:
    """Return up to ``limit`` notices to the actor, newest first."""
    rows = read(_READ, {"account_id": actor.account_id, "before": before, "limit": limit})
    return [dict(row._mapping) for row in rows]
