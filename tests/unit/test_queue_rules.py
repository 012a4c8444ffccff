"""Rules of tickets: numbers by day, who is in time, what ends by itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from app.core.catalog.slots import slots_of
from app.core.queueing.rules import EARLY, HOURS, LATE, ends_at, is_arriving, is_left, number_after
from app.core.queueing.states import OPEN_TICKET_STATES, TicketState
from app.kernel.clock import SHANGHAI
from app.usecases.queueing.desk import slot_rule

TEN = datetime(2026, 3, 5, 10, tzinfo=SHANGHAI)
MOMENT = timedelta(microseconds=1)


def test_numbers_begin_anew_each_day() -> None:
    assert [number_after(7, is_today=True), number_after(7, is_today=False)] == [8, 1]


@pytest.mark.parametrize(
    "now, is_in_time", [(TEN - EARLY - MOMENT, False), (TEN - EARLY, True), (TEN, True), (TEN + LATE, False)]
)
def test_who_has_an_appointment_is_in_time_from_half_an_hour_before_it(now: datetime, *, is_in_time: bool) -> None:
    assert is_arriving(TEN, now) is is_in_time


def test_an_appointment_is_missed_in_the_moment_from_which_nobody_is_in_time() -> None:
    missed_at = ends_at(TEN.date(), TEN)

    assert is_left(TicketState.BOOKED, day=TEN.date(), slot_at=TEN, now=missed_at)
    assert not is_arriving(TEN, missed_at)
    assert is_arriving(TEN, missed_at - MOMENT)


def test_who_is_there_waits_until_the_day_is_over() -> None:
    midnight = datetime(2026, 3, 6, tzinfo=SHANGHAI)

    for state in TicketState:
        left = [is_left(state, day=date(2026, 3, 5), slot_at=None, now=now) for now in (midnight - MOMENT, midnight)]
        assert left == [False, state in OPEN_TICKET_STATES]
    assert not is_left(TicketState.WAITING, day=TEN.date(), slot_at=TEN, now=TEN + LATE)


def test_slots_lie_within_the_usual_hours() -> None:

    begins = [slot.starts_at.astimezone(SHANGHAI) for slot in slots_of(HOURS, slot_rule(30, 2), TEN)]

    assert begins[0] == TEN + timedelta(minutes=30)
    assert {moment.isoweekday() for moment in begins} == {1, 2, 3, 4, 5, 6}
    assert {f"{moment:%H:%M}" for moment in begins} <= {f"{h:02}:{m:02}" for h in range(9, 18) for m in (0, 30)}
    assert not any(12 <= moment.hour + moment.minute / 60 < 13.5 for moment in begins)
