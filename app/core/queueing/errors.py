"""What can be wrong with tickets and appointments at a desk."""

from app.kernel.errors import Conflict, Invalid, NotFound, Throttled


class DeskTicketNotFound(NotFound):
    """No such ticket, or none of one's own or of one's store."""

    code = "desk_ticket_not_found"
    title = "Ticket not found"


class DeskNotServing(Conflict):
    """The desk is not open now: of its hours, or the store is closed."""

    code = "desk_not_serving"
    title = "The desk is closed"


class DeskTicketExists(Conflict):
    """The person has a ticket or an appointment at this store on this day; parameter ``ticket_id``."""

    code = "desk_ticket_exists"
    title = "You have a ticket here"


class DeskQueueFull(Conflict):
    """As many wait as the store lets wait; parameter ``waiting_max``."""

    code = "desk_queue_full"
    title = "Too many people wait"


class NobodyWaits(Conflict):
    """There is no ticket to call."""

    code = "nobody_waits"
    title = "Nobody waits"


class ClerkIsServing(Conflict):
    """The clerk has called somebody, who is to be served or noted as absent first; parameter ``ticket_id``."""

    code = "clerk_is_serving"
    title = "Somebody is being served"


class DeskSlotNotOffered(Conflict):
    """No such slot: not of the desk's hours, too soon, too far ahead, or the store is closed then."""

    code = "desk_slot_not_offered"
    title = "There is no such slot"


class DeskSlotTaken(Conflict):
    """All places of the slot are taken."""

    code = "desk_slot_taken"
    title = "The slot is taken"


class TooManyBookings(Throttled):
    """The person has as many appointments as one may have; parameter ``bookings_max``."""

    code = "too_many_bookings"
    title = "Too many appointments"


class NotArriving(Conflict):
    """It is too early for the appointment, or too late; parameter ``slot_at``."""

    code = "not_arriving"
    title = "Not at this time"


class DeskHoursInvalid(Invalid):
    """Spans of time that overlap, end before they begin, or are on days that are none."""

    code = "desk_hours_invalid"
    title = "The hours are not valid"
