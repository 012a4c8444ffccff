"""What residents read on their way to become couriers: the quiz, and their own applications."""

from typing import Any

from sqlalchemy import text

from app.core.delivery.training import PASS_PERCENT, QUESTIONS, VERSION
from app.kernel.actor import Actor
from app.kernel.transaction import read

_MINE = text(
    """
    SELECT application_id, community_id, vehicle, state, reason, submitted_at, decided_at FROM courier_applications
    WHERE account_id = :account_id ORDER BY application_id DESC LIMIT 20
    """
)


def training() -> dict[str, Any]:
    """Return the questions of today, without the answers that are right."""
    questions = [
        {
            "zh": question.zh,
            "en": question.en,
            "answers": [{"zh": zh, "en": en} for zh, en in zip(question.answers_zh, question.answers_en, strict=True)],
        }
        for question in QUESTIONS
    ]
    return {"version": VERSION, "pass_percent": PASS_PERCENT, "questions": questions}


def applications(actor: Actor) -> dict[str, Any]:
    """Return one's applications, newest first."""
    return {"items": [dict(row._mapping) for row in read(_MINE, {"account_id": actor.account_id})]}
