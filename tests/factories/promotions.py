"""Campaigns, and coupons of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.core.promotions.rules import CampaignTerms
from app.kernel.clock import business_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.promoting.campaigns import put_live
from app.usecases.promoting.coupons import claim_coupon
from tests.factories.people import Person, a_claim

if TYPE_CHECKING:
    from uuid import UUID


def campaign_terms(**values: Any) -> CampaignTerms:
    """Return terms of a campaign that runs now: 5 yuan off 10, for everybody, once."""
    with transaction() as tx:
        now = business_now(tx)
    return CampaignTerms(
        **{
            "name_zh": "邻里节",
            "name_en": "Neighbors' week",
            "benefit": "off",
            "minimum_fen": 1_000,
            "off_fen": 500,
            "percent_bp": None,
            "verticals": (),
            "community_id": None,
            "starts_at": now - timedelta(hours=1),
            "ends_at": now + timedelta(days=30),
            "budget_fen": 100_000,
            "issued_max": 1_000,
            "per_person_max": 1,
            "valid_days": 7,
            "has_code": False,
            **values,
        }
    )


def a_campaign(**values: Any) -> UUID:
    """Return a campaign that is live."""
    campaign_id, terms = new_id(), campaign_terms(**values)
    with transaction() as tx:
        put_live(tx, campaign_id, terms)
    return campaign_id


def a_coupon(person: Person, campaign_id: UUID | None = None, **values: Any) -> UUID:
    """Return a coupon that ``person`` has claimed."""
    campaign_id = a_campaign(**values) if campaign_id is None else campaign_id
    return claim_coupon(person.actor, a_claim(person, "coupon"), campaign_id=campaign_id).coupon_id
