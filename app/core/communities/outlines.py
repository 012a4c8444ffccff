"""Outlines of communities (小区边界): drawn by hand, or a circle around the center.

Neighbors share borders, and no ground.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.communities.errors import OutlineInvalid, OutlineOverlaps
from app.kernel.polygons import Point, PolygonUnsound, circle, corners_of, is_inside, overlap, reach_of

RADIUS_M_MIN, RADIUS_M_MAX = 50, 5_000
"""No corner lies further from the center than addresses may."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An outline as it is kept; ``radius_m`` where it was drawn as a circle."""

    corners: list[Point]
    radius_m: int | None


def draw(points: Sequence[Point] | None, radius_m: int | None, *, center: Point) -> Drawn | None:
    """Return the outline that ``points`` or ``radius_m`` draw around ``center``; none where neither is given.

    :raises OutlineInvalid: both are given, or the polygon is unsound, without its center, or too large.
    """
    if points is None and radius_m is None:
        return None
    if points is None:
        return Drawn(circle(center, radius_m or RADIUS_M_MIN), radius_m)
    if radius_m is not None:
        raise OutlineInvalid(pointer="/radius_m", reason="either")
    try:
        corners = corners_of(points)
    except PolygonUnsound as flaw:
        pointer = "/outline" if flaw.at is None else f"/outline/{flaw.at}"
        raise OutlineInvalid(pointer=pointer, reason=flaw.reason) from None
    if not is_inside(corners, *center):
        raise OutlineInvalid(pointer="/outline", reason="center")
    if reach_of(corners, center) > RADIUS_M_MAX:
        raise OutlineInvalid(pointer="/outline", reason="too_far")
    return Drawn(corners, None)


def refuse_overlap(drawn: Drawn, others: Iterable[tuple[UUID, str, Sequence[Sequence[float]]]]) -> None:
    """Refuse an outline that shares ground with one of ``others``: id, name, corners.

    :raises OutlineOverlaps: with the first of them.
    """
    for community_id, name, corners in others:
        if overlap(drawn.corners, corners):
            pointer = "/outline" if drawn.radius_m is None else "/radius_m"
            raise OutlineOverlaps(pointer=pointer, community_id=community_id, name=name)
