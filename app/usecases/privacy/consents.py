"""Consents (同意记录): who agreed to which version of what, and when; every change is a row, and none is changed.

Terms and privacy policy in force are agreed to before a person orders, tops up, is verified or applies: the statement
that reads whether somebody is in standing, or opens the use case, reads that along (:data:`HAS_AGREED`). A new version
has everybody asked anew. Marketing and profiling are off until somebody turns them on; what would rank by a person or
write to them for sale asks :func:`is_given` first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.privacy.errors import ConsentNeeded, ConsentVersionOld
from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS, Purpose
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction, read, transaction

_GIVE = text(
    """
    INSERT INTO consents (consent_id, account_id, purpose, version, is_given, said_at)
    VALUES (:consent_id, :account_id, :purpose, :version, :is_given, clock_timestamp())
    """
)
_LATEST = text(
    """
    SELECT DISTINCT ON (purpose) purpose, version, is_given, said_at FROM consents
    WHERE account_id = :account_id ORDER BY purpose, consent_id DESC
    """
)


HAS_AGREED = """
    NOT EXISTS (
        SELECT 1 FROM (VALUES ('terms', CAST(:terms_version AS text)), ('privacy', CAST(:privacy_version AS text)))
            AS w (purpose, version)
        WHERE NOT coalesce((
            SELECT l.is_given AND l.version = w.version FROM consents AS l
            WHERE l.account_id = :account_id AND l.purpose = w.purpose ORDER BY l.consent_id DESC LIMIT 1), false))
"""
"""Whether ``:account_id`` agrees to terms and privacy policy in force; takes :func:`versions_in_force` along."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Somebody agrees to a version of what is asked for."""

    purpose: Purpose
    version: str


def versions_in_force() -> dict[str, object]:
    """Return the parameters of :data:`HAS_AGREED`."""
    return {f"{purpose.value}_version": CURRENT_VERSIONS[purpose] for purpose in sorted(ASKED_FOR)}


def consent_needed() -> ConsentNeeded:
    """Return the refusal of whoever has not agreed."""
    return ConsentNeeded(versions={purpose.value: CURRENT_VERSIONS[purpose] for purpose in sorted(ASKED_FOR)})


def agree(tx: Transaction, account_id: UUID, agreements: Sequence[Agreement]) -> None:
    """Record what somebody agrees to along with something else, such as signing in.

    :raises ConsentVersionOld: to a text that is not in force.
    """
    for one in agreements:
        if one.version != CURRENT_VERSIONS[one.purpose]:
            raise ConsentVersionOld(pointer="/agreements", version=CURRENT_VERSIONS[one.purpose])
        tx.execute(_GIVE, _given(account_id, one.purpose, one.version, is_given=True))


def is_given(account_id: UUID, purpose: Purpose) -> bool:
    """Say whether somebody agrees to ``purpose`` in the version in force; without a word, no."""
    stands = next(one for one in consents_of(account_id) if one["purpose"] == purpose)
    return bool(stands["is_given"]) and stands["version"] == CURRENT_VERSIONS[purpose]


def _given(account_id: UUID, purpose: Purpose, version: str, *, is_given: bool) -> dict[str, object]:
    return {
        "consent_id": new_id(),
        "account_id": account_id,
        "purpose": purpose.value,
        "version": version,
        "is_given": is_given,
    }


def say_consent(actor: Actor, *, purpose: Purpose, version: str, is_given: bool) -> None:
    """Record that one agrees, or no longer does, to a version of ``purpose``.

    :raises ConsentVersionOld: one agrees to a text that is not in force; a yes is taken back in any version.
    """
    if is_given and version != CURRENT_VERSIONS[purpose]:
        raise ConsentVersionOld(pointer="/version", version=CURRENT_VERSIONS[purpose])
    with transaction() as tx:
        tx.execute(_GIVE, _given(actor.account_id, purpose, version, is_given=is_given))


def consents_of(account_id: UUID) -> list[dict[str, object]]:
    """Return how each purpose stands; one that nobody spoke about is not given.

    A client asks for what is ``is_asked``: terms and privacy, until the version in force was agreed to.
    """
    said = {row.purpose: row._mapping for row in read(_LATEST, {"account_id": account_id})}
    return [_standing(purpose, said.get(purpose.value, {})) for purpose in Purpose]


def _standing(purpose: Purpose, said: Mapping[str, Any]) -> dict[str, object]:
    current = CURRENT_VERSIONS[purpose]
    stands = {"purpose": purpose.value, "version": None, "is_given": False, "said_at": None, **said}
    is_agreed = stands["is_given"] and stands["version"] == current
    return {**stands, "current_version": current, "is_asked": purpose in ASKED_FOR and not is_agreed}
