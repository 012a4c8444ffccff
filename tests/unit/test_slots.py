from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.catalog.rules import is_open_at
from app.core.catalog.slots import SlotRule, slot_at, slots_of
from app.core.orders.scheduled import accept_window, may_let_slot_go, ready_at, trip_opens_at
from app.kernel.clock import SHANGHAI

MONDAY = datetime(2026, 3, 2, tzinfo=SHANGHAI)
RULE = SlotRule(slot_minutes=60, capacity=3, lead_minutes=60, days_ahead=0)


def starts(hours: dict[str, list[list[str]]], now: datetime, rule: SlotRule = RULE) -> list[str]:
    return [f"{slot.starts_at.astimezone(SHANGHAI):%d %H:%M}" for slot in slots_of(hours, rule, now)]


def at(clock: str, day: datetime = MONDAY) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return day + timedelta(hours=hour, minutes=minute)


def test_slots_are_whole_and_the_last_one_ends_when_the_shop_closes() -> None:
    assert starts({"1": [["09:00", "12:30"]]}, at("07:00")) == ["02 09:00", "02 10:00", "02 11:00"]
    assert starts({"1": [["22:00", "24:00"]]}, at("07:00")) == ["02 22:00", "02 23:00"]
    last = list(slots_of({"1": [["22:00", "24:00"]]}, RULE, at("07:00")))[-1]
    assert last.ends_at == MONDAY + timedelta(days=1)


def test_the_first_slot_is_as_far_ahead_as_the_shop_wants() -> None:
    hours = {"1": [["09:00", "12:00"]]}

    assert starts(hours, at("09:00")) == ["02 10:00", "02 11:00"]
    assert starts(hours, at("09:01")) == ["02 11:00"]
    assert starts(hours, at("11:01")) == []


def test_a_pause_at_noon_has_no_slots() -> None:
    assert starts({"1": [["10:00", "11:30"], ["13:30", "15:00"]]}, at("07:00")) == ["02 10:00", "02 13:30"]


def test_days_ahead_have_the_hours_of_their_own_weekday() -> None:
    rule = SlotRule(slot_minutes=60, capacity=1, lead_minutes=0, days_ahead=2)

    assert starts({"1": [["23:00", "24:00"]], "3": [["00:00", "01:00"]]}, at("23:30"), rule) == ["04 00:00"]


def test_holidays_and_single_days_have_slots_of_their_own() -> None:
    national_day = datetime(2026, 10, 1, tzinfo=SHANGHAI)
    hours = {"4": [["09:00", "12:00"]], "holiday": [["10:00", "11:00"]]}

    assert starts(hours, at("07:00", national_day)) == ["01 10:00"]
    assert starts({**hours, "2026-10-01": []}, at("07:00", national_day)) == []


def test_slots_are_told_in_utc() -> None:
    assert {slot.starts_at.tzinfo for slot in slots_of({"1": [["08:00", "24:00"]]}, RULE, at("07:00"))} == {UTC}


spans = st.lists(st.integers(0, 48), min_size=2, max_size=4, unique=True).map(sorted)
clocks = [f"{half // 2:02d}:{30 * (half % 2):02d}" for half in range(49)]


@settings(deadline=None)
@given(
    weekly=st.dictionaries(st.sampled_from("1234567"), spans),
    rule=st.builds(
        SlotRule,
        slot_minutes=st.sampled_from([30, 45, 60, 240]),
        capacity=st.just(1),
        lead_minutes=st.integers(0, 3_000),
        days_ahead=st.integers(0, 14),
    ),
    now=st.integers(0, 14 * 24 * 60).map(lambda minutes: MONDAY + timedelta(minutes=minutes)),
)
def test_a_slot_is_always_inside_the_hours_and_found_again_by_its_start(
    weekly: dict[str, list[int]], rule: SlotRule, now: datetime
) -> None:
    hours = {
        day: [[clocks[a], clocks[b]] for a, b in zip(cut[::2], cut[1::2], strict=False)] for day, cut in weekly.items()
    }

    offered = list(slots_of(hours, rule, now))

    assert [slot.starts_at for slot in offered] == sorted({slot.starts_at for slot in offered})
    for slot in offered:
        assert slot.starts_at >= now + timedelta(minutes=rule.lead_minutes)
        assert slot.ends_at - slot.starts_at == timedelta(minutes=rule.slot_minutes)
        assert is_open_at(hours, None, slot.starts_at)
        assert is_open_at(hours, None, slot.ends_at - timedelta(minutes=1))
        assert slot_at(hours, rule, now, slot.starts_at) == slot
        assert slot_at(hours, rule, now, slot.starts_at + timedelta(minutes=1)) is None


@pytest.mark.parametrize("lead, minutes", [(300, 240), (66, 6), (65, 5), (30, 5)])
def test_a_shop_has_until_an_hour_before_the_slot_and_five_minutes_at_least(lead: int, minutes: int) -> None:
    assert accept_window(MONDAY, MONDAY + timedelta(minutes=lead)) == timedelta(minutes=minutes)
    assert accept_window(MONDAY, None) == timedelta(minutes=5)


def test_an_order_for_a_slot_is_ready_when_it_begins_or_as_soon_as_it_can_be() -> None:
    slot = MONDAY + timedelta(hours=3)

    assert ready_at(MONDAY, 20, slot) == slot
    assert ready_at(slot - timedelta(minutes=5), 20, slot) == slot + timedelta(minutes=15)
    assert ready_at(MONDAY, 20, None) == MONDAY + timedelta(minutes=20)
    assert trip_opens_at(slot) == slot - timedelta(minutes=45)
    assert trip_opens_at(None) is None


def test_an_order_may_be_let_go_until_an_hour_before_its_slot() -> None:
    slot = MONDAY + timedelta(hours=3)

    assert may_let_slot_go(slot - timedelta(minutes=61), slot)
    assert not may_let_slot_go(slot - timedelta(minutes=60), slot)
    assert not may_let_slot_go(MONDAY, None)
