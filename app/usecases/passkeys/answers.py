"""Answers of passkeys: compared with the key that is kept, counted, and each believed once.

A counter that goes back tells of a copy. Then neither the copy nor the original is believed any more, and the owner is
told: which of the two answered, nobody can say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.notices.models import NoticeKind
from app.core.passkeys.ceremony import RelyingParty, Unverified, check_answer, credential_id_of, is_handle_of
from app.core.passkeys.errors import PasskeyChallengeNotFound, PasskeyRefused, PasskeyWrong
from app.core.passkeys.rules import is_copied
from app.kernel.actor import Actor
from app.kernel.audit import Act, Outcome
from app.kernel.transaction import Transaction, read, transaction
from app.kernel.wire import Row
from app.usecases.passkeys.challenges import Bound, Taken, take
from app.usecases.people.notices import tell

_FIND = text(
    """
    SELECT k.passkey_id, k.account_id, k.public_key, k.pays_from, a.phone_index, a.state
    FROM passkeys AS k JOIN accounts AS a ON a.account_id = k.account_id
    WHERE k.credential_id = :credential_id AND k.stopped_at IS NULL
    """
)
_LOCK = text("SELECT sign_count FROM passkeys WHERE passkey_id = :passkey_id AND stopped_at IS NULL FOR UPDATE")
_COUNT = text(
    "UPDATE passkeys SET sign_count = :sign_count, last_used_at = clock_timestamp() WHERE passkey_id = :passkey_id"
)
_STOP = text("UPDATE passkeys SET stopped_at = clock_timestamp() WHERE passkey_id = :passkey_id")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device answered, and to which challenge."""

    challenge_id: UUID
    credential: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A passkey whose signature is right; its counter is not looked at yet."""

    row: Row
    sign_count: int

    @property
    def account_id(self) -> UUID:
        """Whose it is."""
        found: UUID = self.row.account_id
        return found


@dataclass(frozen=True, slots=True)
class Used:
    """A passkey that has answered. :param pays_from: when it may confirm payments."""

    passkey_id: UUID
    pays_from: datetime


def answer_own(actor: Actor, party: RelyingParty, answer: Answer, bound: Bound) -> Used:
    """Take an answer of one of the actor's own passkeys.

    :raises PasskeyChallengeNotFound: there is no such challenge to answer any more.
    :raises PasskeyWrong: the answer does not stand up, or is another's; the challenge is used up.
    """
    taken = take(answer.challenge_id, bound)
    if taken is None:
        raise PasskeyChallengeNotFound
    found = find(party, taken, answer.credential)
    if found is None or found.account_id != actor.account_id:
        raise PasskeyWrong
    with transaction() as tx:
        is_used = use(tx, found)
    if not is_used:
        raise PasskeyWrong
    return Used(found.row.passkey_id, found.row.pays_from)


def find(party: RelyingParty, taken: Taken, credential: Mapping[str, Any]) -> Found | None:
    """Return the passkey that answered ``taken``, or None where the answer does not stand up."""
    try:
        row = read(_FIND, {"credential_id": credential_id_of(credential)}).one_or_none()
        if row is None or not is_handle_of(credential, row.account_id.bytes):
            return None
        if taken.phone_index is not None and bytes(row.phone_index) != taken.phone_index:
            return None
        counted = check_answer(
            party, challenge=taken.challenge, credential=credential, public_key=bytes(row.public_key)
        )
    except Unverified:
        return None
    return Found(row, counted)


def use(tx: Transaction, found: Found) -> bool:
    """Count an answer under the passkey's lock. A copy stops the passkey, for good, and the owner is told.

    :returns: whether the answer counts; commit in either case.
    :raises PasskeyRefused: it was removed or stopped meanwhile.
    """
    passkey_id = found.row.passkey_id
    held = tx.execute(_LOCK, {"passkey_id": passkey_id}).one_or_none()
    if held is None:
        raise PasskeyRefused
    if not is_copied(held.sign_count, found.sign_count):
        tx.execute(_COUNT, {"passkey_id": passkey_id, "sign_count": found.sign_count})
        return True
    tx.execute(_STOP, {"passkey_id": passkey_id})
    tell(tx, found.account_id, NoticeKind.PASSKEY_STOPPED)
    tx.leave_act(
        Act(
            verb="passkey.stop",
            actor=None,
            subject_kind="passkey",
            subject_id=passkey_id,
            whom_id=found.account_id,
            outcome=Outcome.REFUSED,
        )
    )
    return False
