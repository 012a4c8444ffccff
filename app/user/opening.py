"""The route by which a person begins a shop."""

from typing import Any

from app.core.catalog.models import ShopState, Vertical
from app.kernel.actor import Actor
from app.kernel.transaction import Claim
from app.usecases.shopkeeping.setting_up import ShopBegun, begin_shop
from app.web.door import Door
from app.web.fields import Body, Choice, Degrees, Id, Text
from app.web.policy import Relation, policy


class ShopBeginIn(Body):
    """What shop, and where; WGS-84 degrees."""

    community_id = Id(required=True)
    name = Text(high=50, required=True)
    vertical = Choice(Vertical, required=True)
    lat = Degrees(bound=90, required=True)
    lng = Degrees(bound=180, required=True)


class ShopBegunOut(Body):
    """A draft; its owner signs in at the merchant's side and goes on there."""

    shop_id = Id(required=True)
    merchant_id = Id(required=True)
    state = Choice(ShopState, required=True)


def add_opening(door: Door) -> None:
    """Add the route to ``door``."""

    @door.post("/shops", body=ShopBeginIn, answer=ShopBegunOut, status=201, once=True)
    @policy("shop.begin", Relation.OWN)
    def begin_a_shop(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ShopBegun:
        """Begin a shop of one's own: a draft, free, to be set up and handed in."""
        return begin_shop(actor, claim, **{**body, "vertical": Vertical(body["vertical"])})
