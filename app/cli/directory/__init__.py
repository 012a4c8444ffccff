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
from app.usecases.listing.merge import bands, merge
from app.usecases.listing.take_in import BATCH, Import, Taken, TakenElsewhere, arrive, begin, finish, prepare

BAD_ROWS_SHOWN_MAX = 20
COUNT_MAX = 20_000_000
AHEAD = 2
"""Batches that are ready while the database takes one in; memory is what these need."""

Batch = tuple[list[str], list[BadRow]]


@click.group("directory")
def directory_commands() -> None:
    """Fill the directory of merchants that have not come yet."""


@directory_commands.command("generate")
@click.option("--count", type=click.IntRange(1, COUNT_MAX), required=True, help="How many merchants.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, other merchants.")
def generate(count: int, seed: int) -> None:
    """Invent merchants, the same for the same seed; one run after another goes on where the first broke off."""
    digest = hashlib.sha256(f"{SOURCE}:{count}:{seed}".encode()).digest()
    _run(digest, f"{SOURCE} {count} {seed}", invent(count, seed), lambda read: read / count)


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
            taken = _run(digest_of(file), file.name, reader.rows, lambda _: reader.position / size)
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


def _run(digest: bytes, name: str, rows: Iterator[Listed | BadRow], part_of: Callable[[int], float]) -> Taken:
    """Take everything in that ``rows`` yields, from where an earlier run ended, with a bar.

    :param part_of: which part of it has been read, given how many rows.
    """
    from app import create_app  # noqa: PLC0415 - a list that cannot be read needs no application

    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with create_app().app_context(), Progress(*columns, console=Console(stderr=True)) as bar:
        before = begin(digest, name)
        if not before.is_finished:
            try:
                _read(before, rows, part_of, bar)
            except TakenElsewhere:
                message = "another run takes this list in at this moment"
                raise click.ClickException(message) from None
            _merge(before, bar)
            finish(before.number)
        after = begin(digest, name)
    seconds = time.monotonic() - began
    taken = after.taken - before.taken
    resumed = f", {before.taken.rows} rows were read before" if before.taken.rows else ""
    click.echo(
        f"{taken.rows} rows read in {seconds:.1f} s{resumed}: {taken.inserted} new, {taken.merged} known already,"
        f" {taken.refused} not sound"
    )
    return taken


def _read(of: Import, rows: Iterator[Listed | BadRow], part_of: Callable[[int], float], bar: Progress) -> None:
    """Have the rows of a list arrive, from where an earlier run stopped."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(AHEAD)
    stop = threading.Event()
    producer = threading.Thread(target=_produce, args=(rows, of.taken.rows, ready, stop), daemon=True)
    producer.start()
    row_count, shown = of.taken.rows, 0
    reading = bar.add_task("read", total=1.0)
    try:
        while (batch := ready.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            good, bad = batch
            for row in bad:
                shown += 1
                _name(row, shown)
            row_count = arrive(of.number, good, row_count=row_count, refused=len(bad))
            bar.update(reading, completed=part_of(row_count))
    finally:
        stop.set()
    bar.update(reading, completed=1.0)


def _merge(of: Import, bar: Progress) -> None:
    """Merge what arrived, band by band of the map."""
    spans = bands(of)
    merging = bar.add_task("merge", total=sum(count for _, _, count in spans) or None)
    for first, end, count in spans:
        merge(of.number, first, end)
        bar.advance(merging, count)


def _produce(
    rows: Iterator[Listed | BadRow],
    skip: int,
    ready: "queue.Queue[Batch | BaseException | None]",
    stop: threading.Event,
) -> None:
    """Read and prepare batches while the database works; what goes wrong is handed over, too."""
    last: Batch | BaseException | None = None
    line = skip
    try:
        rows = islice(rows, skip, None)
        while not stop.is_set():
            good: list[str] = []
            bad: list[BadRow] = []
            for row in islice(rows, BATCH):
                line += 1
                if isinstance(row, BadRow):
                    bad.append(row)
                else:
                    good.append(prepare(row, line))
            if not good and not bad:
                break
            _hand_over(ready, (good, bad), stop)
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
