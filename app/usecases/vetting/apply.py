"""A resident trains and applies to be a courier (管家入驻). Adults only: verification asks an age of 18."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.communities.errors import CommunityNotFound
from app.core.delivery.errors import (
    AlreadyCourier,
    ApplicationWaits,
    QuizAnswersWrong,
    QuizTriesUsed,
    QuizVersionOld,
    TrainingNeeded,
)
from app.core.delivery.models import Vehicle
from app.core.delivery.states import ApplicationState
from app.core.delivery.training import PASS_PERCENT, QUESTIONS, TRIES_A_DAY_MAX, VERSION, score_percent
from app.core.verification.levels import Level, require_level
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK_TRIES = opening(
    """
    SELECT a.account_id, (SELECT count(*) FROM training_records AS r WHERE r.account_id = a.account_id
        AND r.taken_at > business_now() - interval '1 day') AS tries
    FROM accounts AS a WHERE a.account_id = :account_id FOR NO KEY UPDATE
    """
)
_RECORD = closing(
    """
    taken AS (
        INSERT INTO training_records (record_id, account_id, version, percent, is_passed, taken_at)
        VALUES (:record_id, :account_id, :version, :percent, :is_passed, business_now())
    )"""
)
_LOCK_APPLICANT = opening(
    """
    SELECT a.account_id, a.verification_level,
        EXISTS (SELECT 1 FROM couriers AS k WHERE k.courier_id = a.account_id) AS is_courier,
        EXISTS (SELECT 1 FROM communities AS c WHERE c.community_id = :community_id AND c.merged_into_id IS NULL)
            AS is_place,
        EXISTS (SELECT 1 FROM courier_applications AS p WHERE p.account_id = a.account_id AND p.state = 'submitted')
            AS is_waiting,
        EXISTS (SELECT 1 FROM training_records AS r WHERE r.account_id = a.account_id AND r.is_passed
            AND r.version = :version) AS is_trained
    FROM accounts AS a WHERE a.account_id = :account_id FOR NO KEY UPDATE
    """
)
_APPLY = closing(
    """
    applied AS (
        INSERT INTO courier_applications (application_id, account_id, community_id, vehicle, state, submitted_at)
        VALUES (:application_id, :account_id, :community_id, :vehicle, :state, business_now())
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuizTaken:
    """How the quiz went."""

    record_id: UUID
    version: int
    percent: int
    is_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationMoved:
    """Where an application stands."""

    application_id: UUID
    state: str


def take_quiz(actor: Actor, claim: Claim, *, version: int, answers: Sequence[int]) -> QuizTaken:
    """Answer the training quiz; each try is kept. The lock on the account counts tries one by one.

    :raises QuizVersionOld: the questions have changed. :raises QuizAnswersWrong: not one answer for each question.
    :raises QuizTriesUsed: three tries in 24 hours are enough.
    """
    if version != VERSION:
        raise QuizVersionOld(pointer="/version", version=VERSION)
    if len(answers) != len(QUESTIONS):
        raise QuizAnswersWrong(pointer="/answers", questions=len(QUESTIONS))
    percent = score_percent(answers)
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_TRIES, {"account_id": actor.account_id})
        assert row is not None, "who comes in has an account"
        if row.tries >= TRIES_A_DAY_MAX:
            raise QuizTriesUsed(tries_max=TRIES_A_DAY_MAX)
        taken = QuizTaken(record_id=new_id(), version=version, percent=percent, is_passed=percent >= PASS_PERCENT)
        tx.keep(taken)
        tx.close(
            _RECORD,
            {
                "record_id": taken.record_id,
                "account_id": actor.account_id,
                "version": version,
                "percent": percent,
                "is_passed": taken.is_passed,
            },
        )
    return taken


def apply_as_courier(actor: Actor, claim: Claim, *, community_id: UUID, vehicle: Vehicle) -> ApplicationMoved:
    """Apply to deliver in a community; its store decides.

    :raises LevelTooLow: who applies is verified to level II, which nobody below 18 is.
    :raises TrainingNeeded: the quiz of today was not passed. :raises CommunityNotFound: there is none.
    :raises AlreadyCourier: one is a courier. :raises ApplicationWaits: one application waits already.
    """
    params = {"account_id": actor.account_id, "community_id": community_id, "version": VERSION}
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_APPLICANT, params)
        assert row is not None, "who comes in has an account"
        if not row.is_place:
            raise CommunityNotFound(pointer="/community_id")
        if row.is_courier:
            raise AlreadyCourier
        if row.is_waiting:
            raise ApplicationWaits
        require_level(Level(row.verification_level), Level.TWO)
        if not row.is_trained:
            raise TrainingNeeded(pass_percent=PASS_PERCENT)
        moved = ApplicationMoved(application_id=new_id(), state=ApplicationState.SUBMITTED.value)
        tx.keep(moved)
        tx.close(
            _APPLY,
            {
                "application_id": moved.application_id,
                "account_id": actor.account_id,
                "community_id": community_id,
                "vehicle": vehicle.value,
                "state": moved.state,
            },
        )
    return moved
