"""Payments of bills: the machine, and how often a biller is asked. Pure."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class BillKind(StrEnum):
    """What is paid for (缴费类型)."""

    WATER = "water"
    ELECTRICITY = "electricity"
    GAS = "gas"
    TELEVISION = "television"
    BROADBAND = "broadband"
    TELEPHONE = "telephone"


class BillSource(StrEnum):
    """Who wanted a payment."""

    PERSON = "person"
    AUTO = "auto"
    """The automatic payment (自动缴费) that the person has set up."""
    DESK = "desk"
    """The person at the desk of a store, from the e-account."""
    DESK_CASH = "desk_cash"
    """The person at the desk of a store, in cash; refused, it goes to the e-account, not back into the till."""


class BillPaymentState(StrEnum):
    """How far a payment is."""

    DEBITED = "debited"
    """The money has left the e-account; the biller was not asked yet."""
    SUBMITTED = "submitted"
    """It is being asked, or was when a process died."""
    UNKNOWN = "unknown"
    """It was asked and said nothing of use; it is asked again, and nothing goes back by itself."""
    SUCCEEDED = "succeeded"
    RETURNED = "returned"
    """It refused, and the money is back on the e-account."""


class BillPaymentAction(StrEnum):
    """What moves a payment."""

    SUBMIT = "submit"
    LOSE_SIGHT = "lose_sight"
    SUCCEED = "succeed"
    RETURN = "return"


_SYSTEM = frozenset({Role.SYSTEM})
_STATE, _ACTION = BillPaymentState, BillPaymentAction

BILL_PAYMENT_TRANSITIONS: Table[BillPaymentState, BillPaymentAction] = {
    (_STATE.DEBITED, _ACTION.SUBMIT): (_STATE.SUBMITTED, _SYSTEM),
    (_STATE.SUBMITTED, _ACTION.SUBMIT): (_STATE.SUBMITTED, _SYSTEM),
    (_STATE.UNKNOWN, _ACTION.SUBMIT): (_STATE.SUBMITTED, _SYSTEM),
    (_STATE.SUBMITTED, _ACTION.LOSE_SIGHT): (_STATE.UNKNOWN, _SYSTEM),
    (_STATE.SUBMITTED, _ACTION.SUCCEED): (_STATE.SUCCEEDED, _SYSTEM),
    (_STATE.UNKNOWN, _ACTION.SUCCEED): (_STATE.SUCCEEDED, _SYSTEM),
    (_STATE.SUBMITTED, _ACTION.RETURN): (_STATE.RETURNED, _SYSTEM),
    (_STATE.UNKNOWN, _ACTION.RETURN): (_STATE.RETURNED, _SYSTEM),
}
"""A payment at a biller. Only a definite no of the biller's returns it."""

OPEN_BILL_STATES = frozenset({_STATE.DEBITED, _STATE.SUBMITTED, _STATE.UNKNOWN})

_LADDER_S = (15, 30, 60, 180, 600, 1_800)
_STEP_S_MAX = 3_600
ASKS_MAX = 48
"""With steps of up to an hour: nearly two days. What is unknown then waits for a person, or for the biller's file."""


DECIDED_AFTER_DAYS = 3
"""What is unknown so long may be decided by two people of the platform."""


def ask_after_s(ask_count: int) -> int | None:
    """Return how long after the ``ask_count``-th question the next one comes, seconds; None: no more by itself."""
    if ask_count >= ASKS_MAX:
        return None
    return _LADDER_S[ask_count] if ask_count < len(_LADDER_S) else _STEP_S_MAX
