"""Dispatch as tests need it: communities that offer trips, a matcher that lets a test step in, who is offered what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.delivery.states import DispatchMode
from app.core.dispatch.greedy import NearestPolicy
from app.usecases.dispatching.set_mode import set_mode
from tests.factories import a_claim, an_operator
from tests.factories.rows import look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from app.core.dispatch.problem import Decision, Problem


class InterruptedPolicy(NearestPolicy):
    """Decides as the nearest does, and does ``meanwhile`` when it has decided, before anything is written."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.meanwhile = meanwhile
        self.seen: list[set[UUID]] = []

    def decide(self, problem: Problem) -> Sequence[Decision]:
        self.seen.append({courier.courier_id for courier in problem.couriers})
        decisions = super().decide(problem)
        self.meanwhile()
        return decisions


def let_offer(community_id: UUID, mode: DispatchMode = DispatchMode.BOTH) -> None:
    """Let trips of a community be offered."""
    operator = an_operator()
    set_mode(operator.actor, a_claim(operator), community_id=community_id, mode=mode)


def offers_of(trip_id: UUID) -> list[tuple[UUID, UUID, str]]:
    """Return id, courier and state of a trip's offers, oldest first."""
    rows = look(
        "SELECT trip_offer_id, courier_id, state FROM trip_offers WHERE trip_id = :trip_id ORDER BY trip_offer_id",
        trip_id=trip_id,
    )
    return [(row.trip_offer_id, row.courier_id, row.state) for row in rows]
