"""What every sandbox has of faults: a plan of how often each happens, read from text or JSON, and seeded dice."""

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Generic, Self, TypeVar

SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often each fault happens, ``0 … 1``; names that end in ``_s`` are lengths, seconds up to ``SECONDS_MAX``."""

    def __post_init__(self) -> None:
        for name, value in self.as_dict().items():
            if not 0 <= value <= (SECONDS_MAX if name.endswith("_s") else 1):
                raise ValueError(f"fault {name}={value} is out of range")

    def as_dict(self) -> dict[str, float]:
        """Return every rate and length by name."""
        return asdict(self)

    def changed(self, changes: Mapping[str, object]) -> Self:
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
    def parse(cls, text: str) -> Self:
        """Read ``name=number,name=number``; empty text is a good day.

        :raises ValueError: not understood.
        """
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        return cls().changed({name.strip(): float(value) for name, _, value in pairs})


PlanT = TypeVar("PlanT", bound=Faults)


class SeededDice(Generic[PlanT]):
    """Throws for a plan. The same seed and order of requests give the same faults."""

    def __init__(self, plan: PlanT, seed: str) -> None:
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
