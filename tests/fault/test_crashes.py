"""Killed in the middle: a child process dies between two steps; afterwards the work ends right, and once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.kernel.db import db
from app.kernel.transaction import Transaction
from app.kernel.wire import Wire
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.paying.attempts import ask_gateway, expire_attempt
from app.usecases.paying.inbox import read_event_again
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.paying.refunds import submit_refund
from app.usecases.settling.settle import settle_due
from app.wiring import REACTIONS, TIMERS, gateway_of
from app.worker.relay import react_batch, relay_batch
from app.worker.sweeps import ask_again
from app.worker.timers import run_due_timers
from tests.factories import AnOrder, a_claim, a_grant, a_merchant_with_shop, an_order
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.patience import until_quiet
from tests.support.sandbox_gateway import wait_until
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from app.core.payments.ports import PaymentGateway
    from tests.conftest import Gateway
    from tests.support.business_clock import BusinessClock

KILLED = 9


@pytest.fixture(autouse=True)
def _everything_adds_up(app: Flask, gateway: Gateway) -> Iterator[None]:
    run_worker(app)
    invariants = Invariants(gateway.sandbox)
    yield
    invariants.check()


class Deadly:
    """A gateway that kills its process at one call, before it is sent or after it was answered."""

    def __init__(self, inner: PaymentGateway, call: str, moment: str) -> None:
        self._inner, self._call, self._moment = inner, call, moment

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._call:
            return found

        def die(**given: Any) -> Any:
            if self._moment == "after":
                found(**given)
            os._exit(KILLED)

        return die


def dies(act: Callable[[], Any]) -> None:
    """Do ``act`` in a child of this process, which must be killed by it; its connections break off with it."""
    db.engine.dispose()
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == KILLED, "the child lived on"


def deadly(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, *, moment: str = "after") -> None:
    """Let the function ``name`` of ``owner`` kill whoever calls it, before or after its work."""
    inner = getattr(owner, name)

    def die(*args: Any, **given: Any) -> None:
        if moment == "after":
            inner(*args, **given)
        os._exit(KILLED)

    monkeypatch.setattr(owner, name, die)


def begin(order: AnOrder) -> UUID:
    attempt_id = pay_checkout(
        order.resident.actor,
        a_claim(order.resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.WECHAT_PAY,
        step_up_grant=None,
    ).attempt_id
    assert attempt_id is not None
    return attempt_id


def state_of(order: AnOrder) -> OrderState:
    return order.state


def attempt_state(attempt_id: UUID) -> str:
    return str(look_one("SELECT state FROM payment_attempts WHERE attempt_id = :id", id=attempt_id))


def intents(gateway: Gateway, attempt_id: UUID) -> list[str]:
    listed = gateway.sandbox.call("GET", "/v1/payment_intents?limit=100").json()["data"]
    return [one["id"] for one in listed if one["metadata"].get("attempt_id") == str(attempt_id)]


def paid_by_wechat(app: Flask, gateway: Gateway) -> AnOrder:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    attempt_id = begin(order)
    ask_gateway(gateway_of(app), attempt_id)
    [intent_id] = intents(gateway, attempt_id)
    gateway.pay(intent_id).raise_for_status()
    ask_gateway(gateway_of(app), attempt_id)
    return order


# ---------------------------------------------------------------------------------------------------------- the gateway


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_the_making_of_an_intent(app: Flask, client: FlaskClient, gateway: Gateway, moment: str) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    attempt_id = begin(order)
    dies(lambda: ask_gateway(Deadly(gateway.sandbox.client(), "create_intent", moment), attempt_id))
    assert attempt_state(attempt_id) == "requested"
    until_quiet(app, client, gateway)
    [intent_id] = intents(gateway, attempt_id)
    gateway.pay(intent_id).raise_for_status()
    until_quiet(app, client, gateway)
    assert attempt_state(attempt_id) == "succeeded"
    assert state_of(order) is OrderState.AWAITING_ACCEPT


def test_killed_with_the_money_in_hand(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    """The gateway has said that it was paid; nothing of that is written yet."""
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    attempt_id = begin(order)
    ask_gateway(gateway_of(app), attempt_id)
    [intent_id] = intents(gateway, attempt_id)
    gateway.pay(intent_id).raise_for_status()
    stripe = gateway.sandbox.client()

    class AtRetrieval(Deadly):
        def retrieve_intent(self, intent_id: str) -> None:
            self._inner.retrieve_intent(intent_id)
            os._exit(KILLED)

    dies(lambda: ask_gateway(AtRetrieval(stripe, "", ""), attempt_id))  # type: ignore[arg-type]
    assert state_of(order) is OrderState.AWAITING_PAYMENT
    until_quiet(app, client, gateway)
    assert state_of(order) is OrderState.AWAITING_ACCEPT


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_the_calling_off_of_a_code(app: Flask, client: FlaskClient, gateway: Gateway, moment: str) -> None:
    attempt_id = begin(an_order(state=OrderState.AWAITING_PAYMENT))
    ask_gateway(gateway_of(app), attempt_id)
    dies(lambda: expire_attempt(Deadly(gateway.sandbox.client(), "cancel_intent", moment), attempt_id))
    change(
        "UPDATE payment_attempts SET created_at = created_at - interval '1 hour' WHERE attempt_id = :id", id=attempt_id
    )
    until_quiet(app, client, gateway)  # the sweep finds that its time is over
    assert attempt_state(attempt_id) == "expired"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_a_refund(app: Flask, client: FlaskClient, gateway: Gateway, moment: str) -> None:
    order = paid_by_wechat(app, gateway)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    dies(lambda: submit_refund(Deadly(gateway.sandbox.client(), "create_refund", moment), refund_id))
    state = "SELECT state FROM refunds WHERE refund_id = :id"
    assert look_one(state, id=refund_id) == "submitting"
    until_quiet(app, client, gateway)
    assert look_one(state, id=refund_id) == "succeeded"
    intent_id = look_one("SELECT intent_id FROM payment_attempts WHERE payment_id = :id", id=order.payment_id)
    listed = gateway.sandbox.call("GET", f"/v1/refunds?payment_intent={intent_id}").json()["data"]
    assert [one["amount"] for one in listed] == [order.total_fen]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_notice_takes_effect(
    app: Flask, client: FlaskClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    attempt_id = begin(order)
    ask_gateway(gateway_of(app), attempt_id)
    [intent_id] = intents(gateway, attempt_id)
    gateway.pay(intent_id).raise_for_status()
    wait_until(lambda: gateway.listener.events("payment_intent.succeeded"))
    [event_id] = [one["id"] for one in gateway.listener.events("payment_intent.succeeded")]
    gateway.notify(client)
    with monkeypatch.context() as patch:
        deadly(patch, Transaction, "close", moment=moment)  # the payment's last statement, not committed
        dies(lambda: read_event_again(gateway.sandbox.client(), event_id))
    assert state_of(order) is OrderState.AWAITING_PAYMENT
    until_quiet(app, client, gateway)
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    assert look_one("SELECT applied_at IS NOT NULL FROM gateway_events WHERE gateway_event_id = :id", id=event_id)


def test_a_dead_workers_job_is_taken_up_again(app: Flask, client: FlaskClient, gateway: Gateway) -> None:
    order = paid_by_wechat(app, gateway)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    run_worker(app)
    worker = look_one(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute') RETURNING id"
    )
    change(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker WHERE task_name = 'submit_refund'",
        worker=worker,
    )
    ask_again()
    states = "SELECT DISTINCT CAST(status AS text) AS status FROM procrastinate_jobs WHERE task_name = 'submit_refund'"
    assert [row.status for row in look(states)] == ["todo"]
    until_quiet(app, client, gateway)
    assert look_one("SELECT state FROM refunds WHERE payment_id = :id", id=order.payment_id) == "succeeded"


def test_a_live_workers_job_is_left_to_it(app: Flask, gateway: Gateway) -> None:
    order = paid_by_wechat(app, gateway)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    run_worker(app)
    worker = look_one("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
    doing = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker WHERE task_name = 'submit_refund'"
    assert change(doing, worker=worker)
    ask_again()
    states = "SELECT DISTINCT CAST(status AS text) AS status FROM procrastinate_jobs WHERE task_name = 'submit_refund'"
    assert [row.status for row in look(states)] == ["doing"]
    change("UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL WHERE worker_id = :worker", worker=worker)


# -------------------------------------------------------------------------------------------------------------- our own


def test_killed_after_a_reactions_effect_and_before_its_commit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    order = an_order(shop=a_merchant_with_shop(is_auto_accept=True))
    while relay_batch(REACTIONS):
        pass
    with monkeypatch.context() as patch:
        deadly(patch, Transaction, "close")
        dies(lambda: react_batch(REACTIONS))
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    run_worker(app)
    assert state_of(order) is OrderState.PREPARING
    assert look_one("SELECT count(*) FROM deliveries WHERE order_id = :id", id=order.order_id) == 1


def test_what_a_shop_said_when_it_was_paid_counts_however_late_the_worker_is(app: Flask, clock: BusinessClock) -> None:
    by_itself, by_hand = (an_order(shop=a_merchant_with_shop(is_auto_accept=is_it)) for is_it in (True, False))
    for order in (by_itself, by_hand):
        change("UPDATE shops SET is_auto_accept = NOT is_auto_accept WHERE shop_id = :id", id=order.shop.shop_id)
    clock.ahead(minutes=6)
    with app.app_context():
        while run_due_timers(TIMERS):
            pass
    assert (state_of(by_itself), state_of(by_hand)) == (OrderState.PREPARING, OrderState.CANCELED)


def test_killed_after_a_timers_effect_and_before_its_commit(
    app: Flask, monkeypatch: pytest.MonkeyPatch, clock: BusinessClock
) -> None:
    order = an_order()
    clock.ahead(minutes=6)
    with monkeypatch.context() as patch:
        deadly(patch, Transaction, "close")
        dies(lambda: run_due_timers(TIMERS))
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    run_worker(app)
    assert state_of(order) is OrderState.CANCELED
    refunds = look("SELECT amount_fen FROM refunds WHERE order_id = :id", id=order.order_id)
    assert [row.amount_fen for row in refunds] == [order.total_fen]


@pytest.mark.parametrize("owner, step, moment", [(ledger, "post_along", "after"), (Wire, "commit", "before")])
def test_killed_while_paying_then_sent_again_with_the_same_key(
    app: Flask, monkeypatch: pytest.MonkeyPatch, owner: object, step: str, moment: str
) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    body = {"method": "e_account", "step_up_grant": str(a_grant(order.resident, order.checkout_id))}
    headers = order.resident.once()

    def pay() -> int:
        path = f"/user/v1/checkouts/{order.checkout_id}/payments"
        return app.test_client().post(path, json=body, headers=headers).status_code

    with monkeypatch.context() as patch:
        deadly(patch, owner, step, moment=moment)  # a new connection sends COMMIT by itself
        dies(pay)
    assert state_of(order) is OrderState.AWAITING_PAYMENT
    assert [pay(), pay()] == [201, 201]
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    assert (
        look_one("SELECT count(DISTINCT journal_id) FROM ledger.leg WHERE ref = :ref", ref=str(order.checkout_id)) == 1
    )


def test_killed_after_the_commit_then_sent_again_with_the_same_key(app: Flask) -> None:
    """The answer never arrived; the repeat gets it, and nothing is done twice."""
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    body = {"method": "e_account", "step_up_grant": str(a_grant(order.resident, order.checkout_id))}
    headers = order.resident.once()

    def pay() -> int:
        path = f"/user/v1/checkouts/{order.checkout_id}/payments"
        return app.test_client().post(path, json=body, headers=headers).status_code

    def pay_and_die() -> None:
        pay()
        os._exit(KILLED)

    dies(pay_and_die)
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    assert pay() == 201
    assert (
        look_one("SELECT count(DISTINCT journal_id) FROM ledger.leg WHERE ref = :ref", ref=str(order.checkout_id)) == 1
    )


def test_killed_while_settling(app: Flask, monkeypatch: pytest.MonkeyPatch, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.COMPLETED)
    clock.ahead(days=1)
    only = [order.shop.merchant_id]
    with monkeypatch.context() as patch:
        deadly(patch, ledger, "post_many")
        dies(lambda: settle_due(only=only))
    available = "SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code"
    code = f"merchant_available:{order.shop.merchant_id}"
    assert look_one(available, code=code) == 0
    earned = settle_due(only=only).income_fen
    assert earned > 0
    assert settle_due(only=only).income_fen == 0
    assert look_one(available, code=code) == earned


def test_killed_while_publishing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is published once, whatever the relay was doing when it died."""
    order = an_order()
    with monkeypatch.context() as patch:
        deadly(patch, Transaction, "settle")
        dies(lambda: relay_batch(REACTIONS))
    published = "SELECT count(*) FROM live_events WHERE body ->> 'order_id' = :id"
    assert look_one(published, id=str(order.order_id)) == 0
    run_worker(app)
    assert look_one(published, id=str(order.order_id)) == 2  # placed, paid
