"""Every way an order ends before it was made: refused, canceled, lapsed, let go. What was paid goes back whole."""

from uuid import UUID

from app.core.events import OrderCancelRefused, OrderCancelRequested
from app.core.orders.errors import CancelNotRequested, CancelWindowPassed
from app.core.orders.models import CancelReason
from app.core.orders.repository import (
    EXPECT_MOVED,
    LOCK_BY_SYSTEM,
    LOCK_FOR_SHOP,
    LOCK_OWN,
    LOCK_TO_ACCEPT_BY_SYSTEM,
    Order,
    lock_order,
    move,
    order_of,
)
from app.core.orders.rules import CANCEL_ANSWER_WINDOW, Ending, may_cancel_freely
from app.core.orders.scheduled import may_let_slot_go, ready_at
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.usecases.ordering.accept_order import accept_late
from app.usecases.ordering.ending import OrderMoved, end_order

CANCEL_REQUEST_LAPSES = "cancel_request_lapses"
"""Timer: the shop has not answered a request to cancel."""

_REQUESTED = closing(move("cancel_requested_at = business_now()"), expecting=EXPECT_MOVED)
_REFUSED = closing(move("cancel_requested_at = NULL"), expecting=EXPECT_MOVED)


def reject_order(actor: Actor, claim: Claim, *, order_id: UUID, reason: CancelReason) -> OrderMoved:
    """Refuse an order as its shop (拒单), with a reason. Orders of other shops in the same checkout go on."""
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.REJECT, actor.role)
        return end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=reason)


def cancel_order(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Cancel one's paid order while that is free.

    :raises CancelWindowPassed: the shop is at work; it can be asked to let the order go.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_OWN, {"order_id": order_id, "account_id": actor.account_id})
        if order.state is not OrderState.AWAITING_ACCEPT:
            order.refuse_own_machine(OrderAction.CANCEL)
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.CANCEL, actor.role)
        ready_due_at = (
            None
            if order.accepted_at is None
            else ready_at(order.accepted_at, order.preparation_minutes, order.slot_starts_at)
        )
        if not may_let_slot_go(order.now, order.slot_starts_at) and not may_cancel_freely(
            order.state,
            accepted_at=order.accepted_at,
            ready_due_at=ready_due_at,
            is_shorted=order.shorted_at is not None,
            now=order.now,
        ):
            raise CancelWindowPassed
        return end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=CancelReason.BY_RESIDENT)


def lapse_order(tx: Transaction, order_id: UUID) -> None:
    """End an order that its shop has not accepted in time, unless the shop accepts by itself."""
    row = tx.open_one(LOCK_TO_ACCEPT_BY_SYSTEM, {"order_id": order_id})
    if row is None or row.state != OrderState.AWAITING_ACCEPT:
        return
    if not accept_late(tx, row):
        order = order_of(row)
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.LAPSE, Role.SYSTEM)
        end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=CancelReason.NOT_ACCEPTED_IN_TIME)


def ask_to_cancel(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Ask the shop to let an order go that it prepares; ten minutes of silence mean no."""
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_OWN, {"order_id": order_id, "account_id": actor.account_id})
        order.refuse_own_machine(OrderAction.ASK_TO_CANCEL)
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.ASK_TO_CANCEL, actor.role)
        tx.record(_told(OrderCancelRequested, order))
        tx.schedule(Timer(CANCEL_REQUEST_LAPSES, order_id, CANCEL_ANSWER_WINDOW))
        moved = OrderMoved(order_id=order_id, state=target.value)
        tx.keep(moved)
        tx.close(_REQUESTED, _params(order, target))
    return moved


def agree_to_cancel(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Let an order go, as its shop.

    :raises CancelNotRequested: nobody asked.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.AGREE_TO_CANCEL, actor.role)
        if order.cancel_requested_at is None:
            raise CancelNotRequested
        return end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=CancelReason.BY_RESIDENT)


def refuse_to_cancel(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Keep an order, as its shop.

    :raises CancelNotRequested: nobody asked.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.REFUSE_TO_CANCEL, actor.role)
        if order.cancel_requested_at is None:
            raise CancelNotRequested
        tx.record(_told(OrderCancelRefused, order))
        moved = OrderMoved(order_id=order_id, state=target.value)
        tx.keep(moved)
        tx.close(_REFUSED, _params(order, target))
    return moved


def lapse_cancel_request(tx: Transaction, order_id: UUID) -> None:
    """Count ten minutes of silence as a no; a request that was made anew has its own ten."""
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is not OrderState.PREPARING or order.cancel_requested_at is None:
        return
    if order.now >= order.cancel_requested_at + CANCEL_ANSWER_WINDOW:
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.REFUSE_TO_CANCEL, Role.SYSTEM)
        tx.record(_told(OrderCancelRefused, order))
        tx.close(_REFUSED, _params(order, target))


def _told(
    kind: type[OrderCancelRequested | OrderCancelRefused], order: Order
) -> OrderCancelRequested | OrderCancelRefused:
    return kind(order_id=order.order_id, account_id=order.account_id, shop_id=order.shop_id, state=order.state.value)


def _params(order: Order, target: OrderState) -> dict[str, object]:
    return {"order_id": order.order_id, "from_state": order.state.value, "to_state": target.value}
