"""Every act on what has a machine, tried in every state and by everybody: what no table names changes nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core.aftersale.rules import CaseFault, CaseKind
from app.core.aftersale.states import CASE_TRANSITIONS, CaseAction, CaseState
from app.core.appointments.states import APPOINTMENT_TRANSITIONS, AppointmentAction, AppointmentState
from app.core.delivery.states import FailureReason
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.core.vouchers.states import VOUCHER_TRANSITIONS, VoucherAction, VoucherState
from app.kernel.actor import Side
from app.kernel.errors import LinliError
from app.usecases.aftersale.answer import (
    agree_to_case,
    dispute_return,
    receive_return,
    reject_case,
    replace_goods,
    take_exchange_back,
)
from app.usecases.aftersale.apply import escalate_case, send_back, withdraw_case
from app.usecases.aftersale.exchange import confirm_exchange, swap_at_counter, swap_code
from app.usecases.aftersale.rule import Ruling, rule_case
from app.usecases.appointments.visits import (
    cancel_appointment,
    check_in,
    check_in_code,
    finish_service,
    report_absent,
    reschedule,
    set_out,
    withdraw_provider,
)
from app.usecases.delivering.hand_over import (
    deliver,
    dispose,
    door_code,
    fail_delivery,
    pick_up,
    pick_up_code,
    reattempt_delivery,
    return_to_shop,
)
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_order import (
    agree_to_cancel,
    ask_to_cancel,
    cancel_order,
    refuse_to_cancel,
    reject_order,
)
from app.usecases.ordering.finish_order import collect_code, collect_order, confirm_order
from app.usecases.ordering.prepare_order import ready_order, short_order
from app.usecases.vouchers.spend import redeem_voucher, refund_voucher
from tests.factories import a_claim, a_courier, a_merchant_with_shop, a_resident, a_store_clerk, an_operator, an_order
from tests.factories.appointments import a_visit, come_in, in_days
from tests.factories.cases import a_case
from tests.factories.rows import change, look
from tests.factories.vouchers import some_vouchers
from tests.support.ladder import row_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask import Flask

    from tests.factories import AnOrder, Person
    from tests.factories.appointments import AVisit
    from tests.factories.cases import ACase
    from tests.factories.vouchers import SomeVouchers

_IN_THE_WAY = frozenset({"illegal_transition", "not_yours_to_do", "not_ready", "voucher_spent"})
_NOT_THEIRS = ("_not_found", "not_yours_to_do")


def _acts_on_order(order: AnOrder) -> dict[OrderAction, tuple[Person, Callable[..., Any]]]:
    resident, owner = order.resident, order.shop.owner
    named: dict[str, Any] = {"order_id": order.order_id}
    acts: dict[OrderAction, tuple[Person, Callable[..., Any]]] = {
        OrderAction.ACCEPT: (owner, partial(accept_order, **named)),
        OrderAction.REJECT: (owner, partial(reject_order, reason=CancelReason.OTHER, **named)),
        OrderAction.CANCEL: (resident, partial(cancel_order, **named)),
        OrderAction.ASK_TO_CANCEL: (resident, partial(ask_to_cancel, **named)),
        OrderAction.AGREE_TO_CANCEL: (owner, partial(agree_to_cancel, **named)),
        OrderAction.REFUSE_TO_CANCEL: (owner, partial(refuse_to_cancel, **named)),
        OrderAction.SHORT_ALL: (owner, partial(short_order, lines=frozenset({1}), **named)),
        OrderAction.READY: (owner, partial(ready_order, **named)),
        OrderAction.CONFIRM: (resident, partial(confirm_order, **named)),
    }
    if order.clerk is not None:
        acts[OrderAction.COLLECT] = (order.clerk, partial(collect_order, code=collect_code(order.order_id), **named))
    if order.courier is not None:
        by = order.courier
        carried: dict[str, Any] = {"delivery_id": order.delivery_id}
        acts |= {
            OrderAction.PICK_UP: (by, partial(pick_up, code=pick_up_code(order.order_id), **carried)),
            OrderAction.DELIVER: (
                by,
                partial(deliver, code=door_code(order.order_id), photo_id=None, **carried),
            ),
            OrderAction.FAIL: (by, partial(fail_delivery, reason=FailureReason.ABSENT, **carried)),
            OrderAction.REATTEMPT: (by, partial(reattempt_delivery, **carried)),
            OrderAction.RETURN: (by, partial(return_to_shop, **carried)),
            OrderAction.DISPOSE: (by, partial(dispose, **carried)),
        }
    return acts


def _acts_on_case(case: ACase) -> dict[CaseAction, tuple[Person, Callable[..., Any]]]:
    resident, owner, operator = case.order.resident, case.order.shop.owner, an_operator()
    named: dict[str, Any] = {"case_id": case.case_id}
    ruled: dict[str, Any] = {"fault": CaseFault.MERCHANT, "reason": "x", **named}
    return {
        CaseAction.AGREE_REFUND: (owner, partial(agree_to_case, is_refund=True, **named)),
        CaseAction.REJECT: (owner, partial(reject_case, reason="x", **named)),
        CaseAction.WITHDRAW: (resident, partial(withdraw_case, **named)),
        CaseAction.ESCALATE: (resident, partial(escalate_case, note="x", **named)),
        CaseAction.SEND_BACK: (resident, partial(send_back, reference="x", **named)),
        CaseAction.RECEIVE: (owner, partial(receive_return, is_resalable=False, **named)),
        CaseAction.DISPUTE_RETURN: (owner, partial(dispute_return, reason="x", **named)),
        CaseAction.REPLACE: (owner, partial(replace_goods, reference="x", **named)),
        CaseAction.TAKE_BACK: (owner, partial(take_exchange_back, reason="x", **named)),
        CaseAction.SWAP: (
            a_store_clerk(case.order.shop.store_id),
            partial(swap_at_counter, code=swap_code(case.case_id), **named),
        ),
        CaseAction.CONFIRM_EXCHANGE: (resident, partial(confirm_exchange, **named)),
        CaseAction.RULE_REFUND: (operator, partial(rule_case, ruling=Ruling.REFUND, **ruled)),
        CaseAction.RULE_RETURN: (operator, partial(rule_case, ruling=Ruling.RETURN, **ruled)),
        CaseAction.RULE_REFUSE: (operator, partial(rule_case, ruling=Ruling.REFUSE, **ruled)),
    }


def tried(acts: dict[Any, tuple[Person, Callable[..., Any]]], allowed: set[Any]) -> list[str]:
    """Do what is not ``allowed`` and return, in words, what was not refused as an illegal move."""
    wrong = []
    for action, (who, act) in acts.items():
        if action in allowed:
            continue
        try:
            act(who.actor, a_claim(who))
        except LinliError as refusal:
            if refusal.code not in _IN_THE_WAY:
                wrong.append(f"{action}: {refusal.code}")
        else:
            wrong.append(f"{action} was done")
    return wrong


@pytest.mark.parametrize("state", OrderState)
def test_what_an_orders_table_does_not_name_is_refused_and_changes_nothing(app: Flask, state: OrderState) -> None:
    order = an_order(state=state)
    acts = _acts_on_order(order)
    before, row = row_counts(), look("SELECT * FROM orders WHERE order_id = :id", id=order.order_id)

    wrong = tried(acts, {action for source, action in ORDER_TRANSITIONS if source is state})

    assert wrong == []
    assert row_counts() == before
    assert look("SELECT * FROM orders WHERE order_id = :id", id=order.order_id) == row


def test_at_the_counter_too(app: Flask) -> None:
    for state in (OrderState.AWAITING_PAYMENT, OrderState.PREPARING, OrderState.COMPLETED):
        order = an_order(state=state, fulfillment=Fulfillment.STORE_PICKUP)

        assert tried(_acts_on_order(order), {action for source, action in ORDER_TRANSITIONS if source is state}) == []


@pytest.mark.parametrize(
    "state, kind",
    [
        (CaseState.APPLIED, CaseKind.REFUND_ONLY),
        (CaseState.REJECTED, CaseKind.REFUND_ONLY),
        (CaseState.ESCALATED, CaseKind.REFUND_ONLY),
        (CaseState.REFUNDED, CaseKind.REFUND_ONLY),
        (CaseState.RETURNING, CaseKind.RETURN),
        (CaseState.SENT_BACK, CaseKind.RETURN),
        (CaseState.EXCHANGING, CaseKind.EXCHANGE),
    ],
)
def test_what_a_cases_table_does_not_name_is_refused_and_changes_nothing(
    app: Flask, state: CaseState, kind: CaseKind
) -> None:
    case = a_case(state=state, kind=kind)
    acts = _acts_on_case(case)
    before, row = row_counts(), look("SELECT * FROM after_sale_cases WHERE case_id = :id", id=case.case_id)

    wrong = tried(acts, {action for source, action in CASE_TRANSITIONS if source is state})

    assert wrong == []
    assert row_counts() == before
    assert look("SELECT * FROM after_sale_cases WHERE case_id = :id", id=case.case_id) == row


def _acts_on_visit(visit: AVisit) -> dict[AppointmentAction, tuple[Person, Callable[..., Any]]]:
    resident, owner, shop = visit.resident, visit.owner, visit.service.shop
    named: dict[str, Any] = {"order_id": visit.order_id}
    at_door: dict[str, Any] = {"lat": shop.lat + 0.001, "lng": shop.lng}
    at = partial(check_in, code=check_in_code(visit.order_id), **at_door)
    return {
        AppointmentAction.RESCHEDULE: (resident, partial(reschedule, starts_at=in_days(4), **named)),
        AppointmentAction.CANCEL: (resident, partial(cancel_appointment, fee_fen=100_000, **named)),
        AppointmentAction.REASSIGN: (owner, partial(withdraw_provider, **named)),
        AppointmentAction.SET_OUT: (owner, partial(set_out, **named)),
        AppointmentAction.CHECK_IN: (owner, partial(at, **named)),
        AppointmentAction.ABSENT: (owner, partial(report_absent, **at_door, **named)),
        AppointmentAction.FINISH: (owner, partial(finish_service, done_percent=100, **named)),
    }


def _a_visit_in(state: AppointmentState) -> AVisit:
    begun = {
        AppointmentState.HELD: "held",
        AppointmentState.CONFIRMED: "confirmed",
        AppointmentState.EN_ROUTE: "en_route",
    }
    visit = a_visit(state=begun.get(state, "confirmed" if state is AppointmentState.CANCELED else "en_route"))
    owner, resident, named = visit.owner, visit.resident, {"order_id": visit.order_id}
    if state is AppointmentState.CANCELED:
        cancel_appointment(resident.actor, a_claim(resident), fee_fen=100_000, **named)
    elif state is AppointmentState.NO_SHOW:
        change(
            "UPDATE appointments SET starts_at = business_now() - interval '1 hour' WHERE order_id = :id",
            id=visit.order_id,
        )
        shop = visit.service.shop
        report_absent(owner.actor, a_claim(owner), lat=shop.lat + 0.001, lng=shop.lng, **named)
    elif state not in begun:
        come_in(visit)
        if state is not AppointmentState.IN_SERVICE:
            finish_service(owner.actor, a_claim(owner), done_percent=100, **named)
        if state is AppointmentState.COMPLETED:
            confirm_order(resident.actor, a_claim(resident), **named)
    return visit


@pytest.mark.parametrize("state", AppointmentState)
def test_what_an_appointments_table_does_not_name_is_refused_and_changes_nothing(
    app: Flask, state: AppointmentState
) -> None:
    visit = _a_visit_in(state)
    assert visit.state == state
    acts = _acts_on_visit(visit)
    before, row = row_counts(), look("SELECT * FROM appointments WHERE order_id = :id", id=visit.order_id)

    wrong = tried(acts, {action for source, action in APPOINTMENT_TRANSITIONS if source is state})

    assert wrong == []
    assert row_counts() == before
    assert look("SELECT * FROM appointments WHERE order_id = :id", id=visit.order_id) == row


def _acts_on_voucher(bought: SomeVouchers) -> dict[VoucherAction, tuple[Person, Callable[..., Any]]]:
    scan = partial(redeem_voucher, shop_id=bought.shop.shop_id, code=bought.code)
    return {
        VoucherAction.USE: (bought.shop.owner, scan),
        VoucherAction.REFUND: (bought.resident, partial(refund_voucher, voucher_id=bought.voucher_ids[0])),
    }


@pytest.mark.parametrize("state", [VoucherState.USED, VoucherState.REFUNDED])
def test_what_a_vouchers_table_does_not_name_is_refused_and_changes_nothing(app: Flask, state: VoucherState) -> None:
    bought = some_vouchers()
    acts = _acts_on_voucher(bought)
    who, ending = acts[VoucherAction.USE if state is VoucherState.USED else VoucherAction.REFUND]
    ending(who.actor, a_claim(who))
    before, row = row_counts(), look("SELECT * FROM vouchers WHERE order_id = :id", id=bought.order_id)

    wrong = tried(acts, {action for source, action in VOUCHER_TRANSITIONS if source is state})

    assert wrong == []
    assert row_counts() == before
    assert look("SELECT * FROM vouchers WHERE order_id = :id", id=bought.order_id) == row


def tried_by(others: Sequence[Person], acts: dict[Any, tuple[Person, Callable[..., Any]]]) -> list[str]:
    """Let others do what is somebody's to do; return, in words, what was not refused as nothing of theirs."""
    wrong = []
    for action, (who, act) in acts.items():
        for other in [*others, *{person.account_id: person for person, _ in acts.values()}.values()]:
            if other.account_id == who.account_id:
                continue
            try:
                act(other.actor, a_claim(other))
            except LinliError as refusal:
                if not refusal.code.endswith(_NOT_THEIRS):
                    wrong.append(f"{action} by {other.side}: {refusal.code}")
            else:
                wrong.append(f"{action} by {other.side} was done")
    return wrong


def test_what_is_anothers_to_do_looks_absent_and_changes_nothing(app: Flask) -> None:
    ways: list[dict[Any, tuple[Person, Callable[..., Any]]]] = [
        _acts_on_order(an_order(state=OrderState.AWAITING_ACCEPT)),
        _acts_on_order(an_order(state=OrderState.READY, with_courier=True)),
        _acts_on_order(an_order(state=OrderState.IN_DELIVERY)),
        {action: act for action, act in _acts_on_case(a_case()).items() if act[0].side is not Side.PLATFORM},
        _acts_on_case(a_case(state=CaseState.ESCALATED)),
        _acts_on_visit(a_visit()),
        _acts_on_voucher(some_vouchers()),
    ]
    strangers = [a_resident(), a_courier(), a_store_clerk(), a_merchant_with_shop().owner]
    before = row_counts(), look("SELECT order_id, state FROM orders ORDER BY order_id")

    wrong = [found for acts in ways for found in tried_by(strangers, acts)]

    assert wrong == []
    assert (row_counts(), look("SELECT order_id, state FROM orders ORDER BY order_id")) == before
