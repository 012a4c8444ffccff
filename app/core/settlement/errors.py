"""What settlement refuses."""

from app.kernel.errors import Conflict, Invalid, NotFound


class StatementNotFound(NotFound):
    """No such statement, or not one of yours."""

    code = "statement_not_found"
    title = "Statement not found"


class MerchantNotFound(NotFound):
    """No such merchant, or not one of yours."""

    code = "merchant_not_found"
    title = "Merchant not found"


class NotEnded(Conflict):
    """The order has not ended well: before that a refund comes out of its escrow, by canceling or shorting it."""

    code = "order_not_completed"
    title = "The order is not completed"


class RefundExceedsOrder(Invalid):
    """More than what is left of the order's goods; ``left_fen`` is what is."""

    code = "refund_exceeds_order"
    title = "The refund is larger than what is left"


class AlreadySettled(Conflict):
    """What this order earned stands in a statement already; holding it back is too late."""

    code = "already_settled"
    title = "Already settled"


class DepositNeeded(Conflict):
    """The deposit covers orders, debts or open cases that are not over; ``why`` says which."""

    code = "deposit_needed"
    title = "The deposit is still needed"
