from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.delivery.fairness import gini
from app.core.orders.states import OrderState
from tests.factories import a_community, a_courier, a_merchant_with_shop, an_operator, an_order
from tests.factories.rows import look
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock


class TestPutDispatchMode(OnceWithBody):
    method = "PUT"
    other_body = {"mode": "assign"}

    def case(self) -> Case:
        path = f"/platform/v1/communities/{a_community().community_id}/dispatch-mode"
        return Case(an_operator(), path, {"mode": "both"})

    def test_a_community_that_is_not_there_has_no_mode(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "community_not_found")

    def test_each_change_is_kept(self, client: FlaskClient, clock: BusinessClock) -> None:
        community, operator = a_community(), an_operator()
        path = f"/platform/v1/communities/{community.community_id}/dispatch-mode"
        for mode in ("both", "hall"):
            clock.ahead(minutes=1)
            client.put(path, headers=operator.once(), json={"mode": mode})

        rows = look(
            "SELECT mode, set_by_id FROM dispatch_modes WHERE community_id = :id ORDER BY set_at",
            id=community.community_id,
        )

        assert [(row.mode, row.set_by_id) for row in rows] == [
            ("both", operator.account_id),
            ("hall", operator.account_id),
        ]


class TestReadZone(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/dispatch/zones/{a_community().store_id}")

    def test_a_store_that_is_not_there_has_no_zone(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "store_not_found")

    def test_the_zone_counts_its_trips_its_couriers_and_its_promises(self, client: FlaskClient) -> None:
        community = a_community()
        shop = a_merchant_with_shop(community=community)
        courier = a_courier(community=community)
        a_courier(community=community)
        an_order(state=OrderState.DELIVERED, shop=shop, courier=courier)
        an_order(state=OrderState.READY, shop=shop)

        path = f"/platform/v1/dispatch/zones/{community.store_id}"
        zone = client.get(path, headers=an_operator().headers).get_json()

        assert (zone["open_trips"], zone["couriers_on_shift"], zone["active_trips"]) == (1, 2, 0)
        assert (zone["delivered_count"], zone["delivered_by_promise_count"]) == (1, 1)
        assert 0 < zone["gini"] <= 0.5


@pytest.mark.parametrize(
    "values, expected", [([], None), ([0, 0], None), ([2, 2, 2], 0), ([0, 0, 0, 4], 0.75), ([1, 3], 0.25)]
)
def test_the_coefficient_of_gini(values: list[float], expected: float | None) -> None:
    assert gini(values) == expected


class TestReadBoard(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/dispatch/zones/{a_community().store_id}/board")

    def test_trips_and_couriers_stand_with_their_load(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        waiting = an_order(state=OrderState.PREPARING, shop=order.shop)

        board = client.get(
            f"/platform/v1/dispatch/zones/{order.shop.store_id}/board", headers=an_operator().headers
        ).get_json()

        states = {task["trip_id"]: (task["state"], task["courier_id"]) for task in board["tasks"]}
        assert states == {
            str(order.trip_id): ("assigned", str(order.carrier.account_id)),
            str(waiting.trip_id): ("open", None),
        }
        assert [(one["courier_id"], one["active_trips"]) for one in board["couriers"]] == [
            (str(order.carrier.account_id), 1)
        ]
