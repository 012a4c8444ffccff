"""What is checked at the counter and at the door: how near one is, what one may carry, and who bears a failure.

Our own rules, not law. Being far away is recorded, and refused only where nothing else speaks for the hand-over.
"""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from app.core.delivery.errors import NotNear
from app.core.delivery.states import FAULT_OF, FailureReason, Fault
from app.kernel.geo import distance_m

NEAR_M = 200
"""Within this one stands at a stop, as well as positioning knows."""
UNPROVEN_M_MAX = 500
"""A hand-over that no code proves is refused when one was last seen farther away than this."""
FRESH_S = 180
"""A position older than this says nothing about where one is now."""
CODE_TRIES_MAX = 5
"""Wrong codes of one courier for one delivery, at the counter and at the door each."""


class HandOverWay(StrEnum):
    """How an order was handed over (交付方式)."""

    CODE = "code"
    """To the resident, who named the code."""
    PHOTO = "photo"
    """Left at the door; a photo shows where."""
    NEIGHBOR = "neighbor"
    """A neighbor took it."""
    LOCKER = "locker"
    """It lies in a locker of the experience store."""


def away_m(seen: tuple[float, float] | None, place: tuple[float, float]) -> int | None:
    """Return how far from ``place`` one was seen last, meters; None when nobody knows."""
    return None if seen is None else distance_m(*seen, *place)


def is_near(meters: int | None) -> bool:
    """Say whether one is known to stand there."""
    return meters is not None and meters <= NEAR_M


def require_near(way: HandOverWay, meters: int | None) -> None:
    """Refuse a hand-over without a code from far away. Where no position is known, it is only recorded.

    :raises NotNear: it is farther than 500 m.
    """
    if way is not HandOverWay.CODE and meters is not None and meters > UNPROVEN_M_MAX:
        raise NotNear(distance_m=meters, distance_m_max=UNPROVEN_M_MAX)


def fault_of(reason: FailureReason, *, is_proven: bool) -> Fault:
    """Return who bears a failed delivery. A resident is not blamed on the courier's word alone.

    :param is_proven: there is a photo, or the courier was seen at the door.
    """
    fault = FAULT_OF[reason]
    return Fault.NOBODY if fault is Fault.RESIDENT and not is_proven else fault


def tries_key(courier_id: UUID, place: str) -> str:
    """Return under which name wrong codes of a courier at ``"counter"`` or ``"door"`` are counted on a delivery."""
    return f"{place}:{courier_id}"


def tries_left(wrong_codes: Mapping[str, int], key: str) -> int:
    """Return how many codes may still be tried. Giving a trip back and taking it again renews none."""
    return CODE_TRIES_MAX - wrong_codes.get(key, 0)
