"""Routes of the platform's look at shops that want to open."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.models import ShopState, Vertical
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.shopkeeping.setting_up import review_shop
from app.usecases.shopkeeping.shelf import ShopChanged
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Id, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import DecisionIn

_SHOPS = text(
    """
    SELECT shop_id, merchant_id, community_id, name, vertical, state, lat, lng, license_number, license_expires_on
    FROM shops WHERE state = 'submitted' AND shop_id < :before ORDER BY shop_id DESC LIMIT :limit
    """
)


class ShopToReviewOut(Body):
    """A shop that wants to open."""

    shop_id = Id(required=True)
    merchant_id = Id(required=True)
    community_id = Id(required=True)
    name = Text(high=100, required=True)
    vertical = Choice(Vertical, required=True)
    state = Choice(ShopState, required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    license_number = Text(high=50, low=0, required=True)
    license_expires_on = Day(required=True)


class ShopsToReviewOut(Body):
    """A page of shops, newest first."""

    items = Many(fields.Nested(ShopToReviewOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ShopReviewedOut(Body):
    """Where the shop stands."""

    shop_id = Id(required=True)
    state = Choice(ShopState, required=True)


def add_shop_review(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shops", query=PageQuery, answer=ShopsToReviewOut)
    @policy("shop.read", Relation.PLATFORM)
    def list_submitted_shops(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the shops that want to open, newest first."""
        limit = query["limit"]
        rows = read(_SHOPS, {"before": read_cursor(query["cursor"]), "limit": limit + 1}).fetchall()
        return page([dict(row._mapping) for row in rows], limit=limit, key="shop_id")

    @door.post("/shops/<uuid:shop_id>/review", body=DecisionIn, answer=ShopReviewedOut, once=True)
    @policy("shop.review", Relation.PLATFORM)
    def review_a_shop(actor: Actor, *, claim: Claim, shop_id: UUID, body: dict[str, Any]) -> ShopChanged:
        """Open a shop, or give it back with a reason."""
        return review_shop(actor, claim, shop_id=shop_id, **body)
