"""People on their way to become couriers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.delivery.models import Vehicle
from app.core.delivery.training import QUESTIONS, VERSION
from app.core.verification.levels import Level
from app.usecases.vetting.apply import apply_as_courier, take_quiz
from tests.factories import a_claim, a_resident

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories import Person

RIGHT = [question.right for question in QUESTIONS]


def a_trained_resident(level: Level = Level.THREE) -> Person:
    """Return a resident who passed the quiz of today."""
    person = a_resident(level=level)
    take_quiz(person.actor, a_claim(person), version=VERSION, answers=RIGHT)
    return person


def an_application(community_id: UUID, person: Person | None = None) -> tuple[UUID, Person]:
    """Return the id of an application to deliver in a community, and who applies."""
    person = person or a_trained_resident()
    moved = apply_as_courier(person.actor, a_claim(person), community_id=community_id, vehicle=Vehicle.E_BIKE)
    return moved.application_id, person
