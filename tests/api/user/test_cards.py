"""Payments by card: the payer's app gives it to the gateway; we hold no card and learn what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core import ledger
from app.core.orders.states import OrderState
from app.kernel.transaction import transaction
from app.usecases.paying.attempts import ask_gateway, expire_attempt
from app.wiring import gateway_of
from tests.factories import a_grant, a_resident, an_order
from tests.factories.rows import change, look_one
from tests.support.ladder import assert_problem
from tests.support.worker import run_jobs, run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.conftest import Gateway
    from tests.factories import AnOrder


def pay(client: FlaskClient, order: AnOrder, **body: Any) -> dict[str, Any]:
    path = f"/user/v1/checkouts/{order.checkout_id}/payments"
    response = client.post(path, headers=order.resident.once(), json={"method": "card", **body})
    assert response.status_code == 201, response.text
    started: dict[str, Any] = response.get_json()
    return started


def intent_of(started: dict[str, Any]) -> str:
    found = "SELECT intent_id FROM payment_attempts WHERE attempt_id = :id"
    return str(look_one(found, id=started["attempt_id"]))


def seen(app: Flask, client: FlaskClient, order: AnOrder, started: dict[str, Any]) -> dict[str, Any]:
    ask_gateway(gateway_of(app), UUID(started["attempt_id"]))
    shown: dict[str, Any] = client.get(
        f"/user/v1/payments/{started['payment_id']}", headers=order.resident.headers
    ).get_json()
    return shown


def refund_method(order: AnOrder) -> str:
    return str(look_one("SELECT method FROM refunds WHERE payment_id = :id", id=order.payment_id))


def test_a_card_that_is_declined_leaves_the_attempt_open_for_another(
    app: Flask, client: FlaskClient, gateway: Gateway
) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay(client, order)
    intent_id = intent_of(started)

    gateway.sandbox.play(f"payment_intents/{intent_id}/cards/declined")
    declined = seen(app, client, order, started)
    gateway.sandbox.play(f"payment_intents/{intent_id}/cards/visa")
    paid = seen(app, client, order, started)

    assert started["client_secret"].startswith(f"{intent_id}_secret_")
    assert started["qr_text"] is None
    assert (declined["state"], declined["attempt_state"]) == ("pending", "requested")
    assert declined["client_secret"] == started["client_secret"]
    assert (paid["state"], paid["method"], paid["attempt_state"]) == ("paid", "card", "succeeded")
    assert paid["client_secret"] is None
    assert order.state is OrderState.AWAITING_ACCEPT


def test_a_bank_that_asks_its_customer_first_is_waited_for(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay(client, order)
    intent_id = intent_of(started)

    gateway.sandbox.play(f"payment_intents/{intent_id}/cards/three_d_secure")
    asked = seen(app, client, order, started)
    gateway.sandbox.play(f"payment_intents/{intent_id}/refuse")
    refused = seen(app, client, order, started)
    gateway.sandbox.play(f"payment_intents/{intent_id}/cards/three_d_secure")
    gateway.pay(intent_id)
    paid = seen(app, client, order, started)

    assert [one["attempt_state"] for one in (asked, refused, paid)] == ["requested", "requested", "succeeded"]
    assert paid["state"] == "paid"


def test_what_a_card_paid_goes_back_to_it(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay(client, order)
    gateway.sandbox.play(f"payment_intents/{intent_of(started)}/cards/visa")
    seen(app, client, order, started)

    path = f"/user/v1/orders/{order.order_id}/cancellation"
    canceled = client.post(path, headers=order.resident.once(), json={"reason": "changed_mind"})
    run_worker(app)
    run_jobs(app)

    assert canceled.status_code == 200, canceled.text
    assert refund_method(order) == "card"
    assert look_one("SELECT state FROM refunds WHERE payment_id = :id", id=order.payment_id) == "succeeded"


def test_a_card_that_pays_what_nobody_waits_for_any_more_gets_it_back(
    app: Flask, client: FlaskClient, gateway: Gateway
) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay(client, order)
    gateway.sandbox.play(f"payment_intents/{intent_of(started)}/cards/visa")

    client.post(f"/user/v1/checkouts/{order.checkout_id}/cancellation", headers=order.resident.once())
    seen(app, client, order, started)

    assert refund_method(order) == "card"
    assert order.state is OrderState.CANCELED


def test_an_attempt_that_ran_out_takes_no_card_any_more(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay(client, order)

    expire_attempt(gateway_of(app), UUID(started["attempt_id"]))
    late = gateway.sandbox.play(f"payment_intents/{intent_of(started)}/cards/visa")

    shown = seen(app, client, order, started)
    assert late.status_code == 400
    assert (shown["state"], shown["attempt_state"], shown["client_secret"]) == ("pending", "expired", None)


def test_the_rest_of_a_mixed_payment_comes_by_card(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    resident = a_resident(balance_fen=1_000)
    order = an_order(state=OrderState.AWAITING_PAYMENT, resident=resident)
    grant = str(a_grant(resident, order.checkout_id, 300))
    started = pay(client, order, method="mixed", channel="card", account_part_fen=300, step_up_grant=grant)

    gateway.sandbox.play(f"payment_intents/{intent_of(started)}/cards/visa")
    paid = seen(app, client, order, started)

    assert started["client_secret"]
    assert (paid["state"], paid["method"]) == ("paid", "mixed")
    account = client.get("/user/v1/account", headers=resident.headers).get_json()
    assert (account["balance_fen"], account["held_fen"]) == (700, 0)
    with transaction() as tx:
        assert ledger.prove(tx).is_sound


def test_what_a_mixed_payment_has_from_a_card_alone_goes_back_to_the_card(
    app: Flask, client: FlaskClient, gateway: Gateway
) -> None:
    resident = a_resident(balance_fen=1_000)
    order = an_order(state=OrderState.AWAITING_PAYMENT, resident=resident)
    grant = str(a_grant(resident, order.checkout_id, 1))
    started = pay(client, order, method="mixed", channel="card", account_part_fen=1, step_up_grant=grant)
    gateway.sandbox.play(f"payment_intents/{intent_of(started)}/cards/visa")
    seen(app, client, order, started)
    change("UPDATE orders SET outside_fen = total_fen WHERE order_id = :id", id=order.order_id)  # another has the fen

    path = f"/user/v1/orders/{order.order_id}/cancellation"
    canceled = client.post(path, headers=order.resident.once(), json={"reason": "changed_mind"})

    assert canceled.status_code == 200, canceled.text
    assert refund_method(order) == "card"


def test_a_top_up_comes_by_card(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    person = a_resident()
    started = client.post(
        "/user/v1/account/top-ups", headers=person.once(), json={"amount_fen": 12_345, "channel": "card"}
    ).get_json()

    gateway.sandbox.play(f"payment_intents/{intent_of(started)}/cards/visa")
    ask_gateway(gateway_of(app), UUID(started["attempt_id"]))

    assert client.get("/user/v1/account", headers=person.headers).get_json()["balance_fen"] == 12_345


def test_a_card_takes_no_grant_and_another_channel_is_refused(client: FlaskClient) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    path = f"/user/v1/checkouts/{order.checkout_id}/payments"
    grant = str(a_grant(order.resident, order.checkout_id))

    with_grant = client.post(path, headers=order.resident.once(), json={"method": "card", "step_up_grant": grant})
    unknown = client.post(path, headers=order.resident.once(), json={"method": "mixed", "channel": "cash"})

    assert_problem(with_grant, 409, "step_up_refused", pointer="/step_up_grant")
    assert_problem(unknown, 422, "input_invalid", pointer="/channel")
