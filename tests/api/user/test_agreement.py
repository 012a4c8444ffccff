"""Terms and privacy policy in force are agreed to before something new begins; what is under way goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.states import OrderState
from app.core.privacy.models import CURRENT_VERSIONS, Purpose
from app.usecases.people.phones import phone_index
from app.usecases.privacy.consents import is_given
from tests.factories import (
    Person,
    a_community,
    a_grant,
    a_merchant_with_shop,
    a_phone,
    a_resident,
    an_address,
    an_offer,
    an_order,
    idempotent,
)
from tests.factories.rows import look_one
from tests.support.ladder import assert_problem, row_counts

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

VERSION = "2026-11"


def say(client: FlaskClient, person: Person, purpose: str, *, is_given: bool = True) -> None:
    body = {"purpose": purpose, "version": CURRENT_VERSIONS[Purpose(purpose)], "is_given": is_given}
    assert client.put("/user/v1/consents", json=body, headers=person.headers).status_code == 204


def filled(client: FlaskClient, person: Person) -> dict[str, str]:
    """Fill the person's cart; return what places it."""
    shop = a_merchant_with_shop()
    offer = an_offer(shop)
    client.put(f"/user/v1/cart/lines/{offer.sku_id}", json={"quantity": 3}, headers=person.headers)
    address_id = str(an_address(person, near=shop))
    quote = client.post("/user/v1/checkout-quotes", json={"address_id": address_id}, headers=person.headers)
    assert quote.status_code == 200, quote.text
    return {"address_id": address_id, "quote_version": quote.get_json()["quote_version"]}


def place(client: FlaskClient, person: Person, cart: dict[str, str]) -> TestResponse:
    return client.post("/user/v1/checkouts", json=cart, headers=person.once())


def beginnings() -> list[tuple[str, dict[str, Any]]]:
    door = {"contact_name": "王芳", "contact_phone": a_phone(), "building": "1", "unit": "1", "floor": "1", "door": "1"}
    return [
        ("/user/v1/account/top-ups", {"amount_fen": 1_000}),
        ("/user/v1/addresses", {"community_id": str(a_community().community_id), **door}),
        ("/user/v1/verification", {"name": "王芳", "id_number": "11010519491231002X"}),
    ]


def test_without_it_nothing_new_begins_and_nothing_is_changed(client: FlaskClient) -> None:
    person = a_resident(has_agreed=False)
    answers = [place(client, person, filled(client, person))]
    for path, body in beginnings():
        before = row_counts()
        answers.append(client.post(path, json=body, headers=person.once()))
        assert row_counts() == before, path

    for answer in answers:
        problem = assert_problem(answer, 409, "consent_needed")
        assert problem["versions"] == {"privacy": VERSION, "terms": VERSION}
    assert look_one("SELECT count(*) FROM checkouts WHERE account_id = :id", id=person.account_id) == 0


@pytest.mark.parametrize("missing", ["terms", "privacy"])
def test_one_of_the_two_is_not_enough(client: FlaskClient, missing: str) -> None:
    person = a_resident(has_agreed=False)
    cart = filled(client, person)
    say(client, person, "privacy" if missing == "terms" else "terms")

    refused = place(client, person, cart)
    say(client, person, missing)
    placed = place(client, person, cart)

    assert_problem(refused, 409, "consent_needed")
    assert placed.status_code == 201, placed.text


def test_taken_back_nothing_new_begins_but_what_is_under_way_goes_on(client: FlaskClient) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    person = order.resident
    say(client, person, "privacy", is_given=False)
    grant = a_grant(person, order.checkout_id)
    body = {"method": "e_account", "step_up_grant": str(grant)}

    paid = client.post(f"/user/v1/checkouts/{order.checkout_id}/payments", json=body, headers=person.once())

    assert paid.status_code == 201, paid.text
    assert_problem(place(client, person, filled(client, person)), 409, "consent_needed")
    assert client.get("/user/v1/orders", headers=person.headers).status_code == 200


def test_a_new_version_has_everybody_asked_anew(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    person = a_resident()
    cart = filled(client, person)
    monkeypatch.setitem(CURRENT_VERSIONS, Purpose.TERMS, "2027-01")

    refused = place(client, person, cart)
    say(client, person, "terms")

    assert assert_problem(refused, 409, "consent_needed")["versions"]["terms"] == "2027-01"
    assert place(client, person, cart).status_code == 201


class TestAtSignIn:
    def sign_in(self, client: FlaskClient, phone: str, version: str) -> TestResponse:
        asked = {"phone": phone, "device": "phone"}
        client.post("/user/v1/sign-in-codes", json=asked)
        code = client.get("/dev/v1/messages", query_string={"phone": phone}).get_json()["items"][0]["code"]
        agreements = [{"purpose": purpose, "version": version} for purpose in ("terms", "privacy")]
        return client.post("/user/v1/sessions", json={**asked, "code": code, "agreements": agreements})

    def test_one_agrees_as_one_signs_in(self, client: FlaskClient) -> None:
        begun = self.sign_in(client, a_phone(), VERSION)

        headers = {"Authorization": f"Bearer {begun.get_json()['access_token']}", **idempotent()}
        [(_, _), (path, body), _] = beginnings()
        assert client.post(path, json=body, headers=headers).status_code == 201

    def test_to_an_old_version_one_does_not(self, client: FlaskClient) -> None:
        phone = a_phone()

        answer = self.sign_in(client, phone, "2025-01")

        assert_problem(answer, 422, "consent_version_old", pointer="/agreements")
        assert look_one("SELECT count(*) FROM accounts WHERE phone_index = :index", index=phone_index(phone)) == 0


def test_marketing_and_profiling_are_no_unless_somebody_said_yes_to_what_is_in_force(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_resident()
    at_first = is_given(person.account_id, Purpose.PROFILING)
    say(client, person, "profiling")
    said = is_given(person.account_id, Purpose.PROFILING)
    say(client, person, "profiling", is_given=False)
    taken_back = is_given(person.account_id, Purpose.PROFILING)
    say(client, person, "marketing")
    monkeypatch.setitem(CURRENT_VERSIONS, Purpose.MARKETING, "2027-01")

    assert (at_first, said, taken_back) == (False, True, False)
    assert not is_given(person.account_id, Purpose.MARKETING)


def test_a_quote_can_be_had_before(client: FlaskClient) -> None:
    person = a_resident(has_agreed=False)

    assert filled(client, person)["quote_version"]
