"""``dev.py chaos-money``: payments, refunds and payouts over a faulty gateway, with workers killed at random.

A stack of its own: web server, three workers, sandbox gateway and bank. The gateway loses replies, fails before and
after the effect, is slow, lets refunds come back that had succeeded, sends notices twice, late and in another order;
payers' banks take card payments back, are answered or not, and decide for us or against us; ``kill -9`` hits workers,
web server and gateway. When all is quiet again everything is held against everything. Exit code 0 when every fen is
where it belongs.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast
from unittest import mock

import click
import psutil
import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from app import create_app
from app.cli.dev import stack as stacks
from app.cli.dev.environment import Ports, free_ports
from app.cli.dev.stack import Service, Stack, linli_services
from app.core.payments.disputes import DisputeAnswer
from app.core.payments.ports import GatewayUnknown, GatewayUnreachable
from app.core.settlement.payouts import is_bank_day
from app.kernel.clock import SHANGHAI, business_now, set_virtual, wall_now
from app.kernel.db import db
from app.kernel.transaction import transaction
from app.settings import read_settings
from app.usecases.disputing.follow import look_for_disputes
from app.usecases.paying import refunds as refunding
from app.usecases.paying.refunds import open_refunds, submit_refund
from app.wiring import gateway_of
from tests.chaos_money.payers import Payers
from tests.chaos_money.payers_bank import PayersBank, bear_some
from tests.chaos_money.stages import Stage, Stages
from tests.chaos_money.verdict import Provider, faults_of, faults_of_files
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.adapters.stripe.client import StripeClient

WORKERS = 3
PAYMENTS = 2_000
PER_PAYOUT = 10
KILL_S = (0.5, 3.0)
"""How long all processes work before one of them dies, seconds."""
SPARED = 0.9
"""How often nobody dies before all work again: starting them takes more of a small machine than what they are to do."""
LOOK_S = 0.25
"""How often the killer looks whether all work, seconds; each look asks the web server."""
WORKING_THREADS = 12
"""A worker has a thread for each of its loops, once it works; while it starts it has few."""
QUIET_S_MAX = 600.0
START_S = 300.0
"""A machine that is busy with other things takes long to start so many processes."""
FAULTS = {"lost_reply": 0.08, "error_500": 0.04, "slow": 0.05, "slow_s": 0.3, "duplicate": 0.2, "late": 0.1,
          "late_s": 3.0, "reorder": 0.2, "reorder_s": 0.5, "refund_back": 0.15, "refund_back_s": 4.0}  # fmt: skip
FILE_FAULTS = {"missing_line": 0.01, "extra_line": 0.01}
_WAITING = {
    "attempts": "SELECT count(*) FROM payment_attempts WHERE state IN ('requested', 'unknown')",
    "refunds": "SELECT count(*) FROM refunds WHERE state IN ('requested', 'submitting')",
    "orders": "SELECT count(*) FROM orders WHERE state IN ('awaiting_payment', 'awaiting_accept')",
    "events": "SELECT count(*) FROM outbox",
    "reactions": "SELECT count(*) FROM receipts WHERE state = 'waiting'",
    "disputes": """SELECT count(*) FROM disputes WHERE state IN ('needs_response', 'under_review')
        OR answer IS NOT NULL AND sent_at IS NULL""",
    "notices": "SELECT count(*) FROM gateway_events WHERE applied_at IS NULL",
    "payouts": """SELECT count(*) FROM payouts WHERE state = 'sent' OR state = 'ready'
        AND due_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)""",
}
"""What the workers have to end, and how many of it are left."""
_HURRY = (
    "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND scheduled_at > now()",
    """UPDATE payment_attempts SET asked_at = coalesce(asked_at, created_at) - interval '3 minutes'
        WHERE state IN ('requested', 'unknown')""",
    """UPDATE payment_attempts SET created_at = created_at - interval '20 minutes'
        WHERE state IN ('requested', 'unknown') AND created_at > now() - interval '10 minutes'""",
    "UPDATE disputes SET heard_at = heard_at - interval '2 hours' WHERE heard_at > now() - interval '1 hour'",
    "UPDATE receipts SET next_at = NULL WHERE state = 'waiting' AND next_at > now()",
)
"""What would wait for minutes is due at once."""
_UNSENT = {"answers": "SELECT count(*) FROM disputes WHERE answer IS NOT NULL AND sent_at IS NULL"}
_TAKEN = "SELECT count(*) FROM disputes WHERE answer = :answer AND sent_at IS NOT NULL"


def services(ports: Ports, data_dir: Path, env: Mapping[str, str]) -> list[Service]:
    """Return the stack's processes with several workers, and without live events."""
    usual = [one for one in linli_services(ports, data_dir, env) if one.name not in {"live", "worker"}]
    return [*usual, *(Service(f"worker-{n}", (sys.executable, "-m", "app.worker")) for n in range(1, WORKERS + 1))]


