"""Pure rules of community events."""

from datetime import datetime, timedelta

TITLE_MAX, WORDS_MAX, PLACE_MAX = 60, 1_000, 100
CAPACITY_MAX, WAITING_MAX = 500, 200
AHEAD_MAX, LENGTH_MAX = timedelta(days=90), timedelta(days=3)
REMIND_BEFORE = timedelta(hours=2)
DOORS_BEFORE = timedelta(hours=1)
"""How long before it begins people are let in."""
CODE_CHARS = 64
"""Hexadecimal: the id of a sign-up, then 128 bits that nobody guesses."""


def is_possible(*, from_at: datetime, until_at: datetime, now: datetime) -> bool:
    """Say whether an event can be published: it lies ahead, not too far, and ends after it begins, not too late."""
    return now < from_at <= now + AHEAD_MAX and from_at < until_at <= from_at + LENGTH_MAX


def is_admitting(*, from_at: datetime, until_at: datetime, now: datetime) -> bool:
    """Say whether people are let in at ``now``."""
    return from_at - DOORS_BEFORE <= now < until_at
