"""Listings of the directory, and claims of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.directory.rules import Listed
from app.kernel.ids import new_id
from app.usecases.listing.claim import claim_listing
from app.usecases.listing.take_in import prepare, take_in
from tests.factories.people import a_claim

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.places import Community
    from tests.factories.shops import Shop


def a_listing(community: Community, *, name: str = "禾满便利店", category: str = "便利店", away: float = 0.0) -> UUID:
    """Return a listing at a community's center, or ``away`` degrees north of it."""
    prepared = prepare(Listed(name, category, community.lat + away, community.lng, "人民路1号", "test"))
    take_in(new_id().bytes, "test", [prepared], refused=0)
    return prepared.listing_id


def a_listing_claim(shop: Shop, listing_id: UUID) -> UUID:
    """Return a claim by the owner of ``shop`` for its merchant."""
    claim = a_claim(shop.owner, "claim")
    moved = claim_listing(
        shop.owner.actor, claim, listing_id=listing_id, merchant_id=shop.merchant_id, photo_reference="photo-1"
    )
    return moved.claim_id
