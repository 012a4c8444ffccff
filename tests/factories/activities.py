"""Community events of stores, and residents who sign up for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.kernel.clock import business_now
from app.kernel.transaction import transaction
from app.usecases.activities.hold import ActivityStands, publish_activity
from app.usecases.activities.sign_up import SignupStands, sign_up
from tests.factories.people import Person, a_claim, a_resident, a_store_clerk, an_address
from tests.factories.shops import a_merchant_with_shop

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.shops import Shop


def an_activity(
    shop: Shop | None = None, *, capacity: int = 20, clerk: Person | None = None, in_hours: int = 3
) -> ActivityStands:
    """Return an event for the catchment of the shop's store that begins ``in_hours`` and lasts for two."""
    shop = shop or a_merchant_with_shop()
    clerk = clerk or a_store_clerk(shop.store_id)
    with transaction() as tx:
        now = business_now(tx)
    return publish_activity(
        clerk.actor,
        a_claim(clerk),
        store_id=shop.store_id,
        community_id=None,
        from_at=now + timedelta(hours=in_hours),
        until_at=now + timedelta(hours=in_hours + 2),
        title="重阳节包饺子",
        words="自带围裙。",
        place="体验店二楼",
        capacity=capacity,
    )


def a_neighbor(shop: Shop) -> Person:
    """Return a resident who lives in the community of the shop."""
    resident = a_resident()
    an_address(resident, near=shop)
    return resident


def a_signup(activity_id: UUID, resident: Person) -> SignupStands:
    return sign_up(resident.actor, a_claim(resident), activity_id=activity_id)
