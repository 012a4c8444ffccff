"""What dispatch asks of a matching policy: pure, in memory, quick enough for a tick."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTask:
    """A trip that is to be offered. Places are WGS-84 degrees.

    :ivar ready_at: when the shop has it ready, or said that it would.
    :ivar promised_at: when the resident was told that it comes, if they were.
    """

    trip_id: UUID
    shop_id: UUID
    ready_at: datetime
    promised_at: datetime | None
    created_at: datetime
    shop: tuple[float, float]
    door: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeCourier:
    """A courier on shift with a hand free.

    :ivar active_trips: how many trips are under way already.
    :ivar idle_since: when the last trip ended, or the shift began.
    """

    courier_id: UUID
    place: tuple[float, float]
    active_trips: int
    idle_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A candidate for a trip with its cost in minutes, less is better."""

    courier_id: UUID
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A trip and the courier it is offered to, with the best candidates, the chosen among them."""

    trip_id: UUID
    courier_id: UUID
    candidate_count: int
    alternatives: Sequence[Alternative]


class Matcher(Protocol):
    """Decides which trip is offered to whom. No courier and no trip stands in two choices."""

    @property
    def name(self) -> str:
        """Name of the policy, kept with each decision."""

    def match(
        self,
        now: datetime,
        tasks: Sequence[OpenTask],
        couriers: Sequence[FreeCourier],
        excluded: Collection[tuple[UUID, UUID]],
    ) -> Sequence[Choice]:
        """Return who is offered what.

        :param excluded: pairs of trip and courier that are not to be matched at present.
        """
