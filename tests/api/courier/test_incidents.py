from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.delivery.incidents import INCIDENTS_A_DAY_MAX, IncidentKind
from app.core.orders.states import OrderState
from app.usecases.delivering.incidents import report_incident
from app.usecases.dispatching.take_back import look_after_shifts
from tests.factories import a_claim, a_courier, an_operator, an_order
from tests.factories.rows import look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Person


def an_incident(courier: Person | None = None, *, is_sos: bool = True) -> UUID:
    courier = courier or a_courier()
    return report_incident(
        courier.actor,
        a_claim(courier),
        kind=IncidentKind.ACCIDENT,
        is_sos=is_sos,
        lat=39.9,
        lng=116.4,
        note="摔倒了",
    ).incident_id


class TestReport(OnceWithBody):
    status = 201
    other_body = {"kind": "other"}

    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/incidents", {"kind": "accident", "is_sos": True, "note": "摔倒了"})

    def test_the_platform_sees_it_at_once_with_its_place(self, client: FlaskClient) -> None:
        incident_id = an_incident()

        items = client.get("/platform/v1/incidents?limit=100", headers=an_operator().headers).get_json()["items"]

        [case] = [one for one in items if one["incident_id"] == str(incident_id)]
        assert (case["is_sos"], case["state"], case["note"]) == (True, "open", "摔倒了")
        assert case["geo_uri"] == "geo:39.900000,116.400000;crs=wgs84"
        events = look("SELECT body FROM outbox WHERE kind = 'IncidentReported'")
        assert all("摔" not in str(row.body) for row in events)

    @pytest.mark.parametrize("given, lacking", [("lat", "lng"), ("lng", "lat")])
    def test_half_a_place_is_none(self, client: FlaskClient, given: str, lacking: str) -> None:
        body = {"kind": "accident", "is_sos": True, given: 39.9}

        refused = client.post("/courier/v1/incidents", headers=a_courier().once(), json=body)

        problem = assert_problem(refused, 422, "input_invalid")
        assert [one["pointer"] for one in problem["errors"]] == [f"/{lacking}"]

    def test_what_was_not_picked_up_goes_to_others(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        an_incident(order.carrier)

        look_after_shifts()

        assert look_one("SELECT state FROM trips WHERE trip_id = :id", id=order.trip_id) == "open"

    def test_a_call_for_help_is_never_one_too_many(self, client: FlaskClient) -> None:
        courier = a_courier()
        for _ in range(INCIDENTS_A_DAY_MAX):
            an_incident(courier, is_sos=False)
        path = "/courier/v1/incidents"

        refused = client.post(path, headers=courier.once(), json={"kind": "other"})
        help_wanted = client.post(path, headers=courier.once(), json={"kind": "threat", "is_sos": True})

        assert_problem(refused, 429, "too_many_incidents")
        assert help_wanted.status_code == 201


class TestTake(Once):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/incidents/{an_incident()}/taking")


class TestClose(OnceWithBody):
    other_body = {"outcome": "another"}

    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/incidents/{an_incident()}/closing", {"outcome": "已送医。" * 40})

    def test_the_place_is_forgotten_with_the_case(self, client: FlaskClient) -> None:
        incident_id = an_incident()
        case = Case(an_operator(), f"/platform/v1/incidents/{incident_id}/closing", {"outcome": "已送医"})

        self.send(client, case)
        again = self.send(client, case)

        place = "SELECT lat IS NULL AND lng IS NULL FROM incidents WHERE incident_id = :id"
        assert look_one(place, id=incident_id) is True
        assert_problem(again, 409, "illegal_transition")

    def test_a_case_that_is_not_there_is_not_closed(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "incident_not_found")


class TestListIncidents(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/incidents")


class TestListAppeals(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/courier-ratings")
