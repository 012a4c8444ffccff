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


class BankAccountNeeded(Conflict):
    """No bank account has been named yet."""

    code = "bank_account_needed"
    title = "No bank account"


class BankAccountCooling(Conflict):
    """The bank account was changed lately; ``usable_at`` says from when on it gets payouts."""

    code = "bank_account_cooling"
    title = "The bank account was changed lately"


class PayoutOverLimit(Conflict):
    """More than may go out on one day; ``left_fen`` is what still may."""

    code = "payout_over_limit"
    title = "Over the limit of a day"


class PayoutNotFound(NotFound):
    """No such payout, or not one of yours."""

    code = "payout_not_found"
    title = "Payout not found"


class PayoutNotWaiting(Conflict):
    """It does not wait for two people, or not any more; ``state`` says where it stands."""

    code = "payout_not_waiting"
    title = "The payout does not wait"
