from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.usecases.ordering.finish_order import collect_code
from tests.factories import a_merchant_with_shop, a_store_clerk, an_order
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import AnOrder
    from tests.support.business_clock import BusinessClock


def on_the_shelf(vertical: str = "retail", state: OrderState = OrderState.READY) -> AnOrder:
    shop = a_merchant_with_shop(vertical=vertical)
    return an_order(shop=shop, state=state, fulfillment=Fulfillment.STORE_PICKUP)


class TestListCommunities(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/communities")

    def test_a_clerk_sees_the_catchment_of_the_own_store(self, client: FlaskClient) -> None:
        clerk, order = a_store_clerk(), on_the_shelf()

        own = client.get("/store/v1/communities", headers=order.counter.headers).get_json()
        other = client.get("/store/v1/communities", headers=clerk.headers).get_json()

        assert [item["community_id"] for item in own["items"]] == [str(order.shop.community_id)]
        assert str(order.shop.community_id) not in str(other)


class TestShelf(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/shelf")

    def test_an_order_stands_on_the_shelf_of_its_store_only(self, client: FlaskClient) -> None:
        order = on_the_shelf()

        own = client.get("/store/v1/shelf?state=ready", headers=order.counter.headers).get_json()
        other = client.get("/store/v1/shelf", headers=a_store_clerk().headers).get_json()

        assert [item["order_id"] for item in own["items"]] == [str(order.order_id)]
        assert "collect_code" not in own["items"][0]
        assert other["items"] == []


class TestCollect(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    other_body = {"code": "000000"}

    def case(self) -> Case:
        order = on_the_shelf()
        code = collect_code(order.order_id)
        self.other_body = {"code": f"{(int(code) + 1) % 1_000_000:06d}"}
        return Case(order.counter, f"/store/v1/orders/{order.order_id}/collection", {"code": code})

    def test_the_shop_has_earned(self, client: FlaskClient) -> None:
        order = on_the_shelf()
        body = {"code": collect_code(order.order_id)}

        client.post(f"/store/v1/orders/{order.order_id}/collection", headers=order.counter.once(), json=body)

        [balance] = client.get("/merchant/v1/balances", headers=order.shop.owner.headers).get_json()["items"]
        assert order.state is OrderState.COMPLETED
        assert balance["pending_fen"] == 1_900

    def test_a_wrong_code_counts_and_five_lock(self, client: FlaskClient) -> None:
        case = self.case()

        tries = [self.send(client, case, body=self.other_body) for _ in range(5)]
        locked = self.send(client, case)

        assert [assert_problem(answer, 409, "wrong_code")["tries_left"] for answer in tries] == [4, 3, 2, 1, 0]
        assert_problem(locked, 409, "code_locked")

    def test_what_is_not_ready_is_not_handed_over(self, client: FlaskClient) -> None:
        order = on_the_shelf(state=OrderState.PREPARING)
        body = {"code": collect_code(order.order_id)}

        response = client.post(f"/store/v1/orders/{order.order_id}/collection", headers=order.counter.once(), json=body)

        assert_problem(response, 409, "illegal_transition")

    def test_what_nobody_collects_for_two_days_goes_back_unless_it_is_food(
        self, app: Flask, clock: BusinessClock
    ) -> None:
        goods, food = on_the_shelf(), on_the_shelf("food")
        clock.ahead(hours=49)

        run_worker(app)

        assert (goods.state, food.state) == (OrderState.CANCELED, OrderState.COMPLETED)
