"""A passkey buys the grant that a payment takes, as a PIN does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.states import OrderState
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from tests.factories import AnOrder, a_pin, a_resident, an_order
from tests.factories.people import PIN, signed_in
from tests.factories.rows import change, look
from tests.support.ladder import Case, Owned, assert_problem
from tests.support.passkeys import PRESENT, Authenticator, registered

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


def unpaid() -> AnOrder:
    return an_order(state=OrderState.AWAITING_PAYMENT)


def challenge(client: FlaskClient, order: AnOrder, amount_fen: int | None = None) -> dict[str, Any]:
    body = {"checkout_id": str(order.checkout_id), "amount_fen": amount_fen or order.total_fen}
    asked = client.post("/user/v1/step-up-challenges", json=body, headers=order.resident.headers)
    assert asked.status_code == 201, asked.text
    document: dict[str, Any] = asked.get_json()
    return document


def confirm(client: FlaskClient, order: AnOrder, device: Authenticator, **other: Any) -> TestResponse:
    asked = other.pop("asked", None) or challenge(client, order)
    passkey = {"challenge_id": asked["challenge_id"], "credential": device.answer(asked["public_key"])}
    body = {"checkout_id": str(order.checkout_id), "amount_fen": order.total_fen, "passkey": passkey, **other}
    return client.post("/user/v1/step-up-grants", json=body, headers=order.resident.headers)


def pay(client: FlaskClient, order: AnOrder, grant: TestResponse) -> TestResponse:
    body = {"method": "e_account", "step_up_grant": grant.get_json()["grant_id"]}
    path = f"/user/v1/checkouts/{order.checkout_id}/payments"
    return client.post(path, headers=order.resident.once(), json=body)


class TestChallenge(Owned):
    method = "POST"
    status = 201
    absent_code = "checkout_not_found"

    def case(self) -> Case:
        order = unpaid()
        body = {"checkout_id": str(order.checkout_id), "amount_fen": order.total_fen}
        return Case(order.resident, "/user/v1/step-up-challenges", body)

    def test_anothers_looks_exactly_like_an_absent_one(self, client: FlaskClient) -> None:
        case, stranger = self.case(), a_resident()

        anothers = self.send(client, case, headers=stranger.headers)
        absent = self.send(
            client, case, headers=stranger.headers, body={**(case.body or {}), "checkout_id": str(new_id())}
        )

        assert_problem(anothers, 404, self.absent_code)
        assert anothers.data == absent.data


def test_what_a_passkey_confirms_is_paid(client: FlaskClient) -> None:
    order = unpaid()
    device = registered(order.resident)

    grant = confirm(client, order, device)
    paid = pay(client, order, grant)

    assert grant.get_json()["factor"] == "passkey"
    assert paid.get_json()["state"] == "paid", paid.text


def test_an_answer_buys_one_grant(client: FlaskClient) -> None:
    order = unpaid()
    device, asked = registered(order.resident), challenge(client, order)

    assert confirm(client, order, device, asked=asked).status_code == 201
    assert_problem(confirm(client, order, device, asked=asked), 404, "passkey_challenge_not_found")


def test_a_challenge_is_good_for_its_checkout_and_amount_alone(client: FlaskClient) -> None:
    order, other = unpaid(), unpaid()
    device = registered(order.resident)
    cheaper, elsewhere = challenge(client, order, order.total_fen - 1), challenge(client, other)
    by_confirmation = client.post("/user/v1/passkey-confirmations", headers=order.resident.headers).get_json()

    for asked in (cheaper, elsewhere, by_confirmation):
        assert_problem(confirm(client, order, device, asked=asked), 404, "passkey_challenge_not_found")


def test_a_challenge_of_another_session_is_not_there(client: FlaskClient) -> None:
    order = unpaid()
    device, asked = registered(order.resident), challenge(client, order)
    passkey = {"challenge_id": asked["challenge_id"], "credential": device.answer(asked["public_key"])}
    body = {"checkout_id": str(order.checkout_id), "amount_fen": order.total_fen, "passkey": passkey}
    elsewhere = signed_in(order.resident.account_id, Side.USER).headers

    answer = client.post("/user/v1/step-up-grants", json=body, headers=elsewhere)

    assert_problem(answer, 404, "passkey_challenge_not_found")


@pytest.mark.parametrize("fault", ["another's", "origin", "not verified", "key"])
def test_a_wrong_answer_buys_nothing_and_leaves_an_act(client: FlaskClient, fault: str) -> None:
    order = unpaid()
    device = registered(a_resident() if fault == "another's" else order.resident)
    device.origin = "https://evil.example" if fault == "origin" else device.origin
    device.flags = PRESENT if fault == "not verified" else device.flags
    device.key = Authenticator().key if fault == "key" else device.key

    assert_problem(confirm(client, order, device), 403, "passkey_wrong")
    acts = look("SELECT outcome FROM audit.act WHERE account_id = :id AND verb = 'step_up.grant'",
                id=order.resident.account_id)  # fmt: skip
    assert [act.outcome for act in acts] == ["refused"]


def test_one_that_came_in_by_the_phone_alone_waits_for_a_day(client: FlaskClient) -> None:
    order = unpaid()
    device = registered(order.resident, pays_from=wall_now() + timedelta(hours=2))

    refused = confirm(client, order, device)

    assert_problem(refused, 429, "passkey_waits")
    assert 7_000 < int(refused.headers["Retry-After"]) <= 7_201


def test_pin_or_passkey_not_both_and_not_neither(client: FlaskClient) -> None:
    order = unpaid()
    device = registered(order.resident)
    a_pin(order.resident)
    body = {"checkout_id": str(order.checkout_id), "amount_fen": order.total_fen}

    both = confirm(client, order, device, pin=PIN)
    neither = client.post("/user/v1/step-up-grants", json=body, headers=order.resident.headers)

    for answer in (both, neither):
        assert_problem(answer, 422, "one_factor", pointer="/pin")


def test_a_removed_passkey_takes_its_grants_along(client: FlaskClient) -> None:
    order, passkey_id = unpaid(), new_id()
    device = registered(order.resident, passkey_id=passkey_id)
    grant = confirm(client, order, device)
    headers = order.resident.headers
    asked = client.post("/user/v1/passkey-confirmations", headers=headers).get_json()
    proof = {"challenge_id": asked["challenge_id"], "credential": device.answer(asked["public_key"])}

    client.post(f"/user/v1/passkeys/{passkey_id}/removal", json={"confirmation": proof}, headers=headers)

    assert_problem(pay(client, order, grant), 409, "step_up_refused")


def test_a_stopped_passkey_buys_nothing(client: FlaskClient) -> None:
    order = unpaid()
    device = registered(order.resident)
    change("UPDATE passkeys SET stopped_at = clock_timestamp() WHERE account_id = :id", id=order.resident.account_id)

    assert_problem(confirm(client, order, device), 403, "passkey_wrong")
