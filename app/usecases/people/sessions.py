"""Sessions are ended by whom they belong to: one, or all but the one that asks. The next request of each is refused."""

from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import SessionNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import transaction

_END = text(
    """
    UPDATE sessions SET ended_at = clock_timestamp()
    WHERE session_id = :session_id AND account_id = :account_id AND ended_at IS NULL
    """
)
_END_OTHERS = text(
    """
    UPDATE sessions SET ended_at = clock_timestamp()
    WHERE account_id = :account_id AND session_id <> :session_id AND ended_at IS NULL
    """
)


def end_session(actor: Actor, *, session_id: UUID) -> None:
    """End a session of the actor's account, at whatever side.

    :raises SessionNotFound: there is none, it ended before, or it is another's.
    """
    with transaction() as tx:
        if tx.execute(_END, {"session_id": session_id, "account_id": actor.account_id}).rowcount != 1:
            raise SessionNotFound


def end_other_sessions(actor: Actor) -> None:
    """End every session of the actor's account but the one that asks, at every side."""
    with transaction() as tx:
        tx.execute(_END_OTHERS, {"session_id": actor.session_id, "account_id": actor.account_id})
