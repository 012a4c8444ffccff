"""Pure rules of visits, and the words of a notice about one."""

from datetime import datetime, timedelta

from app.kernel.clock import SHANGHAI

PLACE_MAX = 100
AHEAD_MAX, LENGTH_MAX = timedelta(days=90), timedelta(hours=12)
FROM_CENTER_M_MAX = 5_000
"""How far from its community's center the van may stand."""


def is_possible(*, from_at: datetime, until_at: datetime, now: datetime) -> bool:
    """Say whether a visit can be planned: it lies ahead, not too far, and ends after it begins, on the same shift."""
    return now < from_at <= now + AHEAD_MAX and from_at < until_at <= from_at + LENGTH_MAX


def spoken(from_at: datetime, until_at: datetime) -> str:
    """Return the time of a visit as a notice says it."""
    start, end = from_at.astimezone(SHANGHAI), until_at.astimezone(SHANGHAI)
    same_day = "" if start.date() == end.date() else "次日"
    return f"{start.month}月{start.day}日{start:%H:%M}至{same_day}{end:%H:%M}"


def spoken_en(from_at: datetime, until_at: datetime) -> str:
    """Return the time of a visit as a notice says it in English."""
    start, end = from_at.astimezone(SHANGHAI), until_at.astimezone(SHANGHAI)
    next_day = "" if start.date() == end.date() else " the next day"
    return f"on {start.year}-{start:%m-%d} from {start:%H:%M} to {end:%H:%M}{next_day}"


NOTE_MAX, OUTCOME_MAX = 500, 500
SPOT_M_MAX = 300
"""How far from the shop's place a phone may be when a visit is recorded: phones err between houses."""
ATTRIBUTED_DAYS = 7
"""For so many days after a scan, what is bought of the offer counts for the store that showed it."""
CODE_CHARS = 64
"""Hexadecimal: the id of a sample, then 128 bits that nobody guesses."""
