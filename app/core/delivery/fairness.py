"""How evenly work is spread (Gini coefficient, 基尼系数)."""

from collections.abc import Sequence


def gini(values: Sequence[float]) -> float | None:
    """Return the Gini coefficient of values that are not negative: 0 when all are alike; None without any work."""
    total = sum(values)
    if not total:
        return None
    count = len(values)
    ranked = sum(rank * value for rank, value in enumerate(sorted(values), 1))
    return round(2 * ranked / (count * total) - (count + 1) / count, 4)
