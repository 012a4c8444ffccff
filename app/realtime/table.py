"""The two tables that a live process touches, by SQL of its own: no model, no session, nothing of Flask."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from app.realtime.frames import LiveEvent
from app.settings import SERVER_MISSED_WITHIN

CHANNEL = "linli_live"
"""The relay notifies here after each batch; the payload is the highest position, as text."""

BATCH = 200
"""Events read and handed out in one go; between two batches other work of the process gets its turn."""

REPLAY_MAX = 1_000
"""How many missed events are repeated to a returning listener; one that missed more is resynchronized."""

REACH_MAX = 50_000
"""How many positions back a replay searches."""

TICKET_CHARS_MAX = 100

_REDEEM = """
UPDATE live_tickets SET used_at = clock_timestamp()
WHERE digest = %(digest)s AND used_at IS NULL AND expires_at > clock_timestamp()
RETURNING topics
"""
_NEWEST = "SELECT coalesce(max(position), 0) FROM live_events"
_AFTER = """
SELECT position, event_id, kind, topics, body, recorded_at FROM live_events
WHERE position > %(after)s ORDER BY position LIMIT %(limit)s
"""
# One statement, one snapshot: rows cannot be thinned out between the look at the bounds and the reading.
_MISSED = """
SELECT b.oldest, b.newest, e.position, e.event_id, e.kind, e.topics, e.body, e.recorded_at
FROM (SELECT min(position) AS oldest, max(position) AS newest FROM live_events) AS b
LEFT JOIN LATERAL (
    SELECT * FROM live_events
    WHERE position > %(after)s AND position <= %(until)s AND topics ?| %(topics)s
    ORDER BY position LIMIT %(limit)s
) AS e ON true
ORDER BY e.position
"""

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class Missed:
    """What a returning listener has missed.

    :param is_whole: these are all; False says that some are gone, or that there are too many.
    """

    events: Sequence[LiveEvent]
    is_whole: bool


def libpq_url(database_url: str) -> str:
    """Return an SQLAlchemy URL as libpq wants it, without the name of a driver."""
    scheme, _, rest = database_url.partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"


def connection_options(statement_timeout_ms: int = 5_000) -> dict[str, Any]:
    """Return how this process connects: no open transaction, instants in UTC, and a dead server noticed in seconds."""
    return {
        "autocommit": True,
        "application_name": "linli-live",
        **SERVER_MISSED_WITHIN,
        "options": f"-c timezone=UTC -c statement_timeout={statement_timeout_ms}",
    }


async def configure(connection: Connection) -> None:
    """Let ``connection`` read JSON fast."""
    set_json_loads(orjson.loads, connection)


async def redeem(connection: Connection, ticket: str) -> list[str] | None:
    """Use up a ticket and return its topics; None when it is unknown, used or expired."""
    if not 0 < len(ticket) <= TICKET_CHARS_MAX:
        return None
    digest = hashlib.sha256(ticket.encode()).digest()
    row = await (await connection.execute(_REDEEM, {"digest": digest})).fetchone()
    return None if row is None else row[0]


async def newest_position(connection: Connection) -> int:
    """Return the number of the latest event, 0 when there is none."""
    row = await (await connection.execute(_NEWEST)).fetchone()
    return int(row[0]) if row else 0


async def read_after(connection: Connection, position: int) -> list[LiveEvent]:
    """Return the next events after ``position``, at most :data:`BATCH`.

    Numbers are given by one relay in the order of its commits, so none appears later below one already read.
    """
    cursor = await connection.execute(_AFTER, {"after": position, "limit": BATCH})
    return [LiveEvent(*row) for row in await cursor.fetchall()]


async def read_missed(connection: Connection, topics: Sequence[str], *, after: int, until: int) -> Missed:
    """Return what happened on ``topics`` after the position ``after`` up to ``until``, inclusive."""
    if until - after > REACH_MAX:
        return Missed((), is_whole=False)
    asked = {"after": after, "until": until, "topics": list(topics), "limit": REPLAY_MAX + 1}
    rows = await (await connection.execute(_MISSED, asked)).fetchall()
    oldest, newest = rows[0][:2]
    events = [LiveEvent(*row[2:]) for row in rows if row[2] is not None]
    is_kept = oldest is not None and oldest - 1 <= after <= newest
    if not is_kept or len(events) > REPLAY_MAX:
        return Missed((), is_whole=False)
    return Missed(events, is_whole=True)
