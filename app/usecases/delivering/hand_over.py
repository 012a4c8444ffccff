"""What happens at the counter and at the door: picked up, delivered, failed, tried again, carried back, disposed of."""

import hmac
from dataclasses import replace
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.checks import (
    CODE_TRIES_MAX,
    HandOverWay,
    away_m,
    fault_of,
    is_near,
    require_near,
    tries_key,
    tries_left,
)
from app.core.delivery.errors import CannotDispose, CannotReturn, CodeNeeded, ItemsDiffer, NotReady, ReattemptsUsed
from app.core.delivery.repository import (
    LOCK_DELIVERY_OF_ORDER,
    Delivery,
    delivery_of,
    lock_own_delivery,
)
from app.core.delivery.states import (
    DELIVERY_TRANSITIONS,
    GONE,
    REATTEMPTS_MAX,
    DeliveryAction,
    DeliveryState,
    FailureReason,
    Fault,
)
from app.core.delivery.writes import FAILED, HANDED_OVER, PICKED_UP, SET_OUT_AGAIN
from app.core.events import OrderDelivered, OrderDeliveryFailed, OrderEvent, OrderPickedUp, OrderReattempted
from app.core.orders.errors import CodeLocked, WrongCode
from app.core.orders.repository import EXPECT_MOVED, LOCK_BY_SYSTEM, lock_order, move
from app.core.orders.rules import (
    CODE_DIGITS,
    CONFIRM_WINDOW_GOODS,
    CONFIRM_WINDOW_PERISHABLE,
    STRANDED_WINDOW,
    Ending,
)
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.core.proof.rules import PhotoUse
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.sealing import derived_code, seal
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Closing, Transaction, closing, transaction
from app.usecases.aftersale import carried
from app.usecases.aftersale.exchange import counter_code, swap_code
from app.usecases.aftersale.refund_case import with_recourse
from app.usecases.delivering.moved import DeliveryMoved, record_end_of_trip
from app.usecases.ordering.ending import CarriedOff, OrderMoved, end_order
from app.usecases.ordering.finish_order import ORDER_COMPLETES
from app.usecases.proving.photos import hand_in

DELIVERY_STRANDED = "delivery_stranded"
"""Timer: a delivery that its courier neither ended nor decided about."""

_PICKED_UP = closing(
    f"{move('picked_up_at = business_now()', 'cancel_requested_at = NULL')}, {PICKED_UP}", expecting=EXPECT_MOVED
)
_DELIVERED = closing(f"{move('delivered_at = business_now()')}, {HANDED_OVER}", expecting=EXPECT_MOVED)
_FAILED = closing(f"{move()}, {FAILED}", expecting=EXPECT_MOVED)
_AGAIN = closing(f"{move()}, {SET_OUT_AGAIN}", expecting=EXPECT_MOVED)
_COUNT_TRY = text(
    """
    UPDATE deliveries SET wrong_codes = wrong_codes || jsonb_build_object(CAST(:key AS text), CAST(:tries AS bigint))
    WHERE delivery_id = :delivery_id
    """
)
_ITEMS = text(
    "SELECT coalesce(sum(quantity), 0)::bigint FROM order_lines WHERE order_id = :order_id AND shorted_at IS NULL"
)
_CASE_ITEMS = text("SELECT sum(quantity)::bigint FROM after_sale_case_lines WHERE case_id = :case_id")
NEIGHBOR_CONTEXT = "deliveries.neighbor"


def pick_up_code(order_id: UUID) -> str:
    """Return the code that the shop tells the courier at the counter."""
    return derived_code(str(order_id), purpose="pick_up", digits=CODE_DIGITS)


def door_code(order_id: UUID) -> str:
    """Return the code that the resident tells the courier at the door."""
    return derived_code(str(order_id), purpose="door", digits=CODE_DIGITS)


