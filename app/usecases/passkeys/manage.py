"""Adding, naming and removing passkeys. What lets somebody in or pays is never changed by a session alone.

Adding takes a fresh code for it and, where the account is verified, the name and ID number that it is verified for, as
setting a payment PIN does: the phone may be stolen or its number moved. Or the answer of a passkey that one has. Staff
that needs a passkey and has one adds and removes with that alone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.models import CodePurpose
from app.core.notices.models import NoticeKind
from app.core.passkeys.ceremony import Made, RelyingParty, Unverified, check_made
from app.core.passkeys.errors import (
    LastPasskey,
    PasskeyChallengeNotFound,
    PasskeyInvalid,
    PasskeyKnown,
    PasskeyNeeded,
    PasskeyNotFound,
    PasskeyProofNeeded,
    TooManyPasskeys,
)
from app.core.passkeys.models import ChallengePurpose
from app.core.passkeys.rules import PASSKEYS_MAX, WAIT, may_lose
from app.core.verification.errors import IdentityDiffers
from app.kernel.actor import Actor
from app.kernel.audit import Act, Outcome
from app.kernel.ids import new_id
from app.kernel.sealing import seal, unseal
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row
from app.usecases.passkeys.answers import Answer, answer_own
from app.usecases.passkeys.challenges import Bound, take
from app.usecases.people import codes
from app.usecases.people.notices import tell
from app.usecases.stepping_up.payment_pin import is_identity

NAME_CONTEXT = "passkeys.name"

_STAFF = """
    EXISTS (SELECT 1 FROM memberships AS m
        WHERE m.account_id = a.account_id AND m.organization_kind IN ('store', 'platform'))
