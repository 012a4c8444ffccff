"""Orders of a fund: what they are, how they move."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class FundOrderKind(StrEnum):
    """What an order does."""

    BUY = "buy"
    REDEEM = "redeem"
    """The normal way: earns through T, paid on T+1."""
    FAST = "fast"
    """At once, advanced by the bank, within a day's cap; no income for that day (T+0 快速赎回)."""
    PAY = "pay"
    """Redeemed at once for a payment in the same transaction."""


class FundOrderSource(StrEnum):
    """Who wanted it."""

    PERSON = "person"
    SWEEP = "sweep"
    PLAN = "plan"
    PAYMENT = "payment"


class FundOrderState(StrEnum):
    """How far an order is."""

    ACCEPTED = "accepted"
    CANCELED = "canceled"
    SENT = "sent"
    CONFIRMED = "confirmed"
    PART_CONFIRMED = "part_confirmed"
    FAILED = "failed"


class FundOrderAction(StrEnum):
    """What moves an order."""

    CANCEL = "cancel"
    SEND = "send"
    CONFIRM = "confirm"
    CONFIRM_PART = "confirm_part"
    FAIL = "fail"


_SYSTEM = frozenset({Role.SYSTEM})

FUND_ORDER_TRANSITIONS: Table[FundOrderState, FundOrderAction] = {
    (FundOrderState.ACCEPTED, FundOrderAction.CANCEL): (FundOrderState.CANCELED, frozenset({Role.RESIDENT})),
    (FundOrderState.ACCEPTED, FundOrderAction.SEND): (FundOrderState.SENT, _SYSTEM),
    (FundOrderState.SENT, FundOrderAction.CONFIRM): (FundOrderState.CONFIRMED, _SYSTEM),
    (FundOrderState.SENT, FundOrderAction.CONFIRM_PART): (FundOrderState.PART_CONFIRMED, _SYSTEM),
    (FundOrderState.SENT, FundOrderAction.FAIL): (FundOrderState.FAILED, _SYSTEM),
}
"""An order to a fund company. One that is redeemed at once is confirmed from the beginning."""

AT_ONCE = (FundOrderKind.FAST, FundOrderKind.PAY)
