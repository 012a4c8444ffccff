"""What can be wrong with life bills."""

from app.kernel.errors import Conflict, Invalid, NotFound, Unavailable


class BillerNotFound(NotFound):
    """There is no such biller, or it takes no payments any more."""

    code = "biller_not_found"
    title = "Biller not found"


class BillersRefused(Invalid):
    """A list of billers cannot be taken; parameters ``line`` and ``reason``."""

    code = "billers_refused"
    title = "The list of billers was not taken"


class BillNumberInvalid(Invalid):
    """The number has not the form of the biller's, or its check digit is wrong."""

    code = "bill_number_invalid"
    title = "The account number is not valid"


class BillNumberUnknown(Conflict):
    """The biller has no account with this number."""

    code = "bill_number_unknown"
    title = "The biller does not know the account"


class BillBindingNotFound(NotFound):
    """No such bound account, or not one of the asker's."""

    code = "bill_binding_not_found"
    title = "Bound account not found"


class BillAlreadyBound(Conflict):
    """The asker has bound this account before."""

    code = "bill_already_bound"
    title = "The account is bound already"


class TooManyBindings(Conflict):
    """There are ``bindings_max`` bound accounts already, or were within a day."""

    code = "too_many_bindings"
    title = "Too many bound accounts"


class BillQuoteNotFound(NotFound):
    """No such quoted bill, or not one of the asker's."""

    code = "bill_quote_not_found"
    title = "Quoted bill not found"


class BillQuoteExpired(Conflict):
    """The amount was locked for some minutes, and they are over; ask for the bills again."""

    code = "bill_quote_expired"
    title = "The amount is not locked any more"


class BillQuoteUsed(Conflict):
    """What was quoted was paid, or is being paid."""

    code = "bill_quote_used"
    title = "The quote was used"


class BillAmountRefused(Invalid):
    """The amount is not the bill's, or not within ``amount_min_fen`` and ``amount_max_fen``."""

    code = "bill_amount_refused"
    title = "The amount cannot be paid"


class BillTaken(Conflict):
    """The bill is paid, or a payment of it is under way; parameter ``left_fen``."""

    code = "bill_taken"
    title = "The bill is paid or being paid"


class BillOutcomeTooEarly(Conflict):
    """The biller may still say what became of the payment; parameter ``days``."""

    code = "bill_outcome_too_early"
    title = "The biller may still answer"


class BillOutcomeKnown(Conflict):
    """It is known what became of the payment; parameter ``state``."""

    code = "bill_outcome_known"
    title = "The payment has ended"


class BillPaymentNotFound(NotFound):
    """No such payment of a bill, or not one of the asker's."""

    code = "bill_payment_not_found"
    title = "Bill payment not found"


class ReceiptNotReady(Conflict):
    """There is a receipt when the biller has taken the money; parameter ``state``."""

    code = "bill_receipt_not_ready"
    title = "There is no receipt"


class BillDifferenceNotFound(NotFound):
    """There is no such difference between a biller's file and our payments."""

    code = "bill_difference_not_found"
    title = "Difference not found"


class BillDifferenceResolved(Conflict):
    """Somebody has resolved it."""

    code = "bill_difference_resolved"
    title = "The difference is resolved"


class BillerUnavailable(Unavailable):
    """The biller does not answer; nothing was changed by asking."""

    code = "biller_unavailable"
    title = "The biller does not answer"


class BillerOutcomeUnknown(BillerUnavailable):
    """A payment may have reached the biller or not; it is asked again, under the same key."""

    code = "bill_outcome_unknown"
    title = "The outcome of the payment is unknown"
