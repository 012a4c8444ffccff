"""An offer lives half a minute, and a whole one where few deliveries wait for many couriers."""

from __future__ import annotations

import pytest

from app.core.dispatch.consent import offer_lifetime_s
from app.core.dispatch.problem import Courier, Delivery, Problem
from app.core.dispatch.travel import PlaneTravel

NOW = 43_200


@pytest.mark.parametrize(
    "deliveries, waiting, busy, seconds",
    [(1, 4, 0, 60), (1, 3, 0, 30), (1, 3, 5, 30), (2, 8, 3, 60), (3, 8, 3, 30), (1, 0, 4, 30), (10, 10, 0, 30)],
)
def test_it_follows_how_many_wait_for_whom(deliveries: int, waiting: int, busy: int, seconds: int) -> None:
    problem = Problem(
        now_s=NOW,
        tick_s=20,
        deliveries=[
            Delivery(delivery_id=one, shop_id=0, shop=(0, 0), door=(500, 0), placed_s=NOW, ready_s=NOW)
            for one in range(deliveries)
        ],
        couriers=[
            Courier(courier_id=one, place=(0, 0), free_s=NOW if one < waiting else NOW + 60, on_s=0, off_s=NOW + 7_200)
            for one in range(waiting + busy)
        ],
        travel=PlaneTravel(200.0),
    )

    assert offer_lifetime_s(problem) == seconds
