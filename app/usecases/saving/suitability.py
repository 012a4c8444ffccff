"""A person's risk questionnaire, and the documents that they agreed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core.verification.levels import WEALTH_LEVEL_MIN, require_level
from app.core.wealth.dates import today
from app.core.wealth.errors import DocumentVersionUnknown
from app.core.wealth.suitability import (
    DOCUMENTS,
    QUESTIONNAIRE_VERSION,
    TERM_DOCUMENTS,
    VALID_YEARS,
    Assessment,
    assess,
)
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, read, transaction
from app.kernel.wire import Row

PROFILE = """
    (SELECT row_to_json(r) FROM (SELECT s.level, s.questionnaire_version AS version, s.expires_on,
        coalesce((SELECT max(x.risk_level) FROM risk_acceptances AS x WHERE x.assessment_id = s.assessment_id
            AND x.confirmed_at IS NOT NULL AND x.expires_at > business_now()), 0) AS accepted_level
        FROM risk_assessments AS s
        WHERE s.account_id = :account_id ORDER BY s.assessment_id DESC LIMIT 1) AS r) AS assessment,
    (SELECT json_agg(json_build_array(c.kind, c.version)) FROM document_consents AS c
        WHERE c.account_id = :account_id) AS consents
"""
"""What an opening reads to judge suitability: see :func:`assessment_in` and :func:`consents_in`."""

_ACCOUNT = opening(
    "SELECT a.verification_level, business_now() AS now FROM accounts AS a WHERE a.account_id = :account_id"
)
_TAKE = closing(
    """
    taken AS (
        INSERT INTO risk_assessments (assessment_id, account_id, questionnaire_version, answers, score, level, taken_at,
            expires_on)
        VALUES (:assessment_id, :account_id, :version, to_jsonb(CAST(:answers AS bigint[])), :score, :level,
            business_now(), :expires_on)
    )"""
)
_CONSENT = closing(
    """
    consented AS (
        INSERT INTO document_consents (account_id, kind, version, consented_at)
        VALUES (:account_id, :kind, :version, business_now()) ON CONFLICT DO NOTHING
    )"""
)
_MINE = text(f"SELECT business_now() AS now, {PROFILE} FROM (SELECT) AS one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """A person's level, 1 (C1) to 5 (C5), until a day a year later."""

    assessment_id: UUID
    score: int
    level: int
    version: int
    expires_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented:
    """A version of a document that was agreed to."""

    kind: str
    version: int


def assessment_in(row: Row) -> Assessment | None:
    """Return the latest assessment that :data:`PROFILE` found."""
    found = row.assessment
    return None if found is None else Assessment(
        found["level"], found["version"], date.fromisoformat(found["expires_on"]), found["accepted_level"]
    )  # fmt: skip


def consents_in(row: Row) -> set[tuple[str, int]]:
    """Return kinds and versions of the documents that :data:`PROFILE` found."""
    return {(kind, version) for kind, version in row.consents or ()}


def take_questionnaire(actor: Actor, claim: Claim, *, version: int, answers: Sequence[int]) -> Assessed:
    """Answer the risk questionnaire; the level counts for a year.

    :raises VerificationNeeded: below level III nobody buys wealth products.
    :raises AnswersInvalid: of another version, or not one answer a question.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_ACCOUNT, {"account_id": actor.account_id})
        assert row is not None, "who has a token has an account"
        require_level(row.verification_level, WEALTH_LEVEL_MIN)
        score, level = assess(answers, version)
        begins = today(row.now)
        ends = date(begins.year + VALID_YEARS, begins.month, min(begins.day, 28 if begins.month == 2 else begins.day))  # noqa: PLR2004 - February
        taken = Assessed(assessment_id=new_id(), score=score, level=level, version=version, expires_on=ends)
        tx.describe(details={"level": level})
        tx.keep(taken)
        tx.close(
            _TAKE,
            {
                "assessment_id": taken.assessment_id,
                "account_id": actor.account_id,
                "version": version,
                "answers": list(answers),
                "score": score,
                "level": level,
                "expires_on": ends,
            },
        )
    return taken


def consent_to_document(actor: Actor, claim: Claim, *, kind: str, version: int) -> Consented:
    """Agree to a document in its version of today.

    :raises DocumentVersionUnknown: there is no such document, or its version of today is another.
    """
    if (kind, version) not in {(document.kind, document.version) for document in (*DOCUMENTS, *TERM_DOCUMENTS)}:
        raise DocumentVersionUnknown(pointer="/version")
    with transaction(claim) as tx:
        tx.open_one(_ACCOUNT, {"account_id": actor.account_id})
        consented = Consented(kind=kind, version=version)
        tx.keep(consented)
        tx.close(_CONSENT, {"account_id": actor.account_id, "kind": kind, "version": version})
    return consented


def profile(actor: Actor) -> dict[str, object]:
    """Return one's level, whether it counts today, and the documents that one agreed to."""
    row = read(_MINE, {"account_id": actor.account_id}).one()
    found = assessment_in(row)
    is_current = found is not None and found.version == QUESTIONNAIRE_VERSION and found.expires_on > today(row.now)
    return {
        "level": None if found is None else found.level,
        "expires_on": None if found is None else found.expires_on,
        "is_current": is_current,
        "consents": [{"kind": kind, "version": version} for kind, version in sorted(consents_in(row))],
    }
