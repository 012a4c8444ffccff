"""Listings and claims as doors show them: a merchant finds its own, the platform decides."""

import hashlib
from typing import Any
from uuid import UUID

from flask import request
from marshmallow import fields
from sqlalchemy import text

from app.core.directory.cells import cells_around
from app.core.directory.errors import ListingClaimed
from app.core.directory.rules import ADDRESS_MAX, CATEGORY_MAX, NAME_MAX
from app.core.directory.states import ClaimState
from app.core.search.errors import PlaceMissing
from app.core.search.words import contains, normal
from app.kernel.actor import Actor, Side
from app.kernel.transaction import Claim, read
from app.kernel.wire import Row
from app.usecases.listing.claim import ClaimMoved, claim_listing, decide_claim, withdraw_claim
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Flag, Id, Instant, Int, Many, Text
from app.web.finding import Cursor, point_of, read_cursor
from app.web.finding_schemas import PointQuery
from app.web.messages import Language, choose_language, say
from app.web.paging import LIMIT_MAX, PageQuery, page
from app.web.paging import read_cursor as read_id
from app.web.policy import Relation, policy
from app.web.views import DecisionIn

RADIUS_M_MAX = 3_000

_NEAR = text(
    """
    SELECT l.listing_id, l.name, l.category, l.address, l.lat, l.lng, l.shop_id IS NOT NULL AS is_claimed,
        CAST(d.distance_m AS bigint) AS distance_m, business_now() AS now
    FROM listings AS l
    CROSS JOIN LATERAL (SELECT round(meters_between(l.lat, l.lng, :lat, :lng)) AS distance_m) AS d
    WHERE l.cell = ANY (CAST(:cells AS bigint[])) AND d.distance_m <= :radius_m
        AND (CAST(:category AS text) IS NULL OR l.category = :category)
        AND (CAST(:words AS text) IS NULL OR l.name LIKE :words OR search_words(l.name) LIKE :normal_words)
        AND (CAST(:after_key AS bigint) IS NULL
            OR (d.distance_m, l.listing_id) > (:after_key, CAST(:after_id AS uuid)))
    ORDER BY d.distance_m, l.listing_id LIMIT :limit
    """
)
_CLAIMS = text(
    """
    SELECT c.claim_id, c.listing_id, c.merchant_id, c.photo_reference, c.state, c.reason, c.shop_id, c.claimed_at,
        c.decided_at, l.name, l.category, l.address, t.name AS merchant_name, (
            SELECT count(*) FROM listing_claims AS o WHERE o.listing_id = c.listing_id AND o.state = 'submitted'
        ) AS waiting_count
    FROM listing_claims AS c JOIN listings AS l ON l.listing_id = c.listing_id
    JOIN merchants AS t ON t.merchant_id = c.merchant_id
    WHERE c.claim_id < :before AND (CAST(:state AS text) IS NULL OR c.state = :state)
        AND (CAST(:is_platform AS boolean) OR EXISTS (
            SELECT 1 FROM memberships AS m WHERE m.organization_kind = 'merchant'
                AND m.organization_id = c.merchant_id AND m.account_id = :account_id
                AND m.role = ANY (CAST(:roles AS text[]))))
    ORDER BY c.claim_id DESC LIMIT :limit
    """
)


class ListingsQuery(PointQuery):
    """Known merchants near a point, the nearest first; by a part of the name, and by category."""

    words = Text(high=60, load_default=None)
    category = Text(high=CATEGORY_MAX, load_default=None)
    radius_m = Int(low=1, high=RADIUS_M_MAX, load_default=1_000)
    limit = Int(low=1, high=LIMIT_MAX, load_default=20)
    cursor = Text(high=200, load_default=None)


class ListingOut(Body):
    """A merchant known to exist; ``is_claimed`` says that it is somebody's shop already."""

    listing_id = Id(required=True)
    name = Text(high=NAME_MAX, required=True)
    category = Text(high=CATEGORY_MAX, required=True)
    address = Text(high=ADDRESS_MAX, low=0, required=True)
    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)
    distance_m = Int(low=0, high=RADIUS_M_MAX, required=True)
    is_claimed = Flag(required=True)


