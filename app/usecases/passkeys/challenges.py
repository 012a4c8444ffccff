"""Challenges: made for one purpose, one session or device, answered once, within five minutes.

Taking one uses it up, in a transaction of its own, before the answer is looked at: of two answers at once one is, and a
wrong answer has cost its challenge.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.passkeys.ceremony import CHALLENGE_BYTES, RelyingParty, creation_options, request_options
from app.core.passkeys.models import ChallengePurpose
from app.core.passkeys.rules import LIFETIME
from app.core.privacy.visibility import mask_phone
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.usecases.people.phones import PHONE_CONTEXT, normalize_phone, phone_index
from app.usecases.stepping_up.purposes import Payee

_ADD = text(
    """
    INSERT INTO passkey_challenges (challenge_id, purpose, challenge, session_id, side, device, phone_index, subject_id,
        amount_fen_max, expires_at)
    VALUES (:challenge_id, :purpose, :challenge, :session_id, :side, :device, :phone_index, :subject_id,
        :amount_fen_max, clock_timestamp() + CAST(:lifetime AS interval))
    """
)
_TAKE = text(
    """
    UPDATE passkey_challenges SET used_at = clock_timestamp()
    WHERE challenge_id = :challenge_id AND purpose = :purpose AND used_at IS NULL AND expires_at > clock_timestamp()
        AND session_id IS NOT DISTINCT FROM CAST(:session_id AS uuid)
        AND side IS NOT DISTINCT FROM CAST(:side AS text) AND device IS NOT DISTINCT FROM CAST(:device AS text)
        AND subject_id IS NOT DISTINCT FROM CAST(:subject_id AS uuid)
        AND amount_fen_max IS NOT DISTINCT FROM CAST(:amount_fen_max AS bigint)
    RETURNING challenge, phone_index
    """
)
_OWN = text(
    """
    SELECT a.phone_sealed, ARRAY(SELECT k.credential_id FROM passkeys AS k WHERE k.account_id = a.account_id) AS known
    FROM accounts AS a WHERE a.account_id = :account_id
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a challenge is for, and what it is bound to."""

    purpose: ChallengePurpose
    session_id: UUID | None = None
    side: Side | None = None
    device: str | None = None
    subject_id: UUID | None = None
    amount_fen_max: int | None = None

    @property
    def params(self) -> dict[str, object]:
        """Return it as the statements above take it."""
        return {
            "purpose": self.purpose.value,
            "session_id": self.session_id,
            "side": self.side and self.side.value,
            "device": self.device,
            "subject_id": self.subject_id,
            "amount_fen_max": self.amount_fen_max,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A challenge, as a page hands it to the device."""

    challenge_id: UUID
    expires_in_s: int
    public_key: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A challenge that is used up now. :param phone_index: whose answer it wants, where a phone was named."""

    challenge: bytes
    phone_index: bytes | None


def ask_to_register(actor: Actor, party: RelyingParty) -> Asked:
    """Have a device make a passkey for the asker."""
    own = read(_OWN, {"account_id": actor.account_id}).one()
    challenge_id, challenge = _add(Bound(purpose=ChallengePurpose.REGISTER, session_id=actor.session_id))
    options = creation_options(
        party,
        challenge=challenge,
        user_id=actor.account_id.bytes,
        user_name=mask_phone(unseal(own.phone_sealed, context=PHONE_CONTEXT)),
        known=[bytes(one) for one in own.known],
    )
    return _asked(challenge_id, options)


def ask_to_confirm(actor: Actor, party: RelyingParty) -> Asked:
    """Have one of the asker's passkeys prove who asks."""
    challenge_id, challenge = _add(Bound(purpose=ChallengePurpose.CONFIRM, session_id=actor.session_id))
    return _asked(challenge_id, request_options(party, challenge=challenge))


def ask_to_pay(actor: Actor, party: RelyingParty, payee: Payee, *, amount_fen: int) -> Asked:
    """Have one of the asker's passkeys confirm a payment of up to ``amount_fen``.

    :raises NotFound: what is paid for is nobody's, or another's; the subject says which.
    """
    if read(payee.subject.is_own, payee.asked_by(actor)).first() is None:
        raise payee.subject.absent
    challenge_id, challenge = _add(to_pay(actor, subject_id=payee.subject_id, amount_fen=amount_fen))
    return _asked(challenge_id, request_options(party, challenge=challenge))


def ask_to_sign_in(party: RelyingParty, *, side: Side, device: str, phone: str | None) -> Asked:
    """Have a passkey open a session: anybody's, or that of ``phone``. The answer tells nothing of the phone."""
    bound = Bound(purpose=ChallengePurpose.SIGN_IN, side=side, device=device)
    index = None if phone is None else phone_index(normalize_phone(phone))
    challenge_id, challenge = _add(bound, phone_index=index)
    return _asked(challenge_id, request_options(party, challenge=challenge))


def to_pay(actor: Actor, *, subject_id: UUID, amount_fen: int) -> Bound:
    """Return what a challenge is bound to that confirms a payment."""
    return Bound(
        purpose=ChallengePurpose.PAY,
        session_id=actor.session_id,
        subject_id=subject_id,
        amount_fen_max=amount_fen,
    )


def take(challenge_id: UUID, bound: Bound) -> Taken | None:
    """Use a challenge up, if it is there for this, unused and in time."""
    with transaction() as tx:
        row = tx.execute(_TAKE, {"challenge_id": challenge_id, **bound.params}).one_or_none()
    return None if row is None else Taken(bytes(row.challenge), row.phone_index and bytes(row.phone_index))


def _add(bound: Bound, *, phone_index: bytes | None = None) -> tuple[UUID, bytes]:
    challenge_id, challenge = new_id(), secrets.token_bytes(CHALLENGE_BYTES)
    with transaction() as tx:
        tx.execute(
            _ADD,
            {
                **bound.params,
                "challenge_id": challenge_id,
                "challenge": challenge,
                "phone_index": phone_index,
                "lifetime": LIFETIME,
            },
        )
    return challenge_id, challenge


def _asked(challenge_id: UUID, options: dict[str, Any]) -> Asked:
    return Asked(challenge_id=challenge_id, expires_in_s=int(LIFETIME.total_seconds()), public_key=options)
