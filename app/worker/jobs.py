"""Jobs: calls to the outside, retried for long by the job library (Procrastinate). Each is safe to run again.

They are deferred inside our own transactions, so a job exists exactly when what it is about was committed. Its library
notifies its worker at insert; that happens in the worker's transactions, never in a resident's.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from uuid import UUID

import procrastinate
from flask import Flask
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.adapters.sms import MessageNotSent
from app.core.catalog.imports import ImportFailure
from app.core.payments.ports import GatewayUnknown, GatewayUnreachable, PaymentGateway
from app.core.verification.ports import CheckerUnavailable
from app.settings import SERVER_MISSED_WITHIN
from app.usecases.disputing.answer import send_answer
from app.usecases.disputing.follow import read_dispute_again
from app.usecases.operating.exports import run_export
from app.usecases.paying.attempts import (
    ask_gateway,
    expire_attempt,
    open_attempts,
)
from app.usecases.paying.inbox import read_event_again
from app.usecases.paying.refunds import look_again, submit_refund
from app.usecases.people.notices import send_notice
from app.usecases.shopkeeping.import_ends import fail_import
from app.usecases.shopkeeping.imports import run_import
from app.usecases.verifying.check_identity import ask_check

HEARTBEAT_S = 5.0
"""How often a worker says that it is alive, seconds."""
SILENCE_S = 20.0
"""A worker that was silent for so long is dead: its jobs are given to the living, seconds."""
WAIT_S_MAX = 300
TRIES_MAX = 300
"""With waits of up to five minutes: a day."""


_PASSING = (
    GatewayUnknown,
    GatewayUnreachable,
    CheckerUnavailable,
    MessageNotSent,
    OperationalError,
    InterfaceError,
    PoolTimeout,
)


class PatientRetry(BaseRetryStrategy):
    """Ask again after 2, 4, 8 … seconds, at most five minutes apart, for a day."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Retry what is unknown or unreachable, the database too; anything else is ours to mend."""
        if job.attempts >= TRIES_MAX or not isinstance(exception, _PASSING):
            return None
        return RetryDecision(retry_in={"seconds": min(WAIT_S_MAX, 2 ** min(job.attempts + 1, 10))})


def make_jobs(app: Flask, gateway: PaymentGateway, conninfo: str) -> procrastinate.App:
    """Return the job application with all tasks, each run inside the Flask application's context."""
    connector = procrastinate.PsycopgConnector(conninfo=conninfo, max_size=4, kwargs={**SERVER_MISSED_WITHIN})
    jobs = procrastinate.App(connector=connector)

    def add(name: str, act: Callable[[str], None]) -> None:
        def run(subject: str) -> None:
            with app.app_context():
                act(subject)

        jobs.task(name=name, queue="outside", retry=PatientRetry())(run)

    add("ask_attempt", lambda subject: ask_gateway(gateway, UUID(subject)))
    add("expire_attempt", lambda subject: expire_attempt(gateway, UUID(subject)))
    add("close_attempts", lambda subject: _close_attempts(gateway, UUID(subject)))
    add("submit_refund", lambda subject: submit_refund(gateway, UUID(subject)))
    add("read_refund", lambda subject: look_again(gateway, subject))
    add(
        "ask_identity_check",
        lambda subject: ask_check(app.extensions["linli_identity_checker"], UUID(subject)),
    )
    add("send_notice", lambda subject: send_notice(app.extensions["linli_messages"], UUID(subject)))
    add("write_export", lambda subject: run_export(UUID(subject)))
    add("import_shelf", lambda subject: _import_shelf(UUID(subject)))
    add("answer_dispute", lambda subject: send_answer(gateway, UUID(subject)))
    add("read_dispute", lambda subject: read_dispute_again(gateway, UUID(subject)))
    add("read_event", lambda subject: read_event_again(gateway, subject))
    return jobs


def _close_attempts(gateway: PaymentGateway, payment_id: UUID) -> None:
    for attempt_id in open_attempts(payment_id):
        expire_attempt(gateway, attempt_id)


def _import_shelf(import_id: UUID) -> None:
    """Run an import; where that fails and is not tried again, tell its merchant so."""
    try:
        run_import(import_id)
    except _PASSING:
        raise
    except Exception:
        fail_import(import_id, ImportFailure.OURS)
        raise


def run_jobs(jobs: procrastinate.App, stop: threading.Event) -> None:
    """Run jobs until ``stop`` is set."""

    async def work() -> None:
        async with jobs.open_async():
            task = asyncio.create_task(
                jobs.run_worker_async(
                    queues=["outside"],
                    concurrency=4,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=SILENCE_S,
                )
            )
            looked_at = time.monotonic()
            while not (stop.is_set() or task.done()):
                await asyncio.sleep(0.2)
                if time.monotonic() - looked_at >= HEARTBEAT_S:
                    looked_at = time.monotonic()
                    await _take_over(jobs)
            if not task.done():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(work())


async def _take_over(jobs: procrastinate.App) -> None:
    """Put the jobs of dead workers back in the queue: the library leaves them ``doing`` for ever."""
    for job in await jobs.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENCE_S):
        await jobs.job_manager.retry_job(job)
