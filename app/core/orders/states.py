"""The machines of checkout and order: who may move what from where to where.

Tables, read by :func:`app.kernel.machines.next_state`.

Refunds and after-sale cases are rows beside the machine, never states of it.
"""

from enum import StrEnum

from app.kernel.actor import Role
from app.kernel.machines import Table

RESIDENT, MERCHANT, COURIER, STORE, SYSTEM = Role.RESIDENT, Role.MERCHANT, Role.COURIER, Role.STORE, Role.SYSTEM


class CheckoutState(StrEnum):
    """A checkout (结算单) joins the orders of one cart under one payment. ``open`` is the cart itself."""

    OPEN = "open"
    PLACED = "placed"
    PAID = "paid"
    CANCELED = "canceled"
    EXPIRED = "expired"


class CheckoutAction(StrEnum):
    """What can happen to a checkout."""

    PLACE = "place"
    PAY = "pay"
    CANCEL = "cancel"
    EXPIRE = "expire"


class OrderState(StrEnum):
    """Where an order of one shop stands."""

    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_ACCEPT = "awaiting_accept"
    PREPARING = "preparing"
    READY = "ready"
    IN_DELIVERY = "in_delivery"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    RETURNED = "returned"
    COMPLETED = "completed"
    CANCELED = "canceled"


class OrderAction(StrEnum):
    """What can happen to an order."""

    PAY = "pay"
    CANCEL_UNPAID = "cancel_unpaid"
    ACCEPT = "accept"
    REJECT = "reject"
    CANCEL = "cancel"
    LAPSE = "lapse"
    ASK_TO_CANCEL = "ask_to_cancel"
    AGREE_TO_CANCEL = "agree_to_cancel"
    REFUSE_TO_CANCEL = "refuse_to_cancel"
    SHORT = "short"
    SHORT_ALL = "short_all"
    READY = "ready"
    GIVE_UP = "give_up"
    PICK_UP = "pick_up"
    COLLECT = "collect"
    DELIVER = "deliver"
    FAIL = "fail"
    REATTEMPT = "reattempt"
    RETURN = "return"
    DISPOSE = "dispose"
    CONFIRM = "confirm"
    ISSUE = "issue"
    USE_UP = "use_up"
    RETURN_ALL = "return_all"
    SERVE = "serve"
    CALL_OFF = "call_off"


FINAL_ORDER_STATES = frozenset({OrderState.RETURNED, OrderState.COMPLETED, OrderState.CANCELED})
FINAL_CHECKOUT_STATES = frozenset({CheckoutState.PAID, CheckoutState.CANCELED, CheckoutState.EXPIRED})

CHECKOUT_TRANSITIONS: Table[CheckoutState, CheckoutAction] = {
    (CheckoutState.OPEN, CheckoutAction.PLACE): (CheckoutState.PLACED, frozenset({RESIDENT})),
    (CheckoutState.PLACED, CheckoutAction.PAY): (CheckoutState.PAID, frozenset({RESIDENT, SYSTEM})),
    (CheckoutState.PLACED, CheckoutAction.CANCEL): (CheckoutState.CANCELED, frozenset({RESIDENT})),
    (CheckoutState.PLACED, CheckoutAction.EXPIRE): (CheckoutState.EXPIRED, frozenset({SYSTEM})),
}

_S, _A = OrderState, OrderAction

ORDER_TRANSITIONS: Table[OrderState, OrderAction] = {
    (_S.AWAITING_PAYMENT, _A.PAY): (_S.AWAITING_ACCEPT, frozenset({RESIDENT, SYSTEM})),
    (_S.AWAITING_PAYMENT, _A.CANCEL_UNPAID): (_S.CANCELED, frozenset({RESIDENT, SYSTEM})),
    (_S.AWAITING_ACCEPT, _A.ACCEPT): (_S.PREPARING, frozenset({MERCHANT, SYSTEM})),
    (_S.AWAITING_ACCEPT, _A.REJECT): (_S.CANCELED, frozenset({MERCHANT})),
    (_S.AWAITING_ACCEPT, _A.CANCEL): (_S.CANCELED, frozenset({RESIDENT})),
    (_S.AWAITING_ACCEPT, _A.LAPSE): (_S.CANCELED, frozenset({SYSTEM})),
    (_S.PREPARING, _A.CANCEL): (_S.CANCELED, frozenset({RESIDENT})),
    (_S.PREPARING, _A.ASK_TO_CANCEL): (_S.PREPARING, frozenset({RESIDENT})),
    (_S.PREPARING, _A.AGREE_TO_CANCEL): (_S.CANCELED, frozenset({MERCHANT})),
    (_S.PREPARING, _A.REFUSE_TO_CANCEL): (_S.PREPARING, frozenset({MERCHANT, SYSTEM})),
    (_S.PREPARING, _A.SHORT): (_S.PREPARING, frozenset({MERCHANT})),
    (_S.PREPARING, _A.SHORT_ALL): (_S.CANCELED, frozenset({MERCHANT})),
    (_S.PREPARING, _A.READY): (_S.READY, frozenset({MERCHANT})),
    (_S.READY, _A.GIVE_UP): (_S.CANCELED, frozenset({SYSTEM})),
    (_S.READY, _A.PICK_UP): (_S.IN_DELIVERY, frozenset({COURIER})),
    (_S.READY, _A.COLLECT): (_S.COMPLETED, frozenset({STORE, MERCHANT, SYSTEM})),
    (_S.IN_DELIVERY, _A.DELIVER): (_S.DELIVERED, frozenset({COURIER})),
    (_S.IN_DELIVERY, _A.FAIL): (_S.DELIVERY_FAILED, frozenset({COURIER, SYSTEM})),
    (_S.DELIVERY_FAILED, _A.REATTEMPT): (_S.IN_DELIVERY, frozenset({COURIER})),
    (_S.DELIVERY_FAILED, _A.RETURN): (_S.RETURNED, frozenset({COURIER, SYSTEM})),
    (_S.DELIVERY_FAILED, _A.DISPOSE): (_S.COMPLETED, frozenset({COURIER, SYSTEM})),
    (_S.DELIVERED, _A.CONFIRM): (_S.COMPLETED, frozenset({RESIDENT, SYSTEM})),
    (_S.AWAITING_ACCEPT, _A.ISSUE): (_S.READY, frozenset({SYSTEM})),
    (_S.READY, _A.USE_UP): (_S.COMPLETED, frozenset({MERCHANT, RESIDENT, SYSTEM})),
    (_S.READY, _A.RETURN_ALL): (_S.CANCELED, frozenset({RESIDENT, SYSTEM})),
    (_S.AWAITING_ACCEPT, _A.SERVE): (_S.DELIVERED, frozenset({SYSTEM})),
    (_S.PREPARING, _A.CALL_OFF): (_S.CANCELED, frozenset({SYSTEM})),
    (_S.PREPARING, _A.SERVE): (_S.DELIVERED, frozenset({MERCHANT, SYSTEM})),
}
