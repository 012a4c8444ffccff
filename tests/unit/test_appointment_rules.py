from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.core.appointments.rules import (
    Calendar,
    ServiceTerms,
    cancel_fee_fen,
    free_starts,
    instant_of,
    minute_of,
    offered,
    undone_fen,
)
from app.kernel.clock import SHANGHAI

DAY = date(2026, 11, 30)
EARLIER = datetime(2026, 11, 1, tzinfo=UTC)
TERMS = ServiceTerms(duration_minutes=120, buffer_minutes=30, lead_minutes=60)


def at(clock: str) -> int:
    return minute_of(datetime.fromisoformat(f"2026-11-30T{clock}:00+08:00"))


def clocks(starts: list[int]) -> list[str]:
    return [f"{instant_of(start).astimezone(SHANGHAI):%H:%M}" for start in starts]


def test_a_service_fits_whole_into_the_span_and_the_last_slot_of_the_day_is_right() -> None:
    calendar = Calendar(spans=[["09:00", "13:00"]], busy=[], is_off=False)

    assert clocks(free_starts(calendar, DAY, TERMS, now=EARLIER)) == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_what_is_taken_keeps_its_buffer_on_both_sides() -> None:
    calendar = Calendar(spans=[["09:00", "18:00"]], busy=[(at("12:00"), at("14:30"))], is_off=False)

    found = clocks(free_starts(calendar, DAY, TERMS, now=EARLIER))

    assert found == ["09:00", "09:30", "14:30", "15:00", "15:30", "16:00"]


def test_a_day_off_has_no_times_and_today_only_those_with_enough_lead() -> None:
    free = Calendar(spans=[["09:00", "13:00"]], busy=[], is_off=False)
    off = Calendar(spans=[["09:00", "13:00"]], busy=[], is_off=True)
    now = datetime.fromisoformat("2026-11-30T09:40:00+08:00")

    assert free_starts(off, DAY, TERMS, now=EARLIER) == []
    assert clocks(free_starts(free, DAY, TERMS, now=now)) == ["11:00"]


def test_a_span_that_begins_at_an_odd_minute_begins_at_the_next_half_hour() -> None:
    calendar = Calendar(spans=[["09:10", "12:00"], ["22:00", "24:00"]], busy=[], is_off=False)

    assert clocks(free_starts(calendar, DAY, TERMS, now=EARLIER)) == ["09:30", "10:00", "22:00"]


def test_providers_are_counted_by_time() -> None:
    one = Calendar(spans=[["09:00", "11:00"]], busy=[], is_off=False)
    other = Calendar(spans=[["09:00", "11:30"]], busy=[], is_off=False)

    assert offered({1: one, 2: other}, DAY, TERMS, now=EARLIER) == {at("09:00"): 2, at("09:30"): 1}


@pytest.mark.parametrize(
    "before, is_en_route, fee",
    [
        (timedelta(hours=24), False, 0),
        (timedelta(hours=23, minutes=59), False, 2_000),
        (timedelta(hours=4), False, 2_000),
        (timedelta(hours=3), False, 5_000),
        (-timedelta(minutes=5), False, 5_000),
        (timedelta(hours=1), True, 8_000),
    ],
)
def test_canceling_costs_the_more_the_nearer_it_is(before: timedelta, is_en_route: bool, fee: int) -> None:  # noqa: FBT001
    starts_at = datetime(2026, 11, 30, 2, tzinfo=UTC)

    assert cancel_fee_fen(10_000, starts_at=starts_at, is_en_route=is_en_route, now=starts_at - before) == fee


def test_what_was_not_done_goes_back_and_the_odd_fen_stays() -> None:
    assert undone_fen(9_999, 100) == 0
    assert undone_fen(9_999, 60) == 3_999
