"""Delivery areas (配送范围): a circle, or a polygon that does not cross itself. Pure; WGS-84 degrees."""

from collections.abc import Sequence

from app.core.catalog.errors import AreaInvalid
from app.kernel.polygons import Point, PolygonUnsound, corners_of, is_abroad, reach_of

REACH_M_MAX = 10_000
"""No shop delivers further: what is near is looked up within this."""


def refuse_abroad(lat: float, lng: float, *, pointer: str) -> None:
    """Refuse a place outside the box around China, which a swapped pair is, too.

    :raises AreaInvalid: with ``reason`` ``abroad``.
    """
    if is_abroad(lat, lng):
        raise AreaInvalid(pointer=pointer, reason="abroad")


def read_area(points: Sequence[Point], *, shop: Point) -> tuple[list[Point], int]:
    """Return a polygon as it is kept, and the distance from the shop to its furthest corner, whole meters.

    :raises AreaInvalid: with ``reason``: too few different corners, abroad, crossing itself, or further than
        :data:`REACH_M_MAX` from the shop.
    """
    try:
        corners = corners_of(points)
    except PolygonUnsound as flaw:
        raise AreaInvalid(pointer="/area" if flaw.at is None else f"/area/{flaw.at}", reason=flaw.reason) from None
    reach_m = reach_of(corners, shop)
    if reach_m > REACH_M_MAX:
        raise AreaInvalid(pointer="/area", reason="too_far")
    return corners, reach_m + 1
