from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app import create_app
from app.core.accounts.models import FailureScope
from app.kernel.actor import Side
from app.kernel.db import db
from app.usecases.people.breaker import LIMITS, address_subject
from app.usecases.people.codes import Asker
from app.usecases.people.devices import device_token
from app.usecases.people.sign_in import refresh, sign_in
from tests.factories import (
    a_courier,
    a_merchant_with_shop,
    a_phone,
    a_resident,
    a_store_clerk,
    an_operator,
)
from tests.factories.rows import change, look_one
from tests.support.forged_tokens import forged_tokens, sound_token
from tests.support.ladder import Case, Endpoint, a_stranger, assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

DEVICE = "a-phone-of-the-tests"


def ask(
    client: FlaskClient, phone: str, side: str = "user", device: str = DEVICE, token: str | None = None
) -> TestResponse:
    proof = {} if token is None else {"device_token": token}
    return client.post(f"/{side}/v1/sign-in-codes", json={"phone": phone, "device": device, **proof})


def code_for(client: FlaskClient, phone: str, side: str = "user", token: str | None = None) -> str:
    assert ask(client, phone, side, token=token).status_code == 202
    messages = client.get("/dev/v1/messages", query_string={"phone": phone}).get_json()
    return str(messages["items"][0]["code"])


def begin(  # noqa: PLR0917 - what a sign-in is made of
    client: FlaskClient, phone: str, code: str, side: str = "user", device: str = DEVICE, token: str | None = None
) -> TestResponse:
    proof = {} if token is None else {"device_token": token}
    return client.post(f"/{side}/v1/sessions", json={"phone": phone, "code": code, "device": device, **proof})


def device_token_of(client: FlaskClient, phone: str) -> str:
    """Sign in by ``phone`` a while ago, and return what proves the device."""
    token = begin(client, phone, code_for(client, phone)).get_json()["device_token"]
    change("UPDATE sign_in_codes SET created_at = created_at - interval '2 minutes'")
    return str(token)


class TestAskForCode:
    def test_the_answer_does_not_tell_whether_the_phone_has_an_account(self, client: FlaskClient) -> None:
        known, unknown = ask(client, a_resident().phone), ask(client, a_phone())

        assert (known.status_code, known.data) == (unknown.status_code, unknown.data)

    def test_a_second_code_within_a_minute_is_too_many(self, client: FlaskClient) -> None:
        phone = a_phone()
        ask(client, phone)

        response = ask(client, phone)

        assert 0 < assert_problem(response, 429, "too_many_codes")["retry_after_s"] <= 60
        assert int(response.headers["Retry-After"]) <= 60

    def test_the_limit_is_the_phones_however_it_is_written(self, client: FlaskClient) -> None:
        phone = a_phone()
        ask(client, phone)

        response = ask(client, phone.removeprefix("+86"))

        assert_problem(response, 429, "too_many_codes")

    @pytest.mark.parametrize("phone", ["12345", "+14155552671", "010-65551234", "+8619", "1380013800", "abc"])
    def test_what_is_no_mobile_number_of_the_mainland_gets_no_code(self, client: FlaskClient, phone: str) -> None:
        assert_problem(ask(client, phone), 422, "phone_invalid", pointer="/phone")


class TestBeginSession:
    def test_a_residents_first_sign_in_opens_the_account_and_the_second_finds_it(self, client: FlaskClient) -> None:
        phone = a_phone()
        first = begin(client, phone, code_for(client, phone)).get_json()
        change("UPDATE sign_in_codes SET created_at = created_at - interval '2 minutes'")

        second = begin(client, phone, code_for(client, phone)).get_json()

        assert first["account_id"] == second["account_id"]
        headers = {"Authorization": f"Bearer {second['access_token']}"}
        assert client.get("/user/v1/account", headers=headers).status_code == 200

    def test_a_code_is_good_once(self, client: FlaskClient) -> None:
        phone = a_phone()
        code = code_for(client, phone)
        begin(client, phone, code)

        assert_problem(begin(client, phone, code), 401, "code_refused")

    def test_a_code_is_good_for_its_device_and_five_minutes(self, client: FlaskClient) -> None:
        phone, late = a_phone(), a_phone()
        code, late_code = code_for(client, phone), code_for(client, late)
        change("UPDATE sign_in_codes SET expires_at = clock_timestamp() WHERE consumed_at IS NULL")

        answers = [begin(client, phone, code, device="another"), begin(client, late, late_code)]

        for answer in answers:
            assert_problem(answer, 401, "code_refused")

    def test_after_five_wrong_tries_the_right_code_is_worthless(self, client: FlaskClient) -> None:
        phone = a_phone()
        code = code_for(client, phone)
        for _ in range(5):
            begin(client, phone, f"{(int(code) + 1) % 1_000_000:06d}")

        assert_problem(begin(client, phone, code), 401, "code_refused")

    @pytest.mark.parametrize("side", ["merchant", "courier", "store", "platform"])
    def test_who_has_no_part_on_a_side_does_not_come_in_there(self, client: FlaskClient, side: str) -> None:
        phone = a_phone()

        response = begin(client, phone, code_for(client, phone, side), side)

        assert_problem(response, 403, "no_membership")
        assert client.get("/dev/v1/messages", query_string={"phone": phone}).status_code == 200

    @pytest.mark.parametrize("side", ["merchant", "courier", "store", "platform"])
    def test_who_has_a_part_comes_in(self, client: FlaskClient, side: str) -> None:
        people = {
            "merchant": lambda: a_merchant_with_shop().owner,
            "courier": a_courier,
            "store": a_store_clerk,
            "platform": an_operator,
        }
        person = people[side]()

        response = begin(client, person.phone, code_for(client, person.phone, side), side)

        assert response.get_json()["account_id"] == str(person.account_id)

    def test_a_suspended_account_does_not_sign_in(self, client: FlaskClient) -> None:
        resident = a_resident()
        change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=resident.account_id)

        response = begin(client, resident.phone, code_for(client, resident.phone))

        assert_problem(response, 403, "account_suspended")


