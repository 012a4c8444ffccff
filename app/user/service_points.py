"""Service points of the neighborhood on a map, as GeoJSON (RFC 7946): stores, and vans that come, ``/user/v1``."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.core.visiting.rules import PLACE_MAX
from app.core.visiting.states import VanService
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Flag, Id, Instant, Int, Many, Pattern, Query, Text
from app.web.policy import Relation, policy
from app.web.vans import SERVICES_MAX

POINTS_MAX = 100
_POINTS = text(
    """
    WITH near AS (
        SELECT 'store' AS kind, s.store_id, CAST(NULL AS uuid) AS van_visit_id, s.name, s.district, s.lat, s.lng,
            CAST(NULL AS text) AS place, CAST(NULL AS timestamptz) AS from_at, CAST(NULL AS timestamptz) AS until_at,
            CAST('{}' AS text[]) AS services
        FROM stores AS s
        WHERE NOT EXISTS (SELECT 1 FROM shop_desks AS k WHERE k.store_id = s.store_id AND k.state = 'ended')
        UNION ALL SELECT 'van', s.store_id, v.van_visit_id, s.name, s.district, v.lat, v.lng, v.place, v.from_at,
            v.until_at, v.services
        FROM van_visits AS v JOIN stores AS s ON s.store_id = v.store_id
        WHERE v.state = 'planned' AND v.until_at > business_now() AND v.from_at < business_now() + interval '7 days'
    )
    SELECT n.*, (SELECT max(c.until_at) FROM store_closures AS c WHERE c.store_id = n.store_id AND n.kind = 'store'
            AND c.from_at <= business_now() AND c.until_at > business_now()) AS closed_until,
        n.kind = 'store' AND EXISTS (SELECT 1 FROM tills AS t WHERE t.store_id = n.store_id AND t.state = 'open')
            AS has_open_desk
    FROM (
        SELECT * FROM near AS n ORDER BY power(n.lat - :lat, 2) + power((n.lng - :lng) * cos(radians(:lat)), 2),
            n.store_id, n.from_at, n.van_visit_id LIMIT :limit
    ) AS n
    ORDER BY power(n.lat - :lat, 2) + power((n.lng - :lng) * cos(radians(:lat)), 2), n.store_id, n.from_at,
        n.van_visit_id
    """
)
_PROPERTIES = (
    "kind", "store_id", "van_visit_id", "name", "district", "closed_until", "has_open_desk", "place", "from_at",
    "until_at", "services",
)  # fmt: skip


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
    """A store: whether it is closed now and until when, and whether a desk for cash is open.

    Or a van of the store within seven days: where it stands, from when to when, and for what.
    """

    kind = Pattern(r"store|van", high=5, required=True)
    store_id = Id(required=True)
    van_visit_id = Id(required=True, allow_none=True)
    name = Text(high=100, required=True)
    district = Text(high=100, required=True)
    closed_until = Instant(required=True, allow_none=True)
    has_open_desk = Flag(required=True)
    place = Text(high=PLACE_MAX, required=True, allow_none=True)
    from_at = Instant(required=True, allow_none=True)
    until_at = Instant(required=True, allow_none=True)
    services = Many(Choice(VanService), high=SERVICES_MAX, required=True)


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
        """List experience stores, and where their vans stand within seven days, as points of a map, nearest first."""
        return {"type": "FeatureCollection", "features": [_feature(row) for row in read(_POINTS, query)]}


def _feature(row: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [row.lng, row.lat]},
        "properties": {name: getattr(row, name) for name in _PROPERTIES},
    }
