"""Sessions (登录设备), the same at every door: where somebody is signed in; ended one by one, or all but this one.

A session is the account's, at whatever side it began. Its last use is its last refresh, so it lags by at most the ten
minutes of an access token. One that was not refreshed for as long as a refresh token lives is over, and not shown.
"""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.kernel.actor import Actor, Side
from app.kernel.transaction import read
from app.usecases.people import sessions
from app.usecases.people.sign_in import REFRESH_LIFETIME
from app.web.door import Door
from app.web.fields import Body, Choice, Flag, Id, Instant, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_SESSIONS = text(
    """
    SELECT session_id, side, device, created_at, last_used_at, session_id = :current AS is_current FROM sessions
    WHERE account_id = :account_id AND ended_at IS NULL AND last_used_at > clock_timestamp() - CAST(:idle AS interval)
      AND session_id < :before
    ORDER BY session_id DESC LIMIT :limit
    """
)


class LiveSessionOut(Body):
    """Where one is signed in: the device's name is what its app gave. ``is_current`` marks the session that asks."""

    session_id = Id(required=True)
    side = Choice(Side, required=True)
    device = Text(high=64, required=True)
    created_at = Instant(required=True)
    last_used_at = Instant(required=True)
    is_current = Flag(required=True)


class LiveSessionsOut(Body):
    """A page of sessions, newest first."""

    items = Many(fields.Nested(LiveSessionOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_sessions(door: Door) -> None:
    """Add the routes of one's sessions to ``door``."""

    @door.get("/sessions", query=PageQuery, answer=LiveSessionsOut)
    @policy("session.read", Relation.OWN)
    def list_sessions(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List where one is signed in, at every side."""
        return _sessions(actor, **query)

    @door.delete("/sessions")
    @policy("session.end", Relation.OWN)
    def end_other_sessions(actor: Actor) -> None:
        """Sign out everywhere else, at every side."""
        sessions.end_other_sessions(actor)

    @door.delete("/sessions/<uuid:session_id>")
    @policy("session.end", Relation.OWN)
    def end_one_session(actor: Actor, *, session_id: UUID) -> None:
        """Sign out one device."""
        sessions.end_session(actor, session_id=session_id)


def _sessions(actor: Actor, *, limit: int, cursor: str | None) -> dict[str, Any]:
    params = {
        "account_id": actor.account_id,
        "current": actor.session_id,
        "idle": REFRESH_LIFETIME,
        "before": read_cursor(cursor),
        "limit": limit + 1,
    }
    rows = [dict(row._mapping) for row in read(_SESSIONS, params)]
    return page(rows, limit=limit, key="session_id")
