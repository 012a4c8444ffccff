"""The good end: collected at the counter, confirmed by the resident, or complete by time."""

import hmac
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.repository import LOCK_BY_SYSTEM, LOCK_FOR_SHOP, LOCK_FOR_STORE, LOCK_OWN, Order, lock_order
from app.core.orders.rules import COLLECT_CODE_DIGITS, Ending
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.machines import IllegalTransition, next_state
from app.kernel.sealing import derived_code
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Opening, Transaction, transaction
from app.usecases.ordering.ending import OrderMoved, end_order

ORDER_COMPLETES = "order_completes"
"""Timer: nobody complained."""

CASE_WAITED_FOR = timedelta(hours=24)
"""How long after a look that found an open case the next one is."""
_HAS_OPEN_CASE = text(
    """
    SELECT EXISTS (SELECT 1 FROM after_sale_cases WHERE order_id = :order_id
        AND state NOT IN ('refunded', 'exchanged', 'withdrawn', 'refused'))
    """
)
_COUNT_TRY = text("UPDATE orders SET code_tries_left = code_tries_left - 1 WHERE order_id = :order_id")
_COURIER = text(
    """
    SELECT t.courier_id, d.pay_fen FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
    WHERE d.order_id = :order_id AND d.case_id IS NULL
    """
)


def collect_code(order_id: UUID) -> str:
    """Return the code that the resident shows at the store's counter."""
    return derived_code(str(order_id), purpose="collect", digits=COLLECT_CODE_DIGITS)


def collect_order(actor: Actor, claim: Claim, *, order_id: UUID, code: str) -> OrderMoved:
    """Hand an order over at the store's counter to whoever shows its code (自提).

    :raises WrongCode: it is another's, or mistyped; the try is counted.
    :raises CodeLocked: it was mistyped too often.
    """
    return _collect(actor, claim, LOCK_FOR_STORE, Fulfillment.STORE_PICKUP, order_id, code)


def collect_at_shop(actor: Actor, claim: Claim, *, order_id: UUID, code: str) -> OrderMoved:
    """Hand an order over at the shop's own counter (到店自提).

    :raises IllegalTransition: it goes out in another way, or is not ready.
    :raises WrongCode, CodeLocked: as at the store.
    """
    return _collect(actor, claim, LOCK_FOR_SHOP, Fulfillment.SHOP_PICKUP, order_id, code)


def _collect(  # noqa: PLR0917 - called twice, above
    actor: Actor, claim: Claim, statement: Opening, fulfillment: Fulfillment, order_id: UUID, code: str
) -> OrderMoved:
    with transaction(claim) as tx:
        order = lock_order(tx, statement, {"order_id": order_id, **actor.as_member})
        if order.fulfillment is not fulfillment:
            raise IllegalTransition(action=OrderAction.COLLECT.value, state=order.state.value)
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.COLLECT, actor.role)
        if order.code_tries_left <= 0:
            raise CodeLocked
        if hmac.compare_digest(code, collect_code(order_id)):
            return end_order(tx, order, Ending.COMPLETED, target=target)
        tx.execute(_COUNT_TRY, {"order_id": order_id})
        tx.release_claim()
    raise WrongCode(pointer="/code", tries_left=order.code_tries_left - 1)


def confirm_order(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Confirm, as its resident, that the order arrived (确认收货)."""
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_OWN, {"order_id": order_id, "account_id": actor.account_id})
        return _complete(tx, order, actor.role)


def complete_order(tx: Transaction, order_id: UUID) -> None:
    """Complete a delivered order about which nobody complained in time; one with an open case waits for its end."""
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is not OrderState.DELIVERED:
        return
    if tx.execute(_HAS_OPEN_CASE, {"order_id": order_id}).scalar_one():
        tx.schedule(Timer(ORDER_COMPLETES, order_id, CASE_WAITED_FOR))
    else:
        _complete(tx, order, Role.SYSTEM)


def lapse_collection(tx: Transaction, order_id: UUID) -> None:
    """End an order that nobody collected for two days: perishable goods are kept, others go back and are refunded."""
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is not OrderState.READY or order.is_delivered:
        return
    if order.is_perishable:
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.COLLECT, Role.SYSTEM)
        end_order(tx, order, Ending.COMPLETED, target=target)
    else:
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.GIVE_UP, Role.SYSTEM)
        end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=CancelReason.NOT_COLLECTED)


def _complete(tx: Transaction, order: Order, role: Role) -> OrderMoved:
    target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.CONFIRM, role)
    carrier = tx.execute(_COURIER, {"order_id": order.order_id}).one_or_none()
    return end_order(
        tx,
        order,
        Ending.COMPLETED,
        target=target,
        courier_id=None if carrier is None else carrier.courier_id,
        pay_fen=None if carrier is None else carrier.pay_fen,
    )
