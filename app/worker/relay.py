"""The relay: empties the outbox in batches, numbers the events for listeners, hands them to reactions.

One relay works at a time (an advisory lock for the length of a batch), so positions follow the order of publication
and a listener that has seen position *n* has missed nothing below it. One ``NOTIFY`` per batch.
"""

from datetime import timedelta

import orjson
import structlog
from sqlalchemy import text

from app.core.events import topics_of
from app.kernel.reactions import Reactions
from app.kernel.transaction import transaction

BATCH = 500
REACTION_TRIES_MAX = 10
_RELAY_LOCK = 7_146_114

log = structlog.get_logger()

_TAKE_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
_WAITING = text("SELECT seq, event_id, kind, body FROM outbox ORDER BY seq LIMIT :limit")
_PUBLISH = text(
    """
    WITH news AS (
        SELECT * FROM unnest(CAST(:seqs AS bigint[]), CAST(:topics AS jsonb[]))
            WITH ORDINALITY AS n (seq, topics, place)
    ),
    last AS (SELECT coalesce(max(position), 0) AS position FROM live_events),
    relayed AS (
        DELETE FROM outbox AS o USING news AS n WHERE o.seq = n.seq
        RETURNING o.seq, o.event_id, o.kind, o.body, o.recorded_at
    ),
    published AS (
        INSERT INTO live_events (position, event_id, kind, topics, body, recorded_at)
        SELECT last.position + n.place, r.event_id, r.kind, n.topics, r.body, r.recorded_at
        FROM relayed AS r JOIN news AS n ON n.seq = r.seq CROSS JOIN last
        RETURNING position
    ),
    owed AS (
        INSERT INTO receipts (event_id, reaction, seq, kind, body)
        SELECT r.event_id, w.reaction, r.seq, r.kind, r.body
        FROM unnest(CAST(:owed_seqs AS bigint[]), CAST(:owed_reactions AS text[])) AS w (seq, reaction)
        JOIN relayed AS r ON r.seq = w.seq
        ON CONFLICT DO NOTHING
    )
    SELECT pg_notify('linli_live', CAST(max(position) AS text)) FROM published
    """
)
_DUE = text(
    """
    SELECT event_id, reaction, attempts, kind, body FROM receipts
    WHERE state = 'waiting' AND (next_at IS NULL OR next_at <= clock_timestamp())
    ORDER BY seq LIMIT :limit
    """
)
_LOCK = text(
    """
    SELECT 1 FROM receipts WHERE event_id = :event_id AND reaction = :reaction AND state = 'waiting'
    FOR UPDATE SKIP LOCKED
    """
)
_DONE = text("UPDATE receipts SET state = 'done' WHERE event_id = :event_id AND reaction = :reaction")
_FAILED = text(
    """
    UPDATE receipts SET attempts = attempts + 1, last_error = :error,
        state = CASE WHEN attempts + 1 >= :tries_max THEN 'parked' ELSE state END,
        next_at = clock_timestamp() + CAST(:wait AS interval)
    WHERE event_id = :event_id AND reaction = :reaction AND state = 'waiting'
    """
)


def relay_batch(reactions: Reactions) -> int:
    """Publish one batch and owe its reactions; return how many events it held."""
    with transaction() as tx:
        if not tx.execute(_TAKE_LOCK, {"key": _RELAY_LOCK}).scalar_one():
            return 0
        rows = tx.execute(_WAITING, {"limit": BATCH}).fetchall()
        if not rows:
            return 0
        owed: list[tuple[int, str]] = [
            (row.seq, reaction.name)
            for row in rows
            for reaction in reactions.get(row.kind, ())
            if reaction.concerns(row.body)
        ]
        tx.execute(
            _PUBLISH,
            {
                "seqs": [row.seq for row in rows],
                "topics": [orjson.dumps(topics_of(row.body)).decode() for row in rows],
                "owed_seqs": [seq for seq, _ in owed],
                "owed_reactions": [name for _, name in owed],
            },
        )
    return len(rows)


def react_batch(reactions: Reactions) -> int:
    """Run reactions that are owed; return how many were tried. One that fails backs off, its neighbors go on."""
    named = {(kind, reaction.name): reaction for kind, several in reactions.items() for reaction in several}
    with transaction() as tx:
        due = tx.execute(_DUE, {"limit": BATCH}).fetchall()
    for row in due:
        key = {"event_id": row.event_id, "reaction": row.reaction}
        try:
            with transaction() as tx:
                if tx.execute(_LOCK, key).first() is None:
                    continue
                named[row.kind, row.reaction].run(tx, row.body)
                tx.settle()
                tx.execute(_DONE, key)
        except Exception as error:  # noqa: BLE001 - the edge: one reaction's failure must not stop the others
            wait = timedelta(seconds=min(300, 2 ** (row.attempts + 1)))
            is_last = row.attempts + 1 >= REACTION_TRIES_MAX
            (log.error if is_last else log.warning)(
                "reaction failed", reaction=row.reaction, event_id=str(row.event_id), parked=is_last, exc_info=error
            )
            with transaction() as tx:
                tx.execute(
                    _FAILED,
                    {**key, "error": type(error).__name__, "tries_max": REACTION_TRIES_MAX, "wait": wait},
                )
    return len(due)
