"""Pure rules of tickets and appointments: who is next, and what may be booked."""

from datetime import date, datetime, time, timedelta

from app.core.queueing.states import OPEN_TICKET_STATES, TicketState
from app.kernel.clock import SHANGHAI

SLOT_MINUTES, SLOT_CAPACITY = 30, 2
"""Where a store says nothing else: how long a slot is, and how many people are served in one."""
SLOT_MINUTES_MIN, SLOT_MINUTES_MAX, SLOT_CAPACITY_MAX = 15, 240, 20
DAYS_AHEAD = 14
LEAD_MINUTES = 30
BOOKINGS_MAX = 3
"""How many appointments a person may have at all stores."""
WAITING_MAX = 200
"""How many people may wait at one store."""
EARLY, LATE = timedelta(minutes=30), timedelta(minutes=15)
"""From when until when who has an appointment is taken as being there; after that it was missed."""
HOURS = {str(day): [["09:00", "12:00"], ["13:30", "17:30"]] for day in range(1, 7)}
"""When the desk of a store serves that has said nothing else: Monday to Saturday."""


def is_arriving(slot_at: datetime, now: datetime) -> bool:
    """Say whether who has an appointment at ``slot_at`` is in time at ``now``."""
    return slot_at - EARLY <= now < slot_at + LATE


def number_after(last_number: int, *, is_today: bool) -> int:
    """Return the number of the next ticket of a store, whose last one was given today or on another day."""
    return last_number + 1 if is_today else 1


def ends_at(day: date, slot_at: datetime | None) -> datetime:
    """Return when a ticket ends by itself: an appointment when it was missed, another at the end of its day."""
    if slot_at is not None:
        return slot_at + LATE
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=SHANGHAI)


def is_left(state: TicketState, *, day: date, slot_at: datetime | None, now: datetime) -> bool:
    """Say whether a ticket is open that should have ended by ``now``."""
    if state not in OPEN_TICKET_STATES:
        return False
    return now >= ends_at(day, slot_at if state is TicketState.BOOKED else None)
