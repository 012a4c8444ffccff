"""Seeded faults: what goes wrong, how often, and the dice."""

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """How often each fault happens, ``0 … 1``, and how long the slow ones take, seconds.

    :ivar lost_reply: the effect is done and durable, the connection is closed without an answer.
    :ivar error_500: a 500 before the effect; under an idempotency key it is stored, and repeated forever after.
    :ivar slow: the request waits ``slow_s`` before the effect; meanwhile its key is taken.
    :ivar duplicate: a notice is sent three times. :ivar late: a notice first waits ``late_s``.
    :ivar missing_line: a line is left out of the daily file. :ivar extra_line: a line about nothing of ours is added.
    :ivar reorder: a notice waits ``reorder_s``, so that later ones overtake it.
    """

    lost_reply: float = 0.0
    error_500: float = 0.0
    slow: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    reorder: float = 0.0
    missing_line: float = 0.0
    extra_line: float = 0.0
    slow_s: float = 2.0
    late_s: float = 5.0
    reorder_s: float = 0.5

    def __post_init__(self) -> None:
        for name, value in self.as_dict().items():
            if not 0 <= value <= (SECONDS_MAX if name.endswith("_s") else 1):
                raise ValueError(f"fault {name}={value} is out of range")

    def as_dict(self) -> dict[str, float]:
        """Return every rate and length by name."""
        return asdict(self)

    def changed(self, changes: Mapping[str, object]) -> "FaultPlan":
        """Return the plan with ``changes``.

        :raises ValueError: unknown name, no number, or out of range.
        """
        known = {field.name for field in fields(self)}
        numbers: dict[str, float] = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ValueError(f"fault {name} is a number")  # noqa: TRY004 - one kind of refusal for one kind of input
            numbers[name] = float(value)
        return replace(self, **numbers)

    @classmethod
    def parse(cls, text: str) -> "FaultPlan":
        """Read ``name=number,name=number``; empty text is a good day.

        :raises ValueError: not understood.
        """
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        return cls().changed({name.strip(): float(value) for name, _, value in pairs})


class Dice:
    """Throws for a plan. The same seed, start and order of requests give the same faults."""

    def __init__(self, plan: FaultPlan, seed: str) -> None:
        self.plan = plan
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()

    def hits(self, name: str) -> bool:
        """Say whether fault ``name`` happens this time. A rate of 0 does not move the dice."""
        rate: float = getattr(self.plan, name)
        if rate <= 0:
            return False
        with self._lock:
            return self._random.random() < rate
