"""When a shop can be asked to deliver (预约时段): its hours cut into slots, each for so many orders. Pure.

A day's slots are those of its hours, so a holiday or a single day that has hours of its own has slots of its own. They
are whole: what is left of a span that is shorter than a slot is none, and the last slot of a day ends with the span at
the latest, at midnight where that is when the span ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.core.catalog.rules import Hours, spans_of
from app.kernel.clock import SHANGHAI

SLOT_MINUTES_MIN, SLOT_MINUTES_MAX = 30, 240
CAPACITY_MAX = 999
LEAD_MINUTES_MAX = 7 * 24 * 60
DAYS_AHEAD_MAX = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRule:
    """How a shop takes orders for later.

    :ivar capacity: orders of one slot. :ivar lead_minutes: from now to the first slot that can be had.
    :ivar days_ahead: 0 for today alone.
    """

    slot_minutes: int
    capacity: int
    lead_minutes: int
    days_ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """From when until when."""

    starts_at: datetime
    ends_at: datetime


def slots_of(hours: Hours, rule: SlotRule, now: datetime) -> Iterator[Slot]:
    """Yield the slots that a shop offers ``now``, earliest first."""
    today = now.astimezone(SHANGHAI).date()
    for ahead in range(rule.days_ahead + 1):
        yield from (
            slot for slot in _slots_on(hours, rule, today + timedelta(days=ahead)) if _is_ahead(slot, rule, now)
        )


def slot_at(hours: Hours, rule: SlotRule, now: datetime, starts_at: datetime) -> Slot | None:
    """Return the slot that begins at ``starts_at``, if the shop offers it ``now``."""
    today, day = (moment.astimezone(SHANGHAI).date() for moment in (now, starts_at))
    if not today <= day <= today + timedelta(days=rule.days_ahead):
        return None
    found = (slot for slot in _slots_on(hours, rule, day) if slot.starts_at == starts_at)
    return next((slot for slot in found if _is_ahead(slot, rule, now)), None)


def _is_ahead(slot: Slot, rule: SlotRule, now: datetime) -> bool:
    return slot.starts_at >= now + timedelta(minutes=rule.lead_minutes)


def _slots_on(hours: Hours, rule: SlotRule, day: date) -> Iterator[Slot]:
    length = timedelta(minutes=rule.slot_minutes)
    for start, end in spans_of(hours, day):
        begins, closes = _instant(day, start), _instant(day, end)
        while begins + length <= closes:
            yield Slot(starts_at=begins, ends_at=begins + length)
            begins += length


def _instant(day: date, clock: str) -> datetime:
    """Return an instant of a day of Asia/Shanghai; ``"24:00"`` is the midnight that ends it."""
    if clock == "24:00":
        return datetime.combine(day + timedelta(days=1), time(), tzinfo=SHANGHAI).astimezone(UTC)
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=SHANGHAI).astimezone(UTC)
