"""Price alerts (降价提醒): when somebody is told that a product near them became cheaper. Business time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

ALERTS_MAX = 50
"""Of one person."""
KEPT = timedelta(days=180)
"""How long an alert stands after it was last set."""
QUIET = timedelta(hours=24)
"""So long after a notice only a price below that notice's is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What an alert knows: the lowest price that was seen last, what its owner asked for, and what they were told."""

    last_fen: int | None
    target_fen: int | None
    told_fen: int | None
    told_at: datetime | None


def is_news(watched: Watched, lowest_fen: int | None, *, now: datetime) -> bool:
    """Tell whether the lowest price of now is told: it fell, to the target or below where there is one.

    A price that comes up where there was none is told for its target alone: nothing has fallen. One that goes up and
    down within :data:`QUIET` is told once.
    """
    if lowest_fen is None or (watched.last_fen is None and watched.target_fen is None):
        return False
    if watched.last_fen is not None and lowest_fen >= watched.last_fen:
        return False
    if watched.target_fen is not None and lowest_fen > watched.target_fen:
        return False
    if watched.told_at is None or watched.told_fen is None or now - watched.told_at >= QUIET:
        return True
    return lowest_fen < watched.told_fen
