"""Every act on orders and cases, tried in every state: what the table does not name is refused, and changes nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core.aftersale.rules import CaseFault, CaseKind
from app.core.aftersale.states import CASE_TRANSITIONS, CaseAction, CaseState
from app.core.delivery.states import FailureReason
from app.core.orders.models import CancelReason, Fulfillment
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.errors import LinliError
from app.usecases.aftersale.answer import agree_to_case, dispute_return, receive_return, reject_case, replace_goods
from app.usecases.aftersale.apply import confirm_exchange, escalate_case, send_back, withdraw_case
from app.usecases.aftersale.rule import Ruling, rule_case
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
from tests.factories import a_claim, an_operator, an_order
from tests.factories.cases import a_case
from tests.factories.rows import look
from tests.support.ladder import row_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.factories import AnOrder, Person
    from tests.factories.cases import ACase

_IN_THE_WAY = frozenset({"illegal_transition", "not_yours_to_do", "not_ready"})


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
                partial(deliver, code=door_code(order.order_id), photo_reference=None, **carried),
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