"""
_OWN = text(
    f"""
    SELECT {_STAFF} AS is_staff, EXISTS (SELECT 1 FROM passkeys AS k WHERE k.account_id = a.account_id) AS has_passkey
    FROM accounts AS a WHERE a.account_id = :account_id
    """
)
_LOCK_OWN = text(
    f"""
    SELECT i.name_sealed, i.number_index, {_STAFF} AS is_staff, clock_timestamp() AS now
    FROM accounts AS a LEFT JOIN identities AS i ON i.account_id = a.account_id
    WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a
    """
)
_COUNT = text("SELECT count(*) FROM passkeys WHERE account_id = :account_id")
"""Asked once the account is locked: the statement that waits for a lock sees what was there before it waited."""
_ADD = text(
    """
    WITH proven AS (UPDATE sessions SET factor = 'passkey' WHERE session_id = :session_id)
    INSERT INTO passkeys (passkey_id, account_id, credential_id, public_key, sign_count, is_backed_up, name_sealed,
        pays_from)
    VALUES (:passkey_id, :account_id, :credential_id, :public_key, :sign_count, :is_backed_up, :name_sealed, :pays_from)
    ON CONFLICT (credential_id) DO NOTHING
    RETURNING passkey_id, name_sealed, created_at, last_used_at, pays_from, is_backed_up, stopped_at
    """
)
_READ = text(
    """
    SELECT passkey_id, name_sealed, created_at, last_used_at, pays_from, is_backed_up, stopped_at FROM passkeys
    WHERE account_id = :account_id AND passkey_id < :before ORDER BY passkey_id DESC LIMIT :limit
    """
)
_RENAME = text(
    """
    UPDATE passkeys SET name_sealed = :name_sealed WHERE passkey_id = :passkey_id AND account_id = :account_id
    RETURNING passkey_id, name_sealed, created_at, last_used_at, pays_from, is_backed_up, stopped_at
    """
)
_IS_OWN = text("SELECT 1 FROM passkeys WHERE passkey_id = :passkey_id AND account_id = :account_id")
_LOCK_ALL = text(
    "SELECT passkey_id, stopped_at FROM passkeys WHERE account_id = :account_id ORDER BY passkey_id FOR UPDATE"
)
_REMOVE = text(
    """
    WITH ended AS (
        UPDATE step_up_grants SET expires_at = clock_timestamp()
        WHERE session_id IN (SELECT session_id FROM sessions WHERE account_id = :account_id)
            AND used_at IS NULL AND expires_at > clock_timestamp() AND factor = 'passkey'
    )
    DELETE FROM passkeys WHERE passkey_id = :passkey_id
    """
)
_FORGET = text("DELETE FROM passkeys WHERE account_id = :account_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey, as its owner sees it."""

    passkey_id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
    pays_from: datetime
    is_backed_up: bool
    is_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What proves who asks: a fresh code, with the identity of who is verified, or the answer of a passkey."""

    code: str | None = None
    name: str | None = None
    id_number: str | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Proven:
    checked: codes.Checked | None
    pays_from: datetime | None


def passkeys_of(actor: Actor, *, before: UUID, limit: int) -> list[dict[str, Any]]:
    """Return up to ``limit`` passkeys of the actor, newest first."""
    rows = read(_READ, {"account_id": actor.account_id, "before": before, "limit": limit})
    return [_shown(row) for row in rows]


def add_passkey(
    actor: Actor,
    party: RelyingParty,
    *,
    challenge_id: UUID,
    credential: dict[str, Any],
    name: str,
    proof: Proof,
    is_required: bool,
) -> Passkey:
    """Add what a device made for a challenge; the session counts as begun with a passkey from now on.

    :param is_required: whether staff needs a passkey.
    :raises PasskeyChallengeNotFound: it was answered, is another session's, or too old.
    :raises PasskeyInvalid: the credential does not stand up. :raises PasskeyProofNeeded, PasskeyNeeded: of the proof.
    :raises CodeWrong, IdentityDiffers, PasskeyWrong: the proof is wrong.
    :raises TooManyPasskeys: ten are there. :raises PasskeyKnown: it is registered already.
    """
    taken = take(challenge_id, Bound(purpose=ChallengePurpose.REGISTER, session_id=actor.session_id))
    if taken is None:
        raise PasskeyChallengeNotFound
    try:
        made = check_made(party, challenge=taken.challenge, credential=credential)
    except Unverified:
        raise PasskeyInvalid(pointer="/credential") from None
    proven = _prove(actor, party, proof, is_required=is_required)
    act = Act(verb="passkey.write", actor=actor, subject_kind="passkey", details={"change": "add"})
    with transaction() as tx:
        own = tx.execute(_LOCK_OWN, {"account_id": actor.account_id}).one()
        is_refused = proven.checked is not None and not is_identity(own, proof.name, proof.id_number)
        if not is_refused:
            held: int = tx.execute(_COUNT, {"account_id": actor.account_id}).scalar_one()
            if proven.checked is not None and is_required and own.is_staff and held:
                raise PasskeyNeeded
            if held >= PASSKEYS_MAX:
                raise TooManyPasskeys(passkeys_max=PASSKEYS_MAX)
            row = _insert(tx, actor, made, name, _pays_from(own, proven))
            tell(tx, actor.account_id, NoticeKind.PASSKEY_ADDED)
            tx.leave_act(replace(act, subject_id=row.passkey_id))
        else:
            row = None
            tx.leave_act(replace(act, outcome=Outcome.REFUSED))
        if proven.checked is not None:
            codes.consume(tx, proven.checked)
    if row is None:
        raise IdentityDiffers
    return Passkey(**_shown(row))


def rename_passkey(actor: Actor, *, passkey_id: UUID, name: str) -> Passkey:
    """Give a passkey another name.

    :raises PasskeyNotFound: there is none, or it is another's.
    """
    sealed = seal(name, context=NAME_CONTEXT)
    with transaction() as tx:
        given = {"passkey_id": passkey_id, "account_id": actor.account_id, "name_sealed": sealed}
        row = tx.execute(_RENAME, given).one_or_none()
    if row is None:
        raise PasskeyNotFound
    return Passkey(**_shown(row))


def remove_passkey(actor: Actor, party: RelyingParty, *, passkey_id: UUID, proof: Proof, is_required: bool) -> None:
    """Remove a passkey; grants that passkeys bought and that were not used are void.

    :raises PasskeyNotFound: there is none, or it is another's.
    :raises PasskeyProofNeeded, PasskeyNeeded, CodeWrong, PasskeyWrong: of the proof.
    :raises LastPasskey: staff that needs one would be left without one that works.
    """
    asked = {"passkey_id": passkey_id, "account_id": actor.account_id}
    if read(_IS_OWN, asked).first() is None:
        raise PasskeyNotFound
    proven = _prove(actor, party, proof, is_required=is_required)
    with transaction() as tx:
        own = tx.execute(_LOCK_OWN, {"account_id": actor.account_id}).one()
        held = {
            row.passkey_id: row.stopped_at is None for row in tx.execute(_LOCK_ALL, {"account_id": actor.account_id})
        }
        if held.pop(passkey_id, None) is None:
            raise PasskeyNotFound
        if not may_lose(held.values(), is_staff=is_required and own.is_staff):
            raise LastPasskey
        tx.execute(_REMOVE, asked)
        tell(tx, actor.account_id, NoticeKind.PASSKEY_REMOVED)
        tx.leave_act(
            Act(
                verb="passkey.write",
                actor=actor,
                subject_kind="passkey",
                subject_id=passkey_id,
                details={"change": "remove"},
            )
        )
        if proven.checked is not None:
            codes.consume(tx, proven.checked)


def forget_passkeys(account_id: UUID) -> int:
    """Remove all passkeys of somebody who lost them, by an operator of the machine; return how many there were."""
    with transaction() as tx:
        count = tx.execute(_FORGET, {"account_id": account_id}).rowcount
        if count:
            tell(tx, account_id, NoticeKind.PASSKEY_REMOVED)
        tx.leave_act(Act(verb="passkey.forget", actor=None, whom_id=account_id, details={"count": count}))
    return count


def _prove(actor: Actor, party: RelyingParty, proof: Proof, *, is_required: bool) -> _Proven:
    """Check a code, which is still to be consumed, or take a passkey's answer."""
    if proof.answer is not None:
        bound = Bound(purpose=ChallengePurpose.CONFIRM, session_id=actor.session_id)
        return _Proven(None, answer_own(actor, party, proof.answer, bound).pays_from)
    if proof.code is None:
        raise PasskeyProofNeeded
    own = read(_OWN, {"account_id": actor.account_id}).one()
    if is_required and own.is_staff and own.has_passkey:
        raise PasskeyNeeded
    return _Proven(codes.check_own(actor, CodePurpose.ADD_PASSKEY, proof.code), None)


def _pays_from(own: Row, proven: _Proven) -> datetime:
    """Return when a new passkey pays: at once where an identity vouches for it, else as the passkey that does."""
    now: datetime = own.now
    if proven.pays_from is not None:
        return max(now, proven.pays_from)
    return now if own.number_index is not None else now + WAIT


def _insert(tx: Transaction, actor: Actor, made: Made, name: str, pays_from: datetime) -> Row:
    row = tx.execute(
        _ADD,
        {
            "session_id": actor.session_id,
            "passkey_id": new_id(),
            "account_id": actor.account_id,
            "credential_id": made.credential_id,
            "public_key": made.public_key,
            "sign_count": made.sign_count,
            "is_backed_up": made.is_backed_up,
            "name_sealed": seal(name, context=NAME_CONTEXT),
            "pays_from": pays_from,
        },
    ).one_or_none()
    if row is None:
        raise PasskeyKnown
    return row


def _shown(row: Row) -> dict[str, Any]:
    return {
        "passkey_id": row.passkey_id,
        "name": unseal(row.name_sealed, context=NAME_CONTEXT),
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "pays_from": row.pays_from,
        "is_backed_up": row.is_backed_up,
        "is_stopped": row.stopped_at is not None,
    }
