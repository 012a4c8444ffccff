"""What can be wrong with tills, the agent desk and cash on its way."""

from app.kernel.errors import Conflict, Forbidden, NotFound


class TillNotFound(NotFound):
    """No such till, or none of a store of the asker's."""

    code = "till_not_found"
    title = "Till not found"


class TillNameTaken(Conflict):
    """The store has a till of this name."""

    code = "till_name_taken"
    title = "The store has such a till"


class NotInCharge(Forbidden):
    """Who opened a till closes it, or a manager."""

    code = "not_in_charge"
    title = "Somebody else answers for this till"


class TillNotOpen(Conflict):
    """The till does not serve; it has to be opened with a count first."""

    code = "till_not_open"
    title = "The till is not open"


class TillOpen(Conflict):
    """Somebody opened the till before."""

    code = "till_open"
    title = "The till is open"


class TillOfAnotherDay(Conflict):
    """The till was opened on an earlier day and has to be closed first; parameter ``business_on``."""

    code = "till_of_another_day"
    title = "The till still stands on an earlier day"


class TillCountDiffers(Conflict):
    """What was counted is not what the books hold. By how much is not said: it has to be counted again."""

    code = "till_count_differs"
    title = "The count differs from the books"


class TillShort(Conflict):
    """There is less cash in the till than is asked for; parameter ``left_fen``."""

    code = "till_short"
    title = "Not enough cash in the till"


class TillFull(Conflict):
    """A till keeps no more cash than its cover allows; parameter ``cash_fen_max``."""

    code = "till_full"
    title = "Too much cash in the till"


class CashLimitExceeded(Conflict):
    """Parameters ``scope`` (``act``, ``person`` or ``till``), ``cap_fen`` and ``left_fen``."""

    code = "cash_limit_exceeded"
    title = "Over the limit for cash"


class TillActNotFound(NotFound):
    """No such act at a till of a store of the asker's."""

    code = "till_act_not_found"
    title = "Act not found"


class DeskCodeRefused(Conflict):
    """Nobody shows this code now: it is wrong, old, or was shown before."""

    code = "desk_code_refused"
    title = "The code is not good"


class DeskVisitorNotFound(NotFound):
    """No verified account has this name and number; which of them is wrong is not said."""

    code = "desk_visitor_not_found"
    title = "Nobody found by this card"


class OwnDesk(Forbidden):
    """Nobody serves themselves or a colleague; another store does."""

    code = "own_desk"
    title = "Another store has to serve this person"


class DeskVisitNotFound(NotFound):
    """No such visit that this clerk began within its quarter of an hour."""

    code = "desk_visit_not_found"
    title = "Visit not found"


class DeskConfirmationNeeded(Forbidden):
    """The person has not confirmed this, or not so much, with their payment PIN."""

    code = "desk_confirmation_needed"
    title = "The person has to confirm with the payment PIN"


class DeskCardNeeded(Forbidden):
    """Money is sent at a desk by who shows the ID card: a code may be shown by whoever holds the phone."""

    code = "desk_card_needed"
    title = "The ID card is needed"


class ShopDeskNotFound(NotFound):
    """No such desk of a shop, none of the asker's, or no such shop that is open."""

    code = "shop_desk_not_found"
    title = "Desk not found"


class ShopDeskExists(Conflict):
    """The shop is a desk, or was appointed."""

    code = "shop_desk_exists"
    title = "The shop is a desk"


class DeskAgentsInvalid(Conflict):
    """Some whom the merchant names are none of its people."""

    code = "desk_agents_invalid"
    title = "Some do not work there"


class DeskNotEmpty(Conflict):
    """A desk ends when its till is closed and empty, and no cash is on its way."""

    code = "desk_not_empty"
    title = "The till is not empty"


class DeskShortageChanged(Conflict):
    """What an agent owes for missing cash was paid by another act just when the deposit was to pay it."""

    code = "desk_shortage_changed"
    title = "What is owed has changed"


class CashTransferNotFound(NotFound):
    """No cash on its way under this id, or none that the asker has to do with."""

    code = "cash_transfer_not_found"
    title = "Cash transfer not found"


class SecondSignatureNeeded(Forbidden):
    """Who sent cash does not receive it: it takes two people."""

    code = "second_signature_needed"
    title = "Another person has to sign"


class SameTill(Conflict):
    """Cash goes from one till to another, or to the bank."""

    code = "same_till"
    title = "Sender and receiver are one till"
