"""Places on the ground: WGS-84 degrees inside, GCJ-02 converted at load and at the door."""

import math

EARTH_RADIUS_M = 6_371_008.8
_METERS = f"* radians({EARTH_RADIUS_M})"
_KRASOVSKY_A = 6_378_245.0
_KRASOVSKY_EE = 0.006_693_421_622_965_943


def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> int:
    """Return the great-circle distance in whole meters (haversine on the mean sphere)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    a = (
        math.sin((phi2 - phi1) / 2) ** 2
        + math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lng2 - lng1) / 2) ** 2
    )
    return round(2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(a))))


def meters_sql(lat: str, lng: str, to: str) -> str:
    """Return the expression of the meters from a place to that of the row ``to``, which has columns ``lat``, ``lng``.

    On a plane: within a thousandth for a city.

    :param lat: expression in degrees. :param lng: the same.
    """
    return f"((point({lng} * cosd({to}.lat), {lat}) <-> point({to}.lng * cosd({to}.lat), {to}.lat)) {_METERS})"


def box_around(lat: float, lng: float, radius_m: float) -> tuple[float, float, float, float]:
    """Return ``(lat_min, lng_min, lat_max, lng_max)`` of a box that holds the circle of ``radius_m``."""
    d_lat = math.degrees(radius_m / EARTH_RADIUS_M)
    d_lng = d_lat / max(0.01, math.cos(math.radians(lat)))
    return lat - d_lat, lng - d_lng, lat + d_lat, lng + d_lng


def map_cell(lat: float, lng: float, zoom: int) -> int:
    """Return the square of the web map at ``zoom`` that holds a place: row and column in one number."""
    side = 1 << zoom
    phi = math.radians(lat)
    row = math.floor((1 - math.log(math.tan(phi) + 1 / math.cos(phi)) / math.pi) / 2 * side)
    return row << 31 | math.floor((lng + 180) / 360 * side)


def map_cells(box: tuple[float, float, float, float], zoom: int) -> list[int]:
    """Return the squares that a box of :func:`box_around` touches."""
    lat_min, lng_min, lat_max, lng_max = box
    top_left, bottom_right = map_cell(lat_max, lng_min, zoom), map_cell(lat_min, lng_max, zoom)
    column_mask = (1 << 31) - 1
    rows = range(top_left >> 31, (bottom_right >> 31) + 1)
    columns = range(top_left & column_mask, (bottom_right & column_mask) + 1)
    return [row << 31 | column for row in rows for column in columns]


def gcj02_to_wgs84(lat: float, lng: float) -> tuple[float, float]:
    """Convert China's GCJ-02 to WGS-84 by fixed-point iteration; good to well under a meter."""
    wgs_lat, wgs_lng = lat, lng
    for _ in range(5):
        gcj_lat, gcj_lng = wgs84_to_gcj02(wgs_lat, wgs_lng)
        wgs_lat, wgs_lng = wgs_lat + lat - gcj_lat, wgs_lng + lng - gcj_lng
    return wgs_lat, wgs_lng


def wgs84_to_gcj02(lat: float, lng: float) -> tuple[float, float]:
    """Convert WGS-84 to GCJ-02 by the public polynomial of that datum (valid inside China)."""
    x, y = lng - 105.0, lat - 35.0
    root = math.sqrt(abs(x))
    wave = 20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    d_lat += wave * 2 / 3
    d_lat += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2 / 3
    d_lat += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2 / 3
    d_lng = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    d_lng += wave * 2 / 3
    d_lng += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2 / 3
    d_lng += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2 / 3
    phi = math.radians(lat)
    magic = 1 - _KRASOVSKY_EE * math.sin(phi) ** 2
    meridian = _KRASOVSKY_A * (1 - _KRASOVSKY_EE) / (magic * math.sqrt(magic))
    parallel = _KRASOVSKY_A / math.sqrt(magic) * math.cos(phi)
    return lat + math.degrees(d_lat / meridian), lng + math.degrees(d_lng / parallel)


def geo_uri(lat: float, lng: float) -> str:
    """Return the ``geo:`` URI (RFC 5870) of a place, WGS-84 degrees to a decimeter; phones open a navigation app."""
    return f"geo:{lat:.6f},{lng:.6f};crs=wgs84"
