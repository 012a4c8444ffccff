"""Everything about me: asked for, made, downloaded by its owner alone, gone after a week."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.core.privacy.models import CURRENT_VERSIONS, Purpose
from tests.factories import Person, a_claim, a_resident, an_order
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, Once, Owned, assert_problem
from tests.support.passkeys import registered
from tests.support.worker import run_worker

if TYPE_CHECKING:
    import pytest
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock

from app.kernel.transaction import transaction
from app.usecases.privacy.data_export import make_export, request_export


def ask(client: FlaskClient, person: Person) -> Any:
    return client.post("/user/v1/data-exports", headers=person.once())


def made_export(person: Person) -> str:
    asked = request_export(person.actor, a_claim(person))
    with transaction() as tx:
        make_export(tx, asked.export_id)
    return str(asked.export_id)


class TestAsk(Once):
    status = 202

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/data-exports")


class TestDownload(Owned):
    absent_code = "data_export_not_found"

    def case(self) -> Case:
        resident = a_resident()
        return Case(resident, f"/user/v1/data-exports/{made_export(resident)}/file")


class TestReadConsents(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/consents")


class TestSayConsent(Endpoint):
    method = "PUT"
    status = 204

    def case(self) -> Case:
        body = {"purpose": "marketing", "version": "2026-11", "is_given": True}
        return Case(a_resident(), "/user/v1/consents", body)


def test_the_zip_holds_everything_about_me_opened_and_nothing_of_others(app: Flask, client: FlaskClient) -> None:
    order, stranger = an_order(state=OrderState.DELIVERED), an_order(state=OrderState.PREPARING)
    change("UPDATE orders SET note = '=1+1' WHERE order_id = :o", o=order.order_id)
    client.post(f"/user/v1/orders/{order.order_id}/messages", json={"text": "谢谢"}, headers=order.resident.once())
    registered(order.resident)
    asked = ask(client, order.resident).get_json()
    run_worker(app)

    answer = client.get(f"/user/v1/data-exports/{asked['export_id']}/file", headers=order.resident.headers)

    assert answer.mimetype == "application/zip"
    assert "no-store" in answer.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        data = json.loads(packed.read("data.json"))
        rows = list(csv.DictReader(io.StringIO(packed.read("orders.csv").decode("utf-8-sig"))))
    assert data["accounts"][0]["phone"] == order.resident.phone
    assert "502" in data["addresses"][0]["door"]
    assert data["order_messages"][0]["text"] == "谢谢"
    assert data["passkeys"][0]["name"] == "手机"
    assert not {"public_key", "credential_id"} & data["passkeys"][0].keys()
    assert [row["order_id"] for row in data["orders"]] == [str(order.order_id)]
    assert sum(entry["amount_fen"] for entry in data["e_account"]) == data["e_account"][0]["balance_fen"]
    assert rows[0]["note"] == "'=1+1"
    assert not {"commission_fen", "phone_index", "address_sealed"} & (
        data["orders"][0].keys() | data["accounts"][0].keys()
    )
    assert str(stranger.resident.account_id) not in json.dumps(data)


def test_an_export_is_asked_for_once_a_day_and_lasts_a_week(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    resident = a_resident()
    export_id = made_export(resident)
    assert_problem(ask(client, resident), 409, "data_export_waiting")

    clock.ahead(days=7, seconds=1)

    gone = client.get(f"/user/v1/data-exports/{export_id}/file", headers=resident.headers)
    assert_problem(gone, 404, "data_export_not_found")
    assert ask(client, resident).status_code == 202


def test_marketing_and_profiling_are_off_until_one_says_otherwise_and_every_word_is_kept(client: FlaskClient) -> None:
    resident = a_resident(has_agreed=False)
    before = client.get("/user/v1/consents", headers=resident.headers).get_json()["items"]
    for is_given in (True, False):
        body = {"purpose": "marketing", "version": "2026-11", "is_given": is_given}
        client.put("/user/v1/consents", json=body, headers=resident.headers)

    after = client.get("/user/v1/consents", headers=resident.headers).get_json()["items"]

    assert {one["purpose"]: one["is_given"] for one in before} == dict.fromkeys(
        ("terms", "privacy", "marketing", "profiling"), False
    )
    assert [one["version"] for one in after if one["purpose"] == "marketing"] == ["2026-11"]
    assert not any(one["is_given"] for one in after)
    assert look_one("SELECT count(*) FROM consents WHERE account_id = :a", a=resident.account_id) == 2


def test_terms_and_privacy_are_asked_for_until_the_version_in_force_is_agreed_to(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = a_resident(has_agreed=False)

    def asked() -> set[str]:
        items = client.get("/user/v1/consents", headers=resident.headers).get_json()["items"]
        return {one["purpose"] for one in items if one["is_asked"]}

    def agree(purpose: str, version: str) -> TestResponse:
        body = {"purpose": purpose, "version": version, "is_given": True}
        return client.put("/user/v1/consents", json=body, headers=resident.headers)

    at_first = asked()
    agree("terms", "2026-11")
    agree("privacy", "2026-11")
    after = asked()
    monkeypatch.setitem(CURRENT_VERSIONS, Purpose.TERMS, "2027-01")

    assert (at_first, after, asked()) == ({"terms", "privacy"}, set(), {"terms"})
    assert_problem(agree("terms", "2026-11"), 422, "consent_version_old", pointer="/version")