@pytest.fixture
def _no_failures(app: Flask) -> Iterator[None]:
    change("DELETE FROM sign_in_failures")
    yield
    change("DELETE FROM sign_in_failures")


def full(scope: FailureScope) -> None:
    change("UPDATE sign_in_failures SET failure_count = :most WHERE scope = :scope", most=LIMITS[scope][1], scope=scope)


@pytest.mark.usefixtures("_no_failures")
class TestBreaker:
    def test_guesses_at_many_phones_from_many_addresses_are_judged_up_to_the_limit_and_no_further(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(LIMITS, FailureScope.ALL, (LIMITS[FailureScope.ALL][0], 20))
        guesses = [
            partial(
                sign_in,
                Asker(phone=a_phone(), device="new", address=f"198.51.100.{n}"),
                code="000000",
                side=Side.USER,
            )
            for n in range(60)
        ]

        refusals = [outcome.refusal for outcome in at_once(app, guesses)]

        assert set(refusals) == {"code_refused", "sign_in_paused"}
        assert refusals.count("code_refused") == 20

    def test_an_address_has_its_own_limit_however_its_header_is_forged(self, client: FlaskClient) -> None:
        phone = a_phone()
        begin(client, phone, "000000")
        full(FailureScope.ADDRESS)

        forged = client.post(
            "/user/v1/sessions",
            json={"phone": phone, "code": "000000", "device": DEVICE},
            headers={"X-Forwarded-For": "203.0.113.7"},
        )

        assert_problem(forged, 429, "sign_in_paused")

    def test_behind_one_proxy_the_address_is_what_that_proxy_saw_and_not_what_the_client_claims(
        self, app: Flask
    ) -> None:
        behind = create_app(replace(app.config["LINLI"], proxy_hops=1))
        claimed = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        body = {"phone": a_phone(), "code": "000000", "device": DEVICE}

        behind.test_client().post("/user/v1/sessions", json=body, headers=claimed)

        with behind.app_context():
            db.engine.dispose()
        counted = look_one("SELECT subject FROM sign_in_failures WHERE scope = 'address'")
        assert bytes(counted) == address_subject("198.51.100.7")

    def test_while_it_is_open_even_the_right_code_of_a_new_device_waits_and_keeps_its_tries(
        self, client: FlaskClient
    ) -> None:
        phone = a_phone()
        code = code_for(client, phone)
        begin(client, a_phone(), "000000")
        full(FailureScope.ALL)

        paused = begin(client, phone, code)
        change("DELETE FROM sign_in_failures")

        assert_problem(paused, 429, "sign_in_paused")
        assert begin(client, phone, code).status_code == 201

    def test_while_it_is_open_a_known_device_gets_in_although_others_used_up_the_phones_codes(
        self, client: FlaskClient
    ) -> None:
        phone = a_phone()
        token = device_token_of(client, phone)
        assert ask(client, phone, device="a-thief").status_code == 202
        assert_problem(ask(client, phone, device="a-thief"), 429, "too_many_codes")
        begin(client, phone, "000000", device="a-thief")
        full(FailureScope.ALL)

        response = begin(client, phone, code_for(client, phone, token=token), token=token)

        assert response.status_code == 201

    def test_a_guessed_device_name_without_its_token_is_a_device_like_any(self, client: FlaskClient) -> None:
        phone = a_phone()
        token = device_token_of(client, phone)
        begin(client, a_phone(), "000000")
        full(FailureScope.ALL)

        answers = [
            begin(client, phone, "000000", token=given) for given in (None, "x", token[:-1], device_token(b"", DEVICE))
        ]

        for answer in answers:
            assert_problem(answer, 429, "sign_in_paused")

    def test_who_guesses_a_known_devices_name_does_not_use_up_the_tries_of_its_code(self, client: FlaskClient) -> None:
        phone = a_phone()
        token = device_token_of(client, phone)
        code = code_for(client, phone, token=token)
        for _ in range(6):
            begin(client, phone, f"{(int(code) + 1) % 1_000_000:06d}")

        assert begin(client, phone, code, token=token).status_code == 201

    def test_who_succeeds_is_not_counted(self, client: FlaskClient) -> None:
        phone = a_phone()

        begin(client, phone, code_for(client, phone))

        assert look_one("SELECT coalesce(sum(failure_count), 0) FROM sign_in_failures") == 0


class TestRefreshSession:
    def refresh(self, client: FlaskClient, token: str, side: str = "user") -> TestResponse:
        return client.post(f"/{side}/v1/sessions/refresh", json={"refresh_token": token})

    def test_each_refresh_token_is_good_once_and_its_second_use_ends_the_session_and_its_access_tokens(
        self, client: FlaskClient
    ) -> None:
        phone = a_phone()
        first = begin(client, phone, code_for(client, phone)).get_json()["refresh_token"]
        second = self.refresh(client, first).get_json()["refresh_token"]

        begun = self.refresh(client, second)
        second, bearer = (
            begun.get_json()["refresh_token"],
            {"Authorization": f"Bearer {begun.get_json()['access_token']}"},
        )
        before = client.get("/user/v1/account", headers=bearer)

        again = self.refresh(client, first)

        assert before.status_code == 200
        assert_problem(client.get("/user/v1/account", headers=bearer), 401, "session_ended")
        assert_problem(again, 401, "refresh_refused")
        assert_problem(self.refresh(client, second), 401, "refresh_refused")

    def test_of_fifty_at_once_one_wins(self, app: Flask, client: FlaskClient) -> None:
        phone = a_phone()
        token = begin(client, phone, code_for(client, phone)).get_json()["refresh_token"]

        outcomes = at_once(app, [partial(refresh, refresh_token=token, side=Side.USER)] * 50)

        assert [outcome.refusal for outcome in outcomes if not outcome.is_done] == ["refresh_refused"] * 49

    def test_a_refresh_token_is_good_for_its_side_only(self, client: FlaskClient) -> None:
        phone = a_phone()
        token = begin(client, phone, code_for(client, phone)).get_json()["refresh_token"]

        assert_problem(self.refresh(client, token, "merchant"), 401, "refresh_refused")


class TestEndSession(Endpoint):
    method = "DELETE"
    status = 204

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/sessions/current")

    def test_it_is_over_for_its_refresh_token_too(self, client: FlaskClient) -> None:
        phone = a_phone()
        session = begin(client, phone, code_for(client, phone)).get_json()
        headers = {"Authorization": f"Bearer {session['access_token']}"}

        client.delete("/user/v1/sessions/current", headers=headers)

        refreshed = client.post("/user/v1/sessions/refresh", json={"refresh_token": session["refresh_token"]})
        assert_problem(refreshed, 401, "refresh_refused")


class TestLiveTicket(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/live-tickets")

    def test_the_ticket_is_not_the_token_and_is_stored_by_digest(self, client: FlaskClient) -> None:
        case = self.case()
        ticket = self.send(client, case).get_json()

        found = look_one("SELECT count(*) FROM live_tickets WHERE convert_to(:t, 'UTF8') = digest", t=ticket["ticket"])

        assert ticket["ticket"] not in case.person.token
        assert found == 0


class TestEveryToken:
    def test_the_corpus_of_forged_tokens_opens_no_door(self, app: Flask, client: FlaskClient) -> None:
        person = a_resident()
        corpus = forged_tokens(person, app.config["LINLI"].token_keys)

        answers = {
            what: client.get("/user/v1/account", headers={"Authorization": f"Bearer {token}"}).status_code
            for what, token in corpus.items()
        }

        assert len(corpus) > 40
        assert {what: status for what, status in answers.items() if status != 401} == {}

    def test_the_sound_token_that_the_corpus_spoils_does_open(self, app: Flask, client: FlaskClient) -> None:
        token = sound_token(a_resident(), app.config["LINLI"].token_keys)

        response = client.get("/user/v1/account", headers={"Authorization": f"bearer {token}"})

        assert response.status_code == 200

    @pytest.mark.parametrize("scheme", ["Basic {}", "Token {}", "{}", "Bearer", "Bearer ", "Bearer\t{}", "Bearer {} x"])
    def test_a_sound_token_in_another_dress_does_not_open(self, app: Flask, client: FlaskClient, scheme: str) -> None:
        token = sound_token(a_resident(), app.config["LINLI"].token_keys)

        response = client.get("/user/v1/account", headers={"Authorization": scheme.format(token)})

        assert_problem(response, 401, "token_invalid")

    @pytest.mark.parametrize("side", list(Side))
    def test_a_token_is_good_for_one_door_of_five(self, client: FlaskClient, side: Side) -> None:
        person = a_stranger(side)

        opened = [
            door
            for door in Side
            if client.post(f"/{door.value}/v1/live-tickets", headers=person.headers).status_code == 201
        ]

        assert opened == [side]
