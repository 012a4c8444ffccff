"""What can be wrong with payments at a counter."""

from app.kernel.errors import Conflict, Invalid, NotFound


class CounterPaymentNotFound(NotFound):
    """No such payment, or not one of yours."""

    code = "counter_payment_not_found"
    title = "Payment not found"


class PayCodeRefused(Invalid):
    """Nobody shows this code now: it was used, its minute is over, or there was none."""

    code = "pay_code_refused"
    title = "The code is not accepted"


class PayCodeTooSmall(Conflict):
    """The code is good for less; parameter ``amount_fen_max``. The resident may show one that is confirmed for more."""

    code = "pay_code_too_small"
    title = "The code is good for less"


class CounterPaymentDeclined(Conflict):
    """The account of who pays does not allow it. Why is said to the resident alone."""

    code = "counter_payment_declined"
    title = "The payment was declined"


class CounterClosed(Conflict):
    """The shop takes no payments now; parameter ``state``."""

    code = "counter_closed"
    title = "The shop takes no payments"


class CounterRefundTooLarge(Invalid):
    """More than is left of the payment; parameter ``left_fen``."""

    code = "counter_refund_too_large"
    title = "More than is left of the payment"
