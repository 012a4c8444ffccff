"""What can be wrong with after-sale cases and replacements."""

from app.kernel.errors import Conflict, Invalid, NotFound


class CaseNotFound(NotFound):
    """No such case, or not one of yours; the two look the same on purpose."""

    code = "case_not_found"
    title = "Case not found"


class ReplacementNotFound(NotFound):
    """No such replacement, or not one of yours."""

    code = "replacement_not_found"
    title = "Replacement not found"


class NotReceived(Conflict):
    """A case is about what was received; before that an order is canceled."""

    code = "not_received"
    title = "The order has not been received"


class CaseTooLate(Conflict):
    """The time to apply for this reason is over; parameter ``hours``."""

    code = "case_too_late"
    title = "It is too late to apply"


class NotReturnable(Conflict):
    """The line cannot be sent back for this reason; parameter ``line`` where one line is at fault."""

    code = "not_returnable"
    title = "This cannot be sent back"


class WrongRemedy(Invalid):
    """What is asked for does not go with the reason; parameters ``kind`` and ``reason``."""

    code = "wrong_remedy"
    title = "This cannot be asked for with this reason"


class NothingLeft(Conflict):
    """More is asked for than is left of the line; parameters ``line`` and ``left_fen``."""

    code = "nothing_left"
    title = "More than is left of the line"


class TooManyPieces(Conflict):
    """More pieces than the line has left; parameters ``line`` and ``left``."""

    code = "too_many_pieces"
    title = "More pieces than are left of the line"


class ExchangeDearer(Conflict):
    """What is wanted in exchange costs more than what it is exchanged for; parameter ``unit_price_fen_max``."""

    code = "exchange_dearer"
    title = "It costs more than what it is exchanged for"


class NotAnExchange(Invalid):
    """The way, or what is wanted in exchange, goes with an exchange only."""

    code = "not_an_exchange"
    title = "Only an exchange has this"


class ExchangeNoDoor(Invalid):
    """A courier brings new pieces to where the order was delivered to; it was fetched."""

    code = "exchange_no_door"
    title = "There is no door to go to"


class RulingTooHigh(Invalid):
    """A ruling gives at most what was asked for; parameter ``amount_fen_max``."""

    code = "ruling_too_high"
    title = "More than was asked for"


class ReplacementOpen(Conflict):
    """Another replacement for this line waits for the resident."""

    code = "replacement_open"
    title = "A replacement is offered already"


class ReplacementUnfit(Invalid):
    """What lacks cannot replace itself."""

    code = "replacement_unfit"
    title = "This cannot replace it"
