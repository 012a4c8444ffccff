from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from tests.factories import an_order
from tests.factories.people import let_ride
from tests.factories.rows import look_one
from tests.support.ladder import Case, Owned

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestListArrivals(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        return Case(order.shop.owner, f"/merchant/v1/shops/{order.shop.shop_id}/arrivals")

    def test_the_shop_sees_when_somebody_comes_and_not_who(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        let_ride(order.carrier)
        moment = look_one("SELECT business_now()")
        position = {"lat": order.shop.lat + 0.009, "lng": order.shop.lng, "measured_at": moment.isoformat()}
        client.put("/courier/v1/position", headers=order.carrier.headers, json=position)

        page = client.get(
            f"/merchant/v1/shops/{order.shop.shop_id}/arrivals", headers=order.shop.owner.headers
        ).get_json()

        [arrival] = page["items"]
        assert (arrival["delivery_state"], arrival["is_there"]) == ("assigned", False)
        assert arrival["arrives_at"] > moment.isoformat()[:16]
        assert str(order.carrier.account_id) not in str(page)
        assert "lat" not in arrival

    def test_one_for_whom_nobody_comes_waits_without_a_time(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)

        page = client.get(
            f"/merchant/v1/shops/{order.shop.shop_id}/arrivals", headers=order.shop.owner.headers
        ).get_json()

        [arrival] = page["items"]
        assert (arrival["delivery_state"], arrival["vehicle"], arrival["arrives_at"]) == ("open", None, None)
