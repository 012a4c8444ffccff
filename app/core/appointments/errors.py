"""What can be wrong with providers, slots and appointments."""

from app.kernel.errors import Conflict, Invalid, NotFound


class ProviderNotFound(NotFound):
    """No such provider, or not one of your shop."""

    code = "provider_not_found"
    title = "Provider not found"


class AppointmentNotFound(NotFound):
    """The order has no appointment, or is not yours."""

    code = "appointment_not_found"
    title = "Appointment not found"


class NotAnAppointment(Conflict):
    """The order is of another kind."""

    code = "not_an_appointment"
    title = "The order is no appointment"


class ChargeNotFound(NotFound):
    """No such extra charge, or not one of yours."""

    code = "charge_not_found"
    title = "Extra charge not found"


class NotInService(Conflict):
    """The service has not begun, or is over."""

    code = "not_in_service"
    title = "The service is not going on"


class SlotGone(Conflict):
    """Nobody who can do this is free then; parameter ``starts_at``."""

    code = "slot_gone"
    title = "This time is taken"


class FeeHigher(Conflict):
    """Canceling costs more than was agreed to; parameter ``fee_fen`` is what it costs now."""

    code = "fee_higher"
    title = "Canceling costs more now"


class TooEarly(Conflict):
    """Not yet: a resident is waited for; parameter ``minutes``."""

    code = "too_early"
    title = "It is too early for this"


class SetOutTooEarly(Conflict):
    """Nobody is on the way so long before; parameter ``hours``."""

    code = "set_out_too_early"
    title = "It is too early to set out"


class TooFarAway(Conflict):
    """One checks in at the resident's door; parameters ``distance_m`` and ``distance_m_max``."""

    code = "too_far_away"
    title = "This is not the resident's door"


class SkillUnknown(Invalid):
    """A skill is a service of the shop; parameter ``offer_id``."""

    code = "skill_unknown"
    title = "This is no service of the shop"


class AreaUnknown(Invalid):
    """No such community; parameter ``community_id``."""

    code = "area_unknown"
    title = "There is no such community"
