"""The calendar of a store's service van."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.factories import a_resident, a_store_clerk, an_address
from tests.factories.places import Community, a_community
from tests.factories.rows import look_one
from tests.factories.vans import a_van_visit, a_visit_body
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Person


def told(client: FlaskClient, resident: Person) -> list[tuple[str, str]]:
    answer = client.get("/user/v1/announcements", headers=resident.headers).get_json()
    return [(one["title"], one["title_en"]) for one in answer["items"] if one["community_id"] is not None]


def next_visits(client: FlaskClient, resident: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/user/v1/van-visits", headers=resident.headers).get_json()["items"]
    return found


def a_neighbor(place: Community) -> Person:
    resident = a_resident()
    an_address(resident, near=place)
    return resident


class TestPlan(OnceWithBody):
    status = 201
    other_body = {"place": "西门"}

    def case(self) -> Case:
        place = a_community()
        return Case(a_store_clerk(place.store_id), "/store/v1/van-visits", a_visit_body(place))

    def test_times_and_places_that_cannot_be_are_refused(self, client: FlaskClient) -> None:
        case = self.case()
        body = dict(case.body or {})
        past = (look_one("SELECT business_now()") - timedelta(hours=1)).isoformat()

        late = self.send(client, case, body={**body, "from_at": past})
        far = self.send(client, case, body={**body, "lat": body["lat"] + 0.1})
        elsewhere = self.send(client, case, body={**body, "community_id": str(a_community().community_id)})
        for_nothing = self.send(client, case, body={**body, "services": []})
        planned = self.send(client, case)
        at_once = self.send(client, case, body={**body, "place": "西门"})

        assert_problem(late, 422, "van_visit_invalid", pointer="/from_at")
        assert_problem(far, 422, "van_visit_invalid", pointer="/lat")
        assert_problem(elsewhere, 404, "community_not_found", pointer="/community_id")
        assert for_nothing.status_code == 422
        assert planned.status_code == 201
        assert_problem(at_once, 409, "van_busy", pointer="/from_at")

    def test_the_community_sees_what_is_next_in_its_list_and_on_the_map(self, client: FlaskClient) -> None:
        place = a_community()
        resident, other = a_neighbor(place), a_neighbor(a_community())
        later = a_van_visit(place, in_hours=30)
        sooner = a_van_visit(place, in_hours=3)

        query = {"lat": str(place.lat), "lng": str(place.lng), "limit": "3"}
        points = client.get("/user/v1/service-points", query_string=query, headers=resident.headers).get_json()
        vans = [one["properties"] for one in points["features"] if one["properties"]["kind"] == "van"]

        ids = [str(sooner.van_visit_id), str(later.van_visit_id)]
        assert [one["van_visit_id"] for one in next_visits(client, resident)] == ids
        assert next_visits(client, other) == []
        assert [(one["van_visit_id"], one["services"]) for one in vans] == [(one, ["cash", "bills"]) for one in ids]


class TestMove(OnceOwned):
    absent_code = "van_visit_not_found"

    def case(self) -> Case:
        place = a_community()
        visit = a_van_visit(place)
        body = a_visit_body(place, in_hours=50)
        body = {name: body[name] for name in ("place", "lat", "lng", "from_at", "until_at")}
        return Case(a_store_clerk(place.store_id), f"/store/v1/van-visits/{visit.van_visit_id}/move", body)

    def another(self, case: Case) -> str:
        return self.case().path

    def test_the_community_is_told_and_a_canceled_one_is_not_moved(self, client: FlaskClient) -> None:
        place = a_community()
        resident, clerk = a_neighbor(place), a_store_clerk(place.store_id)
        visit = a_van_visit(place)
        path = f"/store/v1/van-visits/{visit.van_visit_id}"
        body = a_visit_body(place, in_hours=4)
        body = {name: body[name] for name in ("place", "lat", "lng", "from_at", "until_at")}

        moved = client.post(f"{path}/move", headers=clerk.once(), json=body)
        after_move = told(client, resident)
        canceled = client.post(f"{path}/cancellation", headers=clerk.once())
        again = client.post(f"{path}/move", headers=clerk.once(), json=body)

        assert moved.status_code == 200, moved.text
        assert after_move == [("服务车改期", "The service van comes at another time")]
        assert canceled.get_json()["state"] == "canceled"
        assert told(client, resident) == [("服务车取消", "The service van does not come"), *after_move]
        assert next_visits(client, resident) == []
        assert_problem(again, 409, "illegal_transition")


class TestCancel(OnceOwned):
    absent_code = "van_visit_not_found"

    def case(self) -> Case:
        place = a_community()
        visit = a_van_visit(place)
        return Case(a_store_clerk(place.store_id), f"/store/v1/van-visits/{visit.van_visit_id}/cancellation")

    def another(self, case: Case) -> str:
        return self.case().path


class TestListPlanned(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/van-visits")


class TestListNext(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/van-visits")
