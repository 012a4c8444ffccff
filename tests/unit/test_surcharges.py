from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.orders.surcharges import NO_SURCHARGES, SurchargeRates, Surcharges, surcharges_of
from tests.unit.test_quote import TERMS, quoted

RATES = SurchargeRates(night_fen=200, weather_fen=300, floor_fen=50)


@pytest.mark.parametrize(
    "is_night, is_bad_weather, floors, expected",
    [
        (False, False, 0, NO_SURCHARGES),
        (True, False, 0, Surcharges(night_fen=200)),
        (False, True, 0, Surcharges(weather_fen=300)),
        (False, False, 6, Surcharges(floors_fen=300)),
        (True, True, 1, Surcharges(night_fen=200, weather_fen=300, floors_fen=50)),
    ],
)
def test_each_surcharge_counts_where_it_applies(
    is_night: bool,  # noqa: FBT001 - a row of the table
    is_bad_weather: bool,  # noqa: FBT001
    floors: int,
    expected: Surcharges,
) -> None:
    found = surcharges_of(RATES, is_night=is_night, is_bad_weather=is_bad_weather, walk_up_floors=floors)

    assert found == expected


def test_surcharges_are_a_part_of_the_fee_and_each_is_a_line_of_the_price() -> None:
    terms = replace(TERMS, surcharges=Surcharges(night_fen=200, weather_fen=300, floors_fen=50))

    [shop] = quoted(terms).shops

    assert shop.delivery_fen == 300 + 550
    assert shop.total_fen == quoted().shops[0].total_fen + 550
    assert shop.delivery_parts == {
        "distance_fen": 300,
        "night_fen": 200,
        "weather_fen": 300,
        "floors_fen": 50,
        "trip_saving_fen": 0,
    }
