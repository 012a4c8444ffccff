"""Consents (同意记录): who agreed to which version of what, and when; every change is a row, and none is changed.

Marketing and profiling are off until somebody turns them on. Nothing is ranked by a person today: shops stand by their
distance, offers by their place on the shelf. What would do so asks :func:`is_given` first.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.privacy.errors import ConsentVersionOld
from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS, Purpose
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import read, transaction

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


def say_consent(actor: Actor, *, purpose: Purpose, version: str, is_given: bool) -> None:
    """Record that one agrees, or no longer does, to a version of ``purpose``.

    :raises ConsentVersionOld: one agrees to a text that is not in force; a yes is taken back in any version.
    """
    if is_given and version != CURRENT_VERSIONS[purpose]:
        raise ConsentVersionOld(pointer="/version", version=CURRENT_VERSIONS[purpose])
    with transaction() as tx:
        tx.execute(
            _GIVE,
            {
                "consent_id": new_id(),
                "account_id": actor.account_id,
                "purpose": purpose.value,
                "version": version,
                "is_given": is_given,
            },
        )


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
