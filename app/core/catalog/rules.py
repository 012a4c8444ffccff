"""Pure rules of shops: is it open, how far does it deliver, for how much."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import cache, lru_cache
from typing import Any

from chinese_calendar import get_holiday_detail, holidays

from app.kernel.clock import SHANGHAI

Hours = Mapping[str, Sequence[Sequence[str]]]

WEEKDAYS = frozenset({"1", "2", "3", "4", "5", "6", "7"})
DAYS_MAX = 70
HOLIDAY_YEARS = 5


def is_open_at(hours: Hours, paused_until: datetime | None, moment: datetime) -> bool:
    """Say whether a shop takes orders at ``moment``.

    :param hours: day → spans ``["08:00", "22:00"]`` in Shanghai time; ``"24:00"`` ends the day. A day is, and the first
        that is named counts, a date ``"2026-10-01"``, ``"holiday"`` for every public holiday, or an ISO weekday
        ``"1".."7"``.
        A span belongs to the day it begins on and does not cross midnight.
    :param paused_until: the shop's own "busy" pause, an instant, or None.
    """
    if paused_until is not None and moment < paused_until:
        return False
    local = moment.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    return any(_minutes(start) <= minute < _minutes(end) for start, end in spans_of(hours, local.date()))


def spans_of(hours: Hours, day: date) -> Sequence[Sequence[str]]:
    """Return the spans of one day: its own, else those of holidays when it is one, else its weekday's."""
    if day.isoformat() in hours:
        return hours[day.isoformat()]
    if "holiday" in hours and is_public_holiday(day):
        return hours["holiday"]
    return hours.get(str(day.isoweekday()), ())


def is_public_holiday(day: date) -> bool:
    """Say whether a day off has a name (法定节假日), by the calendar of the State Council; unknown years have none.

    Weekends have none, and a working day in place of one is not off. Source: 国务院办公厅关于部分节假日安排的通知.
    """
    try:
        is_off, name = get_holiday_detail(day)
    except NotImplementedError:
        return False
    return bool(is_off) and name is not None


@cache
def public_holidays() -> str:
    """Return the public holidays of the newest years that the calendar knows, as an array of the database.

    Each search asks whether today is one; written once, since writing 150 dates takes longer than a search.
    """
    since = date(max(holidays).year - HOLIDAY_YEARS + 1, 1, 1)
    return "{" + ",".join(day.isoformat() for day in sorted(holidays) if day >= since and is_public_holiday(day)) + "}"


def are_hours_sound(hours: Hours) -> bool:
    """Say whether spans are on known days, at most :data:`DAYS_MAX`, each ends after it begins, and none overlap."""
    if len(hours) > DAYS_MAX:
        return False
    for day, spans in hours.items():
        if day not in WEEKDAYS and day != "holiday" and not _is_date(day):
            return False
        last_end = -1
        for start, end in spans:
            if _minutes(start) < last_end or _minutes(end) <= _minutes(start):
                return False
            last_end = _minutes(end)
    return True


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@lru_cache(maxsize=2 * 24 * 60)
def _minutes(clock: str) -> int:
    """Return minutes since midnight of ``"HH:MM"``; ``"24:00"`` is 1440."""
    if clock == "24:00":
        return 24 * 60
    moment = time.fromisoformat(clock)
    return moment.hour * 60 + moment.minute


def delivery_fee_fen(fee_tiers: Sequence[Mapping[str, Any]], distance_m: int) -> int:
    """Return the fee of the first tier that reaches ``distance_m``; beyond all tiers, the last tier's."""
    assert fee_tiers, "a shop that delivers has a fee"
    for tier in fee_tiers:
        if distance_m <= tier["up_to_m"]:
            return int(tier["fee_fen"])
    return int(fee_tiers[-1]["fee_fen"])
