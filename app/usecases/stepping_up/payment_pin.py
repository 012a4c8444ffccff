"""The payment PIN: set or reset by a fresh code, changed with the old one, compared under its lock.

A request that carries a PIN takes no Idempotency-Key: the key's row holds a hash of the body, from which six digits
would be found in no time. Its act is left by hand.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.models import CodePurpose
from app.core.notices.models import NoticeKind
from app.core.stepup.errors import PinNotSet, PinWrong
from app.core.stepup.pins import TRIES, Guard, refuse_weak
from app.core.verification.errors import IdentityDiffers
from app.kernel.actor import Actor
from app.kernel.audit import Act, Outcome
from app.kernel.errors import LinliError
from app.kernel.sealing import blind_index, secret_digest, unseal
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row
from app.usecases.people import codes
from app.usecases.people.notices import tell
from app.usecases.people.phones import PHONE_CONTEXT
from app.usecases.verifying.check_identity import NAME_CONTEXT, NUMBER_CONTEXT

WAIT = timedelta(hours=24)
"""How long a PIN waits that took the place of another by the phone alone."""

_READ_OWN = """
    SELECT a.phone_sealed, i.name_sealed, i.number_sealed, i.number_index, clock_timestamp() AS now,
        EXISTS (SELECT 1 FROM payment_pins AS p WHERE p.account_id = a.account_id) AS is_set
    FROM accounts AS a LEFT JOIN identities AS i ON i.account_id = a.account_id
    WHERE a.account_id = :account_id
"""
_OWN, _LOCK_OWN = text(_READ_OWN), text(f"{_READ_OWN} FOR NO KEY UPDATE OF a")
_LOCK = text(
    """
    SELECT digest, tries_left, lock_count, locked_until, clock_timestamp() AS now FROM payment_pins
    WHERE account_id = :account_id FOR UPDATE
    """
)
_GUARD = text(
    """
    UPDATE payment_pins SET tries_left = :tries_left, lock_count = :lock_count, locked_until = :locked_until
    WHERE account_id = :account_id
    """
)
_PUT = text(
    """
    WITH ended AS (
        UPDATE step_up_grants SET expires_at = clock_timestamp()
        WHERE session_id IN (SELECT session_id FROM sessions WHERE account_id = :account_id)
            AND used_at IS NULL AND expires_at > clock_timestamp() AND factor = 'pin'
    )
    INSERT INTO payment_pins (account_id, digest, tries_left) VALUES (:account_id, :digest, :tries_left)
    ON CONFLICT (account_id) DO UPDATE SET digest = excluded.digest, tries_left = excluded.tries_left, lock_count = 0,
        locked_until = CAST(:locked_until AS timestamptz), set_at = clock_timestamp()
    """
)
_STATE = text(
    """
    SELECT p.tries_left, p.locked_until, p.set_at, clock_timestamp() AS now
    FROM (SELECT) AS one LEFT JOIN payment_pins AS p ON p.account_id = :account_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinState:
    """Whether there is a PIN, and whether it may be tried."""

    is_set: bool
    set_at: datetime | None
    is_blocked: bool
    locked_until: datetime | None


def pin_state(actor: Actor) -> PinState:
    """Return how one's PIN stands."""
    row = read(_STATE, {"account_id": actor.account_id}).one()
    is_locked = row.locked_until is not None and row.locked_until > row.now
    return PinState(
        is_set=row.set_at is not None,
        set_at=row.set_at,
        is_blocked=row.set_at is not None and row.locked_until is None and row.tries_left == 0,
        locked_until=row.locked_until if is_locked else None,
    )


def set_pin(actor: Actor, *, pin: str, code: str, name: str | None = None, id_number: str | None = None) -> PinState:
    """Set the payment PIN, the first one or another in place of a lost one, by a fresh code to the own phone.

    Where the account is verified, name and ID number must be those that it is verified for: the phone alone, which may
    be stolen or its number moved, is not enough. Where it is not, a PIN in place of another waits for a day, in which
    its owner may notice. A wrong identity uses the code up: ten a day is how often it can be guessed.

    :raises CodeWrong: of the code. :raises IdentityDiffers: of name and number.
    :raises PinWeak: it is guessed first.
    """
    checked = codes.check_own(actor, CodePurpose.RESET_PIN, code)
    with transaction() as tx:
        own = tx.execute(_LOCK_OWN, {"account_id": actor.account_id}).one()
        refusal = None if is_identity(own, name, id_number) else IdentityDiffers()
        act = Act(verb="pin.write", actor=actor, details={"change": "reset" if own.is_set else "set"})
        if refusal is None:
            refuse_weak(pin, known=_known_digits(own))
            _put(tx, actor.account_id, pin, locked_until=own.now + WAIT if own.number_index is None else None)
            tell(tx, actor.account_id, NoticeKind.PIN_SET)
            tx.leave_act(act)
        else:
            tx.leave_act(replace(act, outcome=Outcome.REFUSED))
        codes.consume(tx, checked)
    if refusal is not None:
        raise refusal
    return pin_state(actor)


