"""``dev.py drill``: long walks, an outage, a flood of timers, crowds, statements, over real use cases and a database.

Exit code 1 when anything does not add up. Each has a small copy in the suite.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from app import create_app
from app.kernel.db import db
from tests.conftest import settings_for_tests
from tests.drills import flood, lives, outage, rush, statements
from tests.support import own_database
from tests.support.business_clock import BusinessClock
from tests.support.ledger_database import admin_url

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from flask import Flask


@click.group(help=__doc__)
def main() -> None:
    """Choose a drill."""


@contextmanager
def _an_app() -> Iterator[Flask]:
    """Yield an application over a database of its own, which is dropped afterwards."""
    admin = admin_url()
    assert admin is not None, "dev.py drill lends a server"
    own_database.begin_run()
    try:
        with own_database.own_database(admin) as url:
            app = create_app(settings_for_tests(url))
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
            with app.app_context():
                yield app
                db.engine.dispose()
    finally:
        own_database.end_run(admin)


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)


def _show(title: str, seen: Counter[str], began: float) -> None:
    table = Table(title=title)
    table.add_column("what")
    table.add_column("count", justify="right")
    for what, count in sorted(seen.items()):
        table.add_row(what, str(count))
    Console(soft_wrap=True).print(table)
    Console().print(f"all adds up; {time.monotonic() - began:.0f} s")


@main.command("lives")
@click.option("--steps", default=10_000, type=click.IntRange(1, 10_000_000), help="How many.")
@click.option("--seed", default=None, type=int, help="Draw what an earlier walk drew.")
def walk_on(*, steps: int, seed: int | None) -> None:
    """Walk through all verticals; after each step the invariants hold."""
    chosen, began = secrets.randbelow(2**32) if seed is None else seed, time.monotonic()
    click.echo(f"seed {chosen}")
    with _an_app() as app, _progress("steps", steps) as tick:
        seen = lives.walk(app, BusinessClock(), steps=steps, seed=chosen, tick=tick)
    _show(f"dev.py drill lives, {steps} steps, seed {chosen}", seen, began)


@main.command("outage")
@click.option("--orders", default=1_000, type=click.IntRange(1, 1_000_000), help="Under way.")
def go_down(*, orders: int) -> None:
    """Let the worker be down for an hour of business time in the middle of many orders."""
    began = time.monotonic()
    with _an_app() as app, _progress("orders", orders) as tick:
        seen = outage.outage(app, BusinessClock(), orders=orders, tick=tick)
    _show(f"dev.py drill outage, {orders} orders", seen, began)


@main.command("timers")
@click.option("--timers", default=100_000, type=click.IntRange(1, 10_000_000), help="Due at once.")
def let_come_due(*, timers: int) -> None:
    """Let very many timers be due at once, and a new one each second: how long do both wait?"""
    began = time.monotonic()
    with _an_app() as app, _progress("timers", timers) as tick:
        seen = flood.flood(app, timers=timers, tick=tick)
    _show(f"dev.py drill timers, {timers} timers", seen, began)


@main.command("rush")
@click.option("--people", default=500, type=click.IntRange(2, 100_000), help="Who want the one thing.")
def want(*, people: int) -> None:
    """Let a crowd want the last appointment, the last place of a slot, one voucher's code: one winner each."""
    began = time.monotonic()
    with _an_app() as app:
        for name, (wanted, refusal) in rush.RUSHES.items():
            seen = wanted(app, people)
            assert seen == {"won": 1, refusal: people - 1}, seen
            _show(f"{name}, {people} want it", seen, began)


@main.command("statements")
@click.option("--merchants", default=1_000, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--seed", default=None, type=int, help="Draw what an earlier run drew.")
def settle(*, merchants: int, seed: int | None) -> None:
    """Let merchants earn, refund and withdraw: statements, their CSV, XLSX and PDF, and the books agree to the fen."""
    chosen, began = secrets.randbelow(2**32) if seed is None else seed, time.monotonic()
    click.echo(f"seed {chosen}")
    with _an_app(), _progress("statements of merchants", merchants) as tick:
        seen = statements.prove(BusinessClock(), random.Random(chosen), merchants, tick)
    _show(f"dev.py drill statements, {merchants} merchants, seed {chosen}", seen, began)


if __name__ == "__main__":
    main(prog_name="dev.py drill")
