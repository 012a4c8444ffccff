from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.catalog.rules import are_hours_sound, delivery_fee_fen, is_open_at
from app.core.orders.rules import (
    Ending,
    Rate,
    commission_of,
    may_cancel_freely,
    order_number,
    promised_at,
    shares_at_end,
)
from app.core.orders.states import OrderState
from app.kernel.geo import box_around, distance_m, gcj02_to_wgs84, wgs84_to_gcj02
from app.kernel.ids import new_id

MONDAY_NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOURS = {"1": [["08:00", "12:00"], ["13:00", "24:00"]]}


@pytest.mark.parametrize(
    "minutes, is_open",
    [(-4 * 60 - 1, False), (-4 * 60, True), (-1, True), (0, False), (59, False), (60, True), (12 * 60 - 1, True),
     (12 * 60, False)],
)  # fmt: skip
def test_a_shop_is_open_from_the_first_minute_of_a_span_to_before_its_last(minutes: int, *, is_open: bool) -> None:
    assert is_open_at(HOURS, None, MONDAY_NOON + timedelta(minutes=minutes)) is is_open


def test_a_pause_closes_until_its_instant() -> None:
    until = MONDAY_NOON + timedelta(hours=2)

    assert not is_open_at(HOURS, until, until - timedelta(seconds=1))
    assert is_open_at(HOURS, until, until)


@pytest.mark.parametrize(
    "hours, is_sound",
    [({}, True), (HOURS, True), ({"7": [["00:00", "24:00"]]}, True), ({"0": []}, False), ({"8": []}, False),
     ({"1": [["09:00", "09:00"]]}, False), ({"1": [["10:00", "09:00"]]}, False),
     ({"1": [["08:00", "10:00"], ["09:59", "11:00"]]}, False), ({"1": [["13:00", "14:00"], ["08:00", "9:00"]]}, False)],
)  # fmt: skip
def test_hours_are_sound_when_spans_follow_one_another(hours: dict[str, Any], *, is_sound: bool) -> None:
    assert are_hours_sound(hours) is is_sound


@pytest.mark.parametrize("meters, fee_fen", [(0, 300), (1_000, 300), (1_001, 500), (3_000, 500), (9_000, 500)])
def test_the_fee_is_that_of_the_first_tier_that_reaches(meters: int, fee_fen: int) -> None:
    tiers = [{"up_to_m": 1_000, "fee_fen": 300}, {"up_to_m": 3_000, "fee_fen": 500}]

    assert delivery_fee_fen(tiers, meters) == fee_fen


@pytest.mark.parametrize(
    "state, accepted_ago_s, due_ago_s, is_shorted, is_free",
    [
        (OrderState.AWAITING_ACCEPT, None, None, False, True),
        (OrderState.PREPARING, 120, -780, False, True),
        (OrderState.PREPARING, 121, -779, False, False),
        (OrderState.PREPARING, 121, -779, True, True),
        (OrderState.PREPARING, 4_500, 3_600, False, False),
        (OrderState.PREPARING, 4_501, 3_601, False, True),
    ],
)
def test_a_resident_cancels_freely_early_when_short_or_an_hour_late(
    state: OrderState, accepted_ago_s: int | None, due_ago_s: int | None, *, is_shorted: bool, is_free: bool
) -> None:
    def ago(seconds: int | None) -> datetime | None:
        return None if seconds is None else MONDAY_NOON - timedelta(seconds=seconds)

    free = may_cancel_freely(
        state, accepted_at=ago(accepted_ago_s), ready_due_at=ago(due_ago_s), is_shorted=is_shorted, now=MONDAY_NOON
    )

    assert free is is_free


@pytest.mark.parametrize(
    "ending, shares",
    [
        (Ending.COMPLETED, (0, 1_900, 100, 300, 0)),
        (Ending.CANCELED, (2_300, 0, 0, 0, 0)),
        (Ending.GIVEN_UP, (2_300, 1_900, 100, 0, 2_000)),
        (Ending.RETURNED_RESIDENT_FAULT, (2_000, 0, 0, 300, 0)),
        (Ending.RETURNED_NO_FAULT, (2_300, 0, 0, 300, 300)),
        (Ending.LOST_PLATFORM, (2_300, 1_900, 100, 300, 2_300)),
        (Ending.LOST_COURIER, (2_300, 1_900, 100, 0, 2_000)),
    ],
)
def test_who_gets_what_when_an_order_of_20_yuan_and_3_for_the_way_ends(
    ending: Ending, shares: tuple[int, int, int, int, int]
) -> None:
    result = shares_at_end(ending, goods_fen=2_000, commission_fen=100, delivery_fen=300)

    assert (
        result.refund_fen,
        result.merchant_fen,
        result.commission_fen,
        result.courier_fen,
        result.platform_loss_fen,
    ) == shares


def test_commission_is_rounded_once_a_line() -> None:
    assert commission_of([(10, Rate(rule="x", bp=500)), (10, Rate(rule="x", bp=500)), (9, Rate(rule="x", bp=500))]) == 2


def test_the_way_is_allowed_twenty_minutes() -> None:
    assert promised_at(MONDAY_NOON, 15, is_delivered=True) - MONDAY_NOON == timedelta(minutes=35)
    assert promised_at(MONDAY_NOON, 15, is_delivered=False) - MONDAY_NOON == timedelta(minutes=15)


def test_an_order_number_can_be_read_out() -> None:
    number = order_number(new_id(), MONDAY_NOON)

    assert number.startswith("0302-")
    assert [len(part) for part in number.split("-")] == [4, 4, 4]


def test_an_order_number_begins_with_the_day_in_shanghai() -> None:
    assert order_number(new_id(), datetime(2026, 3, 1, 16, 0, tzinfo=UTC)).startswith("0302-")


def test_a_degree_of_latitude_is_111_kilometers_and_a_box_holds_its_circle() -> None:
    lat_min, lng_min, lat_max, lng_max = box_around(39.9, 116.4, 3_000)

    assert distance_m(39.0, 116.4, 40.0, 116.4) == pytest.approx(111_195, abs=5)
    assert distance_m(39.9, 116.4, lat_max, 116.4) >= 2_999
    assert distance_m(39.9, 116.4, 39.9, lng_max) >= 2_999
    assert (lat_min + lat_max) / 2 == pytest.approx(39.9)
    assert (lng_min + lng_max) / 2 == pytest.approx(116.4)


def test_there_and_back_between_the_two_datums_is_less_than_a_meter() -> None:
    shifted = wgs84_to_gcj02(39.908, 116.397)
    back = gcj02_to_wgs84(*shifted)

    assert distance_m(39.908, 116.397, *shifted) > 300
    assert distance_m(39.908, 116.397, *back) == 0
