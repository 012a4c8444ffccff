"""The order of things: what is due at which simulated minute; what is due together is done by many threads at once."""

from __future__ import annotations

import heapq
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

THREADS = 12


class Rank(IntEnum):
    """Within one minute, the lower comes first and is done before the next begins."""

    SHIFT = 0
    BUY = 1
    READY = 2
    CARRY = 3
    CONFIRM = 4


class Agenda:
    """Acts by minute and rank. Acts may put further acts on it, for this minute too."""

    def __init__(self, threads: int = THREADS) -> None:
        self._lock = threading.Lock()
        self._heap: list[tuple[int, Rank, int, Callable[[int], None]]] = []
        self._numbers = itertools.count()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="actor")

    def __len__(self) -> int:
        return len(self._heap)

    def next_at(self) -> int | None:
        """Return the minute of the first act that is left; None when nothing is."""
        with self._lock:
            return self._heap[0][0] if self._heap else None

    def at(self, minute: int, rank: Rank, act: Callable[[int], None]) -> None:
        """Have ``act`` done at ``minute``; it is told the minute."""
        with self._lock:
            heapq.heappush(self._heap, (minute, rank, next(self._numbers), act))

    def do_due(self, minute: int) -> None:
        """Do everything that is due by ``minute``, rank by rank, until nothing is left.

        Raises what the first act that failed raised, after the others have ended.
        """
        while batch := self._take(minute):
            self.together([lambda act=act: act(minute) for act in batch])  # type: ignore[misc]

    def together(self, acts: Iterable[Callable[[], Any]]) -> list[Any]:
        """Do ``acts`` at once and return what each returned."""
        futures = [self._pool.submit(act) for act in acts]
        wait(futures)
        return [future.result() for future in futures]

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, minute: int) -> list[Callable[[int], None]]:
        """Take what is due of the lowest rank of the earliest minute."""
        with self._lock:
            batch: list[Callable[[int], None]] = []
            first: tuple[int, Rank] | None = None
            while self._heap and self._heap[0][0] <= minute and first in {None, self._heap[0][:2]}:
                due, rank, _, act = heapq.heappop(self._heap)
                first = (due, rank)
                batch.append(act)
            return batch
