"""Reviews as every side reads them: never with who wrote them."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.reviews.ratings import STARS_MAX, rating_hundredths
from app.core.reviews.rules import PICTURES_MAX, REASON_MAX, REPLY_MAX, WORDS_MAX
from app.core.reviews.states import COUNTED_STATES, ReviewState
from app.kernel.transaction import read
from app.kernel.wire import Row
from app.web.fields import Body, Choice, Flag, Id, Instant, Int, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.views import COUNT_MAX, LIST_MAX

_COUNTED = ", ".join(f"'{state.value}'" for state in sorted(COUNTED_STATES))
_REVIEW = """
    SELECT r.review_id, r.order_id, r.shop_id, r.stars, r.words, r.pictures, r.state, r.reviewed_at, r.added_words,
        r.added_pictures, r.added_at, r.reply, r.replied_at, r.fold_reason, r.folded_at, r.appeal, r.appealed_at,
        r.decision, r.decided_at, (
        SELECT coalesce(json_agg(json_build_object('offer_id', w.offer_id, 'stars', w.stars) ORDER BY w.offer_id), '[]')
        FROM reviewed_offers AS w WHERE w.review_id = r.review_id) AS offers
    FROM reviews AS r
"""
_OF_SHOP = text(
    f"""
    {_REVIEW}
    WHERE r.shop_id = :shop_id AND r.review_id < :before AND (r.state IN ({_COUNTED})) = NOT CAST(:is_folded AS boolean)
        AND (CAST(:offer_id AS uuid) IS NULL OR EXISTS (SELECT 1 FROM reviewed_offers AS f
            WHERE f.review_id = r.review_id AND f.offer_id = :offer_id))
    ORDER BY r.review_id DESC LIMIT :limit
    """
)
OWN_REVIEW = text(f"{_REVIEW} WHERE r.order_id = :order_id AND r.account_id = :account_id")
APPEALED = text(
    f"{_REVIEW} WHERE r.state = 'appealed' AND r.review_id < :before ORDER BY r.review_id DESC LIMIT :limit"
)
_RATING = text(
    f"""
    SELECT coalesce(t.review_count, 0) AS review_count, coalesce(t.star_sum, 0) AS star_sum,
        (SELECT count(*) FROM reviews AS r WHERE r.shop_id = s.shop_id AND r.state NOT IN ({_COUNTED})) AS folded_count
    FROM shops AS s LEFT JOIN shop_ratings AS t ON t.shop_id = s.shop_id WHERE s.shop_id = :shop_id
    """
)
RATING_COLUMNS = """
    coalesce(rated.review_count, 0) AS review_count,
    rating_hundredths(rated.review_count, rated.star_sum) AS rating_hundredths"""
"""What a statement about shops joins as ``rated``."""


class ReviewedOfferOut(Body):
    """Stars for one offer."""

    offer_id = Id(required=True)
    stars = Int(low=1, high=STARS_MAX, required=True)


class ReviewOut(Body):
    """A review with what was added and replied; ``fold_reason`` where the platform folded it."""

    review_id = Id(required=True)
    shop_id = Id(required=True)
    stars = Int(low=1, high=STARS_MAX, required=True)
    offers = Many(fields.Nested(ReviewedOfferOut), high=LIST_MAX, required=True)
    words = Text(high=WORDS_MAX, low=0, required=True)
    pictures = Many(fields.String(), high=PICTURES_MAX, required=True)
    reviewed_at = Instant(required=True)
    added_words = Text(high=WORDS_MAX, low=0, required=True, allow_none=True)
    added_pictures = Many(fields.String(), high=PICTURES_MAX, required=True)
    added_at = Instant(required=True, allow_none=True)
    reply = Text(high=REPLY_MAX, required=True, allow_none=True)
    replied_at = Instant(required=True, allow_none=True)
    is_folded = Flag(required=True)
    fold_reason = Text(high=REASON_MAX, required=True, allow_none=True)


class OrderReviewOut(ReviewOut):
    """A review with the order that it is of, and how it was spoken about."""

    order_id = Id(required=True)
    state = Choice(ReviewState, required=True)
    folded_at = Instant(required=True, allow_none=True)
    appeal = Text(high=REASON_MAX, required=True, allow_none=True)
    appealed_at = Instant(required=True, allow_none=True)
    decision = Text(high=REASON_MAX, required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)


class RatingOut(Body):
    """What the reviews that count come to, in hundredths of a star: a mean that few reviews do not move far."""

    review_count = Int(low=0, high=COUNT_MAX, required=True)
    rating_hundredths = Int(low=100, high=500, required=True)


class ReviewsQuery(PageQuery):
    """Of one offer, or folded ones."""

    offer_id = Id(load_default=None)
    is_folded = Flag(load_default=False)


class ReviewsOut(RatingOut):
    """A page of reviews of a shop, newest first, with its rating."""

    folded_count = Int(low=0, high=COUNT_MAX, required=True)
    items = Many(fields.Nested(ReviewOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class OrderReviewsOut(ReviewsOut):
    """A page of reviews with the orders that they are of."""

    items = Many(fields.Nested(OrderReviewOut), high=LIST_MAX, required=True)


class AppealedReviewsOut(Body):
    """A page of reviews whose folding was appealed against, newest first."""

    items = Many(fields.Nested(OrderReviewOut), high=LIST_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ReviewMovedOut(Body):
    """Where a review stands."""

    review_id = Id(required=True)
    state = Choice(ReviewState, required=True)


class ReasonIn(Body):
    """Why."""

    reason = Text(high=REASON_MAX, required=True)


def shown_review(row: Row) -> dict[str, Any]:
    """Return a review with its order."""
    return {**row._mapping, "is_folded": ReviewState(row.state) not in COUNTED_STATES}


_PUBLIC = frozenset(ReviewOut().fields)


def public_review(row: Row) -> dict[str, Any]:
    """Return a review as anybody reads it."""
    return {name: value for name, value in shown_review(row).items() if name in _PUBLIC}


def reviews_of_shop(
    shop_id: UUID, *, limit: int, cursor: str | None, offer_id: UUID | None, is_folded: bool, is_public: bool
) -> dict[str, Any] | None:
    """Return a page of a shop's reviews with its rating; None when there is no such shop."""
    rating = read(_RATING, {"shop_id": shop_id}).one_or_none()
    if rating is None:
        return None
    asked = {"shop_id": shop_id, "before": read_cursor(cursor), "limit": limit + 1}
    rows = read(_OF_SHOP, {**asked, "offer_id": offer_id, "is_folded": is_folded}).fetchall()
    show = public_review if is_public else shown_review
    return {
        "review_count": rating.review_count,
        "rating_hundredths": rating_hundredths(rating.review_count, rating.star_sum),
        "folded_count": rating.folded_count,
        **page([show(row) for row in rows], limit=limit, key="review_id"),
    }
