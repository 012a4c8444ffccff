"""The machines of a till and of cash on its way: pure, ``(state, action) → (state, who may)``."""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table


class TillState(StrEnum):
    """Whether a till serves."""

    CLOSED = "closed"
    OPEN = "open"
    RETIRED = "retired"
    """Its desk has ended."""


class TillAction(StrEnum):
    """What is done at a till."""

    OPEN = "open"
    SERVE = "serve"
    """Cash comes in or goes out: to a person, to another till, to the bank."""
    CLOSE = "close"
    RETIRE = "retire"


class ShopDeskState(StrEnum):
    """Where a shop stands that is a desk."""

    APPOINTED = "appointed"
    """Two people of the platform chose it; its merchant has not accepted."""
    ACTIVE = "active"
    ENDED = "ended"


class ShopDeskAction(StrEnum):
    """What can happen to a shop's desk."""

    ACCEPT = "accept"
    NAME_AGENTS = "name_agents"
    END = "end"


class TransferState(StrEnum):
    """Where cash on its way (在途现金) is."""

    SENT = "sent"
    RECEIVED = "received"
    DIFFERING = "differing"
    """Another amount arrived; the difference stays on its way until two people of the platform correct it."""
    CANCELED = "canceled"


class TransferAction(StrEnum):
    """What is done about cash on its way."""

    RECEIVE = "receive"
    RECEIVE_DIFFERING = "receive_differing"
    CANCEL = "cancel"


class TillActKind(StrEnum):
    """Why the cash of a till changed."""

    OPENING = "opening"
    CASH_IN = "cash_in"
    CASH_OUT = "cash_out"
    BILL_IN_CASH = "bill_in_cash"
    BILL_FROM_ACCOUNT = "bill_from_account"
    TRANSFER_IN_CASH = "transfer_in_cash"
    TRANSFER_FROM_ACCOUNT = "transfer_from_account"
    SENT = "sent"
    RECEIVED = "received"
    TAKEN_BACK = "taken_back"
    CLOSING = "closing"


CASH_FROM_PEOPLE = frozenset({TillActKind.CASH_IN, TillActKind.BILL_IN_CASH, TillActKind.TRANSFER_IN_CASH})
"""Acts by which a person's cash comes into the drawer; they are counted as one kind."""


class PaidFrom(StrEnum):
    """Out of what a person at the desk pays a bill or sends money."""

    CASH = "cash"
    E_ACCOUNT = "e_account"


class VisitMeans(StrEnum):
    """By what a person at the desk is known."""

    CODE = "code"
    """Shown by the person's own session."""
    ID_CARD = "id_card"
    """Name and number of the card in hand."""


_STORE = frozenset({Role.STORE})
_ENDS = frozenset({Role.STORE, Role.PLATFORM})

TILL_TRANSITIONS: Table[TillState, TillAction] = {
    (TillState.CLOSED, TillAction.OPEN): (TillState.OPEN, _STORE),
    (TillState.OPEN, TillAction.SERVE): (TillState.OPEN, _STORE),
    (TillState.OPEN, TillAction.CLOSE): (TillState.CLOSED, _STORE),
    (TillState.CLOSED, TillAction.RETIRE): (TillState.RETIRED, frozenset({Role.PLATFORM})),
}
CASH_TRANSFER_TRANSITIONS: Table[TransferState, TransferAction] = {
    (TransferState.SENT, TransferAction.RECEIVE): (TransferState.RECEIVED, _ENDS),
    (TransferState.SENT, TransferAction.RECEIVE_DIFFERING): (TransferState.DIFFERING, _ENDS),
    (TransferState.SENT, TransferAction.CANCEL): (TransferState.CANCELED, _ENDS),
}
SHOP_DESK_TRANSITIONS: Table[ShopDeskState, ShopDeskAction] = {
    (ShopDeskState.APPOINTED, ShopDeskAction.ACCEPT): (ShopDeskState.ACTIVE, frozenset({Role.MERCHANT})),
    (ShopDeskState.ACTIVE, ShopDeskAction.NAME_AGENTS): (ShopDeskState.ACTIVE, frozenset({Role.MERCHANT})),
    (ShopDeskState.APPOINTED, ShopDeskAction.END): (ShopDeskState.ENDED, frozenset({Role.PLATFORM})),
    (ShopDeskState.ACTIVE, ShopDeskAction.END): (ShopDeskState.ENDED, frozenset({Role.PLATFORM})),
}
