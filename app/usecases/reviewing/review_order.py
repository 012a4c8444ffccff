"""A buyer says how an order was, once, and may add to it once; what it comes to is moved by the same statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from app.core.events import OrderReviewed
from app.core.orders.errors import OrderNotFound
from app.core.orders.states import OrderState
from app.core.reviews.errors import (
    AdditionGiven,
    NotReviewable,
    OfferNotOfOrder,
    ReviewGiven,
    ReviewNotFound,
    ReviewPictureUnknown,
    ReviewTooLate,
)
from app.core.reviews.rules import ADDITION_WINDOW, APPEAL_WINDOW, REVIEW_WINDOW
from app.core.reviews.states import REVIEW_TRANSITIONS, ReviewAction, ReviewState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.kernel.wire import Row

_ORDER = """
    o.order_id, o.account_id, o.shop_id, o.state AS order_state, o.ended_at, business_now() AS now,
    ARRAY(SELECT p.digest FROM review_pictures AS p WHERE p.order_id = o.order_id) AS uploaded
"""
_LOCK_ORDER = opening(
    f"""
    SELECT {_ORDER}, ARRAY(SELECT DISTINCT k.offer_id FROM order_lines AS l JOIN skus AS k ON k.sku_id = l.sku_id
        WHERE l.order_id = o.order_id AND l.shorted_at IS NULL) AS offer_ids
    FROM orders AS o WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o
    """
)
_LOCK_REVIEW = opening(
    f"""
    SELECT {_ORDER}, r.review_id, r.state, r.reviewed_at, r.added_at, r.folded_at
    FROM orders AS o JOIN reviews AS r ON r.order_id = o.order_id
    WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o, r
    """
)
# The counters are moved in one order, shops before offers and offers by id, by everybody who moves them.
_REVIEW = closing(
    """
    made AS (
        INSERT INTO reviews (review_id, order_id, account_id, shop_id, stars, words, pictures, state, reviewed_at)
        VALUES (:review_id, :order_id, :account_id, :shop_id, :stars, :words, CAST(:pictures AS jsonb), :state,
            business_now())
        ON CONFLICT (order_id) DO NOTHING RETURNING review_id, shop_id, stars
    ),
    of_shop AS (
        INSERT INTO shop_ratings AS t (shop_id, review_count, star_sum) SELECT shop_id, 1, stars FROM made
        ON CONFLICT (shop_id) DO UPDATE SET review_count = t.review_count + 1, star_sum = t.star_sum + excluded.star_sum
        RETURNING 1
    ),
    said AS (
        SELECT m.review_id, w.offer_id, w.stars FROM made AS m
        CROSS JOIN jsonb_to_recordset(CAST(:offers AS jsonb)) AS w (offer_id uuid, stars bigint)
        WHERE (SELECT count(*) FROM of_shop) >= 0 ORDER BY w.offer_id
    ),
    of_offers AS (
        INSERT INTO offer_ratings AS t (offer_id, review_count, star_sum) SELECT offer_id, 1, stars FROM said
        ON CONFLICT (offer_id) DO UPDATE SET review_count = t.review_count + 1,
            star_sum = t.star_sum + excluded.star_sum
    ),
    kept_offers AS (
        INSERT INTO reviewed_offers (review_id, offer_id, stars) SELECT review_id, offer_id, stars FROM said
    )""",
    answer="SELECT count(*) FROM made",
)
_ADD = closing(
    """
    added AS (
        UPDATE reviews SET added_words = :words, added_pictures = CAST(:pictures AS jsonb), added_at = business_now()
        WHERE review_id = :review_id AND added_at IS NULL RETURNING review_id
    )""",
    answer="SELECT count(*) FROM added",
)
_APPEAL = closing(
    """
    appealed AS (
        UPDATE reviews SET state = :state, appeal = :reason, appealed_at = business_now() WHERE review_id = :review_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferStars:
    """Stars for one offer of the order."""

    offer_id: UUID
    stars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewMoved:
    """Where a review stands after an act on it."""

    review_id: UUID
    state: str


def review_order(
    actor: Actor,
    claim: Claim,
    *,
    order_id: UUID,
    stars: int,
    words: str,
    offers: Sequence[OfferStars],
    pictures: Sequence[str],
) -> ReviewMoved:
    """Review a completed order: its shop, and the offers that are named.

    :param pictures: names of pictures uploaded for this order, in the order in which they are shown.
    :raises OrderNotFound: there is none of the actor's. :raises NotReviewable: it is not completed.
    :raises ReviewTooLate: it was completed long ago. :raises ReviewGiven: it was reviewed.
    :raises OfferNotOfOrder, ReviewPictureUnknown: it has no such offer or picture.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ORDER, {"order_id": order_id, "account_id": actor.account_id})
        if row is None:
            raise OrderNotFound
        if row.order_state != OrderState.COMPLETED:
            raise NotReviewable(state=row.order_state)
        _refuse_late(row.now, row.ended_at, REVIEW_WINDOW)
        _refuse_offers(row, offers)
        _refuse_pictures(row, pictures)
        moved = ReviewMoved(review_id=new_id(), state=ReviewState.SHOWN.value)
        tx.record(OrderReviewed(order_id=order_id, account_id=actor.account_id, shop_id=row.shop_id, state=moved.state))
        tx.keep(moved)
        params = {
            "review_id": moved.review_id,
            "order_id": order_id,
            "account_id": actor.account_id,
            "shop_id": row.shop_id,
            "stars": stars,
            "words": words,
            "pictures": orjson.dumps(list(pictures)).decode(),
            "state": moved.state,
            "offers": orjson.dumps(list(offers)).decode(),
        }
        if tx.close(_REVIEW, params).scalar_one() != 1:
            raise ReviewGiven
    return moved


def add_to_review(actor: Actor, claim: Claim, *, order_id: UUID, words: str, pictures: Sequence[str]) -> ReviewMoved:
    """Add words and pictures to one's review, once.

    :raises ReviewNotFound: there is none of the actor's. :raises AdditionGiven: something was added.
    :raises ReviewTooLate: it was written long ago. :raises ReviewPictureUnknown: no such picture was uploaded.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_REVIEW, {"order_id": order_id, "account_id": actor.account_id})
        if row is None:
            raise ReviewNotFound
        _refuse_late(row.now, row.reviewed_at, ADDITION_WINDOW)
        _refuse_pictures(row, pictures)
        moved = ReviewMoved(review_id=row.review_id, state=row.state)
        tx.keep(moved)
        params = {"review_id": row.review_id, "words": words, "pictures": orjson.dumps(list(pictures)).decode()}
        if tx.close(_ADD, params).scalar_one() != 1:
            raise AdditionGiven
    return moved


