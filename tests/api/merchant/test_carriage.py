"""Shops say what their goods weigh and whether they have to stay cold; trips that are born then reckon with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from tests.factories import a_courier, a_merchant_with_shop, an_offer, an_order
from tests.factories.rows import look
from tests.support.ladder import Case, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestPutCarriage(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "sku_not_found"
    other_body = {"is_cold": False}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        path = f"/merchant/v1/shops/{shop.shop_id}/skus/{an_offer(shop).sku_id}/carriage"
        return Case(shop.owner, path, {"weight_g": 19_000, "is_cold": True})

    @pytest.mark.parametrize("field, value", [("weight_g", -1), ("weight_g", 100_001), ("is_cold", "yes")])
    def test_what_cannot_be_is_refused_by_name(self, client: FlaskClient, field: str, value: object) -> None:
        case = self.case()

        response = self.send(client, case, body={**(case.body or {}), field: value})

        assert_problem(response, 422, "input_invalid", pointer=f"/{field}")

    def test_a_trip_weighs_what_is_in_it_and_wants_who_can_carry_it(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop, on_hand=10)
        path = f"/merchant/v1/shops/{shop.shop_id}/skus/{offer.sku_id}/carriage"
        client.put(path, headers=shop.owner.once(), json={"weight_g": 19_000, "is_cold": False})

        order = an_order(state=OrderState.READY, shop=shop, lines=[(offer, 2)])
        courier = a_courier(community=shop.community)  # 30 kg by e-bike
        response = client.post(f"/courier/v1/trips/{order.trip_id}/claim", headers=courier.once())

        [trip] = look("SELECT weight_g FROM trips WHERE trip_id = :id", id=order.trip_id)
        assert trip.weight_g == 38_000
        assert_problem(response, 409, "too_heavy")
