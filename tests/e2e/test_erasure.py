"""A person shops, is verified, and is erased: nothing of them is found afterwards, and the books prove."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.core.privacy.search import search
from app.core.verification.id_numbers import check_character
from app.kernel import audit
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.kernel.transaction import transaction
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.place_checkout import place_checkout
from app.usecases.passkeys.manage import NAME_CONTEXT as PASSKEY_NAME_CONTEXT
from app.usecases.privacy.erasure import request_erasure
from app.usecases.shopping.cart import put_in_cart
from tests.factories import Person, a_claim, a_merchant_with_shop, a_resident, a_store_clerk, an_offer, an_order
from tests.factories.orders import a_quote_of
from tests.factories.people import give, signed_in
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, assert_problem
from tests.support.passkeys import registered
from tests.support.worker import run_worker

if TYPE_CHECKING:
    import pytest
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock

NAME = "欧阳雪见"


def a_number() -> str:
    body = f"11010819900307{secrets.randbelow(1000):03d}"
    return body + check_character(body)


def found(*needles: str) -> set[tuple[str, str]]:
    with transaction() as tx:
        return {(one.table, one.form) for one in search(tx, needles)}


def sign_in(client: FlaskClient, phone: str) -> dict[str, Any]:
    device = "her phone"
    client.post("/user/v1/sign-in-codes", json={"phone": phone, "device": device})
    [message, *_] = client.get("/dev/v1/messages", query_string={"phone": phone}).get_json()["items"]
    agreements = [{"purpose": purpose, "version": "2026-11"} for purpose in ("terms", "privacy")]
    body = {"phone": phone, "device": device, "code": message["code"], "agreements": agreements}
    answer = client.post("/user/v1/sessions", json=body)
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.get_json()
    return session


def spend_all(account_id: UUID) -> None:
    with transaction() as tx:
        left = ledger.balance(tx, codes.e_account(account_id)).posted_fen
    legs = (Leg(codes.e_account(account_id), -left), Leg(codes.BANK_SETTLEMENT, left))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"out:{new_id()}", kind=JournalKind.WITHDRAWAL, legs=legs))


def test_after_erasure_nothing_of_a_person_is_found_and_the_books_still_prove(
    app: Flask, client: FlaskClient, clock: BusinessClock, capsys: pytest.CaptureFixture[str]
) -> None:
    phone, number = f"+86139{secrets.randbelow(10**8):08d}", a_number()
    session = sign_in(client, phone)
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    person = signed_in(UUID(session["account_id"]), a_resident().side)
    verified = client.post(
        "/user/v1/verification",
        json={"name": NAME, "id_number": number},
        headers={**headers, "Idempotency-Key": "k" * 9},
    )
    assert verified.get_json()["level"] == 1
    shop = a_merchant_with_shop()
    door = {"contact_name": NAME, "contact_phone": phone, "building": "3", "door": "502",
            "community_id": str(shop.community_id)}  # fmt: skip
    address = client.post("/user/v1/addresses", json=door, headers={**headers, "Idempotency-Key": "a" * 9}).get_json()
    give(person.account_id, 10_000)
    registered(person, name_sealed=seal(f"{NAME}的手机", context=PASSKEY_NAME_CONTEXT))
    checkout_id = _placed_by(person, UUID(address["address_id"]), an_offer(shop).sku_id, note=f"{NAME} {phone[3:]}")
    needles = (NAME, phone[3:], number)
    assert {table for table, _ in found(*needles)} >= {
        "public.accounts", "public.addresses", "public.identities", "public.identity_checks", "public.orders",
        "public.passkeys",
    }  # fmt: skip
    spend_all(person.account_id)
    cancel_checkout(person.actor, a_claim(person), checkout_id=checkout_id)
    asked = client.post("/user/v1/erasure", headers={**headers, "Idempotency-Key": "e" * 9})
    assert asked.status_code == 202, asked.text

    clock.ahead(days=7, seconds=1)
    run_worker(app)

    assert look_one("SELECT state FROM erasures WHERE account_id = :a", a=person.account_id) == "done"
    assert found(*needles) == set()
    output = capsys.readouterr()
    assert not any(needle in output.out + output.err for needle in needles)
    with transaction() as tx:
        assert ledger.prove(tx).is_sound
        audit.seal(tx)
        assert audit.prove(tx).is_sound
    assert look_one("SELECT count(*) FROM orders WHERE account_id = :a", a=person.account_id) == 1
    assert look("SELECT 1 FROM sessions WHERE account_id = :a AND ended_at IS NULL", a=person.account_id) == []
    change("UPDATE sign_in_codes SET created_at = created_at - interval '1 day'")
    assert sign_in(client, phone)["account_id"] != session["account_id"]


def _placed_by(person: Person, address_id: UUID, sku_id: UUID, *, note: str) -> UUID:
    put_in_cart(person.actor, sku_id=sku_id, quantity=1)
    placed = place_checkout(
        person.actor,
        a_claim(person, "place"),
        address_id=address_id,
        quote_version=a_quote_of(person, address_id).version,
        fulfillment=Fulfillment.DELIVERY,
        note=note,
    )
    return placed.checkout_id


def ask(client: FlaskClient, person: Person) -> Any:
    return client.post("/user/v1/erasure", headers=person.once())


class TestErasure(Once):
    status = 202

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/erasure")


class TestCallOff(Endpoint):
    method = "DELETE"
    status = 204

    def case(self) -> Case:
        resident = a_resident()
        request_erasure(resident.actor, a_claim(resident))
        return Case(resident, "/user/v1/erasure")


def test_what_is_open_hinders_erasure_and_is_named(client: FlaskClient) -> None:
    rich, ordering, clerk = a_resident(balance_fen=1), an_order(state=OrderState.PREPARING).resident, a_store_clerk()

    reasons = {
        name: assert_problem(ask(client, person), 409, "erasure_hindered")["reasons"]
        for name, person in (
            ("rich", rich), ("ordering", ordering), ("clerk", signed_in(clerk.account_id, rich.side))
        )
    }  # fmt: skip

    assert reasons["rich"] == ["money"]
    assert "orders" in reasons["ordering"]
    assert reasons["clerk"] == ["parts"]


def test_erasure_waits_once_and_stops_when_money_came_in_the_meantime(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    resident = a_resident()
    ask(client, resident)
    assert_problem(ask(client, resident), 409, "erasure_waiting")
    give(resident.account_id, 5)

    clock.ahead(days=7, seconds=1)
    run_worker(app)

    assert look_one("SELECT state FROM erasures WHERE account_id = :a", a=resident.account_id) == "stopped"
    assert look_one("SELECT state FROM accounts WHERE account_id = :a", a=resident.account_id) == "active"


def test_an_erasure_that_was_called_off_does_not_come(app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
    resident = a_resident()
    ask(client, resident)
    off = client.delete("/user/v1/erasure", headers=resident.headers)

    clock.ahead(days=7, seconds=1)
    run_worker(app)

    assert off.status_code == 204
    assert_problem(client.delete("/user/v1/erasure", headers=resident.headers), 404, "erasure_not_found")
    assert look_one("SELECT state FROM accounts WHERE account_id = :a", a=resident.account_id) == "active"


def test_who_was_erased_and_comes_back_goes_on_with_the_limits_as_they_stood(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    number, first, second = a_number(), a_resident(level=0), a_resident(level=0)  # type: ignore[arg-type]
    body = {"name": NAME, "id_number": number}
    client.post("/user/v1/verification", json=body, headers=first.once())
    change("INSERT INTO limit_counters VALUES (:a, 'lifetime', 99000)", a=first.account_id)
    ask(client, first)
    clock.ahead(days=7, seconds=1)
    run_worker(app)

    client.post("/user/v1/verification", json=body, headers=second.once())

    [row] = look("SELECT used_fen FROM limit_counters WHERE account_id = :a", a=second.account_id)
    assert row.used_fen == 99_000
    assert blind_index(number, context="identities.number") != b""
