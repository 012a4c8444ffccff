"""``dev.py authz`` and ``dev.py authz-mutants``: the whole matrix, or every mutant of the policy."""

from __future__ import annotations

import random
import secrets
import sys
import time
from collections import Counter

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app import create_app
from app.kernel.db import db
from tests.authorization.matrix import Deviation, Matrix, Route, cells, missing, routes, unseen_fields
from tests.authorization.mutants import mutants
from tests.authorization.world import World
from tests.conftest import settings_for_tests
from tests.support import own_database
from tests.support.ledger_database import admin_url

SHOWN_MAX = 60
CAUGHT_MIN = 0.99


@click.command(help=__doc__)
@click.option("--mutants", "is_mutants", is_flag=True, help="Change each line of the policy in turn; all must be seen.")
@click.option("--seed", default=None, type=int, help="Repeat the order of an earlier run.")
@click.option("--only", default="", help="Routes whose name contains this.")
def main(*, is_mutants: bool, seed: int | None, only: str) -> None:
    """Make a database and a world, try everything, drop the database."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    admin = admin_url()
    assert admin is not None, "dev.py authz lends a server"
    own_database.begin_run()
    try:
        with own_database.own_database(admin) as url:
            app = create_app(settings_for_tests(url))
            with app.app_context():
                found = [route for route in routes(app) if only in route.name]
                if lacking := missing(found):
                    sys.exit("\n".join(["dev.py authz cannot try every route:", *lacking]))
                matrix = Matrix(app, World())
                is_good = (_mutate if is_mutants else _try_all)(matrix, found, random.Random(chosen))
                db.engine.dispose()
    finally:
        own_database.end_run(admin)
    Console().print(f"seed {chosen}")
    sys.exit(0 if is_good else 1)


def _try_all(matrix: Matrix, found: list[Route], chance: random.Random) -> bool:
    began = time.monotonic()
    every = [cell for route in found for cell in cells(route, matrix.world)]
    chance.shuffle(every)
    deviations: list[Deviation] = list(unseen_fields(found))
    spelled = 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("cells", total=len(every) + len(found))
        for cell in every:
            deviation = matrix.judge(cell)
            deviations += [deviation] if deviation else []
            progress.advance(task)
        for route in found:
            deviations += matrix.spellings(route)
            spelled += 8
            progress.advance(task)
    _show(deviations)
    principals = Counter(cell.name for cell in every)
    relations = Counter(cell.relation.value if cell.relation else "no thing named" for cell in every)
    table = Table(title="dev.py authz")
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_row("routes with a token", str(len(found)))
    table.add_row("principals", str(len(principals)))
    table.add_row("cells", str(len(every)))
    for name, count in sorted(relations.items()):
        table.add_row(f"  {name}", str(count))
    table.add_row("other spellings of a path", str(spelled))
    table.add_row("seconds", f"{time.monotonic() - began:.0f}")
    table.add_row("deviations", str(len(deviations)))
    Console().print(table)
    return not deviations


def _mutate(matrix: Matrix, found: list[Route], chance: random.Random) -> bool:
    began = time.monotonic()
    every = list(mutants(found, matrix.world))
    chance.shuffle(every)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        tried = progress.track(every, description="mutants")
        survivors = [mutant.name for mutant in tried if mutant.is_caught(matrix) is None]
    console = Console(soft_wrap=True)
    for name in sorted(survivors):
        console.print(f"not seen: {name}", markup=False, highlight=False)
    share = 1 - len(survivors) / len(every)
    table = Table(title="dev.py authz-mutants")
    table.add_column("what")
    table.add_column("count", justify="right")
    table.add_row("lines changed", str(len(every)))
    table.add_row("seen", f"{len(every) - len(survivors)} ({share:.1%})")
    table.add_row("seconds", f"{time.monotonic() - began:.0f}")
    console.print(table)
    return share >= CAUGHT_MIN


def _show(deviations: list[Deviation]) -> None:
    if not deviations:
        return
    table = Table(title="deviations")
    for name in ("route", "principal", "relation", "expected", "answered"):
        table.add_column(name, overflow="fold")
    for one in deviations[:SHOWN_MAX]:
        table.add_row(one.route, one.principal, one.relation, one.expected, one.answered)
    Console(width=200).print(table)


if __name__ == "__main__":
    main(prog_name="dev.py authz")
