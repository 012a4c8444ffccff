"""Two samples compared by rank: whether one tends to be larger, whatever their distributions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def chance_of_equal(left: Sequence[int], right: Sequence[int]) -> float:
    """Return the two-sided p of Mann and Whitney's U by its normal approximation; for 20 values and more on each side.

    Ties share their ranks; they are too rare among times to correct the spread for.
    """
    ordered = sorted([*left, *right])
    ranks: dict[int, float] = {}
    for place, value in enumerate(ordered, start=1):
        ranks[value] = ranks.get(value, 0.0) + place
    shared = {value: total / ordered.count(value) for value, total in ranks.items()}
    u = sum(shared[value] for value in left) - len(left) * (len(left) + 1) / 2
    mean = len(left) * len(right) / 2
    spread = math.sqrt(mean * (len(left) + len(right) + 1) / 6)
    return math.erfc(abs(u - mean) / spread / math.sqrt(2))
