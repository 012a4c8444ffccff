"""What the worker does, done here and now: relay, reactions and timers until nothing is left, and jobs one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from app.core.payments.ports import GatewayRefused, GatewayUnknown, GatewayUnreachable
from app.core.verification.ports import CheckerUnavailable
from app.kernel.transaction import transaction
from app.wiring import REACTIONS, TIMERS, gateway_of
from app.worker.jobs import make_jobs
from app.worker.relay import react_batch, relay_batch
from app.worker.timers import run_due_timers

if TYPE_CHECKING:
    from flask import Flask

_DUE_JOBS = text(
    """
    SELECT id, task_name, args ->> 'subject' AS subject FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp()) ORDER BY id
    """
)
_FORGET_JOB = text("DELETE FROM procrastinate_jobs WHERE id = :id")


def run_worker(app: Flask) -> None:
    """Publish, react and run due timers until nothing is due."""
    with app.app_context():
        while relay_batch(REACTIONS) + react_batch(REACTIONS) + run_due_timers(TIMERS):
            pass


def run_jobs(app: Flask) -> int:
    """Run every job that is due once, in this thread; return how many.

    Jobs of other tests are run along; one that the gateway refuses is given up, one without an answer stays.
    """
    jobs = make_jobs(app, gateway_of(app), "")
    with transaction() as tx:
        due = tx.execute(_DUE_JOBS).fetchall()
    for job in due:
        try:
            jobs.tasks[job.task_name].func(subject=job.subject)
        except (GatewayUnknown, GatewayUnreachable, CheckerUnavailable):
            continue
        except GatewayRefused:
            pass
        with transaction() as tx:
            tx.execute(_FORGET_JOB, {"id": job.id})
    return len(due)
