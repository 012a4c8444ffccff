"""Routes by which residents read reviews, and write their own."""

from typing import Any
from uuid import UUID

from flask import current_app, request
from marshmallow import fields

from app.core.catalog.errors import ShopNotFound
from app.core.catalog.pictures import PICTURE_BYTES_MAX
from app.core.reviews.errors import ReviewNotFound
from app.core.reviews.ratings import STARS_MAX
from app.core.reviews.rules import PICTURES_MAX, WORDS_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.reviewing.pictures import ReviewPictureKept, add_review_picture
from app.usecases.reviewing.review_order import (
    OfferStars,
    ReviewMoved,
    add_to_review,
    appeal_folding,
    review_order,
)
from app.web.door import Door
from app.web.fields import Body, Id, Int, Many, Pattern, Text
from app.web.policy import Relation, policy
from app.web.reviews import (
    OWN_REVIEW,
    OrderReviewOut,
    ReasonIn,
    ReviewMovedOut,
    ReviewsOut,
    ReviewsQuery,
    reviews_of_shop,
    shown_review,
)
from app.web.views import LIST_MAX

DIGEST = r"[0-9a-f]{64}"


class OfferStarsIn(Body):
    """Stars for one offer of the order."""

    offer_id = Id(required=True)
    stars = Int(low=1, high=STARS_MAX, required=True)


class ReviewIn(Body):
    """Stars for the shop, and for offers of the order; words and uploaded pictures, or none."""

    stars = Int(low=1, high=STARS_MAX, required=True)
    offers = Many(fields.Nested(OfferStarsIn), high=LIST_MAX, load_default=list)
    words = Text(high=WORDS_MAX, low=0, load_default="")
    pictures = Many(Pattern(DIGEST, high=64), high=PICTURES_MAX, load_default=list)


class AdditionIn(Body):
    """What one adds."""

    words = Text(high=WORDS_MAX, required=True)
    pictures = Many(Pattern(DIGEST, high=64), high=PICTURES_MAX, load_default=list)


class ReviewPictureOut(Body):
    """A picture; it is shown at ``/pictures/{picture}.jpg``, small at ``/pictures/{picture}-thumbnail.jpg``."""

    order_id = Id(required=True)
    picture = Pattern(DIGEST, high=64, required=True)


def add_reviews(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shops/<uuid:shop_id>/reviews", query=ReviewsQuery, answer=ReviewsOut)
    @policy("review.read", Relation.SIDE)
    def list_reviews(_actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List what buyers say of a shop, newest first, with its rating; folded reviews where they are asked for."""
        found = reviews_of_shop(shop_id, is_public=True, **query)
        if found is None:
            raise ShopNotFound
        return found

    @door.post(
        "/orders/<uuid:order_id>/review-pictures",
        answer=ReviewPictureOut,
        status=201,
        once=True,
        upload=PICTURE_BYTES_MAX,
    )
    @policy("review.write", Relation.OWN)
    def upload_review_picture(actor: Actor, *, claim: Claim, order_id: UUID, file: bytes) -> ReviewPictureKept:
        """Upload a picture (JPEG, PNG or WebP) for the review of a completed order; it is drawn anew."""
        store, media = current_app.extensions["linli_pictures"], request.mimetype
        return add_review_picture(actor, claim, store, order_id=order_id, file=file, media=media)

    @door.post("/orders/<uuid:order_id>/review", body=ReviewIn, answer=ReviewMovedOut, status=201, once=True)
    @policy("review.write", Relation.OWN)
    def write_review(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReviewMoved:
        """Review a completed order once, within thirty days: its shop and its offers."""
        offers = [OfferStars(**one) for one in body.pop("offers")]
        return review_order(actor, claim, order_id=order_id, offers=offers, **body)

    @door.get("/orders/<uuid:order_id>/review", answer=OrderReviewOut)
    @policy("review.read", Relation.OWN)
    def read_review(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
        """Read one's review of an order, and where it stands."""
        row = read(OWN_REVIEW, {"order_id": order_id, "account_id": actor.account_id}).one_or_none()
        if row is None:
            raise ReviewNotFound
        return shown_review(row)

    @door.post("/orders/<uuid:order_id>/review-addition", body=AdditionIn, answer=ReviewMovedOut, status=201, once=True)
    @policy("review.write", Relation.OWN)
    def write_addition(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReviewMoved:
        """Add to one's review, once, within half a year."""
        return add_to_review(actor, claim, order_id=order_id, **body)

    @door.post("/orders/<uuid:order_id>/review-appeal", body=ReasonIn, answer=ReviewMovedOut, once=True)
    @policy("review.write", Relation.OWN)
    def appeal_review(actor: Actor, *, claim: Claim, order_id: UUID, body: dict[str, Any]) -> ReviewMoved:
        """Ask the platform to look again at one's folded review, once, within thirty days."""
        return appeal_folding(actor, claim, order_id=order_id, reason=body["reason"])