class Killer(threading.Thread):
    """Kills a process of the stack every now and then, by its own dice, until told to stop.

    Mostly it waits until all that died before work again. It cuts off starts, too, once in a while: always, a slow
    machine would never do any work to cut off.
    """

    def __init__(self, stack: Stack, names: list[str], seed: int) -> None:
        super().__init__(name="killer", daemon=True)
        self.stack, self.names, self.dice = stack, names, random.Random(f"{seed}:killer")
        self.stopping, self.kills = threading.Event(), dict.fromkeys(names, 0)

    def run(self) -> None:
        """Kill until told to stop."""
        while not self.stopping.wait(self.dice.uniform(*KILL_S)):
            name, is_spared = self.dice.choice(self.names), self.dice.random() < SPARED
            while is_spared and not all(map(self._works, self.names)):
                if self.stopping.wait(LOOK_S):
                    return
            with suppress(ProcessLookupError, KeyError):
                self.stack.kill(name)
                self.kills[name] += 1

    def _works(self, name: str) -> bool:
        with suppress(psutil.Error, KeyError):
            threads = psutil.Process(self.stack.pids[name]).num_threads()
            return self.stack.is_ready(name) and (not name.startswith("worker") or threads > WORKING_THREADS)
        return False


@click.command(help=__doc__)
@click.option("--seed", default=None, type=int, help="Of people, faults and deaths.")
@click.option(
    "--size", default=PAYMENTS, type=click.IntRange(10, 1_000_000), help="How many payments; a tenth as many payouts."
)
@click.option("--postgres", is_flag=True, help="Kill the database, too.")
def main(*, seed: int | None, size: int, postgres: bool) -> None:
    """Make a stack, break it, wait, and judge."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    began = time.monotonic()
    faults = ",".join(f"{name}={value}" for name, value in FAULTS.items())
    env = {"SANDBOX_SEED": str(chosen), "SANDBOX_FAULTS": faults, "LINLI_REQUESTS_PER_MINUTE": "0",
           "LINLI_DISPATCH_S": "0", "LINLI_POOL_SIZE": "16"}  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="linli-chaos-") as folder,
        mock.patch.object(stacks, "READY_S", START_S),
        Stack(Path(folder), free_ports(), env=env, services=services) as stack,
    ):
        os.environ.update(stack.settings)
        app = create_app(read_settings())
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        with app.app_context():
            payers = Payers(app, gateway_of(app), PayersBank(stack.urls.gateway), chosen)
            with Stages() as stages:
                found, kills = _run(stack, payers, size, chosen, stages, with_postgres=postgres)
            _show(payers, kills, stages)
            db.engine.dispose()
    for one in found:
        Console(soft_wrap=True, highlight=False).print(f"WRONG: {one}")
    verdict = "every fen is where it belongs" if not found else f"{len(found)} things are wrong"
    Console().print(f"{verdict}; seed {chosen}, size {size}, {time.monotonic() - began:.0f} s")
    sys.exit(1 if found else 0)


def _run(
    stack: Stack, payers: Payers, size: int, seed: int, stages: Stages, *, with_postgres: bool
) -> tuple[list[str], dict[str, int]]:
    first_day = wall_now().astimezone(SHANGHAI).date()
    invariants = Invariants()
    _to_bank_day(after=timedelta())
    payers.open_shops(8)
    names = ["gateway", "web", *(f"worker-{n}" for n in range(1, WORKERS + 1))]
    killer = Killer(stack, [*names, "postgres"] if with_postgres else names, seed)
    killer.start()
    payouts = size // PER_PAYOUT
    with stages.stage("payments and payouts", size + payouts) as stage:
        payers.run(size, payouts, stage.advance)
    with stages.stage("until all processes work") as stage:
        killer.stopping.set()
        killer.join()
        stack.wait_ready(START_S)
    provider = Provider(stack.urls.gateway, stack.settings["STRIPE_SECRET_KEY"])
    provider.call("PUT", "/sandbox/faults", json={})
    with stages.stage("until all answers are sent") as stage:
        look_for_disputes(payers.gateway)
        payers.bank.answer_the_rest()
        _until(_UNSENT, stage)
    with stages.stage("until the gateway owes nothing") as stage:
        _until_told(provider, stage)
    with stages.stage("until all is quiet") as stage:
        payers.bank.decide_the_rest(provider, seed)
        _pass(timedelta(minutes=20))  # codes run out, shops do not accept
        _until(_WAITING, stage)
    with stages.stage("until all is paid") as stage:
        look_for_disputes(payers.gateway)
        _to_bank_day(after=timedelta(days=1))  # what the bank was too busy for
        _until(_WAITING, stage)
    with stages.stage("until a day later all is quiet") as stage:
        _a_day_later(payers, stage)
        _until(_WAITING, stage)
    with stages.stage("until what comes back late is quiet") as stage:
        payers.done["refunds that come back late"] = payers.bank.send_back(provider, seed)
        _until_told(provider, stage)
        _until(_WAITING, stage)
    with stages.stage("until all is proven"):
        payers.done["lost disputes that the platform bears"] = bear_some()
        found = faults_of(provider, invariants)
        provider.call("PUT", "/sandbox/faults", json=FILE_FAULTS)
        found += faults_of_files(cast("StripeClient", payers.gateway), first_day)
    return found, killer.kills


def _pass(by: timedelta) -> None:
    with transaction() as tx:
        ahead = business_now(tx) - wall_now() + by
        set_virtual(tx, ahead=ahead)


def _to_bank_day(*, after: timedelta) -> None:
    """Move business time to the morning of a day on which banks book, ``after`` from now or later."""
    with transaction() as tx:
        moment: datetime = business_now(tx).astimezone(SHANGHAI) + after
        while not is_bank_day(moment.date()):
            moment += timedelta(days=1)
        set_virtual(tx, ahead=moment - wall_now())


def _until(waiting: Mapping[str, str], stage: Stage) -> None:
    """Wait until the counts of what is waiting stay at zero; what would wait for minutes is due at once."""
    ends, still = time.monotonic() + QUIET_S_MAX, 0
    while time.monotonic() < ends:
        with suppress(DBAPIError):
            for hurry in _HURRY:
                change(hurry)
            left = {what: count for what, query in waiting.items() if (count := look_one(query))}
            stage.waits_for(", ".join(f"{count} {what}" for what, count in left.items()) or "nothing")
            still = 0 if left else still + 1
            if still == 3:
                return
        time.sleep(1.0)


def _until_told(provider: Provider, stage: Stage) -> None:
    """Wait until refunds that are to come back have, and every notice was taken in."""
    ends = time.monotonic() + QUIET_S_MAX
    while time.monotonic() < ends and any((owed := provider.call("GET", "/sandbox/owed").json()).values()):
        stage.waits_for(", ".join(f"{count} {what}" for what, count in owed.items()))
        time.sleep(1.0)


def _a_day_later(payers: Payers, stage: Stage) -> None:
    """Ask about refunds whose key only repeats a stored failure, when the gateway has forgotten the key.

    A worker may be asking about one at the same moment, and what it hears then counts: each is asked about again.
    """
    ends = time.monotonic() + QUIET_S_MAX
    while (left := open_refunds(100_000)) and time.monotonic() < ends:
        stage.waits_for(f"{len(left)} refunds in doubt")
        with mock.patch.object(refunding, "wall_now", return_value=wall_now() + timedelta(days=1)):
            for refund_id in left:
                with suppress(GatewayUnknown, GatewayUnreachable):
                    submit_refund(payers.gateway, refund_id)


def _show(payers: Payers, kills: dict[str, int], stages: Stages) -> None:
    table = Table(title="dev.py chaos-money")
    table.add_column("what")
    table.add_column("count", justify="right")
    counts = {
        **payers.done,
        "payments that were paid": look_one("SELECT count(*) FROM payments WHERE state = 'paid'"),
        "refunds": look_one("SELECT count(*) FROM refunds"),
        "of these through the gateway": look_one("SELECT count(*) FROM refunds WHERE method IN ('wechat_pay', 'card')"),
        "of these that came back": look_one(
            "SELECT count(DISTINCT key) FROM ledger.leg WHERE key LIKE 'refund_back:%'"
        ),
        **{
            f"disputes that were {row.state}": row.count
            for row in look("SELECT state, count(*) AS count FROM disputes GROUP BY state ORDER BY state")
        },
        **{f"disputes whose {answer} the provider took": look_one(_TAKEN, answer=answer) for answer in DisputeAnswer},
        "fen that refunds met of disputes": look_one("SELECT coalesce(sum(met_fen), 0)::bigint FROM disputes"),
        "notices that were taken in": look_one("SELECT count(*) FROM gateway_events"),
        "lines on the worklist": look_one("SELECT count(*) FROM recon_items"),
        "fen in suspense": look_one(
            "SELECT coalesce(sum(posted_fen), 0)::bigint FROM ledger.balance WHERE code = 'suspense'"
        ),
        **{f"deaths of {name}": count for name, count in kills.items()},
        **{f"seconds of {name}": round(took_s) for name, took_s in stages.took_s.items()},
    }
    for what, count in counts.items():
        table.add_row(what, f"{count:,}")
    Console(soft_wrap=True).print(table)


if __name__ == "__main__":
    main(prog_name="dev.py chaos-money")
