"""Polygons on the ground (多边形): corners in order, WGS-84 degrees, latitude first. Pure.

They are small, so that degrees are a plane to them; which side of a line a place lies on does not depend on scale.
"""

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

from app.kernel.geo import distance_m

Point = tuple[float, float]
"""Latitude, longitude."""

POINTS_MIN, POINTS_MAX = 3, 50
LAT_MIN, LAT_MAX, LNG_MIN, LNG_MAX = 3.0, 54.0, 73.0, 136.0
"""A box around China: a pair that was swapped is outside of it."""
AREA_M2_MIN = 100.0
"""What is smaller is no ground to stand on: corners in a line, or one place three times."""
SLACK_M = 1.0
"""Neighbors share a border; what is nearer to it than this is on it."""
_LAT_M = 111_195.0
"""Meters of a degree of latitude on the mean sphere."""


class PolygonUnsound(Exception):
    """No polygon; ``reason`` is corners, abroad, crossing or empty, ``at`` the corner at fault where one is."""

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.at = reason, at


def is_abroad(lat: float, lng: float) -> bool:
    """Say whether a place lies outside the box around China, as a swapped pair does, too."""
    return not (LAT_MIN <= lat <= LAT_MAX and LNG_MIN <= lng <= LNG_MAX)


def corners_of(points: Sequence[Point]) -> list[Point]:
    """Return the corners of a polygon as it is kept, without a last one that closes it.

    :raises PolygonUnsound: too few different corners or too many, one abroad, sides that cross or touch, or less ground
        inside than :data:`AREA_M2_MIN`.
    """
    corners = list(points[:-1] if len(points) > 1 and points[0] == points[-1] else points)
    if len(set(corners)) != len(corners) or not POINTS_MIN <= len(corners) <= POINTS_MAX:
        raise PolygonUnsound("corners")
    for number, (lat, lng) in enumerate(corners):
        if is_abroad(lat, lng):
            raise PolygonUnsound("abroad", number)
    if _crosses_itself(corners):
        raise PolygonUnsound("crossing")
    if _ground_m2(corners) < AREA_M2_MIN:
        raise PolygonUnsound("empty")
    return corners


def reach_of(corners: Sequence[Point], center: Point) -> int:
    """Return how far the furthest corner lies from ``center``, whole meters."""
    return max(distance_m(*center, lat, lng) for lat, lng in corners)


def is_inside(area: Sequence[Sequence[float]], lat: float, lng: float) -> bool:
    """Say whether a place lies in a polygon: a ray from it crosses an odd number of sides."""
    inside = False
    for (lat_a, lng_a), (lat_b, lng_b) in zip(area, [*area[1:], area[0]], strict=True):
        if (lat_a > lat) != (lat_b > lat) and lng < (lng_b - lng_a) * (lat - lat_a) / (lat_b - lat_a) + lng_a:
            inside = not inside
    return inside


def _ground_m2(corners: Sequence[Point]) -> float:
    lat_0, lng_0 = corners[0]
    flat = [((lat - lat_0) * _LAT_M, (lng - lng_0) * _LAT_M * math.cos(math.radians(lat_0))) for lat, lng in corners]
    return abs(sum(a[1] * b[0] - a[0] * b[1] for a, b in _sides(flat))) / 2


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


def meters_outside(area: Sequence[Sequence[float]], lat: float, lng: float) -> float:
    """Return how far a place lies outside of a polygon; zero inside."""
    if is_inside(area, lat, lng):
        return 0.0
    scale = math.cos(math.radians(lat))
    flat = [((point[0] - lat) * _LAT_M, (point[1] - lng) * _LAT_M * scale) for point in area]
    return min(_meters_off((0.0, 0.0), *side) for side in _sides(flat))


def circle(center: Point, radius_m: int, *, corners: int = 32) -> list[Point]:
    """Return a polygon for the circle around ``center``: its corners lie on the circle."""
    lat, lng = center
    d_lat = radius_m / _LAT_M
    d_lng = d_lat / math.cos(math.radians(lat))
    turns = [2 * math.pi * number / corners for number in range(corners)]
    return [(round(lat + d_lat * math.cos(turn), 6), round(lng + d_lng * math.sin(turn), 6)) for turn in turns]


