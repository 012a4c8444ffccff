from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.delivery.pay import Tariff, is_night, pay_parts, pay_shares
from app.kernel.clock import SHANGHAI

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=SHANGHAI)
RATES = Tariff(base_fen=200, drop_fen=100, step_fen=50, floor_fen=20, night_fen=100, weather_fen=80)
fees = st.lists(st.integers(0, 5_000), min_size=1, max_size=4)


@pytest.mark.parametrize("length_m, distance_fen", [(0, 0), (1_000, 0), (1_001, 50), (1_500, 50), (3_000, 200)])
def test_each_begun_half_kilometer_beyond_the_first_kilometer_is_paid(length_m: int, distance_fen: int) -> None:
    parts = pay_parts(RATES, length_m=length_m, walk_up_floors=[0], fee_fen=0, ready_at=NOON, is_bad_weather=False)

    assert parts.distance_fen == distance_fen
    assert parts.pay_fen == 200 + distance_fen


def test_every_part_stands_for_itself() -> None:
    night = NOON.replace(hour=23)

    parts = pay_parts(RATES, length_m=1_800, walk_up_floors=[5, 0], fee_fen=700, ready_at=night, is_bad_weather=True)

    assert (parts.base_fen, parts.drops_fen, parts.distance_fen, parts.floors_fen) == (200, 100, 100, 100)
    assert (parts.night_fen, parts.weather_fen, parts.fee_rest_fen, parts.pay_fen) == (100, 80, 20, 700)


@pytest.mark.parametrize("hour, is_paid", [(5, True), (6, False), (21, False), (22, True), (0, True)])
def test_night_is_from_ten_to_six_in_shanghai(hour: int, *, is_paid: bool) -> None:
    assert is_night(NOON.replace(hour=hour)) is is_paid


@given(fees, st.integers(0, 20_000), st.integers(0, 40), st.booleans(), st.integers(0, 23))
def test_what_residents_pay_and_the_subsidy_are_what_couriers_earn(
    of_orders: list[int],
    length_m: int,
    floors: int,
    is_bad_weather: bool,  # noqa: FBT001 - drawn
    hour: int,
) -> None:
    parts = pay_parts(
        RATES,
        length_m=length_m,
        walk_up_floors=[floors] * len(of_orders),
        fee_fen=sum(of_orders),
        ready_at=NOON.replace(hour=hour),
        is_bad_weather=is_bad_weather,
    )
    shares = pay_shares(parts.pay_fen, of_orders)

    assert sum(shares) == parts.pay_fen >= sum(of_orders)
    subsidies = [share - fee for share, fee in zip(shares, of_orders, strict=True)]
    assert min(subsidies) >= 0
    assert max(subsidies) - min(subsidies) <= 1
