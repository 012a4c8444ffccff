"""Squares of the map: web-mercator tiles of zoom 16, about 470 m wide at 40° north, as one integer."""

import math

from app.kernel.geo import box_around

ZOOM = 16
_SIDE = 1 << ZOOM
_ROW_BITS = 31


def cell_of(lat: float, lng: float) -> int:
    """Return the square that a point lies in: row and column in one number. WGS-84 degrees."""
    return _row(lat) << _ROW_BITS | _column(lng)


def map_rows(map_row: int, until: int) -> tuple[int, int]:
    """Return the first square of a row of the map and the first that lies behind those before ``until``."""
    return map_row << _ROW_BITS, until << _ROW_BITS


def cells_around(lat: float, lng: float, radius_m: float) -> list[int]:
    """Return the squares that a circle touches, and some at its corners."""
    lat_min, lng_min, lat_max, lng_max = box_around(lat, lng, radius_m)
    columns = range(_column(lng_min), _column(lng_max) + 1)
    return [row << _ROW_BITS | column for row in range(_row(lat_max), _row(lat_min) + 1) for column in columns]


def _row(lat: float) -> int:
    return int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * _SIDE)


def _column(lng: float) -> int:
    return int((lng + 180) / 360 * _SIDE)
