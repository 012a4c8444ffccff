"""Routes of the platform's look at offers of new shops and sensitive categories."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.models import OfferKind, OfferState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.shopkeeping.review_offer import review_offer
from app.usecases.shopkeeping.skus import OfferChanged
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import DecisionIn

_OFFERS = text(
    """
    SELECT f.offer_id, f.shop_id, s.name AS shop_name, f.kind, f.name, f.brand, f.description, f.category_code, f.state
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    WHERE f.state = 'in_review' AND f.offer_id < :before ORDER BY f.offer_id DESC LIMIT :limit
    """
)


class OfferToReviewOut(Body):
    """An offer that waits for a look."""

    offer_id = Id(required=True)
    shop_id = Id(required=True)
    shop_name = Text(high=100, required=True)
    kind = Choice(OfferKind, required=True)
    name = Text(high=200, required=True)
    brand = Text(high=100, low=0, required=True)
    description = Text(high=1000, low=0, required=True)
    category_code = Text(high=100, required=True, allow_none=True)
    state = Choice(OfferState, required=True)


class OffersToReviewOut(Body):
    """A page of offers, newest first."""

    items = Many(fields.Nested(OfferToReviewOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class OfferReviewedOut(Body):
    """Where the offer stands."""

    offer_id = Id(required=True)
    state = Choice(OfferState, required=True)
    sku_id = Id(required=True, allow_none=True)


def add_offer_review(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/offers", query=PageQuery, answer=OffersToReviewOut)
    @policy("offer.read", Relation.PLATFORM)
    def list_offers_in_review(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List the offers that wait for a look, newest first."""
        limit = query["limit"]
        rows = read(_OFFERS, {"before": read_cursor(query["cursor"]), "limit": limit + 1}).fetchall()
        return page([dict(row._mapping) for row in rows], limit=limit, key="offer_id")

    @door.post("/offers/<uuid:offer_id>/review", body=DecisionIn, answer=OfferReviewedOut, once=True)
    @policy("offer.review", Relation.PLATFORM)
    def review_an_offer(actor: Actor, *, claim: Claim, offer_id: UUID, body: dict[str, Any]) -> OfferChanged:
        """Let an offer be sold, or refuse it with a reason."""
        return review_offer(actor, claim, offer_id=offer_id, **body)
