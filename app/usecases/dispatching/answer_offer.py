"""The answer to the offer of a trip: accepted, declined, or none in time. An offer is answered once."""

from dataclasses import dataclass
from uuid import UUID

from app.core.delivery.errors import TripOfferNotFound, TripOfferOver
from app.core.delivery.repository import LOCK_OFFER, LOCK_OWN_OFFER, delivery_of
from app.core.delivery.states import (
    DELIVERY_TRANSITIONS,
    TRIP_OFFER_TRANSITIONS,
    DeliveryAction,
    DeliveryState,
    TripOfferAction,
    TripOfferState,
    TripState,
)
from app.core.events import TripClaimed, TripOfferEnded
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.delivering.trips import CLAIM_WRITES, EXPECT_CLAIMED, WHY_NOT_COUNTED, TripMoved, close_claim

TRIP_OFFER_EXPIRES = "trip_offer_expires"
"""Timer: nobody answered the offer."""

_ANSWERED = """
answered AS (
    UPDATE trip_offers SET state = :offer_state, answered_at = business_now()
    WHERE trip_offer_id = :trip_offer_id AND state = 'live'
)"""
_ACCEPT = closing(f"{CLAIM_WRITES}, {_ANSWERED}", expecting=EXPECT_CLAIMED, telling=WHY_NOT_COUNTED)
_LET_GO = closing(
    f"""{_ANSWERED},
    reopened AS (UPDATE deliveries SET state = 'open' WHERE trip_id = :trip_id AND state = 'offered')"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripOfferMoved:
    """What declining answers."""

    trip_offer_id: UUID
    trip_id: UUID
    state: str


def accept_offer(actor: Actor, claim: Claim, *, trip_offer_id: UUID) -> TripMoved:
    """Take the trip that one is offered. Locks as a claim does: orders, trip, deliveries, then offer and shift.

    :raises TripOfferNotFound: there is none to the actor.
    :raises TripOfferOver: it was answered, ran out, or its trip was called off.
    :raises NotOnShift: the courier is not working. :raises TooManyTrips: three trips are under way.
    """
    with transaction(claim) as tx:
        rows = _lock_own(tx, actor, trip_offer_id)
        target = _answer(rows[0], TripOfferAction.ACCEPT, actor.role)
        deliveries = [delivery_of(row) for row in rows]
        if deliveries[0].trip_state is not TripState.OPEN:
            raise TripOfferOver(state=deliveries[0].trip_state.value)
        states = {
            next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.CLAIM, actor.role)
            for delivery in deliveries
            if delivery.state is not DeliveryState.CANCELED
        }
        first = deliveries[0]
        tx.record(TripClaimed(trip_id=first.trip_id, community_id=first.community_id, courier_id=actor.account_id))
        moved = TripMoved(trip_id=first.trip_id, state=TripState.ASSIGNED.value)
        tx.keep(moved)
        close_claim(
            tx,
            _ACCEPT,
            deliveries,
            courier_id=actor.account_id,
            is_grab=False,
            delivery_state=states.pop().value,
            trip_offer_id=trip_offer_id,
            offer_state=target.value,
        )
    return moved


def decline_offer(actor: Actor, claim: Claim, *, trip_offer_id: UUID) -> TripOfferMoved:
    """Leave the trip that one is offered to others. Nothing is held against who declines.

    :raises TripOfferNotFound: there is none to the actor. :raises TripOfferOver: it was answered, or ran out.
    """
    with transaction(claim) as tx:
        rows = _lock_own(tx, actor, trip_offer_id)
        target = _answer(rows[0], TripOfferAction.DECLINE, actor.role)
        moved = TripOfferMoved(trip_offer_id=trip_offer_id, trip_id=rows[0].trip_id, state=target.value)
        tx.keep(moved)
        _let_go(tx, rows[0], target)
    return moved


def expire_offer(tx: Transaction, trip_offer_id: UUID) -> None:
    """End an offer that nobody answered; one that was answered is left alone."""
    rows = tx.open(LOCK_OFFER, {"trip_offer_id": trip_offer_id})
    if rows and rows[0].offer_state == TripOfferState.LIVE:
        target = next_state(TRIP_OFFER_TRANSITIONS, TripOfferState.LIVE, TripOfferAction.EXPIRE, Role.SYSTEM)
        _let_go(tx, rows[0], target)


def _lock_own(tx: Transaction, actor: Actor, trip_offer_id: UUID) -> list[Row]:
    rows = tx.open(LOCK_OWN_OFFER, {"trip_offer_id": trip_offer_id, "courier_id": actor.account_id})
    if not rows:
        raise TripOfferNotFound
    return list(rows)


def _answer(row: Row, action: TripOfferAction, role: Role) -> TripOfferState:
    state = TripOfferState(row.offer_state)
    if state is not TripOfferState.LIVE:
        raise TripOfferOver(state=state.value)
    if row.now >= row.expires_at:
        raise TripOfferOver(state=TripOfferState.EXPIRED.value)
    return next_state(TRIP_OFFER_TRANSITIONS, state, action, role)


def _let_go(tx: Transaction, row: Row, target: TripOfferState) -> None:
    tx.record(
        TripOfferEnded(
            trip_id=row.trip_id,
            community_id=row.community_id,
            courier_id=row.offered_to_id,
            trip_offer_id=row.trip_offer_id,
            state=target.value,
        )
    )
    tx.close(_LET_GO, {"trip_offer_id": row.trip_offer_id, "offer_state": target.value, "trip_id": row.trip_id})
