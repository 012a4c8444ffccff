from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.kernel.actor import Side
from tests.factories import Person, a_resident
from tests.factories.people import signed_in
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, Owned, a_stranger, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

ROUTES = {
    Side.USER: ("/user/v1/account", "/user/v1/orders", "/user/v1/addresses"),
    Side.MERCHANT: ("/merchant/v1/balances",),
    Side.COURIER: ("/courier/v1/earnings",),
    Side.STORE: ("/store/v1/communities",),
    Side.PLATFORM: ("/platform/v1/books", "/platform/v1/parties?kind=store"),
}
"""Money, personal data and what operators see."""


def is_live(person: Person) -> bool:
    return bool(look_one("SELECT ended_at IS NULL FROM sessions WHERE session_id = :id", id=person.session_id))


class TestList(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/sessions")

    def test_it_tells_device_side_and_last_use_and_marks_the_one_that_asks(self, client: FlaskClient) -> None:
        case = self.case()
        courier = signed_in(case.person.account_id, Side.COURIER)
        change("UPDATE sessions SET device = '王芳的手机' WHERE session_id = :id", id=courier.session_id)

        items = self.send(client, case).get_json()["items"]

        told = [(item["session_id"], item["side"], item["device"], item["is_current"]) for item in items]
        assert told == [
            (str(courier.session_id), "courier", "王芳的手机", False),
            (str(case.person.session_id), "user", "device", True),
        ]
        assert all(item["last_used_at"] >= item["created_at"] for item in items)

    def test_what_ended_or_ran_out_and_what_is_anothers_is_not_in_it(self, client: FlaskClient) -> None:
        case = self.case()
        ended, idle = (signed_in(case.person.account_id, Side.USER) for _ in range(2))
        a_resident()
        change("UPDATE sessions SET ended_at = now() WHERE session_id = :id", id=ended.session_id)
        change(
            "UPDATE sessions SET last_used_at = now() - interval '31 days' WHERE session_id = :id", id=idle.session_id
        )

        items = self.send(client, case).get_json()["items"]

        assert [item["session_id"] for item in items] == [str(case.person.session_id)]

    def test_pages_hold_every_session_once(self, client: FlaskClient) -> None:
        case = self.case()
        mine = [case.person, *(signed_in(case.person.account_id, Side.USER) for _ in range(4))]
        seen: list[str] = []
        cursor: str | None = ""

        while cursor is not None:
            path = f"{case.path}?limit=2" + (f"&cursor={cursor}" if cursor else "")
            page = client.get(path, headers=case.person.headers).get_json()
            seen += [item["session_id"] for item in page["items"]]
            cursor = page["next_cursor"]

        assert seen == [str(person.session_id) for person in reversed(mine)]


class TestEndOne(Owned):
    method = "DELETE"
    status = 204
    absent_code = "session_not_found"

    def case(self) -> Case:
        person = a_resident()
        other = signed_in(person.account_id, Side.USER)
        return Case(person, f"/user/v1/sessions/{other.session_id}")

    def test_it_ends_that_one_only(self, client: FlaskClient) -> None:
        one, two, three = self.sessions(3)

        client.delete(f"/user/v1/sessions/{two.session_id}", headers=one.headers)

        assert [is_live(person) for person in (one, two, three)] == [True, False, True]

    def test_the_session_that_asks_can_end_itself(self, client: FlaskClient) -> None:
        (one,) = self.sessions(1)

        client.delete(f"/user/v1/sessions/{one.session_id}", headers=one.headers)

        assert_problem(client.get("/user/v1/sessions", headers=one.headers), 401, "session_ended")

    def test_ended_twice_it_is_not_there(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 404, "session_not_found")

    @staticmethod
    def sessions(count: int) -> list[Person]:
        person = a_resident()
        return [person, *(signed_in(person.account_id, Side.USER) for _ in range(count - 1))]


class TestEndOthers(Endpoint):
    method = "DELETE"
    status = 204

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/sessions")

    def test_the_one_that_asks_goes_on_and_nobody_elses_ends(self, client: FlaskClient) -> None:
        case = self.case()
        other, courier = (signed_in(case.person.account_id, side) for side in (Side.USER, Side.COURIER))
        stranger = a_resident()

        self.send(client, case)

        assert [is_live(person) for person in (case.person, stranger)] == [True, True]
        assert [is_live(person) for person in (other, courier)] == [False, False]


@pytest.mark.parametrize("side", list(Side))
def test_an_ended_sessions_access_token_is_refused_at_once_on_money_personal_data_and_operators_routes(
    client: FlaskClient, side: Side
) -> None:
    person = a_stranger(side)
    ended = signed_in(person.account_id, side)
    before = [client.get(route, headers=ended.headers).status_code for route in ROUTES[side]]

    answer = client.delete(f"/{side}/v1/sessions/{ended.session_id}", headers=person.headers)

    assert answer.status_code == 204
    assert 401 not in before
    for route, known in zip(ROUTES[side], before, strict=True):
        assert_problem(client.get(route, headers=ended.headers), 401, "session_ended")
        assert client.get(route, headers=person.headers).status_code == known
