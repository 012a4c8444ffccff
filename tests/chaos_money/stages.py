"""What a run is at: a bar for who watches, a line now and then for a log, and how long each stage took."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

TELL_S = 30.0
"""How often a log is told how far a stage is, seconds."""


class Stages:
    """The stages of a run, one after the other, on standard error.

    :ivar took_s: how long each took, seconds, by its name.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)
        self.took_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """Do a stage of ``total`` steps, or of one knows not how many."""
        began = time.monotonic()
        task = self._progress.add_task(name, total=total)
        yield Stage(self, task, name)
        self._progress.remove_task(task)
        self.took_s[name] = time.monotonic() - began
        self._console.print(f"{name}: {self.took_s[name]:.0f} s")

    def told(self, task: TaskID, words: str, done: int) -> None:
        """Show how far a task is."""
        self._progress.update(task, description=words, completed=done)

    def log(self, words: str) -> None:
        """Write a line where no bar is seen."""
        if not self._console.is_terminal:
            self._console.print(words)


class Stage:
    """One stage: what it says of itself."""

    def __init__(self, stages: Stages, task: TaskID, name: str) -> None:
        self._stages, self._task, self._name, self._done = stages, task, name, 0
        self._told_at = time.monotonic()

    def advance(self) -> None:
        """Count one more step."""
        self._done += 1
        self._tell(self._name, f"{self._name}: {self._done}")

    def waits_for(self, what: str) -> None:
        """Say what it waits for."""
        self._tell(f"{self._name}: {what}", f"{self._name}: {what}")

    def _tell(self, bar: str, line: str) -> None:
        self._stages.told(self._task, bar, self._done)
        if time.monotonic() - self._told_at >= TELL_S:
            self._told_at = time.monotonic()
            self._stages.log(line)
