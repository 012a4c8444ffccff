"""Staff of stores and of the platform, where the settings say that it needs a passkey."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.usecases.passkeys.manage import forget_passkeys
from tests.factories import Person, a_phone, a_store_clerk, as_user
from tests.factories.people import signed_in
from tests.factories.rows import change
from tests.support.ladder import a_stranger, assert_problem
from tests.support.passkeys import Authenticator, registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

STAFF = (Side.STORE, Side.PLATFORM)
OWN_WORK = {Side.STORE: "/store/v1/communities", Side.PLATFORM: "/platform/v1/approvals"}


@pytest.fixture(autouse=True)
def _required(app: Flask) -> Iterator[None]:
    kept = app.config["LINLI"]
    app.config["LINLI"] = replace(kept, is_staff_passkey_required=True)
    change("DELETE FROM sign_in_failures")
    yield
    app.config["LINLI"] = kept


def code_for(client: FlaskClient, phone: str) -> str:
    return str(client.get("/dev/v1/messages", query_string={"phone": phone}).get_json()["items"][0]["code"])


def by_code(client: FlaskClient, person: Person, side: Side) -> TestResponse:
    change("UPDATE sign_in_codes SET created_at = created_at - interval '2 hours'")
    wanted = {"phone": person.phone, "device": "device"}
    assert client.post(f"/{side}/v1/sign-in-codes", json=wanted).status_code == 202
    return client.post(f"/{side}/v1/sessions", json={**wanted, "code": code_for(client, person.phone)})


def bearer(begun: TestResponse) -> dict[str, str]:
    assert begun.status_code == 201, begun.text
    return {"Authorization": f"Bearer {begun.get_json()['access_token']}"}


def own_code(client: FlaskClient, side: Side, headers: dict[str, str], phone: str) -> str:
    change("UPDATE sign_in_codes SET created_at = created_at - interval '2 hours'")
    sent = client.post(f"/{side}/v1/codes", json={"purpose": "add_passkey"}, headers=headers)
    assert sent.status_code == 202, sent.text
    return code_for(client, phone)


def add(client: FlaskClient, side: Side, headers: dict[str, str], device: Authenticator, **proof: Any) -> TestResponse:
    challenge = client.post(f"/{side}/v1/passkey-registrations", headers=headers).get_json()
    made = device.make(challenge["public_key"])
    body = {"challenge_id": challenge["challenge_id"], "name": "钥匙", "credential": made, **proof}
    return client.post(f"/{side}/v1/passkeys", json=body, headers=headers)


def confirmed(client: FlaskClient, side: Side, headers: dict[str, str], device: Authenticator) -> dict[str, Any]:
    challenge = client.post(f"/{side}/v1/passkey-confirmations", headers=headers).get_json()
    return {"challenge_id": challenge["challenge_id"], "credential": device.answer(challenge["public_key"])}


@pytest.mark.parametrize("side", STAFF)
def test_the_first_time_one_comes_by_code_adds_a_passkey_and_only_then_works(client: FlaskClient, side: Side) -> None:
    person, device = a_stranger(side), Authenticator()
    headers = bearer(by_code(client, person, side))

    before = client.get(OWN_WORK[side], headers=headers)
    added = add(client, side, headers, device, code=own_code(client, side, headers, person.phone))
    after = client.get(OWN_WORK[side], headers=headers)

    assert_problem(before, 403, "passkey_needed")
    assert added.status_code == 201, added.text
    assert after.status_code == 200, after.text


@pytest.mark.parametrize("side", STAFF)
def test_who_has_one_signs_in_with_it_and_with_nothing_else(client: FlaskClient, side: Side) -> None:
    person = a_stranger(side)
    device = registered(person)

    refused = by_code(client, person, side)
    challenge = client.post(f"/{side}/v1/passkey-sign-ins", json={"device": "device"}).get_json()
    answer = {"challenge_id": challenge["challenge_id"], "credential": device.answer(challenge["public_key"])}
    begun = client.post(f"/{side}/v1/passkey-sessions", json={**answer, "device": "device"})

    assert_problem(refused, 403, "passkey_needed")
    assert client.get(OWN_WORK[side], headers=bearer(begun)).status_code == 200


def test_a_session_of_old_does_no_work_once_the_setting_is_on(client: FlaskClient) -> None:
    clerk = a_store_clerk()

    assert_problem(client.get("/store/v1/communities", headers=clerk.headers), 403, "passkey_needed")
    assert client.get("/store/v1/sessions", headers=clerk.headers).status_code == 200


def test_the_phone_alone_adds_no_second_one_at_any_side(client: FlaskClient) -> None:
    clerk = a_store_clerk()
    device = registered(clerk)
    at_home = as_user(clerk.account_id)

    by_phone = add(client, Side.USER, at_home, Authenticator(), code=own_code(client, Side.USER, at_home, clerk.phone))
    by_passkey = add(
        client, Side.USER, at_home, Authenticator(), confirmation=confirmed(client, Side.USER, at_home, device)
    )

    assert_problem(by_phone, 403, "passkey_needed")
    assert by_passkey.status_code == 201


def test_the_last_one_that_works_stays(client: FlaskClient) -> None:
    clerk = a_store_clerk()
    first, second, stopped = new_id(), new_id(), new_id()
    device = registered(clerk, passkey_id=first)
    registered(clerk, passkey_id=stopped, stopped_at="2026-01-01T00:00:00Z")
    registered(clerk, passkey_id=second)
    headers = signed_in(clerk.account_id, Side.STORE).headers

    def remove(passkey_id: object) -> TestResponse:
        body = {"confirmation": confirmed(client, Side.STORE, headers, device)}
        return client.post(f"/store/v1/passkeys/{passkey_id}/removal", json=body, headers=headers)

    assert remove(second).status_code == 204
    assert_problem(remove(first), 409, "last_passkey")
    assert remove(stopped).status_code == 204


def test_who_lost_it_begins_anew_when_an_operator_forgot_it(client: FlaskClient) -> None:
    clerk = a_store_clerk()
    registered(clerk)

    assert forget_passkeys(clerk.account_id) == 1
    assert by_code(client, clerk, Side.STORE).status_code == 201


def test_residents_and_merchants_come_in_as_before(client: FlaskClient) -> None:
    resident, owner = a_stranger(Side.USER), a_stranger(Side.MERCHANT)
    registered(owner)

    assert by_code(client, resident, Side.USER).status_code == 201
    headers = bearer(by_code(client, owner, Side.MERCHANT))
    assert client.get("/merchant/v1/shops", headers=headers).status_code == 200


def test_whether_a_stranger_is_staff_is_not_told(client: FlaskClient) -> None:
    clerk = a_store_clerk()
    registered(clerk)
    body = {"device": "device", "code": "000000"}

    answers = [client.post("/store/v1/sessions", json={**body, "phone": phone}) for phone in (clerk.phone, a_phone())]

    assert answers[0].data == answers[1].data
