"""Residents sign up for a community event, wait for a place, cancel, and come in by a code that is good once."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.activities.errors import (
    ActivityBegun,
    ActivityCodeRefused,
    ActivityFull,
    ActivityNotFound,
    CheckedInAlready,
    SignupExists,
    SignupNotFound,
)
from app.core.activities.rules import CODE_CHARS, WAITING_MAX, is_admitting
from app.core.activities.states import SIGNUP_TRANSITIONS, ActivityState, SignupAction, SignupState
from app.core.events import SignupMoved
from app.kernel.actor import Actor, Role
from app.kernel.clock import as_text
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.sealing import keyed_digest
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

CODE_CONTEXT = "activity_signups.code"
_ID_CHARS = 32

FOR_ME = """EXISTS (
    SELECT 1 FROM addresses AS d JOIN communities AS c ON c.community_id = d.community_id
    WHERE d.account_id = :account_id AND d.removed_at IS NULL AND c.store_id = a.store_id
      AND (a.community_id IS NULL OR a.community_id = d.community_id))"""
"""Whether an event ``a`` is for the communities of one's addresses."""
_MEMBER = "m.organization_kind = 'store' AND m.account_id = :clerk_id AND m.role = ANY (CAST(:roles AS text[]))"
_LOCK = opening(
    f"""
    SELECT a.activity_id, a.store_id, a.state, a.from_at, a.capacity, a.confirmed_count, a.waiting_count,
        business_now() AS now
    FROM activities AS a WHERE a.activity_id = :activity_id AND {FOR_ME} FOR UPDATE OF a
    """
)
_SIGN_UP = closing(
    """
    counted AS (
        UPDATE activities SET confirmed_count = confirmed_count + CAST(:is_confirmed AS int),
            waiting_count = waiting_count + 1 - CAST(:is_confirmed AS int)
        WHERE activity_id = :activity_id
    ),
    signed AS (
        INSERT INTO activity_signups (signup_id, activity_id, account_id, state, signed_up_at)
        VALUES (:signup_id, :activity_id, :account_id, :state, business_now())
    )"""
)
_LOCK_OWN = opening(
    """
    SELECT a.activity_id, a.store_id, a.from_at, a.state AS activity_state, s.signup_id, s.state,
        business_now() AS now
    FROM activities AS a JOIN activity_signups AS s ON s.activity_id = a.activity_id
    WHERE s.signup_id = :signup_id AND s.account_id = :account_id FOR UPDATE OF a, s
    """
)
_NEXT = text(
    """
    SELECT signup_id, account_id FROM activity_signups WHERE activity_id = :activity_id AND state = 'waiting'
    ORDER BY signup_id LIMIT 1
    """
)
_GIVEN_UP = """
    canceled AS (
        UPDATE activity_signups SET state = :state, ended_at = business_now() WHERE signup_id = :signup_id
    ),
    moved_up AS (
        UPDATE activity_signups SET state = 'confirmed' WHERE signup_id = CAST(:next_id AS uuid)
    ),
    counted AS (
        UPDATE activities SET confirmed_count = confirmed_count - CAST(:place_count AS int),
            waiting_count = waiting_count - CAST(:wait_count AS int)
        WHERE activity_id = :activity_id
    )"""
_CANCEL = closing(_GIVEN_UP)
_GIVE_UP = text(f"WITH {_GIVEN_UP} SELECT 1")
_LOCK_ALL_TO_COME = text(
    """
    SELECT a.activity_id, a.store_id, s.signup_id, s.state
    FROM activities AS a JOIN activity_signups AS s ON s.activity_id = a.activity_id
    WHERE s.account_id = :account_id AND s.state IN ('confirmed', 'waiting') AND a.state = 'published'
      AND a.from_at > business_now()
    ORDER BY a.activity_id FOR UPDATE OF a, s
    """
)
_LOCK_AT_DOOR = opening(
    f"""
    SELECT a.activity_id, a.store_id, a.state AS activity_state, a.from_at, a.until_at, s.signup_id, s.account_id,
        s.state, s.checked_in_at, business_now() AS now
    FROM activities AS a JOIN activity_signups AS s ON s.activity_id = a.activity_id
    JOIN memberships AS m ON m.organization_id = a.store_id AND {_MEMBER}
    WHERE s.signup_id = :signup_id FOR UPDATE OF a, s
    """
)
_CHECK_IN = closing(
    """
    came AS (
        UPDATE activity_signups SET state = :state, checked_in_at = business_now(), checked_in_by_id = :clerk_id
        WHERE signup_id = :signup_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupStands:
    """Where a sign-up stands."""

    signup_id: UUID
    activity_id: UUID
    state: str


def code_of(signup_id: UUID) -> str:
    """Return what the resident shows at the door: derived, never stored."""
    return signup_id.hex + keyed_digest(str(signup_id), context=CODE_CONTEXT).hex()[: CODE_CHARS - _ID_CHARS]


def sign_up(actor: Actor, claim: Claim, *, activity_id: UUID) -> SignupStands:
    """Take a place, or wait for one when all are taken.

    :raises ActivityNotFound: none for one's communities. :raises ActivityBegun: it has begun, is over or canceled.
    :raises ActivityFull: too many wait. :raises SignupExists: one has signed up.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"activity_id": activity_id, "account_id": actor.account_id})
        if row is None:
            raise ActivityNotFound
        if row.state != ActivityState.PUBLISHED or row.now >= row.from_at:
            raise ActivityBegun
        is_confirmed = row.confirmed_count < row.capacity
        if not is_confirmed and row.waiting_count >= WAITING_MAX:
            raise ActivityFull(waiting_max=WAITING_MAX)
        state = SignupState.CONFIRMED if is_confirmed else SignupState.WAITING
        stands = SignupStands(signup_id=new_id(), activity_id=activity_id, state=state.value)
        tx.record(_told(stands, actor.account_id, row.store_id))
        tx.keep(stands)
        params = {"signup_id": stands.signup_id, "activity_id": activity_id, "account_id": actor.account_id}
        try:
            tx.close(_SIGN_UP, {**params, "state": stands.state, "is_confirmed": is_confirmed})
        except IntegrityError:
            raise SignupExists from None
    return stands


