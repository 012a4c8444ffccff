from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from app.kernel.actor import Side
from tests.factories import a_community, a_courier, a_merchant_with_shop, a_store_clerk, an_order
from tests.factories.people import signed_in
from tests.factories.photos import a_photo
from tests.factories.rows import look_one
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem
from tests.support.vetting import an_application

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestListApplications(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/courier-applications")

    def test_the_store_sees_those_of_its_catchment(self, client: FlaskClient) -> None:
        community = a_community()
        application_id, person = an_application(community.community_id)
        an_application(a_community().community_id)
        case = Case(a_store_clerk(community.store_id), "/store/v1/courier-applications")

        [shown] = self.send(client, case).get_json()["items"]

        assert (shown["application_id"], shown["account_id"]) == (str(application_id), str(person.account_id))
        assert (shown["verification_level"], shown["training_percent"]) == (3, 100)


class TestDecideApplication(OnceWithBody, OnceOwned):
    method = "POST"
    absent_code = "application_not_found"
    other_body = {"is_approved": False, "reason": "证件不清"}

    def case(self) -> Case:
        community = a_community((39.9, 116.4))
        application_id, self.person = an_application(community.community_id)
        path = f"/store/v1/courier-applications/{application_id}/decision"
        return Case(a_store_clerk(community.store_id), path, {"is_approved": True})

    def test_who_is_approved_works_at_once(self, client: FlaskClient) -> None:
        self.send(client, self.case())
        courier = signed_in(self.person.account_id, Side.COURIER)

        shift = client.put("/courier/v1/shift", headers=courier.once(), json={"lat": 39.9, "lng": 116.4})

        assert shift.get_json()["is_on"] is True

    def test_a_refusal_has_a_reason_that_the_applicant_reads(self, client: FlaskClient) -> None:
        case = self.case()
        without = self.send(client, case, body={"is_approved": False})
        self.send(client, case, body={"is_approved": False, "reason": "证件不清"})

        [shown] = client.get("/user/v1/courier-applications", headers=self.person.headers).get_json()["items"]

        assert_problem(without, 422, "input_invalid", pointer="/reason")
        assert (shown["state"], shown["reason"]) == ("refused", "证件不清")

    def test_what_was_decided_stays(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case, body=self.other_body), 409, "illegal_transition")


class TestPutCourierState(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "courier_not_found"
    other_body = {"state": "active"}

    def case(self) -> Case:
        community = a_community()
        courier = a_courier(community=community)
        return Case(
            a_store_clerk(community.store_id), f"/store/v1/couriers/{courier.account_id}/state", {"state": "suspended"}
        )

    def test_suspended_in_the_middle_of_a_trip_one_finishes_it_and_gets_no_other(self, client: FlaskClient) -> None:
        community = a_community()
        courier = a_courier(community=community)
        shop = a_merchant_with_shop(community=community)
        order = an_order(state=OrderState.IN_DELIVERY, shop=shop, courier=courier)
        other = an_order(state=OrderState.PREPARING, shop=shop)
        path = f"/store/v1/couriers/{courier.account_id}/state"
        self.send(client, Case(a_store_clerk(community.store_id), path, {"state": "suspended"}))

        claimed = client.post(f"/courier/v1/trips/{other.trip_id}/claim", headers=courier.once())
        done = client.post(
            f"/courier/v1/deliveries/{order.delivery_id}/hand-over",
            headers=courier.once(),
            json={"photo_id": str(a_photo(courier, order.order_id))},
        )

        assert_problem(claimed, 403, "courier_suspended")
        assert done.get_json()["state"] == "delivered"
        assert look_one("SELECT state FROM trips WHERE trip_id = :id", id=order.trip_id) == "done"
