"""The machine of a payout (提现). What the bank calls paid may come back: paid is not the last word, returned is."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_OURS = frozenset({Role.SYSTEM})


class PayoutState(StrEnum):
    """Where a payout stands. Until it is paid, its money is on hold in the party's available account."""

    REQUESTED = "requested"
    """Above the amount that goes out by itself: two people of the platform release it."""
    READY = "ready"
    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    REJECTED = "rejected"


class PayoutAction(StrEnum):
    """What can happen to a payout."""

    RELEASE = "release"
    REJECT = "reject"
    SEND = "send"
    PAY = "pay"
    TRY_AGAIN = "try_again"
    FAIL = "fail"
    RETURN = "return"


PAYOUT_TRANSITIONS: Table[PayoutState, PayoutAction] = {
    (PayoutState.REQUESTED, PayoutAction.RELEASE): (PayoutState.READY, _OURS),
    (PayoutState.REQUESTED, PayoutAction.REJECT): (PayoutState.REJECTED, _OURS),
    (PayoutState.READY, PayoutAction.SEND): (PayoutState.SENT, _OURS),
    (PayoutState.SENT, PayoutAction.PAY): (PayoutState.PAID, _OURS),
    (PayoutState.SENT, PayoutAction.TRY_AGAIN): (PayoutState.READY, _OURS),
    (PayoutState.SENT, PayoutAction.FAIL): (PayoutState.FAILED, _OURS),
    (PayoutState.PAID, PayoutAction.RETURN): (PayoutState.RETURNED, _OURS),
}
"""Payouts to merchants and couriers through the bank's files."""
