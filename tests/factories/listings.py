"""Listings of the directory, and claims of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.directory.rules import Listed
from app.kernel.ids import new_id
from app.usecases.listing.claim import claim_listing
from app.usecases.listing.merge import bands, merge
from app.usecases.listing.take_in import Taken, arrive, begin, finish, prepare
from tests.factories.people import a_claim
from tests.factories.rows import look_one

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from tests.factories.places import Community
    from tests.factories.shops import Shop


def taken_in(rows: Sequence[Listed], digest: bytes | None = None) -> Taken:
    """Return what became of a list of these rows."""
    digest = digest or new_id().bytes
    before = begin(digest, "test")
    arrive(before.number, [prepare(row, line) for line, row in enumerate(rows)], row_count=0, refused=0)
    for first, end, _ in bands(before):
        merge(before.number, first, end)
    finish(before.number)
    return begin(digest, "test").taken


def a_listing(community: Community, *, name: str = "禾满便利店", category: str = "便利店", away: float = 0.0) -> UUID:
    """Return a listing at a community's center, or ``away`` degrees north of it."""
    lat = community.lat + away
    taken_in([Listed(name, category, lat, community.lng, "人民路1号", "test")])
    listing_id: UUID = look_one(
        "SELECT listing_id FROM listings WHERE name = :name AND lat = :lat AND lng = :lng",
        name=name,
        lat=lat,
        lng=community.lng,
    )
    return listing_id


def a_listing_claim(shop: Shop, listing_id: UUID) -> UUID:
    """Return a claim by the owner of ``shop`` for its merchant."""
    claim = a_claim(shop.owner, "claim")
    moved = claim_listing(
        shop.owner.actor, claim, listing_id=listing_id, merchant_id=shop.merchant_id, photo_reference="photo-1"
    )
    return moved.claim_id
