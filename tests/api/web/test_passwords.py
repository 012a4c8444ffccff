from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from app.core.accounts.errors import PasswordBusy
from app.core.accounts.models import FailureScope
from app.kernel import wire
from app.kernel.actor import Side
from app.usecases.people import breaker, passwords
from app.usecases.people.devices import device_token
from app.usecases.people.phones import phone_index
from tests.factories import Person, a_phone, a_resident
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, a_stranger, assert_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

GOOD = "vier kleine Enten"
OTHER = "fünf große Gänse"


@pytest.fixture(autouse=True)
def _no_failures(app: Flask) -> Iterator[None]:
    change("DELETE FROM sign_in_failures")
    yield
    change("DELETE FROM sign_in_failures")


def code_of(client: FlaskClient, person: Person) -> str:
    change("UPDATE sign_in_codes SET created_at = created_at - interval '2 hours'")
    asked = client.post(f"/{person.side}/v1/codes", json={"purpose": "set_password"}, headers=person.headers)
    assert asked.status_code == 202, asked.text
    messages = client.get("/dev/v1/messages", query_string={"phone": person.phone}).get_json()
    return str(messages["items"][0]["code"])


def put(client: FlaskClient, person: Person, password: str, code: str | None = None) -> TestResponse:
    body = {"password": password, "code": code or code_of(client, person)}
    return client.put(f"/{person.side}/v1/password", json=body, headers=person.headers)


def sign_in(
    client: FlaskClient, phone: str, password: str, *, side: str = "user", token: str | None = None
) -> TestResponse:
    proof = {} if token is None else {"device_token": token}
    body = {"phone": phone, "password": password, "device": "device", **proof}
    return client.post(f"/{side}/v1/password-sessions", json=body)


class TestRead(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/password")

    def test_it_tells_whether_there_is_one(self, client: FlaskClient) -> None:
        case = self.case()
        before = self.send(client, case).get_json()
        put(client, case.person, GOOD)

        after = self.send(client, case).get_json()

        assert (before["is_set"], before["set_at"]) == (False, None)
        assert after["is_set"]


class TestSet:
    @pytest.mark.parametrize("side", list(Side))
    def test_with_a_fresh_code_one_sets_it_and_signs_in_by_it(self, client: FlaskClient, side: Side) -> None:
        person = a_stranger(side)
        assert put(client, person, GOOD).status_code == 204

        begun = sign_in(client, person.phone, GOOD, side=side.value)

        assert begun.get_json()["account_id"] == str(person.account_id)
        assert begun.get_json()["device_token"] == device_token(phone_index(person.phone), "device")

    def test_it_is_kept_as_argon2id_of_owasps_profile(self, client: FlaskClient) -> None:
        person = a_resident()
        put(client, person, GOOD)

        digest = look_one("SELECT digest FROM passwords WHERE account_id = :id", id=person.account_id)

        assert str(digest).startswith("$argon2id$v=19$m=19456,t=2,p=1$")

    def test_without_the_right_code_nothing_is_set(self, client: FlaskClient) -> None:
        person = a_resident()
        code = code_of(client, person)

        answer = put(client, person, GOOD, f"{(int(code) + 1) % 1_000_000:06d}")

        assert_problem(answer, 422, "code_wrong", pointer="/code")
        assert_problem(sign_in(client, person.phone, GOOD), 401, "password_refused")

    def test_a_code_sets_one_password(self, client: FlaskClient) -> None:
        person = a_resident()
        code = code_of(client, person)
        put(client, person, GOOD, code)

        assert_problem(put(client, person, OTHER, code), 422, "code_wrong", pointer="/code")

    @pytest.mark.parametrize("password", ["short", "Password123", "x" * 129])
    def test_a_weak_one_is_refused_and_costs_no_code(self, client: FlaskClient, password: str) -> None:
        person = a_resident()
        code = code_of(client, person)

        refused = put(client, person, password, code)

        assert refused.status_code == 422
        assert refused.get_json()["errors"][0]["pointer"] == "/password"
        assert put(client, person, GOOD, code).status_code == 204

    def test_changed_only_the_new_one_opens_and_removed_none_does(self, client: FlaskClient) -> None:
        person = a_resident()
        put(client, person, GOOD)
        put(client, person, OTHER)
        changed = [sign_in(client, person.phone, word).status_code for word in (GOOD, OTHER)]

        removed = client.post(
            "/user/v1/password/removal", json={"code": code_of(client, person)}, headers=person.headers
        )

        assert changed == [401, 201]
        assert removed.status_code == 204
        assert_problem(sign_in(client, person.phone, OTHER), 401, "password_refused")


class TestGuesses:
    def test_an_unknown_phone_one_without_a_password_and_a_wrong_one_do_the_same_work(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_one = a_resident()
        put(client, with_one, GOOD)
        hashed: list[str] = []
        verify = passwords._HASHER.verify

        class Counting:
            def verify(self, digest: str, password: str) -> bool:
                hashed.append(digest.rpartition("$")[0].rpartition("$")[0])
                return verify(digest, password)

        monkeypatch.setattr(passwords, "_HASHER", Counting())
        runs = []
        for phone in (with_one.phone, a_resident().phone, a_phone()):
            seen: list[str] = []
            wire.observers.append(seen.append)
            answer = sign_in(client, phone, OTHER)
            wire.observers.remove(seen.append)
            runs.append((answer.status_code, answer.data, seen))

        assert runs[0] == runs[1] == runs[2]
        assert len(hashed) == 3
        assert len(set(hashed)) == 1

    def test_ten_wrong_ones_an_hour_at_a_phone_then_none_is_looked_at_and_a_known_device_still_gets_in(
        self, client: FlaskClient
    ) -> None:
        person = a_resident()
        put(client, person, GOOD)
        token = device_token(phone_index(person.phone), "device")

        answers = [sign_in(client, person.phone, OTHER).status_code for _ in range(11)]

        assert answers == [401] * 10 + [429]
        assert_problem(sign_in(client, person.phone, GOOD), 429, "sign_in_paused")
        assert sign_in(client, person.phone, GOOD, token=token).status_code == 201

    def test_the_breaker_for_all_pauses_passwords_too(self, client: FlaskClient) -> None:
        person = a_resident()
        put(client, person, GOOD)
        sign_in(client, a_phone(), OTHER)
        most = breaker.LIMITS[FailureScope.ALL][1]
        change("UPDATE sign_in_failures SET failure_count = :most WHERE scope = 'all'", most=most)

        assert_problem(sign_in(client, person.phone, GOOD), 429, "sign_in_paused")

    def test_who_gets_in_is_not_counted(self, client: FlaskClient) -> None:
        person = a_resident()
        put(client, person, GOOD)

        sign_in(client, person.phone, GOOD)

        assert look_one("SELECT coalesce(sum(failure_count), 0) FROM sign_in_failures") == 0


def test_one_hash_at_a_time_and_one_that_waits_the_rest_is_told_to_come_again() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with passwords._turn():
            entered.set()
            leave.wait(10)

    first = threading.Thread(target=hold)
    first.start()
    entered.wait(10)
    second = threading.Thread(target=hold)
    with passwords._waiting, pytest.raises(PasswordBusy), passwords._turn():
        pass
    leave.set()
    second.start()
    first.join()
    second.join()

    with passwords._turn():
        pass
