"""A resident rates the courier of an order, the courier appeals, the platform decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.core.delivery.errors import NotDelivered, RatingGiven, RatingNotFound, TipTooLate
from app.core.delivery.ratings import Mark
from app.core.delivery.states import RATING_TRANSITIONS, RatingAction, RatingState
from app.core.delivery.tips import TIP_WINDOW
from app.core.orders.errors import OrderNotFound
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK_ORDER = opening(
    """
    SELECT o.order_id, o.delivered_at, d.state, t.courier_id, business_now() AS now
    FROM orders AS o
    LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
    LEFT JOIN trips AS t ON t.trip_id = d.trip_id
    WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o
    """
)
_RATE = closing(
    """
    rated AS (
        INSERT INTO courier_ratings (rating_id, order_id, account_id, courier_id, stars, marks, state, rated_at)
        VALUES (:rating_id, :order_id, :account_id, :courier_id, :stars, CAST(:marks AS jsonb), :state, business_now())
        ON CONFLICT (order_id) DO NOTHING RETURNING rating_id
    )""",
    answer="SELECT count(*) FROM rated",
)
_LOCK_OWN = opening(
    "SELECT rating_id, state FROM courier_ratings WHERE rating_id = :rating_id AND courier_id = :courier_id FOR UPDATE"
)
_LOCK = opening("SELECT rating_id, state, courier_id FROM courier_ratings WHERE rating_id = :rating_id FOR UPDATE")
_APPEAL = closing(
    """
    appealed AS (
        UPDATE courier_ratings SET state = :state, appeal = :reason, appealed_at = business_now()
        WHERE rating_id = :rating_id
    )"""
)
_DECIDE = closing(
    """
    decided AS (
        UPDATE courier_ratings SET state = :state, decision = :reason, decided_at = business_now(),
            decided_by = :decided_by
        WHERE rating_id = :rating_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingMoved:
    """Where a rating stands after an act on it."""

    rating_id: UUID
    state: str


def rate_courier(actor: Actor, claim: Claim, *, order_id: UUID, stars: int, marks: Sequence[Mark]) -> RatingMoved:
    """Rate the courier who brought one's order, once, within seven days.

    :raises OrderNotFound: there is none of the actor's. :raises NotDelivered: no courier has brought it.
    :raises TipTooLate: it was brought long ago. :raises RatingGiven: it was rated.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ORDER, {"order_id": order_id, "account_id": actor.account_id})
        if row is None:
            raise OrderNotFound
        if row.state != "delivered":
            raise NotDelivered
        if row.now > row.delivered_at + TIP_WINDOW:
            raise TipTooLate(days=TIP_WINDOW.days)
        moved = RatingMoved(rating_id=new_id(), state=RatingState.COUNTED.value)
        tx.keep(moved)
        params = {
            "rating_id": moved.rating_id,
            "order_id": order_id,
            "account_id": actor.account_id,
            "courier_id": row.courier_id,
            "stars": stars,
            "marks": orjson.dumps(sorted({mark.value for mark in marks})).decode(),
            "state": moved.state,
        }
        if tx.close(_RATE, params).scalar_one() != 1:
            raise RatingGiven
    return moved


def appeal_rating(actor: Actor, claim: Claim, *, rating_id: UUID, reason: str) -> RatingMoved:
    """Ask the platform to look at a rating of oneself; it does not count while the appeal waits.

    :raises RatingNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"rating_id": rating_id, "courier_id": actor.account_id})
        if row is None:
            raise RatingNotFound
        target = next_state(RATING_TRANSITIONS, RatingState(row.state), RatingAction.APPEAL, actor.role)
        moved = RatingMoved(rating_id=rating_id, state=target.value)
        tx.keep(moved)
        tx.close(_APPEAL, {"rating_id": rating_id, "state": target.value, "reason": reason})
    return moved


def decide_rating(actor: Actor, claim: Claim, *, rating_id: UUID, is_folded: bool, reason: str) -> RatingMoved:
    """Fold a rating that was appealed against, or let it stand, with the reason that its courier reads.

    :raises RatingNotFound: there is none.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"rating_id": rating_id})
        if row is None:
            raise RatingNotFound
        action = RatingAction.FOLD if is_folded else RatingAction.UPHOLD
        target = next_state(RATING_TRANSITIONS, RatingState(row.state), action, actor.role)
        moved = RatingMoved(rating_id=rating_id, state=target.value)
        tx.describe(whom_id=row.courier_id)
        tx.keep(moved)
        params = {"rating_id": rating_id, "state": target.value, "reason": reason, "decided_by": actor.account_id}
        tx.close(_DECIDE, params)
    return moved
