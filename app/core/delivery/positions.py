"""Where couriers are: which reports are believed, which are kept. Our own rules, not law.

The last position is one row that is overwritten. The trail keeps at most one point a minute, only while a trip is
carried, for thirty days.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.delivery.errors import (
    PositionInFuture,
    PositionTooFar,
    PositionTooOften,
    PositionTooOld,
    TooFarFromHome,
)
from app.kernel.geo import distance_m

AHEAD_MAX = timedelta(seconds=30)
"""How far a phone's clock may be ahead of ours."""
AGE_MAX = timedelta(minutes=5)
"""A place older than this says nothing."""
PAUSE_MIN = timedelta(seconds=1)
"""Reports of one courier are at least so far apart, by wall time."""
SPEED_M_S_MAX = 35.0
"""126 km/h: more than any vehicle of a courier; a report beyond it is a fault or a fraud."""
SLACK_M = 300
"""What positioning itself may err by, in a street between high houses."""
KNOWN_MAX = timedelta(hours=4)
"""A place where one was before this says nothing of where one can be now."""
HOME_M_MAX = 100_000
"""A shift begins within this of the courier's community."""
TRAIL_PAUSE = timedelta(minutes=1)
GRID_DEGREES = 0.001
"""What a resident sees of the place of who carries their order: a grid of about a hundred meters."""
STILL_M = 60
"""Who stays within this of a place stands still, as well as positioning knows."""
STILL_MAX = timedelta(minutes=5)
"""One who has a trip, stands still for so long and not at the counter, does not move with it."""
SILENCE_MAX = timedelta(seconds=90)
"""A courier who was heard before, and not for so long, is offline."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A measured place, WGS-84 degrees."""

    lat: float
    lng: float
    measured_at: datetime


def on_grid(degrees: float) -> float:
    """Return a coordinate as residents see it, rounded to the grid."""
    return round(round(degrees / GRID_DEGREES) * GRID_DEGREES, 3)


@dataclass(frozen=True, slots=True)
class Still:
    """Where one has stood since when, about."""

    lat: float
    lng: float
    since: datetime


def still_of(fix: Fix, *, before: Still | None) -> Still:
    """Return where one stands after a report: where one stood before, unless one went away from there."""
    if before is not None and distance_m(before.lat, before.lng, fix.lat, fix.lng) <= STILL_M:
        return before
    return Still(fix.lat, fix.lng, fix.measured_at)


def believe(fix: Fix, *, last: Fix | None, now: datetime) -> None:
    """Refuse a report that cannot be true.

    :raises PositionInFuture: it was measured after ``now``.
    :raises PositionTooOld: it was measured long ago, or before the last one.
    :raises PositionTooFar: nobody is that fast.
    """
    if fix.measured_at > now + AHEAD_MAX:
        raise PositionInFuture(ahead_s_max=int(AHEAD_MAX.total_seconds()), pointer="/measured_at")
    if fix.measured_at < now - AGE_MAX or (last is not None and fix.measured_at < last.measured_at):
        raise PositionTooOld(age_s_max=int(AGE_MAX.total_seconds()), pointer="/measured_at")
    if last is not None:
        within_reach(fix, of=last)


def within_reach(fix: Fix, *, of: Fix) -> None:
    """Refuse a place to which nobody comes from ``of`` in the time between, whichever of the two was first.

    :raises PositionTooFar: nobody is that fast.
    """
    elapsed = abs(fix.measured_at - of.measured_at)
    moved_m = distance_m(of.lat, of.lng, fix.lat, fix.lng)
    if elapsed <= KNOWN_MAX and moved_m > SLACK_M + SPEED_M_S_MAX * elapsed.total_seconds():
        raise PositionTooFar(distance_m=moved_m, elapsed_s=int(elapsed.total_seconds()), pointer="/lat")


def begin_near(fix: Fix, *, home: tuple[float, float], last: Fix | None) -> None:
    """Refuse a place where a shift cannot begin.

    :param home: the courier's community, WGS-84 degrees. :param last: where one was last known to be, if one was.
    :raises TooFarFromHome: it is far from home. :raises PositionTooFar: nobody is that fast.
    """
    away_m = distance_m(*home, fix.lat, fix.lng)
    if away_m > HOME_M_MAX:
        raise TooFarFromHome(distance_m=away_m, distance_m_max=HOME_M_MAX, pointer="/lat")
    if last is not None:
        within_reach(fix, of=last)


def pace(since_last: timedelta | None) -> None:
    """Refuse a report on the heels of the last.

    :param since_last: wall time since the last report that was kept.
    :raises PositionTooOften: less than a second has passed.
    """
    if since_last is not None and timedelta() <= since_last < PAUSE_MIN:
        raise PositionTooOften(retry_after_s=1)
