"""What the worker still has to do, read from the database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError

from app.kernel.transaction import Transaction, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE_S = 300.0
"""How long a database that is away is waited for, and how long a worker that makes no progress, seconds."""
POLL_S = 0.02
POLL_MAX_S = 0.5

_TIMERS = text("SELECT count(*) FROM timers WHERE parked_at IS NULL AND due_at <= business_now()")
_WORK = text(
    """
    SELECT (SELECT count(*) FROM outbox) AS events,
           (SELECT count(*) FROM receipts WHERE state = 'waiting') AS reactions,
           (SELECT count(*) FROM timers WHERE parked_at IS NULL AND due_at <= business_now()) AS timers,
           (SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'
              OR status = 'todo' AND (:is_last OR coalesce(scheduled_at, now()) <= now())) AS jobs,
           (SELECT count(*) FROM refunds WHERE state IN ('requested', 'submitting', 'unknown')) AS refunds,
           (SELECT count(*) FROM settlement_items WHERE settled_on IS NULL
              AND eligible_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)) AS settlements
    """
)


class WorkerStuck(Exception):
    """The worker makes no progress; the message says with what."""


def ask(question: Callable[[Transaction], T]) -> T:
    """Answer ``question`` in a transaction of its own; a database that is away is waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with transaction() as tx:
                return question(tx)
        except (OperationalError, InterfaceError):
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_MAX_S)


def wait_for_timers() -> None:
    """Return when no timer is due.

    :raises WorkerStuck: the same number of them is due for :data:`PATIENCE_S`.
    """
    _wait(lambda: {"timers": ask(lambda tx: tx.execute(_TIMERS).scalar_one())})


def wait_for_worker(say: Callable[[dict[str, int]], None], *, is_last: bool = False) -> None:
    """Return when the worker has nothing left to do at this business time; ``say`` is told what is left.

    :param is_last: whether to wait for jobs that are planned for later, too.
    :raises WorkerStuck: nothing changes for :data:`PATIENCE_S`.
    """

    def left() -> dict[str, int]:
        counts = ask(lambda tx: dict(tx.execute(_WORK, {"is_last": is_last}).mappings().one()))
        say(counts)
        return counts

    _wait(left)


def _wait(count: Callable[[], dict[str, int]]) -> None:
    before: dict[str, int] = {}
    deadline, pause_s = time.monotonic() + PATIENCE_S, POLL_S
    while any((left := count()).values()):
        if left != before:
            before, deadline, pause_s = left, time.monotonic() + PATIENCE_S, POLL_S
        elif time.monotonic() > deadline:
            what = ", ".join(f"{number} {name}" for name, number in left.items() if number)
            raise WorkerStuck(f"the worker has made no progress for {PATIENCE_S:g} s: {what} left")
        time.sleep(pause_s)
        pause_s = min(POLL_MAX_S, pause_s * 1.5)
