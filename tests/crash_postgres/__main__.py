"""``dev.py crash-postgres``: kill -9 of the whole PostgreSQL server under load, again and again; nothing is lost.

Every posting that was acknowledged stands in the books afterwards, with the same legs, and what was cut off and sent
again under the same key stands there once. ``--asynchronous`` turns ``synchronous_commit`` off: then the drill must
find losses, which shows that it can. Exit code 0 when what must be found was found.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psutil
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from app.cli.dev.postgres import EmbeddedPostgres
from app.core import ledger
from app.kernel.transaction import transaction_on
from tests.crash_postgres.load import PEOPLE, Acknowledged, Hand, Legs
from tests.support.ledger_database import ledger_database
from tests.support.ledger_drills import fund

if TYPE_CHECKING:
    from app.core.ledger import Proof

HANDS = 8
LOAD_S = (0.6, 2.0)
"""How long the load runs between two deaths, seconds."""
DEATH_S = 10.0
RICH_FEN = 10_000_000
DURABLE = {"shared_buffers": "64MB"}
ASYNCHRONOUS = {**DURABLE, "synchronous_commit": "off", "wal_writer_delay": "10s", "wal_buffers": "16MB"}


@click.command(help=__doc__)
@click.option("--times", default=20, type=click.IntRange(1, 1_000), help="How often the server is killed.")
@click.option("--seed", default=None, type=int, help="Of what is posted and of the moments of death.")
@click.option("--asynchronous", is_flag=True, help="With synchronous_commit off: losses must be found.")
def main(*, times: int, seed: int | None, asynchronous: bool) -> None:
    """Start a server, load it, kill it, count."""
    chosen = secrets.randbelow(2**32) if seed is None else seed
    settings = ASYNCHRONOUS if asynchronous else DURABLE
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="linli-crash-") as folder,
        EmbeddedPostgres(Path(folder), settings) as server,
        ledger_database(server.url()) as url,
    ):
        found, acknowledged, proof = _drill(server, url, times, chosen)
    _show(found, acknowledged, proof, times, asynchronous=asynchronous)
    Console().print(f"seed {chosen}, {time.monotonic() - began:.0f} s")
    is_good = bool(found) if asynchronous else not found and proof.is_sound
    sys.exit(0 if is_good else 1)


def _drill(server: EmbeddedPostgres, url: str, times: int, seed: int) -> tuple[list[str], list[Acknowledged], Proof]:
    fund(url, range(PEOPLE), RICH_FEN)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")  # what may be lost is the load, not the books themselves
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), pool_size=HANDS, connect_args={"connect_timeout": 3}
    )
    stop, dice = threading.Event(), random.Random(seed)
    hands = [Hand(number, engine, seed, stop) for number in range(HANDS)]
    for hand in hands:
        hand.start()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for _ in progress.track(range(times), description="deaths"):
            time.sleep(dice.uniform(*LOAD_S))
            _kill(server)
            assert server.ensure_running(), "it was dead"
    stop.set()
    for hand in hands:
        hand.join(60)
        if hand.error is not None:
            raise hand.error
    acknowledged = [hand.acknowledged for hand in hands]
    lost = _lost(url, acknowledged)
    with transaction_on(engine) as tx:
        proof = ledger.prove(tx)
    engine.dispose()
    return lost, acknowledged, proof


def _kill(server: EmbeddedPostgres) -> None:
    """Kill the postmaster and everything that it has started, before any of them can write what is left."""
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    all_of_it = [postmaster, *postmaster.children(recursive=True)]
    for process in all_of_it:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    _, living = psutil.wait_procs(all_of_it, timeout=DEATH_S)
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in living if process.is_running())


def _lost(url: str, acknowledged: list[Acknowledged]) -> list[str]:
    """Return the keys of what was acknowledged and does not stand in the books as it was."""
    with psycopg.connect(url) as connection:
        legs: dict[str, list[tuple[str, int]]] = {}
        for key, code, fen in connection.execute("SELECT key, code, amount_fen FROM ledger.leg"):
            legs.setdefault(key, []).append((code, fen))
        holds: dict[str, int] = dict(connection.execute("SELECT key, amount_fen FROM ledger.hold").fetchall())
    standing: dict[str, Legs] = {key: tuple(sorted(found)) for key, found in legs.items()}
    lost = [
        key for one in acknowledged for key, known in one.journals.items() if standing.get(key) != tuple(sorted(known))
    ]
    return lost + [key for one in acknowledged for key, fen in one.holds.items() if holds.get(key) != fen]


def _show(lost: list[str], hands: list[Acknowledged], proof: Proof, times: int, *, asynchronous: bool) -> None:
    table = Table(title=f"dev.py crash-postgres, synchronous_commit {'off' if asynchronous else 'on'}")
    table.add_column("what")
    table.add_column("count", justify="right")
    for what, count in {
        "deaths of the server": times,
        "operations acknowledged": sum(one.count for one in hands),
        "outcomes that were unknown": sum(one.unknown for one in hands),
        "of these found done, when sent again": sum(one.replayed for one in hands),
        "refused, for lack of money or hold": sum(one.refused for one in hands),
        "acknowledged and lost": len(lost),
    }.items():
        table.add_row(what, f"{count:,}")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(str(proof))


if __name__ == "__main__":
    main(prog_name="dev.py crash-postgres")
