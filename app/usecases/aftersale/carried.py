"""An exchange on its courier's trip: the new piece out, given for the old one, not given, carried back, or lost.

The delivery is a delivery like any other and moves by its own machine; what moves beside it is the case. The courier
earns what the trip was offered for, from who is at fault; what is not the courier's fault is paid, too.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.aftersale.rules import PAYER_OF, ExchangeWay, Payer, recourse
from app.core.aftersale.states import CaseAction, CaseState
from app.core.delivery.checks import HandOverWay, fault_of
from app.core.delivery.errors import CannotDispose, CannotReturn
from app.core.delivery.repository import LOCK_DELIVERY_OF_CASE, Delivery, delivery_of
from app.core.delivery.states import (
    DELIVERY_TRANSITIONS,
    GONE,
    DeliveryAction,
    DeliveryState,
    FailureReason,
    Fault,
)
from app.core.delivery.writes import CARRIED_OFF, FAILED, HANDED_OVER, PICKED_UP, SET_OUT_AGAIN
from app.core.events import ExchangeHeldUp
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.repository import STOCK_MOVED
from app.core.orders.rules import STRANDED_WINDOW
from app.core.settlement.locks import lock_account
from app.core.settlement.models import PartyKind, SettledParty
from app.kernel.actor import Actor, Role
from app.kernel.clock import SHANGHAI
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Closing, Transaction, closing
from app.usecases.aftersale.cases import (
    ANSWER_STOCKED,
    CASE_LINES,
    LOCK_CASE,
    MOVED_CASE,
    Case,
    as_stock,
    lock_case,
    moving,
    stock_moves,
    told,
)
from app.usecases.delivering.moved import DeliveryMoved, record_end_of_trip
from app.usecases.ordering.ending import OrderMoved

_ELIGIBLE_AFTER = timedelta(days=1)
EXCHANGE_STRANDED = "exchange_stranded"
"""Timer: a new piece that its courier neither exchanged nor decided about."""

_AVAILABLE = text(
    'SELECT coalesce((SELECT available_fen FROM ledger.head WHERE code = CAST(:code AS text) COLLATE "C"), 0)'
)
_EARNED = """
earner AS (
    INSERT INTO settlement_accounts (party_kind, party_id, next_on)
    SELECT 'courier', :courier_id, :eligible_on WHERE CAST(:carriage_fen AS bigint) > 0 ON CONFLICT DO NOTHING
),
earned AS (
    INSERT INTO settlement_items (order_id, party_kind, part, party_id, amount_fen, eligible_on)
    SELECT :order_id, :party_kind, (SELECT coalesce(max(i.part), 0) + 1 FROM settlement_items AS i
        WHERE i.order_id = :order_id AND i.party_kind = :party_kind), :courier_id, :carriage_fen, :eligible_on
    WHERE CAST(:carriage_fen AS bigint) > 0
)"""
"""Never the first part: that is what the order's own delivery earns, which may still be to come."""
_TAKEN_OUT = closing(f"{MOVED_CASE}, {STOCK_MOVED}, {PICKED_UP}", answer=ANSWER_STOCKED)
_SWAPPED = closing(f"{MOVED_CASE}, {STOCK_MOVED}, {_EARNED}, {HANDED_OVER}", answer=ANSWER_STOCKED)
_BROUGHT_BACK = closing(f"{MOVED_CASE}, {STOCK_MOVED}, {_EARNED}, {CARRIED_OFF}", answer=ANSWER_STOCKED)
_HELD_UP, _AGAIN = closing(FAILED), closing(SET_OUT_AGAIN)


def take_out(tx: Transaction, actor: Actor, delivery: Delivery, state: DeliveryState, **seen: object) -> DeliveryMoved:
    """Take the new piece from the counter. Closes the transaction, as all of these do.

    :param seen: what is kept of the act: how many pieces were counted, a photo, how far away one was.
    """
    case = _case_of(tx, delivery)
    target = case.next(CaseAction.SEND_OUT, actor.role)
    tx.schedule(Timer(EXCHANGE_STRANDED, case.case_id, STRANDED_WINDOW))
    moved = _moved(tx, delivery, state, target)
    params = _beside(delivery, state, delivery.pick_up_stop_id)
    _close(tx, case, target, _TAKEN_OUT, carrier_id=actor.account_id, **params, **seen)
    return moved


