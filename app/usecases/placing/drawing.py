"""An operator draws the outline of a community, by hand or as a circle. It moves nobody; new doors lie inside of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.communities.errors import CommunityMerged, CommunityNotFound
from app.core.communities.models import CommunityChangeKind
from app.core.communities.outlines import Drawn, draw, refuse_overlap
from app.kernel.actor import Actor
from app.kernel.geo import box_around
from app.kernel.ids import new_id
from app.kernel.polygons import Point
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

_ONE_AT_A_TIME = 7_146_187
_NEIGHBOR_M = 15_000
"""Outlines reach at most 5 km from their centers: those whose centers are further away cannot meet."""

LOCK_MAP = text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
"""Outlines are compared, communities merged and split one at a time."""
LOCK_COMMUNITY = opening(
    """
    SELECT community_id, store_id, name, district, street, lat, lng, outline, radius_m, merged_into_id,
        business_now() AS now
    FROM communities WHERE community_id = :community_id FOR UPDATE
    """
)
_NEIGHBORS = text(
    """
    SELECT community_id, name, outline FROM communities
    WHERE outline IS NOT NULL AND merged_into_id IS NULL AND community_id <> :community_id
      AND lat BETWEEN :lat_min AND :lat_max AND lng BETWEEN :lng_min AND :lng_max
    """
)
NOTED = """
    noted AS (
        INSERT INTO community_changes (change_id, community_id, other_id, kind, details, why, set_by_id, set_at)
        VALUES (:change_id, :community_id, CAST(:other_id AS uuid), :kind, CAST(:details AS jsonb), :why, :account_id,
            business_now())
    )"""
_DRAW = closing(
    f"""
    drawn AS (
        UPDATE communities SET outline = CAST(:outline AS jsonb), radius_m = :radius_m
        WHERE community_id = :community_id
    ),
    {NOTED}"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineDrawn:
    """How an outline is kept: how many corners, and the radius of a circle."""

    community_id: UUID
    corner_count: int
    radius_m: int | None


def draw_outline(
    actor: Actor, claim: Claim, *, community_id: UUID, outline: Sequence[Point] | None, radius_m: int | None, why: str
) -> OutlineDrawn:
    """Say where a community ends: a polygon, a circle around its center, or nothing, which takes the outline away.

    :raises CommunityNotFound: there is none. :raises CommunityMerged: it is part of another.
    :raises OutlineInvalid: it is no outline. :raises OutlineOverlaps: the ground is another community's.
    """
    with transaction(claim) as tx:
        row = lock_community(tx, community_id)
        drawn = draw(outline, radius_m, center=(row.lat, row.lng))
        if drawn is not None:
            refuse_overlap(drawn, neighbors(tx, community_id, (row.lat, row.lng)))
        made = OutlineDrawn(
            community_id=community_id,
            corner_count=0 if drawn is None else len(drawn.corners),
            radius_m=None if drawn is None else drawn.radius_m,
        )
        tx.describe(why=why)
        tx.keep(made)
        before = {"outline": row.outline, "radius_m": row.radius_m}
        note = noted(actor, CommunityChangeKind.OUTLINED, community_id=community_id, why=why, details=before)
        tx.close(_DRAW, {**note, **as_kept(drawn)})
    return made


def lock_community(tx: Transaction, community_id: UUID) -> Row:
    """Wait until nobody else moves the map, and lock a community that stands.

    :raises CommunityNotFound: there is none. :raises CommunityMerged: it is part of another.
    """
    tx.execute(LOCK_MAP)
    row = tx.open_one(LOCK_COMMUNITY, {"community_id": community_id})
    if row is None:
        raise CommunityNotFound
    if row.merged_into_id is not None:
        raise CommunityMerged
    return row


def neighbors(tx: Transaction, community_id: UUID, center: Point) -> Iterator[tuple[UUID, str, list[list[float]]]]:
    """Yield the outlines near ``center`` but that of the community itself."""
    lat_min, lng_min, lat_max, lng_max = box_around(*center, _NEIGHBOR_M)
    box = {"lat_min": lat_min, "lng_min": lng_min, "lat_max": lat_max, "lng_max": lng_max}
    for row in tx.execute(_NEIGHBORS, {"community_id": community_id, **box}).fetchall():
        yield row.community_id, row.name, row.outline


def as_kept(drawn: Drawn | None) -> dict[str, Any]:
    """Return an outline as parameters of a statement."""
    if drawn is None:
        return {"outline": None, "radius_m": None}
    return {"outline": orjson.dumps(drawn.corners).decode(), "radius_m": drawn.radius_m}


def noted(
    actor: Actor,
    kind: CommunityChangeKind,
    *,
    community_id: UUID,
    other_id: UUID | None = None,
    why: str,
    details: dict[str, Any],
) -> dict[str, Any]:
    """Return the parameters of :data:`NOTED`."""
    return {
        "change_id": new_id(),
        "community_id": community_id,
        "other_id": other_id,
        "kind": kind.value,
        "details": orjson.dumps(details).decode(),
        "why": why,
        "account_id": actor.account_id,
    }
