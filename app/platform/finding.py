"""Routes of search at the operator's door: why a result stands where it stands, and paid placement."""

from typing import Any
from uuid import UUID

from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.finding.advertise import AdvertisementSet, end_advertisement, set_advertisement
from app.web.door import Door
from app.web.fields import Body, Day, Id
from app.web.finding import results
from app.web.finding_schemas import ExplainedOffersOut, OfferSearchQuery
from app.web.policy import Relation, policy


class AdvertisementIn(Body):
    """From the first day to the last, both included."""

    starts_on = Day(required=True)
    ends_on = Day(required=True)


class AdvertisementOut(Body):
    """From when to when a shop's results take paid places; null: not at all."""

    shop_id = Id(required=True)
    starts_on = Day(required=True, allow_none=True)
    ends_on = Day(required=True, allow_none=True)


def add_finding(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/search/explanations", query=OfferSearchQuery, answer=ExplainedOffersOut)
    @policy("search.explain", Relation.PLATFORM)
    def explain_search(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Search as a resident at a point would, and see what each result's score is made of."""
        return results(actor, query, is_of_shops=False, is_explained=True)

    @door.put("/shops/<uuid:shop_id>/advertisement", body=AdvertisementIn, answer=AdvertisementOut, once=True)
    @policy("advertisement.write", Relation.PLATFORM)
    def put_advertisement(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> AdvertisementSet:
        """Give a shop paid places in searches for some days, marked 广告."""
        return set_advertisement(actor, claim, shop_id=shop_id, **body)

    @door.delete("/shops/<uuid:shop_id>/advertisement", answer=AdvertisementOut, once=True)
    @policy("advertisement.write", Relation.PLATFORM)
    def delete_advertisement(actor: Actor, *, claim: Claim, shop_id: UUID) -> AdvertisementSet:
        """Take a shop's paid places away."""
        return end_advertisement(actor, claim, shop_id=shop_id)
