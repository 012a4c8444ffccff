from __future__ import annotations

import random
from datetime import UTC, date, datetime

import pytest

from app.core.catalog.areas import read_area
from app.core.catalog.errors import AreaInvalid
from app.core.catalog.rules import are_hours_sound, is_open_at, is_public_holiday
from app.kernel.polygons import POINTS_MAX, Point, circle, corners_of, is_inside, joined, overlap, remainder
from tests.support.races import a_seed

SHOP = (39.9, 116.4)


def around(*offsets: tuple[float, float]) -> list[Point]:
    return [(SHOP[0] + lat / 1_000, SHOP[1] + lng / 1_000) for lat, lng in offsets]


SQUARE = around((-9, -9), (-9, 9), (9, 9), (9, -9))
HORSESHOE = around((-9, -9), (-9, 9), (9, 9), (9, 3), (-3, 3), (-3, -3), (9, -3), (9, -9))


@pytest.mark.parametrize("area", [SQUARE, [*SQUARE, SQUARE[0]], HORSESHOE, list(reversed(SQUARE))])
def test_a_polygon_that_does_not_cross_itself_is_taken_without_its_closing_corner(area: list[Point]) -> None:
    corners, reach_m = read_area(area, shop=SHOP)

    assert corners[0] != corners[-1]
    assert 1_000 < reach_m < 2_000


@pytest.mark.parametrize(
    "area, reason",
    [(around((-9, -9), (9, 9), (-9, 9), (9, -9)), "crossing"),
     (around((-9, -9), (-9, 9), (9, 9), (9, -9), (-9, 0)), "crossing"),
     (around((0, 0), (0, 9), (0, 5)), "crossing"), (around((0, 0), (5, 5), (0, 9), (5, 5)), "corners"),
     (around((0, 0), (1, 1)), "corners"), (around((0, 0), (0, 0), (1, 1)), "corners"),
     (around(*((n, n * n) for n in range(POINTS_MAX + 1))), "corners"),
     (around((0, 0), (0.7, 0.7), (1.4, 1.4)), "empty"), (around((0, 0), (0, 1e-9), (1e-9, 0)), "empty"),
     (around((0, 0), (0, 200), (9, 9)), "too_far"), ([(116.4, 39.9), (116.5, 39.9), (116.4, 39.8)], "abroad"),
     ([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)], "abroad")],
)  # fmt: skip
def test_any_other_is_refused_with_the_reason(area: list[Point], reason: str) -> None:
    with pytest.raises(AreaInvalid) as refused:
        read_area(area, shop=SHOP)

    assert refused.value.params["reason"] == reason


def test_places_lie_in_a_square_or_not() -> None:
    random_ = random.Random(a_seed())

    for _ in range(500):
        lat, lng = SHOP[0] + random_.uniform(-0.02, 0.02), SHOP[1] + random_.uniform(-0.02, 0.02)
        expected = abs(lat - SHOP[0]) < 0.009 and abs(lng - SHOP[1]) < 0.009
        assert is_inside(SQUARE, lat, lng) == expected


def test_the_gap_of_a_horseshoe_is_outside() -> None:
    assert not is_inside(HORSESHOE, *around((3, 0))[0])
    assert is_inside(HORSESHOE, *around((-6, 0))[0])
    assert is_inside(HORSESHOE, *around((3, 6))[0])


def test_public_holidays_are_days_off_that_have_a_name() -> None:
    assert is_public_holiday(date(2026, 10, 1))
    assert is_public_holiday(date(2026, 2, 17))
    assert not is_public_holiday(date(2026, 3, 7))
    assert not is_public_holiday(date(2026, 3, 4))
    assert not is_public_holiday(date(2999, 10, 1))


def test_a_days_own_hours_go_before_holidays_and_these_before_the_weekdays() -> None:
    hours = {**{str(day): [["08:00", "20:00"]] for day in range(1, 8)}, "holiday": [["10:00", "12:00"]],
             "2026-10-02": []}  # fmt: skip

    def is_open(day: int, hour: int) -> bool:
        return is_open_at(hours, None, datetime(2026, 10, day, hour - 8, tzinfo=UTC))

    assert is_open(1, 11)
    assert not is_open(1, 13)
    assert not is_open(2, 11)
    assert is_open(12, 13)


@pytest.mark.parametrize("day", ["0", "8", "holidays", "2026-02-30", "2026-2-3", "20260203"])
def test_hours_of_days_that_are_none_are_not_sound(day: str) -> None:
    assert not are_hours_sound({day: []})


