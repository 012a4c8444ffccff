"""``linli directory``: fill the directory of merchants that have not come yet."""

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.cli.directory.invented import SOURCE, invent
from app.cli.directory.lists import BadRow, ListUnreadable, digest_of, open_list
from app.core.directory.rules import Listed
from app.usecases.listing.take_in import BATCH, Prepared, Taken, finish, prepare, take_in, taken_so_far

BAD_ROWS_SHOWN_MAX = 20
COUNT_MAX = 20_000_000
AHEAD = 2
"""Batches that are ready while the database takes one in; memory stays what these need."""

Batch = tuple[list[Prepared], list[BadRow], float]


@click.group("directory")
def directory_commands() -> None:
    """Fill the directory of merchants that have not come yet."""


@directory_commands.command("generate")
@click.option("--count", type=click.IntRange(1, COUNT_MAX), required=True, help="How many merchants.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, other merchants.")
def generate(count: int, seed: int) -> None:
    """Invent merchants, the same for the same seed; one run after another goes on where the first broke off."""
    digest = hashlib.sha256(f"{SOURCE}:{count}:{seed}".encode()).digest()
    _run(digest, f"{SOURCE} {count} {seed}", lambda: _with_progress(iter(invent(count, seed)), count))


@directory_commands.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="import", show_default=True, help="Where the list is from, where no column says it.")
@click.option("--all-or-none", is_flag=True, help="Take nothing in unless every row is sound.")
@click.option("--dry-run", is_flag=True, help="Only say which rows are not sound.")
def import_list(file: Path, source: str, *, all_or_none: bool, dry_run: bool) -> None:
    """Take a CSV list in, UTF-8 or GBK: name, category, lat, lng (WGS-84), and perhaps address and source.

    Rows that are not sound are named with their lines and left out; exit code 1 says that there were some. Merchants
    that are known by name and place are merged. A run that was interrupted goes on where it stopped.
    """
    try:
        if (all_or_none or dry_run) and _refuse_unsound(file, source, is_dry=dry_run):
            raise SystemExit(1)
        if dry_run:
            return
        with open_list(file, source=source) as reader:
            size = file.stat().st_size or 1
            rows = ((row, reader.position / size) for row in reader.rows)
            taken = _run(digest_of(file), file.name, lambda: rows)
    except ListUnreadable as error:
        raise click.ClickException(str(error)) from None
    if taken.refused:
        raise SystemExit(1)


def _refuse_unsound(file: Path, source: str, *, is_dry: bool) -> int:
    count = sound = 0
    with open_list(file, source=source) as reader:
        for row in reader.rows:
            if isinstance(row, BadRow):
                count += 1
                _name(row, count)
            else:
                sound += 1
    if count or is_dry:
        click.echo(f"{sound} rows are sound, {count} are not; nothing was taken in")
    return count


def _with_progress(rows: Iterator[Listed], count: int) -> Iterator[tuple[Listed, float]]:
    for place, row in enumerate(rows, start=1):
        yield row, place / count


def _run(digest: bytes, name: str, rows: Callable[[], Iterator[tuple[Listed | BadRow, float]]]) -> Taken:
    """Take everything in that ``rows`` yields, from where an earlier run ended, with a bar."""
    from app import create_app  # noqa: PLC0415 - a list that cannot be read needs no application

    began = time.monotonic()
    with create_app().app_context():
        before = taken_so_far(digest)
        ready: queue.Queue[Batch | BaseException | None] = queue.Queue(AHEAD)
        stop = threading.Event()
        producer = threading.Thread(target=_produce, args=(rows(), before.rows, ready, stop), daemon=True)
        producer.start()
        total, shown = Taken(), 0
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns, console=Console(stderr=True)) as bar:
                task = bar.add_task(f"directory: {name}", total=1.0)
                while (batch := ready.get()) is not None:
                    if isinstance(batch, BaseException):
                        raise batch
                    good, bad, part = batch
                    for row in bad:
                        shown += 1
                        _name(row, shown)
                    total += take_in(digest, name, good, refused=len(bad))
                    bar.update(task, completed=part)
        finally:
            stop.set()
        finish(digest)
    seconds = time.monotonic() - began
    resumed = f", {before.rows} rows were read before" if before.rows else ""
    click.echo(
        f"{total.rows} rows read in {seconds:.1f} s{resumed}: {total.inserted} new, {total.merged} known already,"
        f" {total.refused} not sound"
    )
    return total


def _produce(
    rows: Iterator[tuple[Listed | BadRow, float]],
    skip: int,
    ready: "queue.Queue[Batch | BaseException | None]",
    stop: threading.Event,
) -> None:
    """Read and prepare batches while the database works; what goes wrong is handed over, too."""
    last: Batch | BaseException | None = None
    try:
        rows = islice(rows, skip, None)
        while not stop.is_set():
            good: list[Prepared] = []
            bad: list[BadRow] = []
            done = 1.0
            for row, part in islice(rows, BATCH):
                done = part
                if isinstance(row, BadRow):
                    bad.append(row)
                else:
                    good.append(prepare(row))
            if not good and not bad:
                break
            _hand_over(ready, (good, bad, done), stop)
    except Exception as error:  # noqa: BLE001 - raised again by who waits
        last = error
    _hand_over(ready, last, stop)


def _hand_over(
    ready: "queue.Queue[Batch | BaseException | None]", what: Batch | BaseException | None, stop: threading.Event
) -> None:
    while not stop.is_set():
        try:
            ready.put(what, timeout=0.5)
        except queue.Full:
            continue
        return


def _name(row: BadRow, number: int) -> None:
    if number <= BAD_ROWS_SHOWN_MAX:
        click.echo(f"第 {row.line} 行：{row.why}", err=True)
    elif number == BAD_ROWS_SHOWN_MAX + 1:
        click.echo("… 其余行不再逐条显示", err=True)