def swap(
    tx: Transaction, actor: Actor, delivery: Delivery, state: DeliveryState, *, as_debt: bool, **seen: object
) -> DeliveryMoved:
    """Give the new piece for the old one, against the resident's code; who is at fault pays the way.

    :param as_debt: leave the merchant's balance alone.
    """
    case = _case_of(tx, delivery)
    target = case.next(CaseAction.SWAP, actor.role)
    paid = _pay(tx, case, delivery, PAYER_OF[case.fault], as_debt=as_debt)
    record_end_of_trip(tx, delivery)
    moved = _moved(tx, delivery, state, target)
    params = _beside(delivery, state, delivery.drop_stop_id)
    more = {"way": HandOverWay.CODE.value, "neighbor_sealed": None, "locker_box": None}
    _close(tx, case, target, _SWAPPED, **paid, **params, **more, **seen)
    return moved


def hold_up(tx: Transaction, delivery: Delivery, state: DeliveryState, **why: object) -> DeliveryMoved:
    """Say that the new piece could not be given; what follows is for the courier to choose within a day."""
    case = _case_of(tx, delivery)
    tx.schedule(Timer(EXCHANGE_STRANDED, case.case_id, STRANDED_WINDOW))
    return _stay(tx, case, delivery, state, _HELD_UP, **why)


def set_out_again(tx: Transaction, delivery: Delivery, state: DeliveryState) -> DeliveryMoved:
    """Set out for the door again."""
    return _stay(tx, _case_of(tx, delivery), delivery, state, _AGAIN, stop_id=delivery.drop_stop_id)


def bring_back(tx: Transaction, delivery: Delivery, role: Role) -> OrderMoved:
    """Say that the new piece is back at the shop, where it waits for the resident from now on.

    The way is paid by the platform: a resident who was not there has nothing in escrow to pay it from.

    :raises CannotReturn: it is lost or spoiled.
    """
    state = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.RETURN, Role.COURIER)
    state = next_state(DELIVERY_TRANSITIONS, state, DeliveryAction.ARRIVE_BACK, role)
    if delivery.failure_reason in GONE:
        raise CannotReturn
    return _end(tx, delivery, state, CaseAction.TAKE_BACK, role, exchange_way=ExchangeWay.SHOP.value)


def lose(tx: Transaction, delivery: Delivery, role: Role) -> OrderMoved:
    """Say that the new piece is lost or spoiled; the platform rules.

    :raises CannotDispose: it is whole, and goes back to the shop.
    """
    state = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.DISPOSE, role)
    if delivery.failure_reason not in GONE:
        raise CannotDispose
    return _end(tx, delivery, state, CaseAction.REPORT_LOST, role)


def close_stranded_exchange(tx: Transaction, case_id: UUID) -> None:
    """Close what its courier left for a day: carried and never heard of again, it counts as lost."""
    row = tx.open_one(LOCK_DELIVERY_OF_CASE, {"case_id": case_id})
    if row is None:
        return
    delivery = delivery_of(row)
    if delivery.state in {DeliveryState.PICKED_UP, DeliveryState.AT_DROP}:
        failed = next_state(DELIVERY_TRANSITIONS, delivery.state, DeliveryAction.FAIL, Role.SYSTEM)
        delivery = replace(delivery, state=failed, failure_reason=FailureReason.LOST)
    if delivery.state is DeliveryState.FAILED:
        (lose if delivery.failure_reason in GONE else bring_back)(tx, delivery, Role.SYSTEM)


def _case_of(tx: Transaction, delivery: Delivery) -> Case:
    return lock_case(tx, LOCK_CASE, {"case_id": delivery.case_id})


