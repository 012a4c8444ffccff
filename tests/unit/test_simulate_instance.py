"""What can be replayed, what is refused, and what the same seed means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.dev.simulate.evening import make_evening
from app.cli.dev.simulate.plan import Rates, plan_baskets
from app.cli.dispatch.instance import InstanceError, Place, read_instance

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "orders.txt": "order\tx\ty\tplacement_time\trestaurant\tready_time\no1\t10\t20\t60\tr1\t75\no2\t0\t0\t61\tr2\t80\n",
    "couriers.txt": "courier\tx\ty\ton_time\toff_time\nc1\t0\t0\t0\t90\n",
    "restaurants.txt": "restaurant\tx\ty\nr1\t300\t400\nr2\t0\t1\n",
    "instance_parameters.txt": "meters_per_minute\tpickup service minutes\tdropoff service minutes\n320\t4\t5\n",
}
RATES = Rates(wechat=0.3, two_shops=0.3, cancel=0.1, reject=0.1, short=0.1, fail=0.1, confirm=0.5)


def written(folder: Path, **changed: str | None) -> Path:
    for file, content in {**FILES, **{f"{name}.txt": content for name, content in changed.items()}}.items():
        if content is not None:
            (folder / file).write_text(content)
    return folder


def test_an_instance_is_read_whole(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path))

    assert [wish.name for wish in instance.wishes] == ["o1", "o2"]
    assert instance.wishes[0].door == Place(10, 20)
    assert (instance.wishes[0].placed_minute, instance.wishes[0].ready_minute) == (60, 75)
    assert instance.restaurants["r1"] == Place(300, 400)
    assert (instance.duties[0].on_minute, instance.duties[0].off_minute) == (0, 90)
    assert (instance.meters_per_minute, instance.pick_up_minutes, instance.drop_minutes) == (320, 4, 5)


def test_travel_is_the_straight_way_in_whole_minutes_rounded_up(tmp_path: Path) -> None:
    instance = read_instance(written(tmp_path))

    assert instance.travel_minutes(Place(0, 0), Place(300, 400)) == 2
    assert instance.travel_minutes(Place(0, 0), Place(0, 320)) == 1
    assert instance.travel_minutes(Place(5, 5), Place(5, 5)) == 0


ORDER = "order x y placement_time restaurant ready_time\n"
COURIER = "courier x y on_time off_time\n"


@pytest.mark.parametrize(
    "file,content,words",
    [
        ("orders", None, "orders.txt cannot be read"),
        ("couriers", None, "couriers.txt cannot be read"),
        ("restaurants", None, "restaurants.txt cannot be read"),
        ("instance_parameters", None, "instance_parameters.txt cannot be read"),
        ("orders", "", "has no rows"),
        ("orders", ORDER, "has no rows"),
        ("orders", "o1 1 1 60 r1 75\no2 1 1 60 r1 75\n", "line 1: the header is missing"),
        ("orders", f"{ORDER}o1 1 1 60 r1\n", "line 2: 6 columns are wanted, there are 5"),
        ("orders", f"{ORDER}o1 1 1 60 r1 75 9\n", "line 2: 6 columns are wanted, there are 7"),
        ("orders", f"{ORDER}o1 one 1 60 r1 75\n", "x is no number: 'one'"),
        ("orders", f"{ORDER}o1 nan 1 60 r1 75\n", "x must be from"),
        ("orders", f"{ORDER}o1 1 1e9 60 r1 75\n", "y must be from"),
        ("orders", f"{ORDER}o1 1 1 -1 r1 75\n", "placement_time must be from 0"),
        ("orders", f"{ORDER}o1 1 1 60 r9 75\n", "there is no restaurant 'r9'"),
        ("orders", f"{ORDER}o1 1 1 60 r1 59\n", "o1 is ready before it is placed"),
        ("orders", f"{ORDER}o1 1 1 60 r1 75\no1 1 1 60 r1 75\n", "line 3: 'o1' is there twice"),
        ("orders", f"{ORDER}c1 1 1 60 r1 75\n", "line 2: 'c1' is in couriers.txt too"),
        ("couriers", f"{COURIER}c1 0 0 90 90\n", "courier c1 has no shift"),
        ("couriers", COURIER, "has no rows"),
        ("instance_parameters", "meters pick drop\n0 4 4\n", "meters per minute must be from 1"),
    ],
)
def test_what_is_no_instance_is_refused_in_one_line(tmp_path: Path, file: str, content: str | None, words: str) -> None:
    with pytest.raises(InstanceError) as refused:
        read_instance(written(tmp_path, **{file: content}))

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_same_seed_gives_the_same_evening() -> None:
    assert make_evening(7, 40) == make_evening(7, 40)
    assert make_evening(7, 40) != make_evening(8, 40)


def test_an_evening_can_be_served() -> None:
    evening = make_evening(1)

    assert len(evening.wishes) == 300
    assert all(wish.placed_minute < wish.ready_minute for wish in evening.wishes)
    first, last = min(w.placed_minute for w in evening.wishes), max(w.ready_minute for w in evening.wishes)
    assert any(duty.on_minute <= first and duty.off_minute >= last for duty in evening.duties)


def test_every_wish_is_in_one_cart_and_chances_come_from_the_seed() -> None:
    evening = make_evening(3, 120)

    baskets = plan_baskets(evening, RATES, seed=3)

    bought = [errand.wish for basket in baskets for errand in basket.errands]
    assert sorted(bought, key=lambda wish: wish.name) == sorted(evening.wishes, key=lambda wish: wish.name)
    assert baskets == plan_baskets(evening, RATES, seed=3)
    assert baskets != plan_baskets(evening, RATES, seed=4)
    assert any(len({errand.wish.restaurant for errand in basket.errands}) == 2 for basket in baskets)
    assert all(basket.minute >= errand.wish.placed_minute for basket in baskets for errand in basket.errands)


def test_only_the_first_orders_of_a_day_are_taken() -> None:
    evening = make_evening(3, 120)

    assert (
        sorted(w.placed_minute for w in evening.first(10).wishes)
        == sorted(w.placed_minute for w in evening.wishes)[:10]
    )
