"""Kills processes of the stack in turn, as ``kill -9`` does. The stack brings them back."""

from __future__ import annotations

import contextlib
import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.cli.dev.stack import Stack

KILLABLE = ("web", "worker", "gateway", "postgres", "live")


class Killer:
    """From :meth:`start` to :meth:`stop`, kills the next of ``names`` every ``every_s`` seconds.

    :param times: how many kills at most; None knows no end.
    """

    def __init__(
        self, stack: Stack, names: Sequence[str], every_s: float, times: int | None, say: Callable[[str], None]
    ) -> None:
        self._stack, self._names, self._every_s, self._times, self._say = stack, names, every_s, times, say
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)
        self.kills: list[str] = []

    def start(self) -> None:
        """Begin; with no names to kill, nothing ever happens."""
        if self._names:
            self._thread.start()

    def stop(self) -> None:
        """End, and return when nothing is killed any more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        for name in itertools.islice(itertools.cycle(self._names), self._times):
            if self._stopping.wait(self._every_s):
                return
            with contextlib.suppress(ProcessLookupError):  # still down from the last time
                pid = self._stack.kill(name)
                self.kills.append(name)
                self._say(f"killed {name} (pid {pid})")
