from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from app.usecases.ordering.cancel_order import ask_to_cancel
from tests.factories import a_claim, a_merchant_with_shop, an_offer, an_order
from tests.factories.rows import look
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import AnOrder


def acted_on(order: AnOrder, act: str, body: dict[str, object] | None = None) -> Case:
    return Case(order.shop.owner, f"/merchant/v1/orders/{order.order_id}/{act}", body)


class TestListShops(Endpoint):
    def case(self) -> Case:
        return Case(a_merchant_with_shop().owner, "/merchant/v1/shops")

    def test_only_ones_own_shops_are_listed(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        a_merchant_with_shop()

        page = client.get("/merchant/v1/shops", headers=shop.owner.headers).get_json()

        assert [item["shop_id"] for item in page["items"]] == [str(shop.shop_id)]


class TestListOrders(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        order = an_order()
        return Case(order.shop.owner, f"/merchant/v1/shops/{order.shop.shop_id}/orders")

    def test_an_order_that_is_not_paid_is_none_of_the_shops_business(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        unpaid = an_order(shop=shop, state=OrderState.AWAITING_PAYMENT)
        paid = an_order(shop=shop)

        page = client.get(f"/merchant/v1/shops/{shop.shop_id}/orders", headers=shop.owner.headers).get_json()
        one = client.get(f"/merchant/v1/orders/{unpaid.order_id}", headers=shop.owner.headers)

        assert [order["order_id"] for order in page["items"]] == [str(paid.order_id)]
        assert_problem(one, 404, "order_not_found")


class TestReadOrder(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order()
        return Case(order.shop.owner, f"/merchant/v1/orders/{order.order_id}")

    def test_the_code_for_the_courier_is_shown_while_the_order_is_in_the_shop(self, client: FlaskClient) -> None:
        here, gone = an_order(state=OrderState.READY), an_order(state=OrderState.IN_DELIVERY)

        codes = [
            client.get(f"/merchant/v1/orders/{order.order_id}", headers=order.shop.owner.headers).get_json()
            for order in (here, gone)
        ]

        assert len(codes[0]["pick_up_code"]) == 4
        assert codes[1]["pick_up_code"] is None


class TestAccept(OnceOwned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        return acted_on(an_order(), "acceptance")

    def test_a_trip_is_born(self, client: FlaskClient) -> None:
        order = an_order()

        self.send(client, acted_on(order, "acceptance"))

        [trip] = look(
            "SELECT t.state, t.fee_fen FROM trips AS t JOIN deliveries AS d USING (trip_id) WHERE d.order_id = :id",
            id=order.order_id,
        )
        assert (trip.state, trip.fee_fen) == ("open", 300)

    @pytest.mark.parametrize("state", [OrderState.PREPARING, OrderState.READY, OrderState.CANCELED])
    def test_what_does_not_wait_for_it_is_not_accepted(self, client: FlaskClient, state: OrderState) -> None:
        order = an_order(state=state)
        before = row_counts()

        response = self.send(client, acted_on(order, "acceptance"))

        assert_problem(response, 409, "illegal_transition")
        assert row_counts() == before


class TestReject(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    other_body = {"reason": "closing"}

    def case(self) -> Case:
        return acted_on(an_order(), "rejection", {"reason": "too_busy"})

    def test_the_resident_reads_why_and_has_everything_back(self, client: FlaskClient) -> None:
        order = an_order()

        moved = self.send(client, acted_on(order, "rejection", {"reason": "too_busy"})).get_json()

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        assert moved["refund_fen"] == order.total_fen == shown["refunded_fen"]
        assert shown["cancel_reason"] == "too_busy"

    def test_a_reason_that_is_not_on_the_list_is_refused(self, client: FlaskClient) -> None:
        response = self.send(client, acted_on(an_order(), "rejection", {"reason": "unpaid"}))

        assert_problem(response, 422, "input_invalid", pointer="/reason")

    def test_a_promise_is_not_taken_back_like_this(self, client: FlaskClient) -> None:
        response = self.send(client, acted_on(an_order(state=OrderState.PREPARING), "rejection", {"reason": "other"}))

        assert_problem(response, 409, "illegal_transition")


class TestShort(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    other_body = {"lines": [2]}

    def case(self) -> Case:
        return acted_on(self.of_two_lines(), "shortage", {"lines": [1]})

    def of_two_lines(self) -> AnOrder:
        shop = a_merchant_with_shop()
        lines = [(an_offer(shop, price_fen=700, on_hand=9), 2), (an_offer(shop, price_fen=900, on_hand=9), 1)]
        return an_order(shop=shop, lines=lines, state=OrderState.PREPARING)

    def test_the_missing_line_is_refunded_and_written_off(self, client: FlaskClient) -> None:
        order = self.of_two_lines()

        moved = self.send(client, acted_on(order, "shortage", {"lines": [1]})).get_json()

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        short = next(line for line in shown["lines"] if line["is_shorted"])
        [stock] = look("SELECT received, on_hand, reserved FROM stock WHERE sku_id = :id", id=short["sku_id"])
        assert (moved["state"], moved["refund_fen"]) == ("preparing", short["goods_fen"])
        assert (stock.received, stock.on_hand, stock.reserved) == (9 - short["quantity"], 9 - short["quantity"], 0)

    def test_when_nothing_is_left_the_order_is_over(self, client: FlaskClient) -> None:
        order = self.of_two_lines()

        moved = self.send(client, acted_on(order, "shortage", {"lines": [1, 2]})).get_json()

        assert (moved["state"], moved["refund_fen"]) == ("canceled", order.total_fen)

    @pytest.mark.parametrize("lines", [[3], [1, 1000]])
    def test_a_line_that_is_not_there_is_not_short(self, client: FlaskClient, lines: list[int]) -> None:
        response = self.send(client, acted_on(self.of_two_lines(), "shortage", {"lines": lines}))

        assert_problem(response, 422, "line_not_found", pointer="/lines")

    def test_a_line_is_refunded_once(self, client: FlaskClient) -> None:
        order = self.of_two_lines()
        self.send(client, acted_on(order, "shortage", {"lines": [1]}))

        response = self.send(client, acted_on(order, "shortage", {"lines": [1]}))

        assert_problem(response, 422, "line_not_found")

    @pytest.mark.parametrize("lines", [[], [0], [-1], [1.0], [True], ["1"], "1", None, [1] * 201])
    def test_lines_are_a_short_list_of_numbers(self, client: FlaskClient, lines: object) -> None:
        response = self.send(client, acted_on(self.of_two_lines(), "shortage", {"lines": lines}))

        assert_problem(response, 422, "input_invalid")


class TestReady(OnceOwned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        return acted_on(an_order(state=OrderState.PREPARING), "readiness")

    def test_what_was_not_accepted_is_never_ready(self, client: FlaskClient) -> None:
        response = self.send(client, acted_on(an_order(), "readiness"))

        assert_problem(response, 409, "illegal_transition")


class TestAnswerCancelRequest(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    other_body = {"is_agreed": False}

    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        ask_to_cancel(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
        return acted_on(order, "cancel-answer", {"is_agreed": True})

    def test_yes_ends_it_and_no_keeps_it(self, client: FlaskClient) -> None:
        states = [
            self.send(client, self.case(), body={"is_agreed": answer}).get_json()["state"] for answer in (True, False)
        ]

        assert states == ["canceled", "preparing"]

    def test_nobody_asked(self, client: FlaskClient) -> None:
        case = acted_on(an_order(state=OrderState.PREPARING), "cancel-answer", {"is_agreed": True})

        response = self.send(client, case)

        assert_problem(response, 409, "cancel_not_requested")
