"""Service points of the neighborhood on a map, as GeoJSON (RFC 7946), ``/user/v1``."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.web.door import Door
from app.web.fields import Body, Degrees, Flag, Id, Instant, Int, Many, Query, Text
from app.web.policy import Relation, policy

POINTS_MAX = 100
_POINTS = text(
    """
    SELECT s.store_id, s.name, s.district, s.lat, s.lng,
        (SELECT max(c.until_at) FROM store_closures AS c WHERE c.store_id = s.store_id
            AND c.from_at <= business_now() AND c.until_at > business_now()) AS closed_until,
        EXISTS (SELECT 1 FROM tills AS t WHERE t.store_id = s.store_id AND t.state = 'open') AS has_open_desk
    FROM stores AS s
    ORDER BY power(s.lat - :lat, 2) + power((s.lng - :lng) * cos(radians(:lat)), 2), s.store_id LIMIT :limit
    """
)


class PointsQuery(Query):
    """Nearest first to a place, WGS-84 degrees."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    limit = Int(low=1, high=POINTS_MAX, load_default=20)


class GeometryOut(Body):
    """Longitude, then latitude, WGS-84 degrees."""

    type = Text(high=20, required=True)
    coordinates = Many(fields.Float(), low=2, high=2, required=True)


class PointPropertiesOut(Body):
    """A store: whether it is closed now and until when, and whether a desk for cash is open."""

    store_id = Id(required=True)
    name = Text(high=100, required=True)
    district = Text(high=100, required=True)
    closed_until = Instant(required=True, allow_none=True)
    has_open_desk = Flag(required=True)


class FeatureOut(Body):
    """A point on the map."""

    type = Text(high=20, required=True)
    geometry = fields.Nested(GeometryOut, required=True)
    properties = fields.Nested(PointPropertiesOut, required=True)


class PointsOut(Body):
    """A FeatureCollection."""

    type = Text(high=20, required=True)
    features = Many(fields.Nested(FeatureOut), high=POINTS_MAX, required=True)


def add_service_points(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/service-points", query=PointsQuery, answer=PointsOut)
    @policy("community.read", Relation.SIDE)
    def list_service_points(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List experience stores as points of a map, nearest first."""
        return {"type": "FeatureCollection", "features": [_feature(row) for row in read(_POINTS, query)]}


def _feature(row: Any) -> dict[str, Any]:
    names = ("store_id", "name", "district", "closed_until", "has_open_desk")
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [row.lng, row.lat]},
        "properties": {name: getattr(row, name) for name in names},
    }
