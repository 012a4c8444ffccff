"""``linli dispatch replay``: whole days of dispatch, checked, measured and drawn."""

from __future__ import annotations

import math
import signal
import sys
import tempfile
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.cli.dispatch.figures import means_of, percentile
from app.cli.dispatch.instance import InstanceError
from app.cli.dispatch.study import Outcome, Task, find_instances, solve_all
from app.core.dispatch.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ROWS_MAX = 40
"""Instances that are listed one by one; of more, only the means and what went wrong."""
WIDTH_MIN = 110
COLUMNS = {
    "undelivered_percent": ("undel. %", 2),
    "click_to_door": ("door", 2),
    "click_to_door_p90": ("p90", 1),
    "ready_to_pick_up": ("counter", 2),
    "pay_per_order": ("pay", 2),
    "over_90_percent": (">90 %", 2),
    "over_180_count": (">180", 2),
    "gini": ("Gini", 3),
    "orders_per_hour": ("ord/h", 2),
    "promise_kept_percent": ("kept %", 1),
}
"""Figure → (heading, digits)."""
LEGEND = (
    "door: minutes from click to door, p90: 90 % within; counter: from ready to picked up; pay: per order;"
    " >90, >180: orders that took longer, in percent and in all;"
    " Gini: of orders per hour on duty; kept: delivered by the P80 promise; ±: 95 % confidence"
)


@click.group("dispatch")
def dispatch_commands() -> None:
    """Study dispatch."""


@dispatch_commands.command("replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(list(POLICIES)), default="batch", show_default=True)
@click.option(
    "--couriers-refuse",
    "refuse",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Chance that a courier refuses an offer; what is refused is offered to the next within the tick.",
)
@click.option("--in-memory", is_flag=True, help="Through the same matching code without HTTP: for many instances.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the refusals; nothing else is left to chance.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, writable=True),
    default=Path("var/replay"),
    show_default=True,
)
@click.option(
    "--charts", type=click.IntRange(0), default=4, show_default=True, help="Instances to draw, the first ones."
)
def replay(
    *, paths: Sequence[Path], policy: str, refuse: float, in_memory: bool, seed: int, out: Path, charts: int
) -> None:
    """Replay instances of the Meal Delivery Routing Problem through the HTTP API, each in a stack of its own.

    Each PATH is one, a folder or a zip of many, or a file of one.

    Writes solutions, figures and pictures below OUT; exits with 1 when a solution is not feasible or an instance is
    none.
    """
    if math.isnan(refuse):
        raise click.BadParameter("must be a number from 0 to 1", param_hint="'--couriers-refuse'")
    console = Console()
    console.width = max(console.width, WIDTH_MIN)
    with tempfile.TemporaryDirectory(prefix="linli-replay-") as scratch:
        try:
            folders = list(find_instances(paths, Path(scratch)))
        except InstanceError as error:
            click.echo(f"linli dispatch replay: {error}", err=True)
            sys.exit(1)
        tasks = [
            Task(
                folder=one,
                policy=policy,
                refuse=refuse,
                seed=seed,
                out=its_out,
                has_charts=place < charts,
                over_http=not in_memory,
            )
            for place, (one, its_out) in enumerate(zip(folders, outs_of(folders, out), strict=True))
        ]
        signal.signal(signal.SIGTERM, _interrupt)  # a stack is taken down with us
        try:
            outcomes = solve_with_bar(tasks)
        except KeyboardInterrupt:
            click.echo("linli dispatch replay: interrupted", err=True)
            sys.exit(1)
    if not _tell(console, outcomes, policy, out, "in memory" if in_memory else "over HTTP"):
        sys.exit(1)


def outs_of(folders: Sequence[Path], out: Path) -> list[Path]:
    """Return where each instance's files go, below its name; of namesakes the later ones are numbered."""
    found: dict[Path, None] = {}
    for folder in folders:
        name = folder.resolve().name
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        its_out = next(out / one for one in names if out / one not in found)
        found[its_out] = None
    return list(found)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def solve_with_bar(tasks: Sequence[Task], words: str = "instances") -> list[Outcome]:
    """Solve all tasks behind a progress bar, and return the outcomes in their order."""
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found: dict[int, Outcome] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(words, total=len(tasks))
        for place, outcome in solve_all(tasks):
            found[place] = outcome
            progress.advance(bar)
    return [found[place] for place in range(len(tasks))]


def _tell(console: Console, outcomes: Sequence[Outcome], policy: str, out: Path, how: str) -> bool:
    """Print figures and faults; return whether all is well."""
    solved = [one for one in outcomes if one.figures is not None]
    if solved:
        console.print(_table(solved, f"{policy}, {how}"))
        ticks = sorted(seconds * 1000 for one in solved for seconds in one.tick_seconds)
        refusals = sum(one.refusals for one in solved)
        refused = f"; {refusals:,} offers refused" if refusals else ""
        shares = f"median {percentile(ticks, 0.5):.1f} ms, 95 % within {percentile(ticks, 0.95):.1f} ms"
        taken = f"{shares}, longest {ticks[-1]:.0f} ms{refused}" if ticks else "nobody was on shift for any order"
        console.print(f"{len(ticks):,} ticks: {taken}", highlight=False)
        console.print(f"Solutions, figures and pictures are in {out}", highlight=False)
    faulty = [one for one in outcomes if one.faults or one.error]
    for one in faulty:
        for fault in [one.error] if one.error else one.faults[:5]:
            click.echo(f"{one.name}: {fault}", err=True)
    if not faulty:
        console.print(f"FEASIBLE: {len(solved)} of {len(outcomes)} solutions, by an independent check", style="green")
    return not faulty


def _table(outcomes: Sequence[Outcome], policy: str) -> Table:
    table = Table(title=f"policy {policy}", title_justify="left", caption=LEGEND, caption_justify="left")
    table.add_column("instance", no_wrap=True)
    for heading, _ in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    if len(outcomes) <= ROWS_MAX:
        for one in outcomes:
            assert one.figures is not None, "only what was solved has a row"
            values = [f"{getattr(one.figures, name):.{digits}f}" for name, (_, digits) in COLUMNS.items()]
            table.add_row(one.name, *values)
        table.add_section()
    means = means_of([one.figures for one in outcomes if one.figures is not None])
    cells = [(means[name], digits) for name, (_, digits) in COLUMNS.items()]
    table.add_row(f"mean of {len(outcomes)}", *(f"{one.mean:.{digits}f}" for one, digits in cells))
    table.add_row("±", *("–" if one.margin is None else f"{one.margin:.{digits}f}" for one, digits in cells))
    return table
