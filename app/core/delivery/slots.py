"""Planned shifts (排班): published by a store, taken, passed on or dropped by couriers."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.core.delivery.errors import SlotTooLate, SlotWrong

DROP_LEAD = timedelta(hours=2)
"""Later than this before its start, a planned shift is not dropped, but may be passed on to whoever takes it."""
LENGTH_MIN, LENGTH_MAX = timedelta(minutes=30), timedelta(hours=8)
AHEAD_MAX = timedelta(days=28)
PLACES_MAX = 50


class SlotState(StrEnum):
    """Where a planned shift stands."""

    OPEN = "open"
    TAKEN = "taken"
    PASSED = "passed"
    """Its courier would rather not; it stays theirs until another takes it."""
    CANCELED = "canceled"


def require_plannable(now: datetime, starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a planned shift that lies in the past, too far ahead, or is too short or too long.

    :raises SlotWrong: it is.
    """
    if not now <= starts_at <= now + AHEAD_MAX or not LENGTH_MIN <= ends_at - starts_at <= LENGTH_MAX:
        raise SlotWrong(
            minutes_min=int(LENGTH_MIN.total_seconds() // 60),
            minutes_max=int(LENGTH_MAX.total_seconds() // 60),
            days_max=AHEAD_MAX.days,
            pointer="/starts_at",
        )


def require_droppable(now: datetime, starts_at: datetime) -> None:
    """Refuse to drop a planned shift shortly before it begins.

    :raises SlotTooLate: it begins within two hours, or has begun.
    """
    if now > starts_at - DROP_LEAD:
        raise SlotTooLate(hours=int(DROP_LEAD.total_seconds() // 3600))
