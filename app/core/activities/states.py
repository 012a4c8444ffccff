"""The machines of a community event and of a sign-up for it: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_RESIDENT, _STORE, _SYSTEM = frozenset({Role.RESIDENT}), frozenset({Role.STORE}), frozenset({Role.SYSTEM})


class ActivityState(StrEnum):
    """Where a community event stands."""

    PUBLISHED = "published"
    CANCELED = "canceled"
    OVER = "over"


class ActivityAction(StrEnum):
    """What can happen to a community event."""

    CANCEL = "cancel"
    END = "end"


class SignupState(StrEnum):
    """Where a sign-up stands."""

    WAITING = "waiting"
    """On the list; moved up at once while places are free, else when somebody's is."""
    CONFIRMED = "confirmed"
    CANCELED = "canceled"
    ATTENDED = "attended"
    ABSENT = "absent"
    """Had a place and did not come."""
    LAPSED = "lapsed"
    """Waited until the event was over."""
    CALLED_OFF = "called_off"
    """The store canceled the event."""


class SignupAction(StrEnum):
    """What can happen to a sign-up."""

    CANCEL = "cancel"
    MOVE_UP = "move_up"
    CHECK_IN = "check_in"
    END = "end"
    CALL_OFF = "call_off"


ACTIVITY_TRANSITIONS: Table[ActivityState, ActivityAction] = {
    (ActivityState.PUBLISHED, ActivityAction.CANCEL): (ActivityState.CANCELED, _STORE),
    (ActivityState.PUBLISHED, ActivityAction.END): (ActivityState.OVER, _SYSTEM),
}
"""A store cancels before the event begins, and not after."""

_S, _A = SignupState, SignupAction

SIGNUP_TRANSITIONS: Table[SignupState, SignupAction] = {
    (_S.CONFIRMED, _A.CANCEL): (_S.CANCELED, _RESIDENT),
    (_S.WAITING, _A.CANCEL): (_S.CANCELED, _RESIDENT),
    (_S.WAITING, _A.MOVE_UP): (_S.CONFIRMED, _SYSTEM),
    (_S.CONFIRMED, _A.CHECK_IN): (_S.ATTENDED, _STORE),
    (_S.CONFIRMED, _A.END): (_S.ABSENT, _SYSTEM),
    (_S.WAITING, _A.END): (_S.LAPSED, _SYSTEM),
    (_S.CONFIRMED, _A.CALL_OFF): (_S.CALLED_OFF, _SYSTEM),
    (_S.WAITING, _A.CALL_OFF): (_S.CALLED_OFF, _SYSTEM),
}
