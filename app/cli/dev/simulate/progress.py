"""How far the day has come, for a person: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from app.cli.dev.simulate.actors import City

LINE_EVERY_S = 5.0
MINUTES_A_DAY = 24 * 60


class Ticker:
    """Shows orders that are over, simulated time and requests per second."""

    def __init__(self, console: Console, orders: int) -> None:
        self._console = console
        self._orders = orders
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("orders  {task.fields[clock]}  {task.fields[rate]:.0f} req/s"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=orders, clock="", rate=0.0)
        self._said_at = self._rated_at = time.monotonic()
        self._requests, self._rate = 0, 0.0
        self.city: City | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        """Print one line beside the bar."""
        self._console.print(line, highlight=False, markup=False)

    def show(self, table: Table, faults: Sequence[str]) -> None:
        """Print the closing table and the verdict."""
        self._progress.stop()
        self._console.print(table)
        for fault in faults:
            self._console.print(f"WRONG: {fault}", style="red", highlight=False, markup=False, soft_wrap=True)
        if not faults:
            self._console.print("Proven: every order came to its end, every fen is where it belongs.", style="green")

    def tell(self, minute: int, words: str) -> None:
        """Show where the day is."""
        if self.city is None:
            return
        now, requests = time.monotonic(), self.city.wire.requests
        if now - self._rated_at >= 1:
            self._rate = (requests - self._requests) / (now - self._rated_at)
            self._rated_at, self._requests = now, requests
        over = len(self.city.record.handed_over) + len(self.city.record.ended_early)
        clock = f"day {minute // MINUTES_A_DAY + 1} {minute // 60 % 24:02d}:{minute % 60:02d}"
        self._progress.update(self._task, description=words, completed=over, clock=clock, rate=self._rate)
        if self._progress.disable and now - self._said_at >= LINE_EVERY_S:
            self._said_at = now
            self.say(f"{clock}  {over}/{self._orders} orders  {self._rate:.0f} req/s  {words}")