def overlap(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> bool:
    """Say whether two polygons share ground beyond :data:`SLACK_M` of a common border."""
    lat_0, lng_0 = one[0]
    scale = math.cos(math.radians(lat_0))
    a, b = ([((lat - lat_0) * _LAT_M, (lng - lng_0) * _LAT_M * scale) for lat, lng in each] for each in (one, other))
    if any(max(p[axis] for p in x) <= min(p[axis] for p in y) for axis in (0, 1) for x, y in ((a, b), (b, a))):
        return False
    return _is_within(_inner_point(a), b) or _is_within(_inner_point(b), a) or _enters(a, b) or _enters(b, a)


def joined(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> list[Point] | None:
    """Return the polygon around two that share whole sides and no ground.

    None where they share no side, or where what surrounds both is not one ring: it has a hole, or touches itself.
    """
    return _ring([*_sides(_counterclockwise(one)), *_sides(_counterclockwise(other))])


def remainder(whole: Sequence[Sequence[float]], part: Sequence[Sequence[float]]) -> list[Point] | None:
    """Return what is left of a polygon without a part of it that lies along its border.

    Corners of one that lie on a side of the other, to :data:`SLACK_M`, are corners of both. None where the part lies
    apart from the border, or where what is left is not one ring.
    """
    outer, inner = _counterclockwise(whole), _counterclockwise(part)
    outer, inner = _with_corners_on_sides(outer, inner), _with_corners_on_sides(inner, outer)
    return _ring([*_sides(outer), *_sides(inner[::-1])])


def _with_corners_on_sides(corners: Sequence[Point], others: Sequence[Point]) -> list[Point]:
    """Return ``corners`` with those of ``others`` in their places that lie on a side between two of them."""
    lat_0, lng_0 = corners[0]
    scale = math.cos(math.radians(lat_0))
    flat = {place: ((place[0] - lat_0) * _LAT_M, (place[1] - lng_0) * _LAT_M * scale) for place in (*corners, *others)}
    ring: list[Point] = []
    for start, end in _sides(corners):
        on = [
            place
            for place in others
            if place not in corners and _meters_off(flat[place], flat[start], flat[end]) <= SLACK_M
        ]
        ring += [start, *sorted(on, key=lambda place, start=start: math.dist(flat[start], flat[place]))]  # type: ignore[misc]
    return ring


def _ring(directed: Sequence[tuple[Point, Point]]) -> list[Point] | None:
    """Return the one ring of what is left of sides when those that run both ways are taken out."""
    sides = set(directed)
    outer = {(start, end) for start, end in sides if (end, start) not in sides}
    following = dict(outer)
    if len(outer) == len(sides) or not outer or len(following) != len(outer):
        return None
    first = min(following)
    ring = [first]
    while (corner := following[ring[-1]]) != first:
        ring.append(corner)
    return ring if len(ring) == len(following) else None


def _counterclockwise(corners: Sequence[Sequence[float]]) -> list[Point]:
    points = [(corner[0], corner[1]) for corner in corners]
    doubled = sum(a[1] * b[0] - a[0] * b[1] for a, b in _sides(points))
    return points if doubled > 0 else points[::-1]


def _sides(corners: Sequence[Point]) -> list[tuple[Point, Point]]:
    return list(pairwise([*corners, corners[0]]))


def _is_within(place: Point, corners: Sequence[Point]) -> bool:
    return is_inside(corners, *place) and min(_meters_off(place, *side) for side in _sides(corners)) > SLACK_M


def _meters_off(place: Point, start: Point, end: Point) -> float:
    along = (end[0] - start[0], end[1] - start[1])
    length = along[0] ** 2 + along[1] ** 2
    share = ((place[0] - start[0]) * along[0] + (place[1] - start[1]) * along[1]) / length if length else 0.0
    share = min(1.0, max(0.0, share))
    return math.hypot(place[0] - start[0] - share * along[0], place[1] - start[1] - share * along[1])


def _inner_point(corners: Sequence[Point]) -> Point:
    """Return a place inside: the middle of the widest stretch of a line between two heights of corners."""
    heights = sorted({corner[0] for corner in corners})
    low, high = max(pairwise(heights), key=lambda pair: pair[1] - pair[0])
    level = (low + high) / 2
    cuts = sorted(
        start[1] + (end[1] - start[1]) * (level - start[0]) / (end[0] - start[0])
        for start, end in _sides(corners)
        if (start[0] > level) != (end[0] > level)
    )
    left, right = max(zip(cuts[::2], cuts[1::2], strict=True), key=lambda pair: pair[1] - pair[0])
    return level, (left + right) / 2


def _enters(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Say whether a side of ``one`` has a piece, between its meetings with sides of ``other``, inside of it."""
    others = _sides(other)
    for start, end in _sides(one):
        cuts = {0.0, 1.0}
        for first, second in others:
            slope_a, slope_b = _side(first, second, start), _side(first, second, end)
            if slope_a != slope_b and 0.0 <= (share := slope_a / (slope_a - slope_b)) <= 1.0:
                cuts.add(share)
        for low, high in pairwise(sorted(cuts)):
            share = (low + high) / 2
            place = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            if _is_within(place, other):
                return True
    return False
