from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from tests.factories import a_resident, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, OnceOwned, Owned, assert_problem, row_counts
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import AnOrder, Person
    from tests.support.business_clock import BusinessClock


def balance_fen(client: FlaskClient, resident: Person) -> int:
    return int(client.get("/user/v1/account", headers=resident.headers).get_json()["balance_fen"])


class TestListOrders(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/orders")

    def test_one_sees_ones_own_orders_newest_first_page_by_page(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=RICH_FEN)
        placed = [str(an_order(resident=resident).order_id) for _ in range(3)]
        an_order()

        first = client.get("/user/v1/orders?limit=2", headers=resident.headers).get_json()
        second = client.get(
            "/user/v1/orders", headers=resident.headers, query_string={"limit": 2, "cursor": first["next_cursor"]}
        ).get_json()

        assert [order["order_id"] for order in first["items"] + second["items"]] == placed[::-1]
        assert second["next_cursor"] is None

    def test_a_state_narrows_the_list(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=RICH_FEN)
        an_order(resident=resident)
        ready = an_order(resident=resident, state=OrderState.READY)

        page = client.get("/user/v1/orders?state=ready", headers=resident.headers).get_json()

        assert [order["order_id"] for order in page["items"]] == [str(ready.order_id)]


class TestReadOrder(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order()
        return Case(order.resident, f"/user/v1/orders/{order.order_id}")

    def test_the_code_for_the_door_is_shown_only_while_it_is_needed(self, client: FlaskClient) -> None:
        under_way, over = an_order(state=OrderState.IN_DELIVERY), an_order(state=OrderState.COMPLETED)

        shown = [
            client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()["door_code"]
            for order in (under_way, over)
        ]

        assert len(shown[0]) == 4
        assert shown[1] is None


class TestCancel(OnceOwned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_ACCEPT)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/cancellation")

    def test_all_of_it_goes_back(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_ACCEPT)

        moved = client.post(f"/user/v1/orders/{order.order_id}/cancellation", headers=order.resident.once()).get_json()

        assert (moved["state"], moved["refund_fen"]) == ("canceled", order.total_fen)
        assert balance_fen(client, order.resident) == RICH_FEN

    def test_within_two_minutes_of_acceptance_it_is_free_and_then_no_more(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        early, late = an_order(state=OrderState.PREPARING), an_order(state=OrderState.PREPARING)

        first = client.post(f"/user/v1/orders/{early.order_id}/cancellation", headers=early.resident.once())
        clock.ahead(minutes=3)
        second = client.post(f"/user/v1/orders/{late.order_id}/cancellation", headers=late.resident.once())

        assert first.get_json()["state"] == "canceled"
        assert_problem(second, 409, "cancel_window_passed")

    def test_when_the_kitchen_is_an_hour_late_it_is_free_again(self, client: FlaskClient, clock: BusinessClock) -> None:
        order = an_order(state=OrderState.PREPARING)
        clock.ahead(minutes=15 + 61)

        response = client.post(f"/user/v1/orders/{order.order_id}/cancellation", headers=order.resident.once())

        assert response.get_json()["state"] == "canceled"

    @pytest.mark.parametrize(
        "state",
        [OrderState.AWAITING_PAYMENT, OrderState.READY, OrderState.IN_DELIVERY, OrderState.DELIVERED,
         OrderState.COMPLETED, OrderState.CANCELED],
    )  # fmt: skip
    def test_in_any_other_state_nothing_is_canceled(self, client: FlaskClient, state: OrderState) -> None:
        order = an_order(state=state)
        before = row_counts()

        response = client.post(f"/user/v1/orders/{order.order_id}/cancellation", headers=order.resident.once())

        assert assert_problem(response, 409, "illegal_transition")["state"] == state.value
        assert order.state is state
        assert row_counts() == before

    def test_an_order_that_its_shop_ignores_lapses_and_is_refunded(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.AWAITING_ACCEPT)
        clock.ahead(minutes=6)

        run_worker(app)

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        assert (shown["state"], shown["cancel_reason"]) == ("canceled", "not_accepted_in_time")
        assert balance_fen(client, order.resident) == RICH_FEN


class TestRequestCancellation(OnceOwned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/cancel-request")

    def test_silence_of_the_shop_means_no(self, app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
        order = an_order(state=OrderState.PREPARING)
        client.post(f"/user/v1/orders/{order.order_id}/cancel-request", headers=order.resident.once())
        clock.ahead(minutes=11)

        run_worker(app)

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        assert (shown["state"], shown["cancel_requested_at"]) == ("preparing", None)

    def test_of_an_order_that_stands_ready_it_is_too_late_to_ask(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY)

        response = client.post(f"/user/v1/orders/{order.order_id}/cancel-request", headers=order.resident.once())

        assert_problem(response, 409, "illegal_transition")


class TestConfirm(OnceOwned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.DELIVERED)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/confirmation")

    def test_shop_and_courier_have_earned(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERED)

        client.post(f"/user/v1/orders/{order.order_id}/confirmation", headers=order.resident.once())

        earned = client.get("/courier/v1/earnings", headers=order.carrier.headers).get_json()
        [balance] = client.get("/merchant/v1/balances", headers=order.shop.owner.headers).get_json()["items"]
        assert earned["pending_fen"] == 300
        assert balance["pending_fen"] == 2_000 - 100

    def test_what_did_not_arrive_cannot_be_confirmed(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        response = client.post(f"/user/v1/orders/{order.order_id}/confirmation", headers=order.resident.once())

        assert_problem(response, 409, "illegal_transition")

    def test_when_nobody_says_a_word_it_completes_by_time(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.DELIVERED)
        clock.ahead(days=8)

        run_worker(app)

        assert order.state is OrderState.COMPLETED


class TestReadCourierPlace(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.IN_DELIVERY)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/courier")


def heard_at(order: AnOrder, lat: float, lng: float) -> None:
    change(
        """
        INSERT INTO courier_positions (courier_id, lat, lng, measured_at, heard_at, received_at)
        VALUES (:id, :lat, :lng, business_now(), business_now(), clock_timestamp())
        ON CONFLICT (courier_id) DO UPDATE SET lat = excluded.lat, lng = excluded.lng
        """,
        id=order.carrier.account_id,
        lat=lat,
        lng=lng,
    )


@pytest.mark.parametrize("state", [OrderState.PREPARING, OrderState.READY, OrderState.IN_DELIVERY])
def test_while_an_order_is_carried_its_resident_sees_about_where_its_courier_is(
    client: FlaskClient, state: OrderState
) -> None:
    order = an_order(state=state, with_courier=True)
    heard_at(order, 39.912345, 116.398765)

    place = client.get(f"/user/v1/orders/{order.order_id}/courier", headers=order.resident.headers).get_json()["place"]

    assert (place["lat"], place["lng"]) == (39.912, 116.399)


@pytest.mark.parametrize("state", [OrderState.DELIVERED, OrderState.COMPLETED, OrderState.CANCELED])
def test_before_and_after_it_is_carried_nobody_sees_where_a_courier_is(client: FlaskClient, state: OrderState) -> None:
    waiting = an_order(state=OrderState.READY)
    over = an_order(state=state, with_courier=state is not OrderState.CANCELED)
    if state is not OrderState.CANCELED:
        heard_at(over, 39.9, 116.4)

    places = [
        client.get(f"/user/v1/orders/{order.order_id}/courier", headers=order.resident.headers).get_json()["place"]
        for order in (waiting, over)
    ]

    assert places == [None, None]