def _pay(
    tx: Transaction, case: Case, delivery: Delivery, payer: Payer, *, as_debt: bool = False
) -> Mapping[str, object]:
    """Pay the way and return what the closing statement writes of it."""
    courier_id, pay_fen, order = delivery.courier_id, delivery.pay_fen, case.order
    assert courier_id is not None, "what was carried had a courier"
    eligible_on = order.now.astimezone(SHANGHAI).date() + _ELIGIBLE_AFTER
    earned = {"courier_id": courier_id, "party_kind": PartyKind.COURIER.value, "eligible_on": eligible_on}
    if pay_fen == 0:
        return earned
    sources = {codes.DELIVERY_SUBSIDY: pay_fen}
    if payer is Payer.MERCHANT:
        available = codes.merchant_available(order.merchant_id)
        lock_account(tx, SettledParty.MERCHANT, order.merchant_id)
        has_fen = 0 if as_debt else max(0, int(tx.execute(_AVAILABLE, {"code": available}).scalar_one()))
        parts = recourse(pay_fen, pending_fen=0, available_fen=has_fen)
        sources = {available: parts.available_fen, codes.merchant_debt(order.merchant_id): parts.debt_fen}
    journal = Journal(
        key=f"exchange_carriage:{case.case_id}",
        kind=JournalKind.EXCHANGE_CARRIAGE,
        legs=(
            Leg(codes.courier_pending(courier_id), pay_fen),
            *(Leg(code, -fen) for code, fen in sources.items() if fen),
        ),
        ref=str(case.case_id),
    )
    ledger.post(tx, journal)
    return {**earned, "carriage_payer": payer.value, "carriage_fen": pay_fen}


def _end(
    tx: Transaction, delivery: Delivery, state: DeliveryState, action: CaseAction, role: Role, **more: object
) -> OrderMoved:
    case = _case_of(tx, delivery)
    target = case.next(action, role)
    reason = delivery.failure_reason
    assert reason is not None, "a failed delivery has a reason"
    is_couriers = fault_of(reason, is_proven=delivery.is_failure_proven) is Fault.COURIER
    unpaid = replace(delivery, pay_fen=0) if is_couriers else delivery
    paid = _pay(tx, case, unpaid, Payer.PLATFORM)
    record_end_of_trip(tx, delivery)
    moved = OrderMoved(order_id=delivery.order_id, state=delivery.order_state)
    if tx.claim is not None:
        tx.keep(moved)
    params = _beside(delivery, state, delivery.drop_stop_id)
    _close(tx, case, target, _BROUGHT_BACK, failure_reason=reason.value, **paid, **params, **more)
    return moved


def _stay(
    tx: Transaction,
    case: Case,
    delivery: Delivery,
    state: DeliveryState,
    statement: Closing,
    **more: object,
) -> DeliveryMoved:
    """Move the delivery alone: the case stays with its courier."""
    tx.record(told(ExchangeHeldUp, case.case_id, case.order, case.state))
    moved = _moved(tx, delivery, state, case.state)
    tx.close(statement, {"delivery_id": delivery.delivery_id, "delivery_state": state.value, **more})
    return moved


def _moved(tx: Transaction, delivery: Delivery, state: DeliveryState, case_state: CaseState) -> DeliveryMoved:
    moved = DeliveryMoved(
        delivery_id=delivery.delivery_id,
        order_id=delivery.order_id,
        state=state.value,
        order_state=delivery.order_state,
        case_id=delivery.case_id,
        case_state=case_state.value,
    )
    tx.keep(moved)
    return moved


def _beside(delivery: Delivery, state: DeliveryState, stop_id: UUID) -> Mapping[str, object]:
    return {
        "delivery_id": delivery.delivery_id,
        "delivery_state": state.value,
        "stop_id": stop_id,
        "trip_id": delivery.trip_id,
    }


def _close(tx: Transaction, case: Case, target: CaseState, statement: Closing, **more: object) -> None:
    lines = tx.execute(CASE_LINES, {"case_id": case.case_id}).fetchall()
    moves = stock_moves(case, target, lines)
    done = tx.close(statement, moving(tx, case, target, stock=as_stock(moves), **more)).one()
    assert done.cases == 1, "a locked case changed under its lock"