def pick_up(
    actor: Actor,
    claim: Claim,
    *,
    delivery_id: UUID,
    code: str,
    item_count: int | None = None,
    photo_id: UUID | None = None,
) -> DeliveryMoved:
    """Take an order, or the new piece of an exchange, from the shop's counter, with the shop's code (取货).

    How far away one was seen is recorded; the code speaks for itself.

    :param item_count: how many pieces one counted; where it is given it has to be the order's.
    :raises NotReady: the shop has not said that it is ready.
    :raises WrongCode, CodeLocked: the code is another's, or was mistyped too often.
    :raises ItemsDiffer: there are more pieces or fewer. :raises PhotoUnknown: the photo is not one's own of this order.
    """
    with transaction(claim) as tx:
        at_hand = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        delivery = at_hand.delivery
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.PICK_UP, actor.role)
        if delivery.order_state == OrderState.PREPARING:
            raise NotReady
        key = tries_key(actor.account_id, "counter")
        told = pick_up_code(delivery.order_id) if delivery.case_id is None else counter_code(delivery.case_id)
        if _is_code(delivery, key, code, told):
            _compare_items(tx, delivery, item_count)
            photo = _hand_in_photo(tx, actor, delivery, photo_id, PhotoUse.PICK_UP)
            seen = {"item_count": item_count, "photo_reference": photo}
            seen["distance_m"] = away_m(at_hand.seen, at_hand.counter)
            if delivery.case_id is not None:
                return carried.take_out(tx, actor, delivery, target, **seen)
            tx.schedule(Timer(DELIVERY_STRANDED, delivery.order_id, STRANDED_WINDOW))
            return _move(
                tx,
                actor,
                delivery,
                target,
                OrderAction.PICK_UP,
                OrderPickedUp,
                _PICKED_UP,
                delivery.pick_up_stop_id,
                **seen,
            )
        refusal = _count_wrong_code(tx, delivery, key)
    raise refusal


def _hand_in_photo(
    tx: Transaction, actor: Actor, delivery: Delivery, photo_id: UUID | None, use: PhotoUse
) -> str | None:
    photo_ids = [] if photo_id is None else [photo_id]
    hand_in(tx, actor, order_id=delivery.order_id, photo_ids=photo_ids, use=use, pointer="/photo_id")
    return None if photo_id is None else str(photo_id)


def _compare_items(tx: Transaction, delivery: Delivery, item_count: int | None) -> None:
    if item_count is None:
        return
    ids = {"order_id": delivery.order_id, "case_id": delivery.case_id}
    ordered = tx.execute(_ITEMS if delivery.case_id is None else _CASE_ITEMS, ids).scalar_one()
    if item_count != ordered:
        raise ItemsDiffer(item_count=ordered, counted=item_count, pointer="/item_count")


def deliver(
    actor: Actor,
    claim: Claim,
    *,
    delivery_id: UUID,
    code: str | None,
    photo_id: UUID | None,
    neighbor: str | None = None,
    locker_box: str | None = None,
) -> DeliveryMoved:
    """Hand an order over (送达): to the resident by code, at the door with a photo, to a neighbor, or into a locker.

    The new piece of an exchange is given for the old one, against the resident's code and in no other way.

    :param neighbor: who took it, as the resident knows them. :param locker_box: which box of the store's locker.
    :raises WrongCode, CodeLocked: the code is another's, or was mistyped too often; a photo still serves.
    :raises CodeNeeded: it is an exchange.
    :raises NotNear: one was seen far from the door, or from the store for a locker, and no code speaks for it.
    :raises PhotoUnknown: the photo is not one's own of this order, or has served.
    """

    def act(as_debt: bool) -> DeliveryMoved | WrongCode:  # noqa: FBT001 - as with_recourse calls it
        with transaction(claim) as tx:
            at_hand = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
            delivery = at_hand.delivery
            target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.DELIVER, actor.role)
            if delivery.case_id is not None and code is None:
                raise CodeNeeded(pointer="/code")
            told = door_code(delivery.order_id) if delivery.case_id is None else swap_code(delivery.case_id)
            key = tries_key(actor.account_id, "door")
            if code is not None and not _is_code(delivery, key, code, told):
                return _count_wrong_code(tx, delivery, key)
            way = _way(code, neighbor, locker_box)
            distance_m = away_m(at_hand.seen, at_hand.store if way is HandOverWay.LOCKER else at_hand.door)
            require_near(way, distance_m)
            photo = _hand_in_photo(tx, actor, delivery, photo_id, PhotoUse.HAND_OVER)
            seen = {"photo_reference": photo, "distance_m": distance_m}
            if delivery.case_id is not None:
                return carried.swap(tx, actor, delivery, target, as_debt=as_debt, **seen)
            window = CONFIRM_WINDOW_PERISHABLE if delivery.is_perishable else CONFIRM_WINDOW_GOODS
            tx.schedule(Timer(ORDER_COMPLETES, delivery.order_id, window))
            record_end_of_trip(tx, delivery)
            return _move(
                tx,
                actor,
                delivery,
                target,
                OrderAction.DELIVER,
                OrderDelivered,
                _DELIVERED,
                delivery.drop_stop_id,
                way=way.value,
                neighbor_sealed=None if neighbor is None else seal(neighbor, context=NEIGHBOR_CONTEXT),
                locker_box=locker_box,
                trip_id=delivery.trip_id,
                **seen,
            )

    done = with_recourse(act)
    if isinstance(done, WrongCode):
        raise done
    return done


