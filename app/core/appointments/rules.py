"""Pure rules of appointments: which times are free, what canceling costs, how long one is waited for.

Times are whole minutes since the epoch; days and hours are those of Asia/Shanghai.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.kernel.clock import SHANGHAI
from app.kernel.money import rate_fen

STEP_MINUTES = 30
"""Appointments begin at full and half hours."""
DAYS_AHEAD_MAX = 30
SET_OUT_BEFORE = timedelta(hours=2)
"""How long before the start a provider may say that they are on the way: from then on canceling costs more."""
CHECK_IN_M_MAX = 500
RESIDENT_WAITED_FOR = timedelta(minutes=20)
PROVIDER_WAITED_FOR = timedelta(minutes=60)
NO_SHOW_BP = 5_000
"""What a resident pays who is not there."""
FINISHED_BY_TIME = timedelta(hours=24)
"""After the planned end, a service that nobody has finished is taken for finished."""
CODE_DIGITS = 4

LADDER: tuple[tuple[timedelta, int], ...] = ((timedelta(hours=24), 0), (timedelta(hours=4), 2_000))
"""From how long before the start canceling costs how many basis points; later it costs :data:`LAST_BP`."""
LAST_BP = 5_000
EN_ROUTE_BP = 8_000
"""Once the provider is on the way."""

Busy = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTerms:
    """How long a service takes, the way and the tidying behind it, and how long beforehand it is ordered, minutes."""

    duration_minutes: int = 120
    buffer_minutes: int = 30
    lead_minutes: int = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When one provider works on a day: spans by clock, what is taken, and whether it is a day off."""

    spans: Sequence[Sequence[str]]
    busy: Sequence[Busy]
    is_off: bool


def minute_of(moment: datetime) -> int:
    """Return the minute of an instant, rounded down."""
    return int(moment.timestamp()) // 60


def instant_of(minute: int) -> datetime:
    """Return the instant at which a minute begins, UTC."""
    return datetime.fromtimestamp(minute * 60, tz=UTC)


def _minutes(clock: str) -> int:
    if clock == "24:00":
        return 24 * 60
    moment = time.fromisoformat(clock)
    return moment.hour * 60 + moment.minute


def free_starts(calendar: Calendar, day: date, terms: ServiceTerms, *, now: datetime) -> list[int]:
    """Return the minutes at which a service may begin on ``day``: inside a span whole, clear of what is taken.

    The buffer behind the service has to be free, and may reach beyond the span. Nothing is promised for a day that is
    more than :data:`DAYS_AHEAD_MAX` days ahead.
    """
    if calendar.is_off or (day - now.astimezone(SHANGHAI).date()).days > DAYS_AHEAD_MAX:
        return []
    midnight = minute_of(datetime.combine(day, time(), tzinfo=SHANGHAI))
    earliest = minute_of(now) + terms.lead_minutes
    found = []
    for opens, closes in calendar.spans:
        first = -(-_minutes(opens) // STEP_MINUTES) * STEP_MINUTES
        for clock in range(first, _minutes(closes) - terms.duration_minutes + 1, STEP_MINUTES):
            start = midnight + clock
            end = start + terms.duration_minutes + terms.buffer_minutes
            if start >= earliest and all(
                end <= taken_from or start >= taken_to for taken_from, taken_to in calendar.busy
            ):
                found.append(start)
    return sorted(set(found))


def offered(calendars: Mapping[int, Calendar], day: date, terms: ServiceTerms, *, now: datetime) -> dict[int, int]:
    """Return start minute → how many providers are free for it."""
    counts: dict[int, int] = {}
    for calendar in calendars.values():
        for start in free_starts(calendar, day, terms, now=now):
            counts[start] = counts.get(start, 0) + 1
    return dict(sorted(counts.items()))


def cancel_fee_fen(left_fen: int, *, starts_at: datetime, is_en_route: bool, now: datetime) -> int:
    """Return what canceling costs now: nothing a day before, the more the nearer it is."""
    if is_en_route:
        return rate_fen(left_fen, EN_ROUTE_BP)
    for before, bp in LADDER:
        if now <= starts_at - before:
            return rate_fen(left_fen, bp)
    return rate_fen(left_fen, LAST_BP)


def undone_fen(left_fen: int, done_percent: int) -> int:
    """Return what goes back when ``done_percent`` of a service was done; the shop keeps the odd fen."""
    assert 1 <= done_percent <= 100, "something was done, and no more than all"  # noqa: PLR2004 - percent
    return left_fen * (100 - done_percent) // 100
