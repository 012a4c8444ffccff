"""A shop says when an order will be ready; who would wait long for it is freed, and the trip is offered for later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from app.usecases.dispatching.take_back import release_from_late_shops
from tests.factories import a_merchant_with_shop, an_order
from tests.factories.rows import look, look_one
from tests.support.ladder import Case, OnceOwned, OnceWithBody, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder
    from tests.support.business_clock import BusinessClock


def say(client: FlaskClient, order: AnOrder, minutes: object) -> TestResponse:
    path = f"/merchant/v1/orders/{order.order_id}/ready-time"
    return client.put(path, headers=order.shop.owner.once(), json={"minutes": minutes})


def holder(order: AnOrder) -> object:
    return look_one("SELECT courier_id FROM trips WHERE trip_id = :id", id=order.trip_id)


def releases(order: AnOrder) -> list[tuple[object, str]]:
    rows = look("SELECT courier_id, reason FROM trip_releases WHERE trip_id = :id", id=order.trip_id)
    return [(row.courier_id, row.reason) for row in rows]


class TestPutReadyTime(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "order_not_found"
    other_body = {"minutes": 7}

    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        return Case(order.shop.owner, f"/merchant/v1/orders/{order.order_id}/ready-time", {"minutes": 25})

    def test_dispatch_reckons_with_it_and_the_promise_stays(self, client: FlaskClient, clock: BusinessClock) -> None:
        clock.at(clock.now())
        order = an_order(state=OrderState.PREPARING)
        promised = look_one("SELECT promised_at FROM orders WHERE order_id = :id", id=order.order_id)

        say(client, order, 33)

        [row] = look(
            "SELECT o.promised_at, o.expected_ready_at, t.expected_ready_at AS of_trip FROM orders AS o"
            " JOIN deliveries AS d USING (order_id) JOIN trips AS t USING (trip_id) WHERE o.order_id = :id",
            id=order.order_id,
        )
        assert row.expected_ready_at == row.of_trip == clock.now() + timedelta(minutes=33)
        assert row.promised_at == promised

    def test_only_of_what_is_prepared(self, client: FlaskClient) -> None:
        for state in (OrderState.AWAITING_ACCEPT, OrderState.READY, OrderState.CANCELED):
            order = an_order(state=state)

            assert_problem(say(client, order, 5), 409, "not_preparing")

    def test_minutes_are_a_whole_number_up_to_three_hours(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)

        for minutes in (-1, 181, 1.5, "10", None, True):
            assert_problem(say(client, order, minutes), 422, "input_invalid", pointer="/minutes")


def test_a_courier_is_freed_of_a_shop_that_will_be_much_later(app: Flask, client: FlaskClient) -> None:
    order = an_order(state=OrderState.PREPARING, with_courier=True)

    say(client, order, 60)
    run_worker(app)

    assert holder(order) is None
    assert releases(order) == [(order.carrier.account_id, "late_shop")]
    busy = "SELECT active_trips FROM courier_shifts WHERE courier_id = :id"
    assert look_one(busy, id=order.carrier.account_id) == 0


def test_a_few_minutes_more_free_nobody(app: Flask, client: FlaskClient) -> None:
    order = an_order(state=OrderState.PREPARING, with_courier=True)
    said = look_one(
        "SELECT ceil(extract(epoch FROM expected_ready_at - business_now()) / 60)::bigint FROM orders"
        " WHERE order_id = :id",
        id=order.order_id,
    )

    say(client, order, int(said) + 4)
    run_worker(app)

    assert holder(order) == order.carrier.account_id


def test_a_late_shop_that_says_nothing_keeps_no_courier(app: Flask, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop()
    order = an_order(state=OrderState.PREPARING, shop=shop, with_courier=True)
    clock.ahead(hours=1)

    release_from_late_shops()

    [trip] = look("SELECT state, expected_ready_at FROM trips WHERE trip_id = :id", id=order.trip_id)
    assert (trip.state, releases(order)) == ("open", [(order.carrier.account_id, "late_shop")])
    assert trip.expected_ready_at > clock.now() + timedelta(minutes=9)
