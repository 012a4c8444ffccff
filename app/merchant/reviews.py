"""Routes by which a shop reads its reviews and replies."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.reviews.rules import REPLY_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.reviewing.answer_review import reply_to_review
from app.usecases.reviewing.review_order import ReviewMoved
from app.usecases.shopkeeping.shelf import MEMBER
from app.web.door import Door
from app.web.fields import Body, Text
from app.web.policy import Relation, policy
from app.web.reviews import OrderReviewsOut, ReviewMovedOut, ReviewsQuery, reviews_of_shop

_IS_OWN = text(f"SELECT 1 FROM shops AS s {MEMBER} AND s.shop_id = :shop_id")


class ReplyIn(Body):
    """What the shop says to it."""

    words = Text(high=REPLY_MAX, required=True)


def add_shop_reviews(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shops/<uuid:shop_id>/reviews", query=ReviewsQuery, answer=OrderReviewsOut)
    @policy("review.read", Relation.OWN_SHOP)
    def list_shop_reviews(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List what buyers say of one's shop, newest first, with the orders that they say it of."""
        if read(_IS_OWN, {"shop_id": shop_id, **actor.as_member}).first() is None:
            raise ShopNotFound
        found = reviews_of_shop(shop_id, is_public=False, **query)
        assert found is not None, "one's own shop is there"
        return found

    @door.post("/orders/<uuid:order_id>/review-reply", body=ReplyIn, answer=ReviewMovedOut, status=201, once=True)
    @policy("review.reply", Relation.OWN_SHOP)
    def reply(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReviewMoved:
        """Reply to a review of one's shop, once, for everybody to read."""
        return reply_to_review(actor, claim, order_id=order_id, words=body["words"])
