"""Visits of a service van as doors show them."""

from marshmallow import fields

from app.core.visiting.rules import PLACE_MAX
from app.core.visiting.states import VanService, VanVisitState
from app.web.fields import Body, Choice, Degrees, Id, Instant, Many, Text

COLUMNS = """v.van_visit_id, v.store_id, v.community_id, v.place, v.lat, v.lng, v.services, v.from_at, v.until_at,
        v.state, v.moved_at"""
SERVICES_MAX = len(VanService)


class StandingIn(Body):
    """Where the van stands, WGS-84 degrees, and from when to when."""

    place = Text(high=PLACE_MAX, required=True)
    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)


class VanVisitOut(Body):
    """A visit: to which community, where, when, and what is done there."""

    van_visit_id = Id(required=True)
    store_id = Id(required=True)
    community_id = Id(required=True)
    place = Text(high=PLACE_MAX, required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    services = Many(Choice(VanService), high=SERVICES_MAX, required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)
    state = Choice(VanVisitState, required=True)
    moved_at = Instant(required=True, allow_none=True)
