"""The machine of an appointment: who may move it from where to where."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_RESIDENT, _MERCHANT, _SYSTEM = frozenset({Role.RESIDENT}), frozenset({Role.MERCHANT}), frozenset({Role.SYSTEM})


class AppointmentState(StrEnum):
    """Where an appointment stands."""

    HELD = "held"
    CONFIRMED = "confirmed"
    EN_ROUTE = "en_route"
    IN_SERVICE = "in_service"
    AWAITING_CONFIRM = "awaiting_confirm"
    COMPLETED = "completed"
    CANCELED = "canceled"
    NO_SHOW = "no_show"


class AppointmentAction(StrEnum):
    """What can happen to an appointment."""

    CONFIRM = "confirm"
    RELEASE = "release"
    RESCHEDULE = "reschedule"
    REASSIGN = "reassign"
    CANCEL = "cancel"
    PROVIDER_CANCEL = "provider_cancel"
    SET_OUT = "set_out"
    CHECK_IN = "check_in"
    ABSENT = "absent"
    FINISH = "finish"
    COMPLETE = "complete"
    LAPSE = "lapse"


FINAL_APPOINTMENT_STATES = frozenset({AppointmentState.COMPLETED, AppointmentState.CANCELED, AppointmentState.NO_SHOW})

_S, _A = AppointmentState, AppointmentAction

APPOINTMENT_TRANSITIONS: Table[AppointmentState, AppointmentAction] = {
    (_S.HELD, _A.CONFIRM): (_S.CONFIRMED, _SYSTEM),
    (_S.HELD, _A.RELEASE): (_S.CANCELED, _RESIDENT | _SYSTEM),
    (_S.CONFIRMED, _A.RESCHEDULE): (_S.CONFIRMED, _RESIDENT),
    (_S.CONFIRMED, _A.REASSIGN): (_S.CONFIRMED, _MERCHANT),
    (_S.CONFIRMED, _A.CANCEL): (_S.CANCELED, _RESIDENT),
    (_S.CONFIRMED, _A.PROVIDER_CANCEL): (_S.CANCELED, _MERCHANT),
    (_S.CONFIRMED, _A.SET_OUT): (_S.EN_ROUTE, _MERCHANT),
    (_S.CONFIRMED, _A.LAPSE): (_S.CANCELED, _SYSTEM),
    (_S.EN_ROUTE, _A.CHECK_IN): (_S.IN_SERVICE, _MERCHANT),
    (_S.EN_ROUTE, _A.CANCEL): (_S.CANCELED, _RESIDENT),
    (_S.EN_ROUTE, _A.ABSENT): (_S.NO_SHOW, _MERCHANT),
    (_S.EN_ROUTE, _A.LAPSE): (_S.CANCELED, _SYSTEM),
    (_S.IN_SERVICE, _A.FINISH): (_S.AWAITING_CONFIRM, _MERCHANT | _SYSTEM),
    (_S.AWAITING_CONFIRM, _A.COMPLETE): (_S.COMPLETED, _RESIDENT | _SYSTEM),
}
"""Paid means confirmed. A provider who does not come is a breach; a resident who is not there pays a part."""
