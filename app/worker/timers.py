"""Timers that have come due, by business time, oldest first. A handler decides under the subject's own lock.

The subject is locked before the timer's row is taken away, so a use case that sets the same timer anew can never
deadlock with it; run twice, a handler finds nothing to do the second time.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import text

from app.kernel.transaction import Transaction, transaction
from app.kernel.wire import Row

BATCH = 200
FRESH = timedelta(seconds=5)
"""For so long after it was due a timer counts as new."""
BACKLOG = 2 * BATCH
"""With so many older ones due, new ones are not left to stand behind them."""
TRIES_MAX = 10

log = structlog.get_logger()

Handlers = Mapping[str, Callable[[Transaction, UUID], None]]

_DUE = text(
    """
    SELECT kind, subject_id, due_at, attempts FROM timers
    WHERE parked_at IS NULL AND due_at <= (SELECT business_now()) ORDER BY due_at LIMIT :limit
    """
)
_DUE_NOW = text(
    """
    WITH clock AS MATERIALIZED (SELECT business_now() AS now, business_now() - CAST(:fresh AS interval) AS since),
    older AS (
        SELECT 1 FROM timers WHERE parked_at IS NULL AND due_at <= (SELECT since FROM clock) LIMIT :backlog
    )
    SELECT kind, subject_id, due_at, attempts FROM timers
    WHERE parked_at IS NULL AND due_at > (SELECT since FROM clock) AND due_at <= (SELECT now FROM clock)
      AND (SELECT count(*) FROM older) >= :backlog
    ORDER BY due_at LIMIT :limit
    """
)
_TAKE = text("DELETE FROM timers WHERE kind = :kind AND subject_id = :subject_id AND due_at = :due_at")
_FAILED = text(
    """
    UPDATE timers SET attempts = attempts + 1, last_error = :error, due_at = business_now() + CAST(:wait AS interval),
        parked_at = CASE WHEN attempts + 1 >= :tries_max THEN clock_timestamp() END
    WHERE kind = :kind AND subject_id = :subject_id AND due_at = :due_at
    """
)


def run_due_timers(handlers: Handlers) -> int:
    """Run one batch of due timers; return how many were tried."""
    with transaction() as tx:
        due = tx.execute(_DUE, {"limit": BATCH}).fetchall()
    return _run(due, handlers)


def run_new_timers(handlers: Handlers) -> int:
    """Run timers that have just come due while very many older ones wait; return how many were tried.

    A second hand beside :func:`run_due_timers`: after an outage, or when a great many are due at once, what is due now
    is done now. Without a backlog there is nothing for it to do.
    """
    with transaction() as tx:
        due = tx.execute(_DUE_NOW, {"fresh": FRESH, "backlog": BACKLOG, "limit": BATCH}).fetchall()
    return _run(due, handlers)


def _run(due: Sequence[Row], handlers: Handlers) -> int:
    for row in due:
        key = {"kind": row.kind, "subject_id": row.subject_id, "due_at": row.due_at}
        try:
            with transaction() as tx:
                handlers[row.kind](tx, row.subject_id)
                tx.settle()
                tx.execute(_TAKE, key)
        except Exception as error:  # noqa: BLE001 - the edge: one timer's failure must not stop the others
            is_last = row.attempts + 1 >= TRIES_MAX
            (log.error if is_last else log.warning)(
                "timer failed", kind=row.kind, subject_id=str(row.subject_id), parked=is_last, exc_info=error
            )
            wait = timedelta(seconds=min(600, 2 ** (row.attempts + 1)))
            with transaction() as tx:
                tx.execute(_FAILED, {**key, "error": type(error).__name__, "wait": wait, "tries_max": TRIES_MAX})
    return len(due)
