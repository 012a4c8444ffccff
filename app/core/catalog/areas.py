"""Delivery areas (配送范围): a circle, or a polygon that does not cross itself. Pure; WGS-84 degrees.

An area is small, so that degrees are a plane to it; which side of a line a place lies on does not depend on scale.
"""

from collections.abc import Sequence
from itertools import combinations

from app.core.catalog.errors import AreaInvalid
from app.kernel.geo import distance_m

Point = tuple[float, float]
"""Latitude, longitude."""

POINTS_MIN, POINTS_MAX = 3, 50
REACH_M_MAX = 10_000
"""No shop delivers further: what is near is looked up within this."""
LAT_MIN, LAT_MAX, LNG_MIN, LNG_MAX = 3.0, 54.0, 73.0, 136.0
"""A box around China: a pair that was swapped is outside of it."""


def refuse_abroad(lat: float, lng: float, *, pointer: str) -> None:
    """Refuse a place outside the box around China, which a swapped pair is, too.

    :raises AreaInvalid: with ``reason`` ``abroad``.
    """
    if not (LAT_MIN <= lat <= LAT_MAX and LNG_MIN <= lng <= LNG_MAX):
        raise AreaInvalid(pointer=pointer, reason="abroad")


def read_area(points: Sequence[Point], *, shop: Point) -> tuple[list[Point], int]:
    """Return a polygon as it is kept, and the distance from the shop to its furthest corner, whole meters.

    :raises AreaInvalid: with ``reason``: too few different corners, abroad, crossing itself, or further than
        :data:`REACH_M_MAX` from the shop.
    """
    corners = list(points[:-1] if len(points) > 1 and points[0] == points[-1] else points)
    if len(set(corners)) != len(corners) or not POINTS_MIN <= len(corners) <= POINTS_MAX:
        raise AreaInvalid(pointer="/area", reason="corners")
    for number, (lat, lng) in enumerate(corners):
        refuse_abroad(lat, lng, pointer=f"/area/{number}")
    if _crosses_itself(corners):
        raise AreaInvalid(pointer="/area", reason="crossing")
    reach_m = max(distance_m(*shop, lat, lng) for lat, lng in corners)
    if reach_m > REACH_M_MAX:
        raise AreaInvalid(pointer="/area", reason="too_far")
    return corners, reach_m + 1


def is_inside(area: Sequence[Sequence[float]], lat: float, lng: float) -> bool:
    """Say whether a place lies in a polygon: a ray from it crosses an odd number of sides."""
    inside = False
    for (lat_a, lng_a), (lat_b, lng_b) in zip(area, [*area[1:], area[0]], strict=True):
        if (lat_a > lat) != (lat_b > lat) and lng < (lng_b - lng_a) * (lat - lat_a) / (lat_b - lat_a) + lng_a:
            inside = not inside
    return inside


def _crosses_itself(corners: Sequence[Point]) -> bool:
    count = len(corners)
    sides = [(corners[number], corners[(number + 1) % count]) for number in range(count)]
    for first, second in combinations(range(count), 2):
        is_next = second == first + 1 or (first == 0 and second == count - 1)
        if is_next:
            shared = sides[first][1] if second == first + 1 else sides[first][0]
            ends = {*sides[first], *sides[second]} - {shared}
            if len(ends) < 2 or _turns_back(shared, *ends):  # noqa: PLR2004 - the two other ends
                return True
        elif _touch(*sides[first], *sides[second]):
            return True
    return False


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _turns_back(at: Point, one: Point, other: Point) -> bool:
    """Say whether two sides that meet ``at`` a corner lie upon each other."""
    is_straight = _side(at, one, other) == 0
    return is_straight and (one[0] - at[0]) * (other[0] - at[0]) + (one[1] - at[1]) * (other[1] - at[1]) > 0


def _touch(a: Point, b: Point, c: Point, d: Point) -> bool:
    turns = (_side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    on = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(turn == 0 and _between(start, end, place) for turn, start, end, place in on)


def _between(start: Point, end: Point, place: Point) -> bool:
    return all(min(start[axis], end[axis]) <= place[axis] <= max(start[axis], end[axis]) for axis in (0, 1))