class ListingsOut(Body):
    """A page of listings."""

    items = Many(fields.Nested(ListingOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=200, required=True, allow_none=True)


class ClaimIn(Body):
    """For which of one's merchants, and what shows that the listing is its own."""

    merchant_id = Id(required=True)
    photo_reference = Text(high=200, required=True)


class ClaimMovedOut(Body):
    """Where a claim stands; approved, the listing became the draft ``shop_id``."""

    claim_id = Id(required=True)
    state = Choice(ClaimState, required=True)
    shop_id = Id(required=True, allow_none=True)


class ClaimOut(ClaimMovedOut):
    """A claim as its merchant and the platform see it; ``waiting_count`` claims of the listing wait.

    ``reason`` is why it was refused, in the platform's words, or why it was lost, in the reader's language.
    """

    listing_id = Id(required=True)
    name = Text(high=NAME_MAX, required=True)
    category = Text(high=CATEGORY_MAX, required=True)
    address = Text(high=ADDRESS_MAX, low=0, required=True)
    merchant_id = Id(required=True)
    merchant_name = Text(high=100, required=True)
    photo_reference = Text(high=200, required=True)
    reason = Text(high=200, required=True, allow_none=True)
    claimed_at = Instant(required=True)
    decided_at = Instant(required=True, allow_none=True)
    waiting_count = Int(low=0, high=2**53, required=True)


class ClaimsOut(Body):
    """A page of claims."""

    items = Many(fields.Nested(ClaimOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ClaimsQuery(PageQuery):
    """Claims, newest first."""

    state = Choice(ClaimState, load_default=None)


def add_claiming(door: Door) -> None:
    """Give the merchant's door the directory: find, claim, follow, take back."""

    @door.get("/listings", query=ListingsQuery, answer=ListingsOut)
    @policy("listing.read", Relation.SIDE)
    def list_listings(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Find one's own among the merchants known to exist near a point."""
        return listings(**query)

    @door.post("/listings/<uuid:listing_id>/claims", body=ClaimIn, answer=ClaimMovedOut, status=201, once=True)
    @policy("listing.claim", Relation.SIDE)
    def claim(actor: Actor, *, claim: Claim, listing_id: UUID, body: dict[str, Any]) -> ClaimMoved:
        """Claim a listing; the platform looks at it. Others may have claimed it, too."""
        return claim_listing(actor, claim, listing_id=listing_id, **body)

    @door.post("/listing-claims/<uuid:claim_id>/withdrawal", answer=ClaimMovedOut, once=True)
    @policy("listing.claim", Relation.OWN_SHOP)
    def withdraw_listing_claim(actor: Actor, *, claim: Claim, claim_id: UUID) -> ClaimMoved:
        """Take a claim back before it was decided."""
        return withdraw_claim(actor, claim, claim_id=claim_id)

    _add_claims(door, Relation.OWN_SHOP)


def add_claim_review(door: Door) -> None:
    """Give the operator's door the claims to decide about."""

    @door.post("/listing-claims/<uuid:claim_id>/decision", body=DecisionIn, answer=ClaimMovedOut, once=True)
    @policy("listing.decide", Relation.PLATFORM)
    def decide_listing_claim(actor: Actor, *, claim: Claim, claim_id: UUID, body: dict[str, Any]) -> ClaimMoved:
        """Approve a claim, by which others of the listing are lost, or refuse it with a reason."""
        return decide_claim(actor, claim, claim_id=claim_id, **body)

    _add_claims(door, Relation.PLATFORM)


def _add_claims(door: Door, relation: Relation) -> None:
    @door.get("/listing-claims", query=ClaimsQuery, answer=ClaimsOut)
    @policy("listing.claims", relation)
    def list_listing_claims(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List claims of listings, newest first."""
        params = {
            **actor.as_member,
            "is_platform": actor.side is Side.PLATFORM,
            "before": read_id(query["cursor"]),
            "state": query["state"],
            "limit": query["limit"] + 1,
        }
        language = choose_language(request.headers.get("Accept-Language", ""))
        rows = [_shown_claim(row, language) for row in read(_CLAIMS, params)]
        return page(rows, limit=query["limit"], key="claim_id")


def _shown_claim(row: Row, language: Language) -> dict[str, Any]:
    shown = dict(row._mapping)
    if row.state == ClaimState.LOST:
        shown["reason"] = say(ListingClaimed.code, "detail", language, {})
    return shown


def listings(
    *,
    lat: float | None,
    lng: float | None,
    datum: str,
    words: str | None,
    category: str | None,
    radius_m: int,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """Return a page of listings near a point.

    :raises PlaceMissing: there is no point. :raises CursorInvalid: the cursor is another question's.
    """
    if lat is None or lng is None:
        raise PlaceMissing(pointer="/lat" if lat is None else "/lng")
    place = point_of(lat, lng, datum)
    asked = f"{place.lat:.7f},{place.lng:.7f},{words},{category},{radius_m}"
    digest = hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()
    after = read_cursor(cursor, digest)
    rows = read(
        _NEAR,
        {
            "lat": place.lat,
            "lng": place.lng,
            "cells": cells_around(place.lat, place.lng, radius_m),
            "radius_m": radius_m,
            "category": category,
            "words": None if words is None else contains(words),
            "normal_words": None if words is None else contains(normal(words)),
            "after_key": after and after.key,
            "after_id": after and after.last_id,
            "limit": limit + 1,
        },
    ).fetchall()
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        last = shown[-1]
        following = Cursor(digest, last.now, last.distance_m, last.listing_id, is_almost=False).written()
    items = [{name: value for name, value in row._mapping.items() if name != "now"} for row in shown]
    return {"items": items, "next_cursor": following}
