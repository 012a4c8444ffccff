"""When an order under way will come, as it looks now: what is done is known, what is left is as unsure as usual.

The promise is frozen when an order is placed; this is told beside it and moves with every event.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.dispatch.promise import PromiseBook, Spread, promise_of
from app.core.dispatch.travel import STOP_S, ride_s

UNSURE_MIN = 0.1
"""However little is left, a tenth of the usual spread stays."""
PRIOR_SPREAD = PromiseBook().spread
"""Where nothing was measured: the quantiles of what a book begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an order is promised by, frozen at its placement; seconds from its payment.

    :ivar usual_s: when nothing goes wrong. :ivar from_s: one in ten comes before. :ivar by_s: four in five by then.
    """

    usual_s: int
    from_s: int
    by_s: int

    @property
    def spread(self) -> Spread:
        """Return what it was promised with."""
        return Spread(early_s=self.from_s - self.usual_s, late_s=self.by_s - self.usual_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when until when an order comes."""

    earliest_at: datetime
    latest_at: datetime


def told(preparation_s: int, distance_m: int, spread: Spread | None) -> Told:
    """Return the promise of an order to be placed: preparing, the ride, the service at counter and door, and the rest.

    :param spread: what was measured in the zone; None where nothing was.
    """
    usual = preparation_s + ride_s(distance_m) + STOP_S
    promise = promise_of(usual, spread or PRIOR_SPREAD)
    return Told(usual_s=usual, from_s=promise.earliest_s, by_s=promise.latest_s)


def window_of(paid_at: datetime, promise: Told) -> Window:
    """Return the promise as instants, counted from the payment."""
    return Window(
        earliest_at=paid_at + timedelta(seconds=promise.from_s), latest_at=paid_at + timedelta(seconds=promise.by_s)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an order has come.

    :ivar ready_at: when it is or will be ready, as the shop says now; None while the shop has not accepted.
    :ivar distance_m: from counter to door. :ivar to_counter_m: of its courier, where one is assigned and was seen.
    :ivar to_door_m: of its courier, once it is picked up and they were seen.
    """

    now: datetime
    paid_at: datetime
    ready_at: datetime | None
    picked_up_at: datetime | None
    distance_m: int
    to_counter_m: int | None = None
    to_door_m: int | None = None


def estimate(promise: Told, progress: Progress) -> Window:
    """Return from when until when the order comes, as it looks now. What is left decides how wide that is."""
    if progress.ready_at is None:
        return window_of(progress.paid_at, promise)
    usual_at = max(progress.now, _usual_at(progress, progress.ready_at))
    left = (usual_at - progress.now).total_seconds() / max(1, promise.usual_s)
    unsure = min(1.0, max(UNSURE_MIN, left))
    spread = promise.spread
    earliest = max(progress.now, usual_at + timedelta(seconds=round(unsure * spread.early_s)))
    return Window(
        earliest_at=earliest, latest_at=max(earliest, usual_at + timedelta(seconds=round(unsure * spread.late_s)))
    )


def _usual_at(progress: Progress, ready_at: datetime) -> datetime:
    if progress.picked_up_at is not None:
        if progress.to_door_m is not None:
            return progress.now + timedelta(seconds=ride_s(progress.to_door_m) + STOP_S // 2)
        return progress.picked_up_at + timedelta(seconds=ride_s(progress.distance_m) + STOP_S)
    way_s = 0 if progress.to_counter_m is None else ride_s(progress.to_counter_m) + STOP_S // 2
    taken_at = max(ready_at, progress.now + timedelta(seconds=way_s))
    return taken_at + timedelta(seconds=ride_s(progress.distance_m) + STOP_S)
