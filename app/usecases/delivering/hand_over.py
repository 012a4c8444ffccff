"""What happens at the counter and at the door: picked up, delivered, failed, tried again, carried back, disposed of."""

import hmac
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.errors import CannotDispose, CannotReturn, NotReady, ReattemptsUsed
from app.core.delivery.repository import END_TRIP, LOCK_DELIVERY_OF_ORDER, Delivery, delivery_of, lock_own_delivery
from app.core.delivery.states import (
    DELIVERY_TRANSITIONS,
    FAULT_OF,
    GONE,
    REATTEMPTS_MAX,
    DeliveryAction,
    DeliveryState,
    FailureReason,
    Fault,
)
from app.core.events import OrderDelivered, OrderDeliveryFailed, OrderEvent, OrderPickedUp, OrderReattempted, TripEnded
from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.repository import ANSWER_MOVED, LOCK_BY_SYSTEM, assert_moved, lock_order, move
from app.core.orders.rules import (
    CODE_DIGITS,
    CONFIRM_WINDOW_GOODS,
    CONFIRM_WINDOW_PERISHABLE,
    STRANDED_WINDOW,
    Ending,
)
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.sealing import derived_code
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Closing, Transaction, closing, transaction
from app.usecases.ordering.ending import CarriedOff, OrderMoved, end_order
from app.usecases.ordering.finish_order import ORDER_COMPLETES

DELIVERY_STRANDED = "delivery_stranded"
"""Timer: a delivery that its courier neither ended nor decided about."""

_PICKED_UP = closing(
    f"""{move("picked_up_at = business_now()", "cancel_requested_at = NULL")},
    carried AS (
        UPDATE deliveries SET state = :delivery_state, code_tries_left = DEFAULT WHERE delivery_id = :delivery_id
    ),
    stop_done AS (
        UPDATE stops SET state = 'done', arrived_at = coalesce(arrived_at, business_now()), done_at = business_now()
        WHERE stop_id = :stop_id
    )""",
    answer=ANSWER_MOVED,
)
_DELIVERED = closing(
    f"""{move("delivered_at = business_now()")},
    carried AS (
        UPDATE deliveries SET state = :delivery_state, ended_at = business_now(),
            photo_reference = CAST(:photo_reference AS text)
        WHERE delivery_id = :delivery_id
    ),
    stop_done AS (
        UPDATE stops SET state = 'done', arrived_at = coalesce(arrived_at, business_now()), done_at = business_now()
        WHERE stop_id = :stop_id
    ), {END_TRIP}""",
    answer=ANSWER_MOVED,
)
_FAILED = closing(
    f"""{move()},
    carried AS (
        UPDATE deliveries SET state = :delivery_state, failure_reason = :reason, failure_count = failure_count + 1
        WHERE delivery_id = :delivery_id
    )""",
    answer=ANSWER_MOVED,
)
_AGAIN = closing(
    f"""{move()},
    carried AS (UPDATE deliveries SET state = :delivery_state WHERE delivery_id = :delivery_id),
    stop_again AS (UPDATE stops SET state = 'waiting', arrived_at = NULL WHERE stop_id = :stop_id)""",
    answer=ANSWER_MOVED,
)
_COUNT_TRY = text("UPDATE deliveries SET code_tries_left = code_tries_left - 1 WHERE delivery_id = :delivery_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMoved:
    """What an act on a delivery answers."""

    delivery_id: UUID
    order_id: UUID
    state: str
    order_state: str


def pick_up_code(order_id: UUID) -> str:
    """Return the code that the shop tells the courier at the counter."""
    return derived_code(str(order_id), purpose="pick_up", digits=CODE_DIGITS)


def door_code(order_id: UUID) -> str:
    """Return the code that the resident tells the courier at the door."""
    return derived_code(str(order_id), purpose="door", digits=CODE_DIGITS)


def pick_up(actor: Actor, claim: Claim, *, delivery_id: UUID, code: str) -> DeliveryMoved:
    """Take an order from the shop's counter, with the shop's code (取货).

    :raises NotReady: the shop has not said that it is ready.
    :raises WrongCode, CodeLocked: the code is another's, or was mistyped too often.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.PICK_UP, actor.role)
        if delivery.order_state == OrderState.PREPARING:
            raise NotReady
        if _is_code(delivery, code, pick_up_code(delivery.order_id)):
            tx.schedule(Timer(DELIVERY_STRANDED, delivery.order_id, STRANDED_WINDOW))
            return _move(
                tx, actor, delivery, target, OrderAction.PICK_UP, OrderPickedUp, _PICKED_UP, delivery.pick_up_stop_id
            )
        refusal = _count_wrong_code(tx, delivery)
    raise refusal


def deliver(
    actor: Actor, claim: Claim, *, delivery_id: UUID, code: str | None, photo_reference: str | None
) -> DeliveryMoved:
    """Hand an order over at the door (送达): with the resident's code, or with a photo of where it was left.

    :raises WrongCode, CodeLocked: the code is another's, or was mistyped too often; a photo still serves.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.DELIVER, actor.role)
        if code is None or _is_code(delivery, code, door_code(delivery.order_id)):
            window = CONFIRM_WINDOW_PERISHABLE if delivery.is_perishable else CONFIRM_WINDOW_GOODS
            tx.schedule(Timer(ORDER_COMPLETES, delivery.order_id, window))
            tx.record(
                TripEnded(trip_id=delivery.trip_id, community_id=delivery.community_id, courier_id=actor.account_id)
            )
            return _move(
                tx,
                actor,
                delivery,
                target,
                OrderAction.DELIVER,
                OrderDelivered,
                _DELIVERED,
                delivery.drop_stop_id,
                photo_reference=photo_reference,
                trip_id=delivery.trip_id,
            )
        refusal = _count_wrong_code(tx, delivery)
    raise refusal


def fail_delivery(actor: Actor, claim: Claim, *, delivery_id: UUID, reason: FailureReason) -> DeliveryMoved:
    """Say that an order could not be handed over, and why; what follows is for the courier to choose within a day."""
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.FAIL, actor.role)
        tx.schedule(Timer(DELIVERY_STRANDED, delivery.order_id, STRANDED_WINDOW))
        return _move(
            tx,
            actor,
            delivery,
            target,
            OrderAction.FAIL,
            OrderDeliveryFailed,
            _FAILED,
            delivery.drop_stop_id,
            reason=reason.value,
        )