def moved(area: list[Point], lat: float, lng: float = 0.0) -> list[Point]:
    return [(at[0] + lat, at[1] + lng) for at in area]


SHARED = [
    (SQUARE, SQUARE),
    (SQUARE, moved(SQUARE, 0.0179)),
    (SQUARE, around((-1, -1), (-1, 1), (1, 1), (1, -1))),
    (SQUARE, around((-2, -20), (-2, 20), (2, 20), (2, -20))),
    (HORSESHOE, around((0, -4), (0, 3), (8, 3), (8, -4))),
    (circle(SHOP, 500), circle((SHOP[0] + 0.008, SHOP[1]), 500)),
]
APART = [
    (SQUARE, moved(SQUARE, 0.018)),
    (HORSESHOE, around((0, -2), (0, 2), (8, 2), (8, -2))),
    (HORSESHOE, around((0, -3), (0, 3), (8, 3), (8, -3))),
    (circle(SHOP, 500), circle((SHOP[0] + 0.0095, SHOP[1]), 500)),
]


@pytest.mark.parametrize("one, other", [*SHARED, *((other, one) for one, other in SHARED)])
def test_ground_that_two_polygons_share_is_seen(one: list[Point], other: list[Point]) -> None:
    assert overlap(one, other)


@pytest.mark.parametrize("one, other", [*APART, *((other, one) for one, other in APART)])
def test_neighbors_may_share_a_border(one: list[Point], other: list[Point]) -> None:
    assert not overlap(one, other)


NORTH = around((9, -9), (9, 9), (27, 9), (27, -9))


@pytest.mark.parametrize("north", [NORTH, NORTH[::-1], NORTH[2:] + NORTH[:2]])
def test_two_that_share_a_side_become_one_however_they_are_drawn(north: list[Point]) -> None:
    both = joined(SQUARE, north)

    assert both is not None
    assert set(both) == {*SQUARE, *NORTH}
    assert corners_of(both) == both
    assert all(is_inside(both, *around(place)[0]) for place in ((0, 0), (20, 0), (9, 0)))
    assert not is_inside(both, *around((30, 0))[0])


@pytest.mark.parametrize(
    "other",
    [around((10, -9), (10, 9), (27, 9), (27, -9)), around((9, 9), (9, 27), (27, 27)),
     around((9, -9), (9, 0), (27, 0), (27, -9)), circle(SHOP, 500), SQUARE],
)  # fmt: skip
def test_two_that_share_no_whole_side_do_not(other: list[Point]) -> None:
    assert joined(SQUARE, other) is None


@pytest.mark.parametrize(
    "part, gone, left",
    [(around((0, -9), (0, 9), (9, 9), (9, -9)), (5, 0), (-5, 0)),
     (around((9, 0), (0, 0), (0, 4), (9, 4)), (5, 2), (5, 6)),
     (around((9, 0), (0, 0), (0, 9), (9, 9))[::-1], (5, 5), (-5, 5))],
)  # fmt: skip
def test_what_is_left_of_a_polygon_without_a_part_along_its_border_is_one(
    part: list[Point], gone: tuple[float, float], left: tuple[float, float]
) -> None:
    rest = remainder(SQUARE, part)

    assert rest is not None
    assert corners_of(rest) == rest
    assert not overlap(rest, part)
    assert is_inside(rest, *around(left)[0])
    assert not is_inside(rest, *around(gone)[0])
    assert is_inside(SQUARE, *around(gone)[0])


@pytest.mark.parametrize(
    "part",
    [around((-1, -1), (-1, 1), (1, 1), (1, -1)), around((9, -9), (9, 9), (27, 9), (27, -9)), SQUARE,
     around((-9, -1), (-9, 1), (9, 1), (9, -1))],
)  # fmt: skip
def test_a_part_in_the_midst_or_outside_or_right_across_leaves_no_one_ring(part: list[Point]) -> None:
    assert remainder(SQUARE, part) is None


def test_two_that_would_have_a_hole_between_them_do_not() -> None:
    lid = around((9, 3), (9, 9), (20, 9), (20, -9), (9, -9), (9, -3), (5, -3), (5, 3))
    bridge = around((9, -9), (20, -9), (20, 9), (9, 9), (9, 3), (12, 3), (12, -3), (9, -3))

    assert joined(HORSESHOE, bridge) is None
    assert joined(HORSESHOE, lid) is None
