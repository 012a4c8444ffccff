"""What can be wrong with payments, refunds and the gateway's events."""

from app.kernel.errors import Conflict, Invalid, NotFound


class PaymentNotFound(NotFound):
    """No such payment, or not one of yours."""

    code = "payment_not_found"
    title = "Payment not found"


class AlreadyPaid(Conflict):
    """The checkout is paid."""

    code = "already_paid"
    title = "Already paid"


class CheckoutClosed(Conflict):
    """The checkout was canceled or has expired; parameter ``state``."""

    code = "checkout_closed"
    title = "This checkout can no longer be paid"


class WebhookRefused(Invalid):
    """The event's signature, time or body does not stand up. Nothing was stored."""

    code = "webhook_refused"
    title = "The event was refused"


INTENT_FEN_MAX = 99_999_999
"""The largest amount that one payment at the gateway may have, fen."""


class AmountOverLimit(Conflict):
    """The gateway takes no such amount in one payment; parameter ``amount_fen_max``. The e-account does."""

    code = "amount_over_limit"
    title = "Too much for one payment"


class AccountPartInvalid(Invalid):
    """A mixed payment takes at least one fen from each source, no other names a part; ``account_part_fen_max``."""

    code = "account_part_invalid"
    title = "The part from the e-account does not fit"


class MixedPaymentOpen(Conflict):
    """A part is on hold for an attempt that is not over; it is released when that is over."""

    code = "mixed_payment_open"
    title = "A mixed payment is under way"


class MismatchNotFound(NotFound):
    """No such item of reconciliation."""

    code = "mismatch_not_found"
    title = "No such mismatch"


class DisputeNotFound(NotFound):
    """No such dispute."""

    code = "dispute_not_found"
    title = "No such dispute"


class DisputeOver(Conflict):
    """The dispute takes no answer: it is under review or over; parameter ``state``."""

    code = "dispute_over"
    title = "The dispute takes no answer any more"


class DisputeAnswered(Conflict):
    """The dispute was answered before."""

    code = "dispute_answered"
    title = "Answered before"


class EvidenceMissing(Invalid):
    """An answer with evidence says something."""

    code = "evidence_missing"
    title = "No evidence"


class DisputeNotLost(Conflict):
    """Nothing of the dispute is left to be borne: it is not lost, or refunds and bearers have it all; ``state``."""

    code = "dispute_not_lost"
    title = "Nothing is left to be borne"


class BearerInvalid(Invalid):
    """The payer bears disputes of top-ups alone; what an order's parties bear is refunded by them."""

    code = "bearer_invalid"
    title = "The payer does not bear this"


class ItemResolved(Conflict):
    """The item of reconciliation was resolved before."""

    code = "mismatch_resolved"
    title = "Already resolved"
