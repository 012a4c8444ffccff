"""``dev.py crash-points``: every named point of every money flow, killed there, restarted, and exactly once.

Points are read from the source. Exit code 1 when one is crossed by no flow, or when a death changed what came out.
"""

from __future__ import annotations

import logging
import random
import secrets
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from app import create_app
from app.core import ledger
from app.kernel.db import db
from app.kernel.transaction import transaction
from tests.conftest import Gateway, settings_for_tests
from tests.crash_points.drill import FLOWS, Drill, Whole, note, uncovered
from tests.crash_points.sites import sites
from tests.crash_points.stage import Stage
from tests.support import own_database
from tests.support.business_clock import BusinessClock
from tests.support.ledger_database import admin_url
from tests.support.sandbox_gateway import Listener, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(help=__doc__)
@click.option("--only", default="", help="Flows whose name contains this.")
@click.option("--seed", default=None, type=int, help="Repeat the second deaths of an earlier run.")
@click.option("--doubles", default=1, type=click.IntRange(0, 1), help="Second deaths behind each first.")
@click.option("--every-double", is_flag=True, help="Every crossing of every point, every second death: hours.")
def main(*, only: str, seed: int | None, doubles: int, every_double: bool) -> None:
    """Make a database and a gateway, kill everywhere, drop the database."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    admin, began = admin_url(), time.monotonic()
    assert admin is not None, "dev.py crash-points lends a server"
    own_database.begin_run()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="linli-crash-") as folder,
            own_database.own_database(admin) as url,
            _drill(url, Path(folder), chosen, None if every_double else doubles) as drill,
        ):
            is_good = _run(drill, [name for name in FLOWS if only in name], is_whole=not only)
    finally:
        own_database.end_run(admin)
    Console().print(f"seed {chosen}, {time.monotonic() - began:.0f} s")
    sys.exit(0 if is_good else 1)


@contextmanager
def _drill(url: str, folder: Path, seed: int, doubles: int | None) -> Iterator[Drill]:
    listener = Listener()
    sandbox = Sandbox(folder / "gateway", ("--webhook-url", listener.url))
    app = create_app(settings_for_tests(url, sandbox.url))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sandbox.start()
    try:
        with app.app_context():
            stage = Stage(app, Gateway(sandbox, listener), BusinessClock(), folder / "bank")
            yield Drill(stage, random.Random(seed), doubles)
            db.engine.dispose()
    finally:
        sandbox.kill()
        listener.close()


def _run(drill: Drill, names: list[str], *, is_whole: bool) -> bool:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("whole", total=len(names))
        wholes: dict[str, Whole] = {}
        for name in names:
            wholes[name] = drill.learn(name)
            progress.advance(task)
        lacking = uncovered(list(wholes.values())) if is_whole else []
        if is_whole and not lacking:
            note(wholes)
        progress.update(task, total=len(names), completed=0)
        told = 0
        for name, whole in wholes.items():
            progress.update(task, description=name[:40].ljust(40))
            began, places = time.monotonic(), drill.places(whole)
            for crossing in places:
                drill.kill(name, whole, crossing)
            progress.advance(task)
            progress.console.print(f"{name}: {len(places)} deaths, {time.monotonic() - began:.0f} s")
            for one in drill.wrong[told:]:
                progress.console.print(f"NOT ONCE: {one}", highlight=False, soft_wrap=True)
            told = len(drill.wrong)
    with transaction() as tx:
        proof = ledger.prove(tx)
    _show(drill, wholes, lacking)
    Console(soft_wrap=True).print(str(proof))
    is_complete = not is_whole or len(drill.killed) == sum(len(site.points) for site in sites())
    return not lacking and is_complete and not drill.wrong and proof.is_sound


def _show(drill: Drill, wholes: dict[str, Whole], lacking: list[str]) -> None:
    table = Table(title="dev.py crash-points")
    table.add_column("flow")
    table.add_column("crossings", justify="right")
    for name, whole in wholes.items():
        table.add_row(name, str(len(whole.crossed)))
    total = sum(len(site.points) for site in sites())
    table.add_row("points of the source", str(total))
    table.add_row("points killed at", str(len(drill.killed)))
    table.add_row("deaths", str(drill.kills))
    table.add_row("second deaths", str(drill.double_kills))
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    for point in lacking:
        console.print(f"no flow crosses: {point}")
    for one in drill.wrong:
        console.print(f"NOT ONCE: {one}")
    console.print(f"{100 * len(drill.killed) / total:.1f} % of {total} points")


if __name__ == "__main__":
    main(prog_name="dev.py crash-points")
