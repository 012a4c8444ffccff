"""Seeded faults of the sandbox: what goes wrong, how often, and the dice."""

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BillerFaults:
    """How often each fault happens to a payment, ``0 … 1``, and how long the slow ones take, seconds.

    :ivar lost_reply: it is booked and durable, the connection is closed without an answer.
    :ivar lost_request: the connection is closed before anything was done.
    :ivar error_500: a 500 before anything was done. :ivar down: nothing but 503.
    :ivar slow: the answer waits ``slow_s``. :ivar processing: it is booked after ``processing_s``.
    :ivar refuse: a definite no. :ivar forget: a no whose payment is booked all the same.
    :ivar duplicate: a line of the nightly file stands twice. :ivar missing_line, extra_line: of the nightly file.
    """

    lost_reply: float = 0.0
    lost_request: float = 0.0
    error_500: float = 0.0
    down: float = 0.0
    slow: float = 0.0
    processing: float = 0.0
    refuse: float = 0.0
    forget: float = 0.0
    duplicate: float = 0.0
    missing_line: float = 0.0
    extra_line: float = 0.0
    slow_s: float = 2.0
    processing_s: float = 1.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= (SECONDS_MAX if name.endswith("_s") else 1):
                raise ValueError(f"fault {name}={value} is out of range")

    @classmethod
    def of(cls, changes: Mapping[str, object]) -> "BillerFaults":
        """Return a good day with ``changes``.

        :raises ValueError: unknown name, no number, or out of range.
        """
        known = {field.name for field in fields(cls)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ValueError(f"fault {name} is a number")  # noqa: TRY004 - one kind of refusal for one kind of input
        return replace(cls(), **{name: float(str(value)) for name, value in changes.items()})

    @classmethod
    def parse(cls, text: str) -> "BillerFaults":
        """Read ``name=number,name=number``; empty text is a good day.

        :raises ValueError: not understood.
        """
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        return cls.of({name.strip(): float(value) for name, _, value in pairs})


class Dice:
    """Throws for a plan. The same seed and order of requests give the same faults."""

    def __init__(self, plan: BillerFaults, seed: str) -> None:
        self.plan = plan
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()

    def hits(self, name: str) -> bool:
        """Say whether fault ``name`` happens this time. A rate of 0 does not move the dice."""
        rate: float = getattr(self.plan, name)
        if rate <= 0:
            return False
        with self._lock:
            return self._random.random() < rate
