"""Many at once: acts in threads of their own, each with its own connection, let go together."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from app.kernel.errors import LinliError
from app.kernel.transaction import Replayed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask

T = TypeVar("T")

HANDS = 16
"""As many as the application has connections; more would only queue for one."""


@dataclass(frozen=True)
class Outcome:
    """What one act came to: its answer, the answer kept from an earlier one, or the code of its refusal."""

    answer: Any = None
    refusal: str | None = None
    is_replay: bool = False

    @property
    def is_done(self) -> bool:
        return self.refusal is None


def at_once(app: Flask, acts: Sequence[Callable[[], Any]], *, hands: int = HANDS) -> list[Outcome]:
    """Do all ``acts`` at once and return what they came to, in their order.

    A refusal is an outcome. Anything else that is raised, a deadlock or a lock timeout too, fails the test.
    """
    hands = min(hands, len(acts))
    together = threading.Barrier(hands)
    waited: set[int] = set()

    def perform(act: Callable[[], Any]) -> Outcome:
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            together.wait(timeout=60)
        with app.app_context():
            try:
                return Outcome(answer=act())
            except Replayed as replayed:
                return Outcome(answer=dict(replayed.result), is_replay=True)
            except LinliError as error:
                return Outcome(refusal=error.code)

    with ThreadPoolExecutor(hands) as pool:
        return [future.result(timeout=60) for future in [pool.submit(perform, act) for act in acts]]


def known(value: T | None) -> T:
    """Return ``value``, which is there."""
    assert value is not None
    return value


def a_seed() -> int:
    """Return a seed, and print it: pytest shows it with a failure."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    return seed
