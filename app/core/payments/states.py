"""The machines of payment, attempt, refund and dispute. Paid stays paid; refunds are rows of their own."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

_OURS = frozenset({Role.SYSTEM})
_RESIDENTS = frozenset({Role.RESIDENT, Role.SYSTEM})


class PaymentState(StrEnum):
    """Where a payment (支付) stands."""

    PENDING = "pending"
    PAID = "paid"
    CLOSED = "closed"


class PaymentAction(StrEnum):
    """What can happen to a payment."""

    SETTLE = "settle"
    CLOSE = "close"


class AttemptState(StrEnum):
    """One try at the gateway. ``unknown`` is resolved by asking again with the same key, never by a new one."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


class AttemptAction(StrEnum):
    """What the gateway tells of an attempt, or fails to tell."""

    LOSE_SIGHT = "lose_sight"
    SEE = "see"
    SUCCEED = "succeed"
    FAIL = "fail"
    EXPIRE = "expire"


class RefundState(StrEnum):
    """Where a refund (退款) stands."""

    REQUESTED = "requested"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundAction(StrEnum):
    """What can happen to a refund."""

    SUBMIT = "submit"
    WAIT = "wait"
    LOSE_SIGHT = "lose_sight"
    SUCCEED = "succeed"
    FAIL = "fail"


class DisputeState(StrEnum):
    """Where a dispute (支付争议) stands; the payer's bank decides it. An inquiry that led to nothing is closed."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


class DisputeAction(StrEnum):
    """What the gateway tells of a dispute."""

    ASK = "ask"
    REVIEW = "review"
    WIN = "win"
    LOSE = "lose"
    CLOSE = "close"


PAYMENT_TRANSITIONS: Table[PaymentState, PaymentAction] = {
    (PaymentState.PENDING, PaymentAction.SETTLE): (PaymentState.PAID, _RESIDENTS),
    (PaymentState.PENDING, PaymentAction.CLOSE): (PaymentState.CLOSED, _RESIDENTS),
}

ATTEMPT_TRANSITIONS: Table[AttemptState, AttemptAction] = {
    (AttemptState.REQUESTED, AttemptAction.LOSE_SIGHT): (AttemptState.UNKNOWN, _OURS),
    (AttemptState.REQUESTED, AttemptAction.SEE): (AttemptState.REQUESTED, _OURS),
    (AttemptState.UNKNOWN, AttemptAction.SEE): (AttemptState.REQUESTED, _OURS),
    (AttemptState.UNKNOWN, AttemptAction.LOSE_SIGHT): (AttemptState.UNKNOWN, _OURS),
    (AttemptState.REQUESTED, AttemptAction.SUCCEED): (AttemptState.SUCCEEDED, _OURS),
    (AttemptState.UNKNOWN, AttemptAction.SUCCEED): (AttemptState.SUCCEEDED, _OURS),
    (AttemptState.REQUESTED, AttemptAction.FAIL): (AttemptState.FAILED, _OURS),
    (AttemptState.UNKNOWN, AttemptAction.FAIL): (AttemptState.FAILED, _OURS),
    (AttemptState.REQUESTED, AttemptAction.EXPIRE): (AttemptState.EXPIRED, _OURS),
    (AttemptState.UNKNOWN, AttemptAction.EXPIRE): (AttemptState.EXPIRED, _OURS),
    (AttemptState.EXPIRED, AttemptAction.SUCCEED): (AttemptState.SUCCEEDED, _OURS),
    (AttemptState.FAILED, AttemptAction.SUCCEED): (AttemptState.SUCCEEDED, _OURS),
}
"""Money may arrive after an attempt was given up: succeeding is possible from everywhere, once."""

REFUND_TRANSITIONS: Table[RefundState, RefundAction] = {
    (RefundState.REQUESTED, RefundAction.SUBMIT): (RefundState.SUBMITTING, _OURS),
    (RefundState.SUBMITTING, RefundAction.SUBMIT): (RefundState.SUBMITTING, _OURS),
    (RefundState.UNKNOWN, RefundAction.SUBMIT): (RefundState.SUBMITTING, _OURS),
    (RefundState.SUBMITTING, RefundAction.WAIT): (RefundState.REQUESTED, _OURS),
    (RefundState.SUBMITTING, RefundAction.LOSE_SIGHT): (RefundState.UNKNOWN, _OURS),
    (RefundState.SUBMITTING, RefundAction.SUCCEED): (RefundState.SUCCEEDED, _OURS),
    (RefundState.UNKNOWN, RefundAction.SUCCEED): (RefundState.SUCCEEDED, _OURS),
    (RefundState.SUBMITTING, RefundAction.FAIL): (RefundState.FAILED, _OURS),
    (RefundState.UNKNOWN, RefundAction.FAIL): (RefundState.FAILED, _OURS),
    (RefundState.REQUESTED, RefundAction.SUCCEED): (RefundState.SUCCEEDED, _OURS),
    (RefundState.SUCCEEDED, RefundAction.FAIL): (RefundState.FAILED, _OURS),
    (RefundState.SUCCEEDED, RefundAction.WAIT): (RefundState.REQUESTED, _OURS),
}
"""A gateway's refund may come back after it was reported as paid: succeeded is not the last word, failed is.

One that comes back while the payer's bank disputes the payment waits for how that ends.
"""

_ANSWERED, _ASKED = DisputeState.UNDER_REVIEW, DisputeState.NEEDS_RESPONSE

DISPUTE_TRANSITIONS: Table[DisputeState, DisputeAction] = {
    (_ASKED, DisputeAction.ASK): (_ASKED, _OURS),
    (_ASKED, DisputeAction.REVIEW): (_ANSWERED, _OURS),
    (_ASKED, DisputeAction.WIN): (DisputeState.WON, _OURS),
    (_ASKED, DisputeAction.LOSE): (DisputeState.LOST, _OURS),
    (_ASKED, DisputeAction.CLOSE): (DisputeState.CLOSED, _OURS),
    (_ANSWERED, DisputeAction.ASK): (_ASKED, _OURS),
    (_ANSWERED, DisputeAction.REVIEW): (_ANSWERED, _OURS),
    (_ANSWERED, DisputeAction.WIN): (DisputeState.WON, _OURS),
    (_ANSWERED, DisputeAction.LOSE): (DisputeState.LOST, _OURS),
    (_ANSWERED, DisputeAction.CLOSE): (DisputeState.CLOSED, _OURS),
}
"""What was answered is asked about again only when an inquiry became a dispute; how it ends is the last word."""

OPEN_DISPUTE_STATES = frozenset({DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW})
TAKEN_STATES = frozenset({DisputeState.LOST, DisputeState.CLOSED})
"""What was taken, if anything, is gone for good."""
