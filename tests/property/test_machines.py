from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.delivery.states import DELIVERY_TRANSITIONS, DeliveryAction, DeliveryState
from app.core.orders.states import FINAL_ORDER_STATES, ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Role
from app.kernel.errors import LinliError
from app.kernel.machines import next_state

order_acts = st.lists(st.tuples(st.sampled_from(OrderAction), st.sampled_from(Role)), max_size=60)
delivery_acts = st.lists(st.tuples(st.sampled_from(DeliveryAction), st.sampled_from(Role)), max_size=60)

PAID_ONLY = {OrderState.PREPARING, OrderState.READY, OrderState.IN_DELIVERY, OrderState.DELIVERED, OrderState.COMPLETED}
CARRIED = {DeliveryState.AT_DROP, DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.RETURNED}


@given(order_acts)
def test_whatever_is_tried_an_order_is_paid_before_it_is_prepared_and_stays_where_it_ended(
    acts: list[tuple[OrderAction, Role]],
) -> None:
    state, trail = OrderState.AWAITING_PAYMENT, [OrderState.AWAITING_PAYMENT]

    for action, role in acts:
        try:
            state = next_state(ORDER_TRANSITIONS, state, action, role)
        except LinliError:
            continue
        trail.append(state)

    ended = [index for index, each in enumerate(trail) if each in FINAL_ORDER_STATES]
    assert ended in ([], [len(trail) - 1])
    if set(trail) & PAID_ONLY:
        assert OrderState.AWAITING_ACCEPT in trail


@given(delivery_acts)
def test_whatever_is_tried_nothing_reaches_a_door_that_was_not_picked_up(
    acts: list[tuple[DeliveryAction, Role]],
) -> None:
    state, trail = DeliveryState.OPEN, [DeliveryState.OPEN]

    for action, role in acts:
        try:
            state = next_state(DELIVERY_TRANSITIONS, state, action, role)
        except LinliError:
            continue
        trail.append(state)

    if set(trail) & CARRIED:
        assert DeliveryState.PICKED_UP in trail
        assert DeliveryState.ASSIGNED in trail
