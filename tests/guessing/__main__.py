"""``dev.py guess``: an attacker with many addresses guesses at sign-in codes, over the real application.

Exit code 1 when a guess opens a session, when the real person does not get in, or when anything breaks.
"""

from __future__ import annotations

import logging
import secrets
import sys
import time
from dataclasses import replace

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from app import create_app
from app.kernel.db import db
from tests.conftest import settings_for_tests
from tests.guessing.drill import Drill, Outcome, Plan
from tests.support import own_database
from tests.support.ledger_database import admin_url


@click.command(help=__doc__)
@click.option("--guesses", default=100_000, type=click.IntRange(1, 1_000_000), help="At one phone.")
@click.option("--phones", default=100_000, type=click.IntRange(1, 1_000_000), help="That get one guess each.")
@click.option("--addresses", default=1_000, type=click.IntRange(1, 1_000_000), help="Of the attacker.")
@click.option("--seed", default=None, type=int, help="Repeat the guesses of an earlier run.")
def main(*, guesses: int, phones: int, addresses: int, seed: int | None) -> None:
    """Make a database, let the attacker at it, drop the database."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    admin = admin_url()
    assert admin is not None, "dev.py guess lends a server"
    began = time.monotonic()
    own_database.begin_run()
    try:
        with own_database.own_database(admin) as url:
            app = create_app(replace(settings_for_tests(url), proxy_hops=1))
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
            with app.app_context():
                outcome = _run(Drill, app, Plan(guesses, phones, addresses), chosen)
                db.engine.dispose()
    finally:
        own_database.end_run(admin)
    _show(outcome, time.monotonic() - began, chosen)
    sys.exit(0 if outcome.is_good else 1)


def _run(drill: type[Drill], app: object, plan: Plan, seed: int) -> Outcome:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("guesses", total=plan.guesses + plan.phones)
        return drill(app, plan, lambda: progress.advance(task), seed).run()  # type: ignore[arg-type]


def _show(outcome: Outcome, seconds: float, seed: int) -> None:
    table = Table(title="dev.py guess")
    table.add_column("what")
    table.add_column("count", justify="right")
    for attack, counted in outcome.answers.items():
        table.add_row(attack, "")
        for word, count in sorted(counted.items()):
            table.add_row(f"  {word}", str(count))
    table.add_row("guesses that opened a session", str(outcome.successes))
    table.add_row("faults", str(outcome.faults))
    for when, is_in in outcome.owner.items():
        table.add_row(f"the owner, {when}", "in" if is_in else "NOT IN")
    table.add_row("seconds", f"{seconds:.0f}")
    Console(soft_wrap=True).print(table)
    Console().print(f"seed {seed}")


if __name__ == "__main__":
    main(prog_name="dev.py guess")