def cancel_signup(actor: Actor, claim: Claim, *, signup_id: UUID) -> SignupStands:
    """Give one's place back, to who waits first; or wait no longer.

    :raises SignupNotFound: none of one's own. :raises ActivityBegun: the event has begun.
    :raises IllegalTransition: it was canceled, or one came.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"signup_id": signup_id, "account_id": actor.account_id})
        if row is None:
            raise SignupNotFound
        state = next_state(SIGNUP_TRANSITIONS, SignupState(row.state), SignupAction.CANCEL, actor.role)
        if row.now >= row.from_at:
            raise ActivityBegun
        stands = SignupStands(signup_id=signup_id, activity_id=row.activity_id, state=state.value)
        tx.record(_told(stands, actor.account_id, row.store_id))
        given_up = _let_next_up(tx, row, state)
        tx.keep(stands)
        tx.close(_CANCEL, given_up)
    return stands


def give_up_places(tx: Transaction, account_id: UUID) -> None:
    """Give back the places of somebody who leaves the platform, at events that have not begun, to who waits first."""
    for row in tx.execute(_LOCK_ALL_TO_COME, {"account_id": account_id}).fetchall():
        state = next_state(SIGNUP_TRANSITIONS, SignupState(row.state), SignupAction.CANCEL, Role.RESIDENT)
        tx.execute(_GIVE_UP, _let_next_up(tx, row, state))


def _let_next_up(tx: Transaction, row: Row, state: SignupState) -> dict[str, object]:
    """Tell who waits first that they have the place, if there was one; return what giving the sign-up back writes."""
    had_place = row.state == SignupState.CONFIRMED
    after = tx.execute(_NEXT, {"activity_id": row.activity_id}).one_or_none() if had_place else None
    if after is not None:
        up = next_state(SIGNUP_TRANSITIONS, SignupState.WAITING, SignupAction.MOVE_UP, Role.SYSTEM)
        moved = SignupStands(signup_id=after.signup_id, activity_id=row.activity_id, state=up.value)
        tx.record(_told(moved, after.account_id, row.store_id))
    return {
        "signup_id": row.signup_id,
        "state": state.value,
        "next_id": after.signup_id if after is not None else None,
        "activity_id": row.activity_id,
        "place_count": int(had_place and after is None),
        "wait_count": int(not had_place or after is not None),
    }


def check_in(actor: Actor, claim: Claim, *, code: str) -> SignupStands:
    """Let somebody in by the code that they show; once, whoever scans.

    :raises ActivityCodeRefused: no code of a place at an event of the actor's store that lets people in now.
    :raises CheckedInAlready: somebody came with it before.
    """
    signup_id = UUID(hex=code[:_ID_CHARS])
    is_true = hmac.compare_digest(code_of(signup_id), code)
    with transaction(claim) as tx:
        clerk = {"clerk_id": actor.account_id, "roles": actor.as_member["roles"]}
        row = tx.open_one(_LOCK_AT_DOOR, {**clerk, "signup_id": signup_id})
        if row is None or not is_true or not _lets_in(row):
            raise ActivityCodeRefused
        if row.state == SignupState.ATTENDED:
            raise CheckedInAlready(checked_in_at=as_text(row.checked_in_at))
        if row.state != SignupState.CONFIRMED:
            raise ActivityCodeRefused
        state = next_state(SIGNUP_TRANSITIONS, SignupState.CONFIRMED, SignupAction.CHECK_IN, actor.role)
        stands = SignupStands(signup_id=signup_id, activity_id=row.activity_id, state=state.value)
        tx.record(_told(stands, row.account_id, row.store_id))
        tx.describe(whom_id=row.account_id)
        tx.keep(stands)
        tx.close(_CHECK_IN, {"signup_id": signup_id, "state": state.value, "clerk_id": actor.account_id})
    return stands


def _lets_in(row: Row) -> bool:
    is_open = is_admitting(from_at=row.from_at, until_at=row.until_at, now=row.now)
    return row.activity_state == ActivityState.PUBLISHED and is_open


def _told(stands: SignupStands, account_id: UUID, store_id: UUID) -> SignupMoved:
    return SignupMoved(
        account_id=account_id,
        signup_id=stands.signup_id,
        activity_id=stands.activity_id,
        store_id=store_id,
        state=stands.state,
    )
