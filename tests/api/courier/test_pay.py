from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.delivery.states import FailureReason
from app.core.orders.states import OrderState
from app.usecases.delivering.hand_over import return_to_shop
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, an_operator, an_order
from tests.factories.rows import look, look_one
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories.places import Community
    from tests.support.business_clock import BusinessClock

DEAR = {"base_fen": 450, "drop_fen": 100, "step_fen": 50, "floor_fen": 20, "night_fen": 0, "weather_fen": 80}
"""By day and night, an order of the tests pays 300 for the way: this tariff pays 150 beyond it, and more for stairs."""


def pay_by(client: FlaskClient, community: Community, **rates: object) -> None:
    path = f"/platform/v1/communities/{community.community_id}/courier-tariff"
    response = client.put(path, headers=an_operator().once(), json={**DEAR, **rates})
    assert response.status_code == 200, response.get_json()


def legs_of(order_id: UUID) -> dict[str, int]:
    """Return what the end of an order moved, by kind of account."""
    rows = look(
        """
        SELECT a.kind, sum(e.amount_fen)::bigint AS amount_fen FROM ledger.journal AS j
        JOIN ledger.entry AS e ON e.journal_id = j.id JOIN ledger.account AS a ON a.id = e.account_id
        WHERE j.key = :key GROUP BY a.kind
        """,
        key=f"end:{order_id}",
    )
    return {row.kind: row.amount_fen for row in rows}


class TestPutTariff(OnceWithBody):
    method = "PUT"
    other_body = {**DEAR, "base_fen": 1}

    def case(self) -> Case:
        path = f"/platform/v1/communities/{a_community().community_id}/courier-tariff"
        return Case(an_operator(), path, DEAR)

    def test_a_community_that_is_not_there_pays_nothing(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "community_not_found")

    def test_the_weather_switch_is_not_left_on_for_ever(self, client: FlaskClient, clock: BusinessClock) -> None:
        until = "2099-01-01T00:00:00Z"

        response = self.send(client, self.case(), body={**DEAR, "bad_weather_until": until})

        assert_problem(response, 409, "weather_too_long", pointer="/bad_weather_until")


class TestReadTariff(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/communities/{a_community().community_id}/courier-tariff")

    def test_before_anybody_set_one_the_usual_rates_count(self, client: FlaskClient) -> None:
        case = self.case()
        usual = self.send(client, case).get_json()
        client.put(case.path, headers=case.person.once(), json=DEAR)

        assert usual["base_fen"] == 200
        assert self.send(client, case).get_json()["base_fen"] == 450


class TestPay:
    def test_the_hall_says_every_part_before_one_says_yes(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        pay_by(client, shop.community)
        order = an_order(state=OrderState.PREPARING, shop=shop, walk_up_floors=6)
        place = {"lat": f"{shop.lat:.6f}", "lng": f"{shop.lng:.6f}"}

        page = client.get("/courier/v1/trips/open", headers=a_courier().headers, query_string=place).get_json()

        [trip] = [one for one in page["items"] if one["trip_id"] == str(order.trip_id)]
        parts = trip["pay_parts"]
        assert (parts["base_fen"], parts["floors_fen"], parts["fee_rest_fen"]) == (450, 120, 0)
        assert trip["pay_fen"] == sum(parts.values()) == 570

    def test_a_trip_keeps_the_pay_that_it_was_born_with(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        pay_by(client, shop.community)
        order = an_order(state=OrderState.PREPARING, shop=shop)
        pay_by(client, shop.community, base_fen=1)

        assert look_one("SELECT pay_fen FROM trips WHERE trip_id = :id", id=order.trip_id) == 450

    def test_what_the_fee_does_not_pay_is_the_platforms_subsidy(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        pay_by(client, shop.community)
        order = an_order(state=OrderState.COMPLETED, shop=shop)

        earned = client.get("/courier/v1/earnings", headers=order.carrier.headers).get_json()

        legs = legs_of(order.order_id)
        assert earned["pending_fen"] == 450
        assert (legs["escrow"], legs["delivery_subsidy"], legs["courier_pending"]) == (-2_300, -150, 450)
        assert "platform_loss" not in legs
        assert sum(legs.values()) == 0

    def test_without_need_there_is_no_subsidy(self, app: Flask) -> None:
        order = an_order(state=OrderState.COMPLETED)

        legs = legs_of(order.order_id)

        assert "delivery_subsidy" not in legs
        assert legs["courier_pending"] == 300

    def test_a_way_that_failed_by_nobodys_fault_is_paid_by_subsidy_and_loss(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        pay_by(client, shop.community)
        order = an_order(state=OrderState.DELIVERY_FAILED, shop=shop, reason=FailureReason.UNSAFE)
        assert order.delivery_id is not None

        return_to_shop(order.carrier.actor, a_claim(order.carrier), delivery_id=order.delivery_id)

        legs = legs_of(order.order_id)
        assert (legs["delivery_subsidy"], legs["platform_loss"], legs["courier_pending"]) == (-150, -300, 450)

    def test_the_weather_switch_pays_while_it_is_on(self, client: FlaskClient, clock: BusinessClock) -> None:
        shop = a_merchant_with_shop()
        until = look_one("SELECT business_now() + interval '1 hour'")
        pay_by(client, shop.community, bad_weather_until=until.isoformat())
        in_rain = an_order(state=OrderState.PREPARING, shop=shop)
        clock.ahead(hours=1, minutes=1)
        after = an_order(state=OrderState.PREPARING, shop=shop)

        paid = [
            look_one("SELECT pay_fen FROM trips WHERE trip_id = :id", id=order.trip_id) for order in (in_rain, after)
        ]

        assert paid == [530, 450]