def change_pin(actor: Actor, *, old_pin: str, pin: str) -> PinState:
    """Put a new PIN in the place of the old one; grants that the old one bought and that were not used are void.

    :raises PinNotSet, PinLocked, PinBlocked, PinWrong: of the old one. :raises PinWeak: the new one is guessed first.
    """
    act = Act(verb="pin.write", actor=actor, details={"change": "change"})
    with transaction() as tx:
        refusal = try_pin(tx, actor, old_pin, act)
        if refusal is None:
            refuse_weak(pin, known=_known_digits(tx.execute(_OWN, {"account_id": actor.account_id}).one()))
            _put(tx, actor.account_id, pin, locked_until=None)
            tell(tx, actor.account_id, NoticeKind.PIN_SET)
            tx.leave_act(act)
    if refusal is not None:
        raise refusal
    return pin_state(actor)


def is_identity(own: Row, name: str | None, id_number: str | None) -> bool:
    """Say whether the account is not verified, or for this name and number."""
    if own.number_index is None:
        return True
    index = blind_index((id_number or "").strip().upper(), context=NUMBER_CONTEXT)
    held = unseal(own.name_sealed, context=NAME_CONTEXT)
    is_same_name = hmac.compare_digest(held.encode(), (name or "").strip().encode())
    return hmac.compare_digest(bytes(own.number_index), index) and is_same_name


def _put(tx: Transaction, account_id: UUID, pin: str, *, locked_until: datetime | None) -> None:
    """Write a PIN with all its tries; in the place of another one, to be used from ``locked_until`` on."""
    put = {"account_id": account_id, "digest": pin_digest(account_id, pin), "tries_left": TRIES}
    tx.execute(_PUT, {**put, "locked_until": locked_until})


def try_pin(tx: Transaction, actor: Actor, pin: str, act: Act) -> LinliError | None:
    """Lock the actor's PIN and compare; a wrong try is counted and ``act`` left as refused.

    :returns: the refusal to raise when the count is committed, or None when the PIN is right.
    :raises PinNotSet: there is none. :raises PinLocked, PinBlocked: nothing was compared.
    """
    row = tx.execute(_LOCK, {"account_id": actor.account_id}).one_or_none()
    if row is None:
        raise PinNotSet
    held = Guard(tries_left=row.tries_left, lock_count=row.lock_count, locked_until=row.locked_until)
    admitted = held.admit(row.now)
    if hmac.compare_digest(bytes(row.digest), pin_digest(actor.account_id, pin)):
        if held != Guard():
            _keep(tx, actor.account_id, Guard())
        return None
    left = admitted.miss(row.now)
    _keep(tx, actor.account_id, left)
    tx.leave_act(replace(act, outcome=Outcome.REFUSED, details={**act.details, "tries_left": left.tries_left}))
    return PinWrong(pointer="/pin", tries_left=left.tries_left)


def _keep(tx: Transaction, account_id: UUID, guard: Guard) -> None:
    tx.execute(
        _GUARD,
        {
            "account_id": account_id,
            "tries_left": guard.tries_left,
            "lock_count": guard.lock_count,
            "locked_until": guard.locked_until,
        },
    )


def pin_digest(account_id: UUID, pin: str) -> bytes:
    """Return the keyed digest under which a PIN is kept."""
    return secret_digest(pin, purpose="payment pin", context=str(account_id))


def _known_digits(own: Row) -> list[str]:
    """Return digits that others know of a person: the phone number's, and those of the ID number and birthday."""
    known = [unseal(own.phone_sealed, context=PHONE_CONTEXT).lstrip("+")]
    if own.number_sealed is not None:
        number = unseal(own.number_sealed, context=NUMBER_CONTEXT)
        year, month, day = number[8:10], number[10:12], number[12:14]
        known += [number, month + day + year, day + month + year]
    return known
