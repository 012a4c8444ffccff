"""The machine of a ticket: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class TicketTopic(StrEnum):
    """What somebody comes for."""

    CASH = "cash"
    BILL = "bill"
    TRANSFER = "transfer"
    VERIFICATION = "verification"
    OTHER = "other"


class TicketState(StrEnum):
    """Where a ticket stands."""

    BOOKED = "booked"
    """An appointment; it has no number until the person is there."""
    WAITING = "waiting"
    CALLED = "called"
    SERVED = "served"
    NO_SHOW = "no_show"
    """Was called, or had an appointment, and was not there."""
    CANCELED = "canceled"
    LAPSED = "lapsed"
    """Waited until the day was over."""


class TicketAction(StrEnum):
    """What can happen to a ticket."""

    ARRIVE = "arrive"
    CALL = "call"
    SERVE = "serve"
    MISS = "miss"
    CANCEL = "cancel"
    LAPSE = "lapse"


_S, _A = TicketState, TicketAction
_RESIDENT, _STORE, _SYSTEM = frozenset({Role.RESIDENT}), frozenset({Role.STORE}), frozenset({Role.SYSTEM})
_EITHER = frozenset({Role.RESIDENT, Role.STORE})

TICKET_TRANSITIONS: Table[TicketState, TicketAction] = {
    (_S.BOOKED, _A.ARRIVE): (_S.WAITING, _EITHER),
    (_S.BOOKED, _A.CANCEL): (_S.CANCELED, _RESIDENT),
    (_S.BOOKED, _A.MISS): (_S.NO_SHOW, _SYSTEM),
    (_S.WAITING, _A.CALL): (_S.CALLED, _STORE),
    (_S.WAITING, _A.CANCEL): (_S.CANCELED, _RESIDENT),
    (_S.WAITING, _A.LAPSE): (_S.LAPSED, _SYSTEM),
    (_S.CALLED, _A.SERVE): (_S.SERVED, _STORE),
    (_S.CALLED, _A.MISS): (_S.NO_SHOW, frozenset({Role.STORE, Role.SYSTEM})),
}
"""Who is called is served or was not there; nobody goes back into the queue, a new ticket does."""
OPEN_TICKET_STATES = frozenset({_S.BOOKED, _S.WAITING, _S.CALLED})
