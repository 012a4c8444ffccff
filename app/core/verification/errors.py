"""What can be wrong with verification and its limits."""

from app.kernel.errors import Conflict, Forbidden


class VerificationNeeded(Forbidden):
    """The account is not verified well enough for this; parameters ``level`` and ``level_min``, 0 to 3."""

    code = "verification_needed"
    title = "A higher verification is needed"


class PaymentLimitExceeded(Conflict):
    """Payments from balances would exceed a cap; parameters ``period``, ``cap_fen``, ``left_fen``."""

    code = "payment_limit_exceeded"
    title = "Over the payment limit"
