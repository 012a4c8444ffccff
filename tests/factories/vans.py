"""Visits of service vans."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.core.visiting.states import VanService
from app.kernel.clock import business_now
from app.kernel.transaction import transaction
from app.usecases.visiting.vans import Standing, VanVisitStands, plan_visit
from tests.factories.people import a_claim, a_store_clerk

if TYPE_CHECKING:
    from tests.factories.places import Community


def a_visit_body(place: Community, *, in_hours: int = 3) -> dict[str, Any]:
    """Return a visit as the door takes it: to the center of ``place``, for two hours."""
    with transaction() as tx:
        now = business_now(tx)
    return {
        "store_id": str(place.store_id),
        "community_id": str(place.community_id),
        "place": "东门广场",
        "lat": place.lat,
        "lng": place.lng,
        "services": ["cash", "bills"],
        "from_at": (now + timedelta(hours=in_hours)).isoformat(),
        "until_at": (now + timedelta(hours=in_hours + 2)).isoformat(),
    }


_hours = itertools.cycle(range(3, 2_000, 3))


def a_van_visit(place: Community, *, in_hours: int | None = None) -> VanVisitStands:
    """Return a visit to ``place`` that begins in ``in_hours``, or at a time of its own, and lasts for two hours."""
    clerk = a_store_clerk(place.store_id)
    with transaction() as tx:
        from_at = business_now(tx) + timedelta(hours=next(_hours) if in_hours is None else in_hours)
    return plan_visit(
        clerk.actor,
        a_claim(clerk),
        store_id=place.store_id,
        community_id=place.community_id,
        services=[VanService.CASH, VanService.BILLS],
        standing=Standing(
            place="东门广场", lat=place.lat, lng=place.lng, from_at=from_at, until_at=from_at + timedelta(hours=2)
        ),
    )
