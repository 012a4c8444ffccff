from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.kernel.clock import SHANGHAI
from app.usecases.shopping.cart import put_in_cart
from tests.api.courier.test_pay import pay_by
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_offer, an_operator, an_order
from tests.factories.places import a_community
from tests.factories.rows import look_one
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Shop
    from tests.factories.places import Community
    from tests.support.business_clock import BusinessClock

RATES = {"night_fen": 200, "weather_fen": 300, "floor_fen": 50}
NOON = datetime(2031, 3, 3, 12, tzinfo=SHANGHAI)


def charge(client: FlaskClient, community: Community, **rates: int) -> None:
    path = f"/platform/v1/communities/{community.community_id}/delivery-surcharges"
    answer = client.put(path, headers=an_operator().once(), json={**RATES, **rates})
    assert answer.status_code == 200, answer.text


def quoted_parts(client: FlaskClient, shop: Shop, floors: int = 0) -> dict[str, Any]:
    resident = a_resident()
    put_in_cart(resident.actor, sku_id=an_offer(shop).sku_id, quantity=1)
    body = {"address_id": str(an_address(resident, near=shop, walk_up_floors=floors))}
    answer = client.post("/user/v1/checkout-quotes", headers=resident.headers, json=body)
    [part] = answer.get_json()["shops"]
    assert part["delivery_fen"] == sum(part["delivery_parts"].values())
    assert part["total_fen"] == part["goods_fen"] + part["delivery_fen"]
    parts: dict[str, Any] = part["delivery_parts"]
    return parts


class TestPutSurcharges(OnceWithBody):
    method = "PUT"
    other_body = {**RATES, "floor_fen": 51}

    def case(self) -> Case:
        path = f"/platform/v1/communities/{a_community().community_id}/delivery-surcharges"
        return Case(an_operator(), path, RATES)

    def test_a_community_that_is_not_there_costs_nothing(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "community_not_found")

    def test_a_slip_of_the_hand_is_refused(self, client: FlaskClient) -> None:
        response = self.send(client, self.case(), body={**RATES, "night_fen": 2_001})

        assert_problem(response, 422, "input_invalid", pointer="/night_fen")

    def test_night_weather_and_floors_are_lines_of_the_price(self, client: FlaskClient, clock: BusinessClock) -> None:
        shop = a_merchant_with_shop()
        charge(client, shop.community)

        clock.at(NOON)
        by_day, upstairs = quoted_parts(client, shop), quoted_parts(client, shop, floors=6)
        pay_by(client, shop.community, bad_weather_until=(NOON + timedelta(hours=1)).isoformat())
        in_rain = quoted_parts(client, shop)
        clock.at(NOON + timedelta(hours=10))
        by_night = quoted_parts(client, shop)

        nothing = {"night_fen": 0, "weather_fen": 0, "floors_fen": 0, "trip_saving_fen": 0}
        assert by_day == {"distance_fen": 300, **nothing}
        assert upstairs == {"distance_fen": 300, **nothing, "floors_fen": 300}
        assert in_rain == {"distance_fen": 300, **nothing, "weather_fen": 300}
        assert by_night == {"distance_fen": 300, **nothing, "night_fen": 200}

    def test_another_community_costs_what_it_did(self, client: FlaskClient) -> None:
        charge(client, a_community())

        assert quoted_parts(client, a_merchant_with_shop(), floors=6)["floors_fen"] == 0

    def test_an_order_shows_the_lines_and_its_courier_earns_them(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(NOON)
        shop = a_merchant_with_shop()
        charge(client, shop.community)

        order = an_order(shop=shop, state=OrderState.COMPLETED, walk_up_floors=6)

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        parts = {"distance_fen": 300, "night_fen": 0, "weather_fen": 0, "floors_fen": 300, "trip_saving_fen": 0}
        assert shown["delivery_parts"] == parts
        assert shown["total_fen"] == 2_000 + 600
        pay = look_one("SELECT pay_fen FROM deliveries WHERE order_id = :order_id", order_id=order.order_id)
        assert pay >= 600


class TestReadSurcharges(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/communities/{a_community().community_id}/delivery-surcharges")

    def test_what_nobody_set_costs_nothing_and_the_newest_counts(self, client: FlaskClient) -> None:
        community, operator = a_community(), an_operator()
        path = f"/platform/v1/communities/{community.community_id}/delivery-surcharges"

        before = client.get(path, headers=operator.headers).get_json()
        charge(client, community)
        charge(client, community, floor_fen=7)
        after = client.get(path, headers=operator.headers).get_json()

        assert before == {"community_id": str(community.community_id), "night_fen": 0, "weather_fen": 0, "floor_fen": 0}
        assert after == {**before, **RATES, "floor_fen": 7}
