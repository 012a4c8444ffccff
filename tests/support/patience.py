"""The worker over a long time, made short: everything that waits is due, what fails is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.payments.ports import GatewayUnknown, GatewayUnreachable
from app.wiring import gateway_of
from app.worker.jobs import make_jobs
from app.worker.sweeps import ask_again
from tests.factories.rows import change, look
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.conftest import Gateway

PAYMENT_TASKS = ("ask_attempt", "expire_attempt", "close_attempts", "submit_refund", "read_event", "answer_dispute",
                 "read_dispute", "read_refund")  # fmt: skip
"""What is to come to rest; other tests' questions to other outside parties stay theirs."""

ROUNDS = 8
SILENCES = 2


def until_quiet(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    """Let notices, relay, reactions, timers, sweeps and jobs take turns until none of them finds anything to do.

    A job that meets an unknown outcome stays, as it would, for the next round. Silence of two minutes passes twice.
    """
    for number in range(ROUNDS):
        told = gateway.notify(client)
        run_worker(app)
        if number < SILENCES:
            change("UPDATE payment_attempts SET asked_at = coalesce(asked_at, created_at) - interval '3 minutes'")
        ask_again()
        if not try_jobs(app) and not told and number >= SILENCES:
            return


def try_jobs(app: Flask) -> int:
    """Try every waiting job of payments once, due or not; return how many there were.

    One with an unknown outcome stays.
    """
    jobs = make_jobs(app, gateway_of(app), "")
    waiting = look(
        "SELECT id, task_name, args ->> 'subject' AS subject FROM procrastinate_jobs"
        " WHERE status = 'todo' AND task_name = ANY(CAST(:tasks AS text[])) ORDER BY id",
        tasks=list(PAYMENT_TASKS),
    )
    for job in waiting:
        try:
            jobs.tasks[job.task_name].func(subject=job.subject)
        except (GatewayUnknown, GatewayUnreachable):
            continue
        change("DELETE FROM procrastinate_jobs WHERE id = :id", id=job.id)
    return len(waiting)
