"""A shop replies to a review, once; the platform folds one with a reason, and somebody else decides about an appeal."""

from uuid import UUID

from app.core.events import OrderReviewAnswered
from app.core.reviews.errors import OwnFolding, ReplyGiven, ReviewNotFound
from app.core.reviews.states import COUNTED_STATES, REVIEW_TRANSITIONS, ReviewAction, ReviewState
from app.kernel.actor import Actor
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.reviewing.review_order import ReviewMoved

_LOCK_FOR_SHOP = opening(
    """
    SELECT r.review_id, r.order_id, r.account_id, r.shop_id, r.state FROM reviews AS r
    JOIN shops AS s ON s.shop_id = r.shop_id
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.role = ANY (CAST(:roles AS text[]))
    WHERE r.order_id = :order_id AND m.account_id = :account_id FOR UPDATE OF r
    """
)
_LOCK = opening(
    """
    SELECT r.review_id, r.order_id, r.account_id, r.shop_id, r.state, r.folded_by_id FROM reviews AS r
    WHERE r.order_id = :order_id FOR UPDATE OF r
    """
)
_REPLY = closing(
    """
    replied AS (
        UPDATE reviews SET reply = :words, replied_at = business_now(), replied_by_id = :by_id
        WHERE review_id = :review_id AND replied_at IS NULL RETURNING review_id
    )""",
    answer="SELECT count(*) FROM replied",
)


def _moving(sets: str) -> str:
    """Return the writes that move a review and what it comes to: by ``:sign``, 0 where it counts as before."""
    return f"""
    moved AS (
        UPDATE reviews SET state = :state, {sets} WHERE review_id = :review_id RETURNING review_id, shop_id, stars
    ),
    of_shop AS (
        UPDATE shop_ratings AS t SET review_count = t.review_count + :sign, star_sum = t.star_sum + :sign * m.stars
        FROM moved AS m WHERE t.shop_id = m.shop_id AND :sign <> 0 RETURNING 1
    ),
    locked AS (
        SELECT t.offer_id, w.stars FROM offer_ratings AS t JOIN reviewed_offers AS w ON w.offer_id = t.offer_id
        WHERE w.review_id = :review_id AND :sign <> 0 AND (SELECT count(*) FROM of_shop) >= 0
        ORDER BY t.offer_id FOR UPDATE OF t
    ),
    of_offers AS (
        UPDATE offer_ratings AS t SET review_count = t.review_count + :sign, star_sum = t.star_sum + :sign * k.stars
        FROM locked AS k WHERE t.offer_id = k.offer_id
    )"""


_FOLD = closing(_moving("fold_reason = :reason, folded_at = business_now(), folded_by_id = :by_id"))
_DECIDE = closing(_moving("decision = :reason, decided_at = business_now(), decided_by_id = :by_id"))


def reply_to_review(actor: Actor, claim: Claim, *, order_id: UUID, words: str) -> ReviewMoved:
    """Reply to a review as its shop, once; it stands below the review for everybody.

    :raises ReviewNotFound: there is none of the actor's shop. :raises ReplyGiven: the shop replied before.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        if row is None:
            raise ReviewNotFound
        moved = ReviewMoved(review_id=row.review_id, state=row.state)
        _tell(tx, row, moved)
        tx.keep(moved)
        params = {"review_id": row.review_id, "words": words, "by_id": actor.account_id}
        if tx.close(_REPLY, params).scalar_one() != 1:
            raise ReplyGiven
    return moved


def fold_review(actor: Actor, claim: Claim, *, order_id: UUID, reason: str) -> ReviewMoved:
    """Fold a review, with the reason that everybody reads: it no longer counts, and is read by who unfolds it.

    :raises ReviewNotFound: there is none.
    """
    with transaction(claim) as tx:
        return _move(tx, actor, order_id=order_id, action=ReviewAction.FOLD, reason=reason)


def decide_folding(actor: Actor, claim: Claim, *, order_id: UUID, is_folded: bool, reason: str) -> ReviewMoved:
    """Decide about an appeal: the review stays folded, or is shown and counts again, for good.

    :raises ReviewNotFound: there is none. :raises OwnFolding: the actor folded it.
    """
    with transaction(claim) as tx:
        action = ReviewAction.UPHOLD if is_folded else ReviewAction.RESTORE
        return _move(tx, actor, order_id=order_id, action=action, reason=reason)


def _move(tx: Transaction, actor: Actor, *, order_id: UUID, action: ReviewAction, reason: str) -> ReviewMoved:
    row = tx.open_one(_LOCK, {"order_id": order_id})
    if row is None:
        raise ReviewNotFound
    source = ReviewState(row.state)
    target = next_state(REVIEW_TRANSITIONS, source, action, actor.role)
    if action is not ReviewAction.FOLD and row.folded_by_id == actor.account_id:
        raise OwnFolding
    moved = ReviewMoved(review_id=row.review_id, state=target.value)
    _tell(tx, row, moved)
    tx.describe(whom_id=row.account_id)
    tx.keep(moved)
    sign = (target in COUNTED_STATES) - (source in COUNTED_STATES)
    params = {"review_id": row.review_id, "state": target.value, "reason": reason, "by_id": actor.account_id}
    tx.close(_FOLD if action is ReviewAction.FOLD else _DECIDE, {**params, "sign": sign})
    return moved


def _tell(tx: Transaction, row: Row, moved: ReviewMoved) -> None:
    tx.record(
        OrderReviewAnswered(order_id=row.order_id, account_id=row.account_id, shop_id=row.shop_id, state=moved.state)
    )
