"""Who listens to what, in memory. Nothing here waits, so between two awaits of the caller all of it is one step."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from app.realtime.frames import LiveEvent, ResyncReason, resync_frame

WAITING_MAX = 1_000
"""Frames that wait for one listener; one that falls further behind is resynchronized and its stream ended."""


class Listener:
    """One open stream: the frames that wait for it, and the one waiter that takes them."""

    __slots__ = ("_frames", "_is_over", "_waiter", "floor", "on_end", "topics")

    def __init__(self, topics: Sequence[str], position: int) -> None:
        self.topics = frozenset(topics)
        self.floor = position
        self.on_end: Callable[[], object] | None = None
        self._frames: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """True once nothing more will be offered."""
        return self._is_over

    def offer(self, position: int, frame: bytes) -> bool:
        """Queue a frame unless the listener has it already; False when the queue is full."""
        if position <= self.floor or self._is_over:
            return True
        if len(self._frames) >= WAITING_MAX:
            return False
        self._frames.append(frame)
        self._wake()
        return True

    def resync(self, position: int, reason: ResyncReason) -> None:
        """Drop what waits and say that the state has to be read anew."""
        self.floor = position
        self._frames = [resync_frame(position, reason)]
        self._wake()

    def end(self) -> None:
        """Let the stream end after what still waits."""
        if not self._is_over and self.on_end is not None:
            self.on_end()
        self._is_over = True
        self._wake()

    async def take(self) -> bytes | None:
        """Return all frames that wait, as one; wait for the first. None when the stream is over."""
        while not self._frames:
            if self._is_over:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        taken = b"".join(self._frames)
        self._frames.clear()
        return taken

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Hub:
    """All listeners of this process by topic, and the position up to which events were handed out."""

    def __init__(self) -> None:
        self.position: int | None = None
        self._by_topic: defaultdict[str, set[Listener]] = defaultdict(set)
        self._listeners: set[Listener] = set()
        self._audiences: Counter[frozenset[str]] = Counter()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._listeners)

    def audience(self, topics: Sequence[str]) -> int:
        """Return how many streams stand open for exactly these topics."""
        return self._audiences[frozenset(topics)]

    def join(self, topics: Sequence[str], position: int) -> Listener:
        """Open a listener that gets everything after ``position`` that is handed out from now on."""
        listener = Listener(topics, position)
        self._listeners.add(listener)
        self._audiences[listener.topics] += 1
        for topic in listener.topics:
            self._by_topic[topic].add(listener)
        if self._is_over:
            listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener; one that has left already is left alone."""
        if listener not in self._listeners:
            return
        self._listeners.remove(listener)
        self._audiences[listener.topics] -= 1
        if not self._audiences[listener.topics]:
            del self._audiences[listener.topics]
        for topic in listener.topics:
            self._by_topic[topic].discard(listener)
            if not self._by_topic[topic]:
                del self._by_topic[topic]

    def publish(self, events: Sequence[LiveEvent]) -> None:
        """Hand events out to the listeners of their topics, each listener once."""
        for event in events:
            self.position = event.position
            heard_by: set[Listener] = set().union(*(self._by_topic.get(topic, ()) for topic in event.topics))
            if not heard_by:
                continue
            frame = event.as_frame()
            for listener in heard_by:
                if not listener.offer(event.position, frame):
                    listener.resync(event.position, ResyncReason.SLOW)
                    listener.end()

    def reset(self, position: int) -> None:
        """Go on from a position that is no continuation, and tell everyone."""
        self.position = position
        for listener in self._listeners:
            if not listener.is_over:
                listener.resync(position, ResyncReason.RESET)

    def end(self) -> None:
        """Let all streams end, and those that still join at once."""
        self._is_over = True
        for listener in self._listeners:
            listener.end()
