"""Wanting more risk than one's level (风险不匹配确认): asked for, thought over for a day, confirmed, good for a month.

It belongs to one assessment: whoever is assessed anew has asked for nothing. The lowest level never gets above itself.
Source: 证券期货投资者适当性管理办法 (证监会令第130号), articles 19 and 20; the cooling time is ours.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.wealth.dates import today
from app.core.wealth.errors import AcceptanceCooling, AcceptanceNotFound, AcceptanceRefused, AssessmentNeeded
from app.core.wealth.suitability import LOWEST, QUESTIONNAIRE_VERSION
from app.kernel.actor import Actor
from app.kernel.clock import as_text
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction

COOLING = timedelta(hours=24)
GOOD_FOR = timedelta(days=30)

_LATEST = """
    (SELECT s.assessment_id FROM risk_assessments AS s WHERE s.account_id = :account_id
        ORDER BY s.assessment_id DESC LIMIT 1)
"""
_TO_ASK = opening(
    f"""
    SELECT r.assessment_id, r.level, r.questionnaire_version AS version, r.expires_on, business_now() AS now
    FROM accounts AS a LEFT JOIN risk_assessments AS r ON r.assessment_id = {_LATEST}
    WHERE a.account_id = :account_id FOR NO KEY UPDATE OF a
    """
)
_ASKED = closing(
    """
    asked AS (
        INSERT INTO risk_acceptances (acceptance_id, account_id, assessment_id, risk_level, asked_at, ready_at,
            expires_at)
        VALUES (:acceptance_id, :account_id, :assessment_id, :risk_level, business_now(), :ready_at, :expires_at)
    )"""
)
_TO_CONFIRM = opening(
    f"""
    SELECT x.risk_level, x.ready_at, x.expires_at, x.confirmed_at, business_now() AS now
    FROM risk_acceptances AS x
    WHERE x.acceptance_id = :acceptance_id AND x.account_id = :account_id AND x.assessment_id = {_LATEST}
    FOR NO KEY UPDATE OF x
    """
)
_CONFIRMED = closing(
    """
    confirmed AS (
        UPDATE risk_acceptances SET confirmed_at = coalesce(confirmed_at, business_now())
        WHERE acceptance_id = :acceptance_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """That somebody wants products up to a risk, and from when on it can be confirmed."""

    acceptance_id: UUID
    risk_level: int
    ready_at: datetime
    is_confirmed: bool


def ask_acceptance(actor: Actor, claim: Claim, *, risk_level: int) -> Acceptance:
    """Say that one wants products above one's level.

    :raises AssessmentNeeded: there is no assessment that counts.
    :raises AcceptanceRefused: at the lowest level, or for a risk that one's level covers.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_TO_ASK, {"account_id": actor.account_id})
        assert row is not None, "who has a token has an account"
        is_current = row.version == QUESTIONNAIRE_VERSION and row.expires_on > today(row.now)
        if not is_current:
            raise AssessmentNeeded(version=QUESTIONNAIRE_VERSION)
        if row.level == LOWEST or risk_level <= row.level:
            raise AcceptanceRefused(pointer="/risk_level", level=row.level)
        asked = Acceptance(
            acceptance_id=new_id(), risk_level=risk_level, ready_at=row.now + COOLING, is_confirmed=False
        )
        tx.describe(details={"risk_level": risk_level})
        tx.keep(asked)
        tx.close(
            _ASKED,
            {
                "acceptance_id": asked.acceptance_id,
                "account_id": actor.account_id,
                "assessment_id": row.assessment_id,
                "risk_level": risk_level,
                "ready_at": asked.ready_at,
                "expires_at": asked.ready_at + GOOD_FOR,
            },
        )
    return asked


def confirm_acceptance(actor: Actor, claim: Claim, *, acceptance_id: UUID) -> Acceptance:
    """Confirm it when the cooling time is over.

    :raises AcceptanceNotFound: there is none of the actor's that belongs to their latest assessment.
    :raises AcceptanceCooling: a day has not gone by, or more than a month has since.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_TO_CONFIRM, {"account_id": actor.account_id, "acceptance_id": acceptance_id})
        if row is None:
            raise AcceptanceNotFound
        if not row.ready_at <= row.now < row.expires_at:
            raise AcceptanceCooling(ready_at=as_text(row.ready_at))
        confirmed = Acceptance(
            acceptance_id=acceptance_id, risk_level=row.risk_level, ready_at=row.ready_at, is_confirmed=True
        )
        tx.describe(details={"risk_level": row.risk_level})
        tx.keep(confirmed)
        tx.close(_CONFIRMED, {"acceptance_id": acceptance_id})
    return confirmed
