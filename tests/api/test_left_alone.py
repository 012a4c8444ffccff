"""Nothing is stuck for ever: what a courier leaves alone ends by time, and its money goes where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from tests.factories import an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import look
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories.orders import AnOrder
    from tests.support.business_clock import BusinessClock


def balance_fen(client: FlaskClient, order: AnOrder) -> int:
    return int(client.get("/user/v1/account", headers=order.resident.headers).get_json()["balance_fen"])


def test_a_ready_order_waits_for_the_courier_who_claimed_it(app: Flask, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.READY, with_courier=True)
    clock.ahead(minutes=45)

    run_worker(app)

    assert order.state is OrderState.READY


def test_a_ready_order_whose_courier_never_comes_is_given_up_and_refunded(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    order = an_order(state=OrderState.READY, with_courier=True)
    for _ in range(3):
        clock.ahead(minutes=31)
        run_worker(app)

    [shift] = look("SELECT active_trips FROM courier_shifts WHERE courier_id = :id", id=order.carrier.account_id)

    assert order.state is OrderState.CANCELED
    assert balance_fen(client, order) == RICH_FEN
    assert shift.active_trips == 0


def test_an_order_that_its_courier_carries_off_counts_as_lost_after_a_day(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    order = an_order(state=OrderState.IN_DELIVERY)
    clock.ahead(hours=25)

    run_worker(app)

    [delivery] = look("SELECT state, failure_reason FROM deliveries WHERE order_id = :id", id=order.order_id)
    [merchant] = look(
        "SELECT amount_fen FROM settlement_items WHERE order_id = :id AND party_kind = 'merchant'", id=order.order_id
    )
    couriers = look("SELECT 1 FROM settlement_items WHERE order_id = :id AND party_kind = 'courier'", id=order.order_id)
    assert order.state is OrderState.COMPLETED
    assert (delivery.state, delivery.failure_reason) == ("disposed", "lost")
    assert balance_fen(client, order) == RICH_FEN
    assert merchant.amount_fen > 0
    assert not couriers
