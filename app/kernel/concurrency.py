"""Places (工位): how many requests of a process are worked on at once; those beyond wait for one.

Threads that all want the interpreter hinder each other; threads that wait for somebody else's answer do not. So a
server may have many threads, of which few have a *place*: one that only waits gives its place up meanwhile.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

WAIT_AGAIN_S_MAX = 30.0
"""Longest wait for a place that was given up; then the work goes on without one, for it is half done."""

_held = threading.local()


class Places:
    """So many places; a thread has at most one. Safe for threads."""

    def __init__(self, count: int) -> None:
        assert count > 0, f"{count} places"
        self._free: SimpleQueue[None] = SimpleQueue()  # a semaphore that is not written in Python
        for _ in range(count):
            self._free.put(None)

    def take(self, *, wait_s: float | None = None) -> bool:
        """Wait for a place, and have it; False when there was none within ``wait_s``."""
        try:
            self._free.get(timeout=wait_s)
        except Empty:
            return False
        _held.places = self
        return True

    def give_back(self) -> None:
        """Let the next one have this thread's place; nothing when it has none."""
        if getattr(_held, "places", None) is self:
            _held.places = None
            self._free.put(None)


@contextmanager
def set_aside() -> Iterator[None]:
    """Give up this thread's place for the block, which only waits: for others, or for an answer from outside.

    A thread that has none just waits. One that had one waits for it again, at most :data:`WAIT_AGAIN_S_MAX`.
    """
    places: Places | None = getattr(_held, "places", None)
    if places is None:
        yield
        return
    places.give_back()
    try:
        yield
    finally:
        places.take(wait_s=WAIT_AGAIN_S_MAX)
