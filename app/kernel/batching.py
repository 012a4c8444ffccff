"""Batches (合批): what many threads ask at once is done by one of them, for all, in one go.

Who comes while nobody is at it is done without delay; who comes meanwhile waits, and is in the next batch. So a batch
is as large as the crowd, and one that comes by itself is done alone. This is how databases commit groups and how
counters are combined (flat combining: Hendler, Incze, Shavit, Tzafrir, 2010).

Where people come in crowds and an answer may be a moment late, who leads lingers for those that are on their way.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from app.kernel.concurrency import set_aside
from app.kernel.errors import Busy

WAIT_S_MAX = 60.0
"""Longest wait for the batches before one's own; each of them ends by the database's own limits."""

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


class Alone:
    """The kind of :data:`ALONE`."""


class Scattered(Exception):
    """A batch cannot be done as one: something changed under it, and each ask is left alone."""


ALONE: Final = Alone()
"""What a batch says of an ask that it left alone: its thread does it by itself."""


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Ask, Answer]):
    ask: Ask
    bell: threading.Lock = field(default_factory=threading.Lock)
    outcome: Answer | Exception | Alone | None = None
    """None: not done; when the bell rings, the waiter is to do the next batch."""

    def __post_init__(self) -> None:
        self.bell.acquire()


class Batcher(Generic[Ask, Answer]):
    """Does asks in batches, of one key at a time and of at most ``most``. Safe for threads.

    :param do: does a batch, all of it or nothing. For each ask, in their order, it returns an answer, an error to be
        raised to its asker, or :data:`ALONE`. When it raises, every ask is left alone.
    :param alone: does one ask, by the thread that asks.
    :param linger_s: how long the first of a batch waits for others, seconds, when any met within the last second.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Ask]], Sequence[Answer | Exception | Alone]],
        *,
        alone: Callable[[Ask], Answer],
        most: int,
        linger_s: float = 0.0,
    ) -> None:
        self._do, self._alone, self._most = do, alone, most
        self._linger_s = linger_s
        self._met_at = -math.inf
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, list[_Waiter[Ask, Answer]]] = {}

    def ask(self, ask: Ask, *, key: Hashable = None) -> Answer:
        """Have ``ask`` done, in a batch with others of the same key where there are any.

        :raises Busy: no batch had room in time; nothing was done. :raises Exception: what the batch or ``alone`` says.
        """
        mine: _Waiter[Ask, Answer] = _Waiter(ask)
        with self._lock:
            queue = self._waiting.get(key)
            if queue is None:
                self._waiting[key] = []
            else:
                queue.append(mine)
        if queue is not None:
            with set_aside():
                self._wait(mine, queue)
        elif self._linger_s and time.monotonic() - self._met_at <= 1:
            with set_aside():
                time.sleep(self._linger_s)
        if mine.outcome is None:
            self._lead(mine, key)
        if isinstance(mine.outcome, Alone):
            return self._alone(ask)
        if isinstance(mine.outcome, Exception):
            raise mine.outcome
        assert mine.outcome is not None, "a batch has an outcome for each"
        return mine.outcome

    def _wait(self, mine: _Waiter[Ask, Answer], queue: list[_Waiter[Ask, Answer]]) -> None:
        while not mine.bell.acquire(timeout=WAIT_S_MAX):
            with self._lock:
                if mine in queue:
                    queue.remove(mine)
                    raise Busy

    def _lead(self, mine: _Waiter[Ask, Answer], key: Hashable) -> None:
        """Do the next batch, and have the one after it done by its first."""
        with self._lock:
            queue = self._waiting[key]
            batch = [mine, *queue[: self._most - 1]]
            del queue[: self._most - 1]
        if len(batch) > 1:
            self._met_at = time.monotonic()
        outcomes: Sequence[Answer | Exception | Alone] = [ALONE] * len(batch)
        try:
            outcomes = self._outcomes([one.ask for one in batch])
        finally:
            for one, outcome in zip(batch, outcomes, strict=True):
                one.outcome = outcome
                one.bell.release()
            with self._lock:
                if queue:
                    queue.pop(0).bell.release()
                else:
                    del self._waiting[key]

    def _outcomes(self, asks: Sequence[Ask]) -> Sequence[Answer | Exception | Alone]:
        try:
            outcomes = [self._alone(asks[0])] if len(asks) == 1 else self._do(asks)
            assert len(outcomes) == len(asks), "a batch has an outcome for each"
        except Exception as error:  # noqa: BLE001 - whatever it was, it says itself again to the one whose it is
            return [error] if len(asks) == 1 else [ALONE] * len(asks)
        return outcomes
