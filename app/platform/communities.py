"""Routes of communities at the operator's desk: outlines, mergers, splits and their history, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.communities.errors import CommunityNotFound
from app.core.communities.imports import NAME_MAX
from app.core.communities.models import CommunityChangeKind
from app.core.communities.outlines import RADIUS_M_MAX, RADIUS_M_MIN
from app.kernel.actor import Actor
from app.kernel.polygons import POINTS_MAX, POINTS_MIN, Point
from app.kernel.transaction import Claim, read
from app.platform.schemas import Why
from app.usecases.placing.drawing import OutlineDrawn, draw_outline
from app.usecases.placing.merging import CommunityMoved, Part, merge_communities, split_community
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Flag, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import CommunityOut

_LIST = text(
    """
    SELECT community_id, name, district, street, store_id, lat, lng, outline, radius_m, merged_into_id FROM communities
    WHERE (CAST(:store_id AS uuid) IS NULL OR store_id = :store_id) AND community_id < :before
    ORDER BY community_id DESC LIMIT :limit
    """
)
_CHANGES = text(
    """
    SELECT c.community_id, h.change_id, h.other_id, h.kind, h.why, h.set_by_id, h.set_at
    FROM communities AS c LEFT JOIN community_changes AS h
        ON (h.community_id = c.community_id OR h.other_id = c.community_id) AND h.change_id < :before
    WHERE c.community_id = :community_id ORDER BY h.change_id DESC LIMIT :limit
    """
)


class CornerIn(Body):
    """A corner of an outline, WGS-84 degrees."""

    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)


class OutlineIn(Body):
    """A polygon, or a circle around the center; neither takes the outline away."""

    outline = Many(fields.Nested(CornerIn), low=POINTS_MIN, high=POINTS_MAX + 1, load_default=None, allow_none=True)
    radius_m = Int(low=RADIUS_M_MIN, high=RADIUS_M_MAX, load_default=None, allow_none=True)
    why = Why()


class PartIn(OutlineIn):
    """The part that is to stand alone, with its center."""

    name = Text(high=NAME_MAX, required=True)
    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    store_id = Id(load_default=None, allow_none=True)


class MergerIn(Body):
    """Which community it becomes part of, and why."""

    into_id = Id(required=True)
    why = Why()


class OutlineDrawnOut(Body):
    """How the outline is kept."""

    community_id = Id(required=True)
    corner_count = Int(low=0, high=POINTS_MAX, required=True)
    radius_m = Int(low=RADIUS_M_MIN, high=RADIUS_M_MAX, required=True, allow_none=True)


class CommunityMovedOut(Body):
    """Which community takes what follows now, and its store; ``is_outline_missing`` where an outline is to be drawn."""

    community_id = Id(required=True)
    into_id = Id(required=True)
    store_id = Id(required=True)
    is_outline_missing = Flag(required=True)


class OutlinedCommunityOut(CommunityOut):
    """A community; one that was merged says into which."""

    radius_m = Int(low=RADIUS_M_MIN, high=RADIUS_M_MAX, required=True, allow_none=True)
    merged_into_id = Id(required=True, allow_none=True)


class OutlinedCommunitiesOut(Body):
    """A page of communities."""

    items = Many(fields.Nested(OutlinedCommunityOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class StoresCommunitiesQuery(PageQuery):
    """Communities, of one store."""

    store_id = Id(load_default=None)


class CommunityChangeOut(Body):
    """What was done: to ``community_id``, with ``other_id``."""

    change_id = Id(required=True)
    community_id = Id(required=True)
    other_id = Id(required=True, allow_none=True)
    kind = Choice(CommunityChangeKind, required=True)
    why = Text(high=200, required=True)
    set_by_id = Id(required=True)
    set_at = Instant(required=True)


class CommunityChangesOut(Body):
    """A page of a community's history, newest first."""

    items = Many(fields.Nested(CommunityChangeOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_communities(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/communities", query=StoresCommunitiesQuery, answer=OutlinedCommunitiesOut)
    @policy("community.read", Relation.PLATFORM)
    def list_communities(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List communities with their outlines, those that were merged, too."""
        asked = {"store_id": query["store_id"], "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_LIST, asked)]
        return page(rows, limit=query["limit"], key="community_id")

    @door.get("/communities/<uuid:community_id>/changes", query=PageQuery, answer=CommunityChangesOut)
    @policy("community.read", Relation.PLATFORM)
    def list_community_changes(_actor: Actor, *, community_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List how a community was outlined, merged and split, newest first."""
        asked = {"community_id": community_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_CHANGES, asked)]
        if not rows:
            raise CommunityNotFound
        return page([row for row in rows if row["change_id"] is not None], limit=query["limit"], key="change_id")

    @door.put("/communities/<uuid:community_id>/outline", body=OutlineIn, answer=OutlineDrawnOut, once=True)
    @policy("community.write", Relation.PLATFORM)
    def put_outline(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> OutlineDrawn:
        """Draw where a community ends, by hand or as a circle; it moves nobody, and new doors lie inside of it."""
        return draw_outline(actor, claim, community_id=community_id, **{**body, "outline": _corners(body)})

    @door.post("/communities/<uuid:community_id>/merger", body=MergerIn, answer=CommunityMovedOut, once=True)
    @policy("community.write", Relation.PLATFORM)
    def merge_one(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> CommunityMoved:
        """Let a community become part of another; what is open follows, its name stays on old orders."""
        return merge_communities(actor, claim, community_id=community_id, **body)

    @door.post("/communities/<uuid:community_id>/parts", body=PartIn, answer=CommunityMovedOut, status=201, once=True)
    @policy("community.write", Relation.PLATFORM)
    def take_part_out(actor: Actor, *, claim: Claim, community_id: UUID, body: dict[str, Any]) -> CommunityMoved:
        """Let a part of a community stand alone: doors and shops inside of its outline move to it."""
        why = body.pop("why")
        part = Part(**{**body, "outline": _corners(body)})
        return split_community(actor, claim, community_id=community_id, part=part, why=why)


def _corners(body: dict[str, Any]) -> list[Point] | None:
    return None if body["outline"] is None else [(corner["lat"], corner["lng"]) for corner in body["outline"]]
