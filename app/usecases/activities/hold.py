"""A store publishes a community event or cancels it; the clock reminds of it and ends it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.activities.errors import ActivityBegun, ActivityInvalid, ActivityNotFound
from app.core.activities.rules import AHEAD_MAX, LENGTH_MAX, REMIND_BEFORE, is_possible
from app.core.activities.states import (
    ACTIVITY_TRANSITIONS,
    SIGNUP_TRANSITIONS,
    ActivityAction,
    ActivityState,
    SignupAction,
    SignupState,
)
from app.core.communities.errors import CommunityNotFound, StoreNotFound
from app.core.events import SignupMoved
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

ACTIVITY_REMINDS = "activity_reminds"
"""Timer: a community event begins soon."""
ACTIVITY_ENDS = "activity_ends"
"""Timer: a community event is over."""

_MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_STORE = opening(
    f"""
    SELECT m.organization_id AS store_id, business_now() AS now,
        CAST(:community_id AS uuid) IS NULL OR EXISTS (SELECT 1 FROM communities AS c
            WHERE c.community_id = :community_id AND c.store_id = m.organization_id AND c.merged_into_id IS NULL)
            AS is_in_catchment
    FROM memberships AS m WHERE m.organization_id = :store_id AND {_MEMBER} FOR SHARE OF m
    """
)
_PUBLISH = closing(
    """
    published AS (
        INSERT INTO activities (activity_id, store_id, community_id, title, words, place, from_at, until_at, capacity,
            state, published_by_id, published_at)
        VALUES (:activity_id, :store_id, CAST(:community_id AS uuid), :title, :words, :place, :from_at, :until_at,
            :capacity, :state, :clerk_id, business_now())
    )"""
)
_LOCK = opening(
    f"""
    SELECT a.activity_id, a.store_id, a.state, a.from_at, business_now() AS now
    FROM activities AS a JOIN memberships AS m ON m.organization_id = a.store_id AND {_MEMBER}
    WHERE a.activity_id = :activity_id FOR UPDATE OF a
    """
)
_LOCK_BY_SYSTEM = text(
    "SELECT a.activity_id, a.store_id, a.state FROM activities AS a WHERE a.activity_id = :activity_id FOR UPDATE OF a"
)
_LISTED = text(
    "SELECT signup_id, account_id FROM activity_signups WHERE activity_id = :activity_id AND state = ANY (:states)"
)
_ENDS = """
    ended AS (
        UPDATE activities SET state = :state, ended_at = business_now() WHERE activity_id = :activity_id
    ),
    placed AS (
        UPDATE activity_signups SET state = :with_place, ended_at = business_now()
        WHERE activity_id = :activity_id AND state = 'confirmed'
    ),
    waited AS (
        UPDATE activity_signups SET state = :without_place, ended_at = business_now()
        WHERE activity_id = :activity_id AND state = 'waiting'
    )"""
_END = closing(_ENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityStands:
    """Where a community event stands."""

    activity_id: UUID
    store_id: UUID
    state: str


def publish_activity(  # what an event is made of
    actor: Actor,
    claim: Claim,
    *,
    store_id: UUID,
    community_id: UUID | None,
    from_at: datetime,
    until_at: datetime,
    **about: Any,
) -> ActivityStands:
    """Publish an event for a community of the store's catchment, or for all of it.

    :param about: ``title``, ``words``, ``place`` and ``capacity``.
    :raises StoreNotFound: none of the actor's. :raises CommunityNotFound: none of its catchment.
    :raises ActivityInvalid: it is past, too far ahead, too long, or ends before it begins.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_STORE, {**actor.as_member, "store_id": store_id, "community_id": community_id})
        if row is None:
            raise StoreNotFound
        if not row.is_in_catchment:
            raise CommunityNotFound(pointer="/community_id")
        if not is_possible(from_at=from_at, until_at=until_at, now=row.now):
            raise ActivityInvalid(pointer="/from_at", ahead_days_max=AHEAD_MAX.days, length_days_max=LENGTH_MAX.days)
        stands = ActivityStands(activity_id=new_id(), store_id=store_id, state=ActivityState.PUBLISHED.value)
        tx.schedule(Timer(ACTIVITY_ENDS, stands.activity_id, until_at - row.now))
        if from_at - REMIND_BEFORE > row.now:
            tx.schedule(Timer(ACTIVITY_REMINDS, stands.activity_id, from_at - REMIND_BEFORE - row.now))
        tx.keep(stands)
        params = {"activity_id": stands.activity_id, "store_id": store_id, "community_id": community_id, **about}
        times = {"from_at": from_at, "until_at": until_at}
        tx.close(_PUBLISH, {**params, **times, "state": stands.state, "clerk_id": actor.account_id})
    return stands


def cancel_activity(actor: Actor, claim: Claim, *, activity_id: UUID) -> ActivityStands:
    """Cancel an event before it begins; each who signed up is told.

    :raises ActivityNotFound: none of the actor's store. :raises ActivityBegun: it is too late.
    :raises IllegalTransition: it is over or was canceled.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "activity_id": activity_id})
        if row is None:
            raise ActivityNotFound
        state = next_state(ACTIVITY_TRANSITIONS, ActivityState(row.state), ActivityAction.CANCEL, actor.role)
        if row.now >= row.from_at:
            raise ActivityBegun
        called_off = _after(SignupState.CONFIRMED, SignupAction.CALL_OFF)
        _tell(tx, activity_id, row.store_id, ["confirmed", "waiting"], called_off)
        stands = ActivityStands(activity_id=activity_id, store_id=row.store_id, state=state.value)
        tx.keep(stands)
        tx.close(_END, _ending(activity_id, state, called_off, _after(SignupState.WAITING, SignupAction.CALL_OFF)))
    return stands


def remind_of_activity(tx: Transaction, activity_id: UUID) -> None:
    """Tell each who has a place that the event begins soon."""
    row = tx.execute(_LOCK_BY_SYSTEM, {"activity_id": activity_id}).one()
    if row.state == ActivityState.PUBLISHED:
        _tell(tx, activity_id, row.store_id, ["confirmed"], "reminded")


def end_activity(tx: Transaction, activity_id: UUID) -> None:
    """End an event that was not canceled: who had a place and did not come was absent."""
    row = tx.execute(_LOCK_BY_SYSTEM, {"activity_id": activity_id}).one()
    if row.state != ActivityState.PUBLISHED:
        return
    state = next_state(ACTIVITY_TRANSITIONS, ActivityState.PUBLISHED, ActivityAction.END, Role.SYSTEM)
    absent = _after(SignupState.CONFIRMED, SignupAction.END)
    tx.close(_END, _ending(activity_id, state, absent, _after(SignupState.WAITING, SignupAction.END)))


def _after(state: SignupState, action: SignupAction) -> str:
    return next_state(SIGNUP_TRANSITIONS, state, action, Role.SYSTEM).value


def _ending(activity_id: UUID, state: ActivityState, with_place: str, without_place: str) -> dict[str, object]:
    return {
        "activity_id": activity_id,
        "state": state.value,
        "with_place": with_place,
        "without_place": without_place,
    }


def _tell(tx: Transaction, activity_id: UUID, store_id: UUID, states: list[str], told: str) -> None:
    for one in tx.execute(_LISTED, {"activity_id": activity_id, "states": states}).fetchall():
        tx.record(
            SignupMoved(
                account_id=one.account_id,
                signup_id=one.signup_id,
                activity_id=activity_id,
                store_id=store_id,
                state=told,
            )
        )
