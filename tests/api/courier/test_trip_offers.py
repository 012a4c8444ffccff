from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.delivery.states import DispatchMode
from app.core.dispatch.greedy import NearestPolicy
from app.core.orders.states import OrderState
from app.usecases.dispatching.tick import dispatch_zone
from app.usecases.ordering.cancel_order import cancel_order
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, an_order
from tests.factories.rows import change, look_one
from tests.support.dispatching import let_offer, offers_of
from tests.support.ladder import Case, Endpoint, OnceOwned, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import AnOrder, Person
    from tests.support.business_clock import BusinessClock


def an_offered_order(mode: DispatchMode = DispatchMode.BOTH) -> tuple[AnOrder, Person, UUID]:
    """Return an order whose trip is offered to the one courier of its community, with the offer's id."""
    community = a_community()
    let_offer(community.community_id, mode)
    courier = a_courier(community=community)
    order = an_order(state=OrderState.PREPARING, shop=a_merchant_with_shop(community=community))
    assert dispatch_zone(NearestPolicy(), community.store_id) == 1
    assert order.trip_id is not None
    [(trip_offer_id, _, _)] = offers_of(order.trip_id)
    return order, courier, trip_offer_id


class TestListTripOffers(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/trip-offers")

    def test_what_one_would_earn_is_told_and_the_door_is_not(self, client: FlaskClient) -> None:
        order, courier, trip_offer_id = an_offered_order()

        [offer] = client.get("/courier/v1/trip-offers", headers=courier.headers).get_json()["items"]

        assert offer["trip_offer_id"] == str(trip_offer_id)
        assert (offer["trip_id"], offer["pay_fen"]) == (str(order.trip_id), 300)
        assert "drop" not in offer


class TestAcceptTripOffer(OnceOwned):
    absent_code = "trip_offer_not_found"
    method = "POST"

    def case(self) -> Case:
        _, courier, trip_offer_id = an_offered_order()
        return Case(courier, f"/courier/v1/trip-offers/{trip_offer_id}/acceptance")

    def test_after_half_a_minute_it_is_over(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(seconds=30)

        assert assert_problem(self.send(client, case), 409, "trip_offer_over")["state"] == "expired"

    def test_a_trip_that_was_called_off_cannot_be_had(self, client: FlaskClient) -> None:
        order, courier, trip_offer_id = an_offered_order()
        cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)

        response = self.send(client, Case(courier, f"/courier/v1/trip-offers/{trip_offer_id}/acceptance"))

        assert assert_problem(response, 409, "trip_offer_over")["state"] == "canceled"

    def test_one_who_went_home_does_not_get_it(self, client: FlaskClient) -> None:
        case = self.case()
        client.post("/courier/v1/shift/end", headers=case.person.once())

        assert_problem(self.send(client, case), 409, "not_on_shift")


class TestDeclineTripOffer(OnceOwned):
    absent_code = "trip_offer_not_found"
    method = "POST"

    def case(self) -> Case:
        _, courier, trip_offer_id = an_offered_order()
        return Case(courier, f"/courier/v1/trip-offers/{trip_offer_id}/refusal")

    def test_for_five_minutes_it_is_not_offered_to_the_same_again(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order, courier, trip_offer_id = an_offered_order()
        self.send(client, Case(courier, f"/courier/v1/trip-offers/{trip_offer_id}/refusal"))

        soon = dispatch_zone(NearestPolicy(), order.shop.store_id)
        clock.ahead(minutes=5, seconds=1)
        later = dispatch_zone(NearestPolicy(), order.shop.store_id)

        assert (soon, later) == (0, 1)

    def test_the_hall_may_have_it_then(self, client: FlaskClient) -> None:
        order, courier, trip_offer_id = an_offered_order()
        while_offered = client.post(f"/courier/v1/trips/{order.trip_id}/claim", headers=a_courier().once())
        self.send(client, Case(courier, f"/courier/v1/trip-offers/{trip_offer_id}/refusal"))

        claimed = client.post(f"/courier/v1/trips/{order.trip_id}/claim", headers=a_courier().once())

        assert_problem(while_offered, 409, "trip_taken")
        assert claimed.get_json()["state"] == "assigned"


def test_an_offer_that_nobody_answers_runs_out(app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
    order, _, _ = an_offered_order()
    clock.ahead(seconds=31)

    run_worker(app)

    assert order.trip_id is not None
    assert [state for _, _, state in offers_of(order.trip_id)] == ["expired"]
    assert look_one("SELECT state FROM deliveries WHERE trip_id = :id", id=order.trip_id) == "open"


def test_where_trips_are_assigned_there_is_no_hall(client: FlaskClient) -> None:
    order, _, _ = an_offered_order(DispatchMode.ASSIGN)
    other = a_courier()
    place = {"lat": f"{order.shop.lat:.6f}", "lng": f"{order.shop.lng:.6f}"}

    seen = client.get("/courier/v1/trips/open", headers=other.headers, query_string=place).get_json()["items"]
    claimed = client.post(f"/courier/v1/trips/{order.trip_id}/claim", headers=other.once())

    assert seen == []
    assert_problem(claimed, 409, "hall_closed")


class TestReadReasons(Endpoint):
    def case(self) -> Case:
        order, courier, _ = an_offered_order()
        return Case(courier, f"/courier/v1/trips/{order.trip_id}/reasons")

    def test_who_was_farther_away_is_told_so_with_both_costs(self, client: FlaskClient) -> None:
        community = a_community()
        let_offer(community.community_id)
        near, far = a_courier(community=community), a_courier(community=community)
        change(
            "UPDATE courier_shifts SET lat = lat + 0.01 WHERE courier_id = :id AND ended_at IS NULL",
            id=far.account_id,
        )
        order = an_order(state=OrderState.PREPARING, shop=a_merchant_with_shop(community=community))
        dispatch_zone(NearestPolicy(), community.store_id)
        path = f"/courier/v1/trips/{order.trip_id}/reasons"

        [reason] = client.get(path, headers={**far.headers, "Accept-Language": "en"}).get_json()["items"]
        [own] = client.get(path, headers={**near.headers, "Accept-Language": "zh-CN"}).get_json()["items"]

        assert (reason["candidate_count"], reason["yours"]["rank"], reason["yours"]["to_shop_m"]) == (2, 2, 1112)
        assert reason["words"].startswith("Another courier was chosen of 2 candidates: ")
        assert "派给了您" in own["words"]
        assert str(near.account_id) not in str(reason)

    def test_a_trip_of_another_zone_is_not_there(self, client: FlaskClient) -> None:
        order, _, _ = an_offered_order()

        other = a_courier(community=a_community())

        response = client.get(f"/courier/v1/trips/{order.trip_id}/reasons", headers=other.headers)

        assert_problem(response, 404, "trip_not_found")
