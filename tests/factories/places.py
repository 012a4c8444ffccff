"""Communities, each far from all others, so that what is near one test is near no other."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.communities.models import CommunityRow, StoreRow
from app.kernel.ids import new_id
from tests.factories.rows import write

if TYPE_CHECKING:
    from uuid import UUID

_places = random.SystemRandom()
_newest: list[Community] = []


@dataclass(frozen=True)
class Community:
    """A community with a store of its own."""

    community_id: UUID
    store_id: UUID
    lat: float
    lng: float


def a_community(at: tuple[float, float] | None = None) -> Community:
    community = Community(new_id(), new_id(), *at or (_places.uniform(20, 50), _places.uniform(75, 134)))
    place = {"district": "海淀区", "lat": community.lat, "lng": community.lng}
    write(StoreRow, store_id=community.store_id, name="四季青体验店", **place)
    write(
        CommunityRow,
        community_id=community.community_id,
        store_id=community.store_id,
        name="四季青里",
        street="四季青街道",
        **place,
    )
    _newest[:] = [community]
    return community


def the_newest_community() -> Community:
    """Return where the test is at the moment: the community that was made last; a new one when there is none."""
    return _newest[0] if _newest else a_community()
