"""Tickets at the desk of a store as doors show them."""

from app.core.queueing.states import TicketState, TicketTopic
from app.web.fields import Body, Choice, Id, Instant, Int
from app.web.views import COUNT_MAX


class TicketStandsOut(Body):
    """Where a ticket stands; an appointment has no number until the person is there."""

    ticket_id = Id(required=True)
    store_id = Id(required=True)
    state = Choice(TicketState, required=True)
    number = Int(low=1, high=COUNT_MAX, required=True, allow_none=True)
    slot_at = Instant(required=True, allow_none=True)


class TicketOut(TicketStandsOut):
    """A ticket."""

    topic = Choice(TicketTopic, required=True)
    taken_at = Instant(required=True)
    called_at = Instant(required=True, allow_none=True)
    ended_at = Instant(required=True, allow_none=True)