def appeal_folding(actor: Actor, claim: Claim, *, order_id: UUID, reason: str) -> ReviewMoved:
    """Ask the platform to look again at one's folded review, once.

    :raises ReviewNotFound: there is none of the actor's. :raises ReviewTooLate: it was folded long ago.
    :raises app.kernel.machines.IllegalTransition: it is not folded, or that was decided.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_REVIEW, {"order_id": order_id, "account_id": actor.account_id})
        if row is None:
            raise ReviewNotFound
        target = next_state(REVIEW_TRANSITIONS, ReviewState(row.state), ReviewAction.APPEAL, actor.role)
        _refuse_late(row.now, row.folded_at, APPEAL_WINDOW)
        moved = ReviewMoved(review_id=row.review_id, state=target.value)
        tx.keep(moved)
        tx.close(_APPEAL, {"review_id": row.review_id, "state": target.value, "reason": reason})
    return moved


def _refuse_late(now: datetime, since: datetime, window: timedelta) -> None:
    if now > since + window:
        raise ReviewTooLate(days=window.days)


def _refuse_offers(row: Row, offers: Sequence[OfferStars]) -> None:
    seen: set[UUID] = set()
    for number, one in enumerate(offers):
        if one.offer_id not in row.offer_ids or one.offer_id in seen:
            raise OfferNotOfOrder(pointer=f"/offers/{number}/offer_id", offer_id=one.offer_id)
        seen.add(one.offer_id)


def _refuse_pictures(row: Row, pictures: Sequence[str]) -> None:
    for number, picture in enumerate(pictures):
        if picture not in row.uploaded or picture in pictures[:number]:
            raise ReviewPictureUnknown(pointer=f"/pictures/{number}")