def reattempt_delivery(actor: Actor, claim: Claim, *, delivery_id: UUID) -> DeliveryMoved:
    """Set out for the door again.

    :raises ReattemptsUsed: it was tried again twice already.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.REATTEMPT, actor.role)
        target = next_state(DELIVERY_TRANSITIONS, target, DeliveryAction.START_AGAIN, actor.role)
        if delivery.failure_count > REATTEMPTS_MAX:
            raise ReattemptsUsed(reattempts_max=REATTEMPTS_MAX)
        return _move(
            tx, actor, delivery, target, OrderAction.REATTEMPT, OrderReattempted, _AGAIN, delivery.drop_stop_id
        )


def return_to_shop(actor: Actor, claim: Claim, *, delivery_id: UUID) -> OrderMoved:
    """Say that the goods are back at the shop; who was at fault decides who pays.

    :raises CannotReturn: perishable goods are disposed of instead.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        return _return(tx, delivery, actor.role)


def dispose(actor: Actor, claim: Claim, *, delivery_id: UUID) -> OrderMoved:
    """Say that an undeliverable order was disposed of; who was at fault decides who pays.

    :raises CannotDispose: goods that keep and are whole go back to the shop.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        return _dispose(tx, delivery, actor.role)


def close_stranded(tx: Transaction, order_id: UUID) -> None:
    """Close a delivery that its courier left for a day: carried and never heard of again, it counts as lost."""
    row = tx.open_one(LOCK_DELIVERY_OF_ORDER, {"order_id": order_id})
    if row is None:
        return
    delivery = delivery_of(row)
    if delivery.state in {DeliveryState.PICKED_UP, DeliveryState.AT_DROP}:
        delivery = replace(
            delivery,
            state=next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.FAIL, Role.SYSTEM),
            failure_reason=FailureReason.LOST,
        )
    if delivery.state is not DeliveryState.FAILED:
        return
    if delivery.is_perishable or delivery.failure_reason in GONE:
        _dispose(tx, delivery, Role.SYSTEM)
    else:
        _return(tx, delivery, Role.SYSTEM)


def _return(tx: Transaction, delivery: Delivery, role: Role) -> OrderMoved:
    state = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.RETURN, Role.COURIER)
    state = next_state(DELIVERY_TRANSITIONS, state, DeliveryAction.ARRIVE_BACK, role)
    if delivery.is_perishable or delivery.failure_reason in GONE:
        raise CannotReturn
    is_residents = _fault_of(delivery) is Fault.RESIDENT
    ending = Ending.RETURNED_RESIDENT_FAULT if is_residents else Ending.RETURNED_NO_FAULT
    return _end(tx, delivery, state, OrderAction.RETURN, ending, role)


def _dispose(tx: Transaction, delivery: Delivery, role: Role) -> OrderMoved:
    state = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.DISPOSE, role)
    if not delivery.is_perishable and delivery.failure_reason not in GONE:
        raise CannotDispose
    ending = {
        Fault.RESIDENT: Ending.COMPLETED,
        Fault.NOBODY: Ending.LOST_PLATFORM,
        Fault.COURIER: Ending.LOST_COURIER,
    }[_fault_of(delivery)]
    return _end(tx, delivery, state, OrderAction.DISPOSE, ending, role)


def _fault_of(delivery: Delivery) -> Fault:
    assert delivery.failure_reason is not None, "a failed delivery has a reason"
    return FAULT_OF[delivery.failure_reason]


def _end(  # noqa: PLR0917 - called twice, below each other
    tx: Transaction, delivery: Delivery, state: DeliveryState, action: OrderAction, ending: Ending, role: Role
) -> OrderMoved:
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": delivery.order_id})
    failed = order.state
    if failed is OrderState.IN_DELIVERY:
        failed = next_state(ORDER_TRANSITIONS, failed, OrderAction.FAIL, role)
    target = next_state(ORDER_TRANSITIONS, failed, action, role)
    assert delivery.failure_reason is not None, "a failed delivery has a reason"
    tx.record(TripEnded(trip_id=delivery.trip_id, community_id=delivery.community_id, courier_id=delivery.courier_id))
    carried = CarriedOff(
        delivery_id=delivery.delivery_id,
        delivery_state=state.value,
        failure_reason=delivery.failure_reason.value,
        stop_id=delivery.drop_stop_id,
        trip_id=delivery.trip_id,
    )
    return end_order(
        tx, order, ending, target=target, courier_id=delivery.courier_id, pay_fen=delivery.pay_fen, carried=carried
    )


def _is_code(delivery: Delivery, code: str, expected: str) -> bool:
    if delivery.code_tries_left <= 0:
        raise CodeLocked
    return hmac.compare_digest(code, expected)


def _count_wrong_code(tx: Transaction, delivery: Delivery) -> WrongCode:
    """Count a wrong code under the lock that it was tried under; return the refusal to raise when that is committed."""
    tx.execute(_COUNT_TRY, {"delivery_id": delivery.delivery_id})
    tx.release_claim()
    return WrongCode(pointer="/code", tries_left=delivery.code_tries_left - 1)


def _move(  # noqa: PLR0917 - one mover for the four moves at counter and door
    tx: Transaction,
    actor: Actor,
    delivery: Delivery,
    state: DeliveryState,
    action: OrderAction,
    event: type[OrderEvent],
    statement: Closing,
    stop_id: UUID,
    **more: object,
) -> DeliveryMoved:
    order_state = OrderState(delivery.order_state)
    target = next_state(ORDER_TRANSITIONS, order_state, action, actor.role)
    tx.record(
        event(
            order_id=delivery.order_id,
            account_id=delivery.account_id,
            shop_id=delivery.shop_id,
            state=target.value,
            courier_id=actor.account_id,
        )
    )
    moved = DeliveryMoved(
        delivery_id=delivery.delivery_id, order_id=delivery.order_id, state=state.value, order_state=target.value
    )
    tx.keep(moved)
    params = {
        "order_id": delivery.order_id,
        "from_state": order_state.value,
        "to_state": target.value,
        "delivery_id": delivery.delivery_id,
        "delivery_state": state.value,
        "stop_id": stop_id,
        **more,
    }
    assert_moved(tx.close(statement, params))
    return moved