def _way(code: str | None, neighbor: str | None, locker_box: str | None) -> HandOverWay:
    if code is not None:
        return HandOverWay.CODE
    if neighbor is not None:
        return HandOverWay.NEIGHBOR
    return HandOverWay.PHOTO if locker_box is None else HandOverWay.LOCKER


def fail_delivery(
    actor: Actor, claim: Claim, *, delivery_id: UUID, reason: FailureReason, photo_id: UUID | None = None
) -> DeliveryMoved:
    """Say that an order could not be handed over, and why; what follows is for the courier to choose within a day.

    :param photo_id: proof. Without it, and without having been seen at the door, the resident is not blamed.
    :raises PhotoUnknown: the photo is not one's own of this order, or has served.
    """
    with transaction(claim) as tx:
        at_hand = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id)
        delivery = at_hand.delivery
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.FAIL, actor.role)
        photo = _hand_in_photo(tx, actor, delivery, photo_id, PhotoUse.FAILURE)
        is_proven = photo_id is not None or is_near(away_m(at_hand.seen, at_hand.door))
        why: dict[str, object] = {"reason": reason.value, "photo_reference": photo, "is_proven": is_proven}
        if delivery.case_id is not None:
            return carried.hold_up(tx, delivery, target, **why)
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
            **why,
        )


def reattempt_delivery(actor: Actor, claim: Claim, *, delivery_id: UUID) -> DeliveryMoved:
    """Set out for the door again.

    :raises ReattemptsUsed: it was tried again twice already.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id).delivery
        target = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.REATTEMPT, actor.role)
        target = next_state(DELIVERY_TRANSITIONS, target, DeliveryAction.START_AGAIN, actor.role)
        if delivery.failure_count > REATTEMPTS_MAX:
            raise ReattemptsUsed(reattempts_max=REATTEMPTS_MAX)
        if delivery.case_id is not None:
            return carried.set_out_again(tx, delivery, target)
        return _move(
            tx, actor, delivery, target, OrderAction.REATTEMPT, OrderReattempted, _AGAIN, delivery.drop_stop_id
        )


def return_to_shop(actor: Actor, claim: Claim, *, delivery_id: UUID) -> OrderMoved:
    """Say that the goods are back at the shop; who was at fault decides who pays.

    :raises CannotReturn: perishable goods are disposed of instead.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id).delivery
        if delivery.case_id is not None:
            return carried.bring_back(tx, delivery, actor.role)
        return _return(tx, delivery, actor.role)


def dispose(actor: Actor, claim: Claim, *, delivery_id: UUID) -> OrderMoved:
    """Say that an undeliverable order was disposed of; who was at fault decides who pays.

    :raises CannotDispose: goods that keep and are whole go back to the shop.
    """
    with transaction(claim) as tx:
        delivery = lock_own_delivery(tx, delivery_id=delivery_id, courier_id=actor.account_id).delivery
        if delivery.case_id is not None:
            return carried.lose(tx, delivery, actor.role)
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
    return fault_of(delivery.failure_reason, is_proven=delivery.is_failure_proven)


def _end(  # noqa: PLR0917 - called twice, below each other
    tx: Transaction, delivery: Delivery, state: DeliveryState, action: OrderAction, ending: Ending, role: Role
) -> OrderMoved:
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": delivery.order_id})
    failed = order.state
    if failed is OrderState.IN_DELIVERY:
        failed = next_state(ORDER_TRANSITIONS, failed, OrderAction.FAIL, role)
    target = next_state(ORDER_TRANSITIONS, failed, action, role)
    assert delivery.failure_reason is not None, "a failed delivery has a reason"
    record_end_of_trip(tx, delivery)
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


def _is_code(delivery: Delivery, key: str, code: str, expected: str) -> bool:
    if tries_left(delivery.wrong_codes, key) <= 0:
        raise CodeLocked
    return hmac.compare_digest(code, expected)


def _count_wrong_code(tx: Transaction, delivery: Delivery, key: str) -> WrongCode:
    """Count a wrong code under the lock that it was tried under; return the refusal to raise when that is committed."""
    left = tries_left(delivery.wrong_codes, key) - 1
    tx.execute(_COUNT_TRY, {"delivery_id": delivery.delivery_id, "key": key, "tries": CODE_TRIES_MAX - left})
    tx.release_claim()
    return WrongCode(pointer="/code", tries_left=left)


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
    tx.close(statement, params)
    return moved
