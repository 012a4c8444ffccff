from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.states import DELIVERY_TRANSITIONS, FINAL_DELIVERY_STATES, DeliveryAction, DeliveryState
from app.core.orders.states import (
    CHECKOUT_TRANSITIONS,
    FINAL_CHECKOUT_STATES,
    FINAL_ORDER_STATES,
    ORDER_TRANSITIONS,
    CheckoutAction,
    CheckoutState,
    OrderAction,
    OrderState,
)
from app.core.payments.states import (
    ATTEMPT_TRANSITIONS,
    PAYMENT_TRANSITIONS,
    REFUND_TRANSITIONS,
    AttemptAction,
    AttemptState,
    PaymentAction,
    PaymentState,
    RefundAction,
    RefundState,
)
from app.kernel.actor import Role
from app.kernel.machines import IllegalTransition, NotYoursToDo, next_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

MACHINES: dict[str, tuple[Any, type[StrEnum], type[StrEnum], StrEnum, frozenset[Any]]] = {
    "checkout": (CHECKOUT_TRANSITIONS, CheckoutState, CheckoutAction, CheckoutState.OPEN, FINAL_CHECKOUT_STATES),
    "order": (ORDER_TRANSITIONS, OrderState, OrderAction, OrderState.AWAITING_PAYMENT, FINAL_ORDER_STATES),
    "delivery": (DELIVERY_TRANSITIONS, DeliveryState, DeliveryAction, DeliveryState.OPEN, FINAL_DELIVERY_STATES),
    "payment": (
        PAYMENT_TRANSITIONS,
        PaymentState,
        PaymentAction,
        PaymentState.PENDING,
        frozenset({PaymentState.PAID, PaymentState.CLOSED}),
    ),
    "attempt": (
        ATTEMPT_TRANSITIONS,
        AttemptState,
        AttemptAction,
        AttemptState.REQUESTED,
        frozenset({AttemptState.SUCCEEDED}),
    ),
    "refund": (
        REFUND_TRANSITIONS,
        RefundState,
        RefundAction,
        RefundState.REQUESTED,
        frozenset({RefundState.FAILED}),
    ),
}
"""Machine → table, states, actions, where it begins, where nothing moves any more."""

MOVES_OF_MONEY = {
    (OrderState.AWAITING_PAYMENT, OrderAction.PAY): (OrderState.AWAITING_ACCEPT, {Role.RESIDENT, Role.SYSTEM}),
    (OrderState.AWAITING_ACCEPT, OrderAction.ACCEPT): (OrderState.PREPARING, {Role.MERCHANT, Role.SYSTEM}),
    (OrderState.AWAITING_ACCEPT, OrderAction.REJECT): (OrderState.CANCELED, {Role.MERCHANT}),
    (OrderState.AWAITING_ACCEPT, OrderAction.CANCEL): (OrderState.CANCELED, {Role.RESIDENT}),
    (OrderState.AWAITING_ACCEPT, OrderAction.LAPSE): (OrderState.CANCELED, {Role.SYSTEM}),
    (OrderState.PREPARING, OrderAction.READY): (OrderState.READY, {Role.MERCHANT}),
    (OrderState.READY, OrderAction.PICK_UP): (OrderState.IN_DELIVERY, {Role.COURIER}),
    (OrderState.IN_DELIVERY, OrderAction.DELIVER): (OrderState.DELIVERED, {Role.COURIER}),
    (OrderState.DELIVERED, OrderAction.CONFIRM): (OrderState.COMPLETED, {Role.RESIDENT, Role.SYSTEM}),
}
"""The straight way of an order, written down a second time by hand."""


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> tuple[Any, Any, Any, Any, frozenset[Any]]:
    return MACHINES[request.param]


def reachable(table: Any, start: Any) -> set[Any]:
    seen, ahead = {start}, [start]
    while ahead:
        state = ahead.pop()
        for (source, _), (target, _) in table.items():
            if source is state and target not in seen:
                seen.add(target)
                ahead.append(target)
    return seen


def triples(states: Any, actions: Any) -> Iterator[tuple[Any, Any, Role]]:
    return product(states, actions, Role)


def test_every_move_in_the_table_is_for_those_it_names_and_every_other_is_refused(machine: Any) -> None:
    table, states, actions, _, _ = machine
    wrong = []

    for state, action, role in triples(states, actions):
        try:
            outcome: object = next_state(table, state, action, role)
        except (IllegalTransition, NotYoursToDo) as refusal:
            outcome = type(refusal)
        move = table.get((state, action))
        expected = IllegalTransition if move is None else move[0] if role in move[1] else NotYoursToDo
        if outcome is not expected:
            wrong.append((state, action, role, outcome))

    assert wrong == []


def test_every_state_can_be_reached(machine: Any) -> None:
    table, states, _, start, _ = machine

    assert reachable(table, start) == set(states)


def test_every_action_happens_somewhere(machine: Any) -> None:
    table, _, actions, _, _ = machine

    assert {action for _, action in table} == set(actions)


def test_from_every_state_that_is_not_final_an_end_can_be_reached(machine: Any) -> None:
    table, states, _, _, final = machine

    stuck = {state for state in states if not reachable(table, state) & final}

    assert stuck == set()


def test_from_a_final_state_nothing_moves(machine: Any) -> None:
    table, _, _, _, final = machine

    assert [source for source, _ in table if source in final] == []


def test_every_move_names_somebody(machine: Any) -> None:
    table, *_ = machine

    assert [move for move, (_, roles) in table.items() if not roles] == []


@pytest.mark.parametrize("move", MOVES_OF_MONEY, ids=lambda move: f"{move[0]}-{move[1]}")
def test_the_straight_way_of_an_order_is_as_written_down_here(move: tuple[OrderState, OrderAction]) -> None:
    target, roles = ORDER_TRANSITIONS[move]

    assert (target, set(roles)) == MOVES_OF_MONEY[move]


def test_money_that_comes_late_is_seen_from_every_state_of_an_attempt() -> None:
    refusing = [
        state
        for state in AttemptState
        if state is not AttemptState.SUCCEEDED and (state, AttemptAction.SUCCEED) not in ATTEMPT_TRANSITIONS
    ]

    assert refusing == []


def test_a_refusal_says_which_state_refused_what() -> None:
    with pytest.raises(IllegalTransition) as caught:
        next_state(ORDER_TRANSITIONS, OrderState.CANCELED, OrderAction.ACCEPT, Role.MERCHANT)

    assert caught.value.params == {"action": "accept", "state": "canceled"}
