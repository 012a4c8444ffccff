"""What can be wrong with payees and transfers."""

from app.kernel.errors import Conflict, Invalid, NotFound, Throttled


class PayeeNotFound(NotFound):
    """No such payee, or not one of yours."""

    code = "payee_not_found"
    title = "Payee not found"


class PayeeIsOneself(Invalid):
    """The phone is one's own."""

    code = "payee_is_oneself"
    title = "Nobody transfers to themselves"


class PayeeCooling(Conflict):
    """The payee was added less than a day ago. Parameter ``usable_at``."""

    code = "payee_cooling"
    title = "The payee is too new"


class PayeeCannotReceive(Conflict):
    """Nobody with this phone has an account in order and verified. Nothing was moved."""

    code = "payee_cannot_receive"
    title = "The payee cannot receive money"


class TooManyPayees(Throttled):
    """As many payees as one may have, or may add within a day. Parameter ``payees_max``."""

    code = "too_many_payees"
    title = "Too many payees"


class TransferOverLimit(Conflict):
    """More than may be transferred on one day. Parameter ``left_fen``."""

    code = "transfer_over_limit"
    title = "Above the day's limit of transfers"
