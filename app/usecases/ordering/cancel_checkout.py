"""End an unpaid checkout: by the resident, or because its fifteen minutes are over. Stock goes back on the shelf."""

from dataclasses import dataclass
from uuid import UUID

from app.core.events import OrderCanceled, PaymentClosed
from app.core.orders.models import CancelReason
from app.core.orders.repository import LOCK_CHECKOUT, LOCK_OWN_CHECKOUT, STOCK_RELEASED, Checkout, lock_checkout
from app.core.orders.states import (
    CHECKOUT_TRANSITIONS,
    ORDER_TRANSITIONS,
    CheckoutAction,
    CheckoutState,
    OrderAction,
    OrderState,
)
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.usecases.ordering.ending import VISIT_OFF

_END = closing(
    f"""
    ended AS (
        UPDATE checkouts SET state = :to_state WHERE checkout_id = :checkout_id AND state = 'placed'
        RETURNING checkout_id
    ),
    closed AS (
        UPDATE payments SET state = 'closed' WHERE checkout_id = :checkout_id AND state = 'pending'
    ),
    canceled AS (
        UPDATE orders SET state = :order_state, cancel_reason = :reason, ended_at = business_now(), left_fen = 0,
            commission_fen = 0
        WHERE checkout_id = :checkout_id AND state = 'awaiting_payment' RETURNING order_id
    ), {STOCK_RELEASED}, {VISIT_OFF}""",
    answer="SELECT (SELECT count(*) FROM ended) AS checkouts, (SELECT count(*) FROM canceled) AS orders",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutMoved:
    """What ending a checkout answers."""

    checkout_id: UUID
    state: str


def cancel_checkout(actor: Actor, claim: Claim, *, checkout_id: UUID) -> CheckoutMoved:
    """Cancel one's checkout before it is paid. Money that comes later goes back by itself."""
    with transaction(claim) as tx:
        checkout = lock_checkout(
            tx,
            LOCK_OWN_CHECKOUT,
            {"checkout_id": checkout_id, "account_id": actor.account_id, "session_id": actor.session_id},
        )
        state = next_state(CHECKOUT_TRANSITIONS, checkout.state, CheckoutAction.CANCEL, actor.role)
        moved = CheckoutMoved(checkout_id=checkout_id, state=state.value)
        tx.keep(moved)
        _end(tx, checkout, state, CancelReason.BY_RESIDENT, actor.role)
    return moved


def expire_checkout(tx: Transaction, checkout_id: UUID) -> None:
    """End a checkout that was not paid in time; one that was is left alone."""
    checkout = lock_checkout(tx, LOCK_CHECKOUT, {"checkout_id": checkout_id})
    if checkout.state is CheckoutState.PLACED:
        state = next_state(CHECKOUT_TRANSITIONS, checkout.state, CheckoutAction.EXPIRE, Role.SYSTEM)
        _end(tx, checkout, state, CancelReason.UNPAID, Role.SYSTEM)


def _end(tx: Transaction, checkout: Checkout, state: CheckoutState, reason: CancelReason, role: Role) -> None:
    order_state = next_state(ORDER_TRANSITIONS, OrderState.AWAITING_PAYMENT, OrderAction.CANCEL_UNPAID, role)
    tx.record(PaymentClosed(payment_id=checkout.payment_id, account_id=checkout.account_id))
    for order in checkout.orders:
        tx.record(
            OrderCanceled(
                order_id=order.order_id,
                account_id=checkout.account_id,
                shop_id=order.shop_id,
                state=order_state.value,
            )
        )
    done = tx.close(
        _END,
        {
            "checkout_id": checkout.checkout_id,
            "to_state": state.value,
            "order_state": order_state.value,
            "reason": reason.value,
            "stock_order_ids": [order.order_id for order in checkout.orders],
        },
    ).one()
    assert (done.checkouts, done.orders) == (1, len(checkout.orders)), "ended under lock"
