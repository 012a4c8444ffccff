"""Payments and refunds through a gateway that loses, delays, repeats and forges. The money ends in one place, once."""

from __future__ import annotations

import json
import random
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.adapters.stripe.signature import sign
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.core.payments.ports import TOO_WIDE, GatewayUnknown, Intent
from app.kernel.clock import wall_now, wall_now_s
from app.kernel.ids import new_id
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.ordering.prepare_order import short_order
from app.usecases.paying import refunds as refunding
from app.usecases.paying.attempts import apply_intent, ask_gateway, expire_attempt
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.paying.refunds import submit_refund
from app.usecases.paying.top_up import top_up
from app.usecases.settling.refund_completed import SOURCE_REFUNDS_MAX, refund_order
from app.wiring import gateway_of
from tests.factories import (
    AnOrder,
    Person,
    a_claim,
    a_grant,
    a_merchant_with_shop,
    a_resident,
    an_offer,
    an_operator,
    an_order,
)
from tests.factories.orders import bring_paid
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.patience import try_jobs, until_quiet
from tests.support.races import a_seed, at_once
from tests.support.sandbox_gateway import WEBHOOK_SECRET, wait_until
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from app.core.payments.ports import PaymentGateway
    from app.kernel.wire import Row
    from tests.conftest import Gateway
    from tests.support.business_clock import BusinessClock

EVENTS = "/gateway/v1/stripe/events"


@pytest.fixture(autouse=True)
def books(app: Flask, client: FlaskClient, gateway: Gateway) -> Iterator[Invariants]:
    """Hold every test to: the gateway's balance is what the books say, what is owed is what is open, all adds up."""
    assert app is not None
    invariants = Invariants(gateway.sandbox)
    yield invariants
    gateway.sandbox.faults()
    invariants.check()
    until_quiet(app, client, gateway)
    change("UPDATE payment_attempts SET state = 'failed' WHERE state IN ('requested', 'unknown')")  # nobody asks again


@pytest.fixture
def stripe(app: Flask) -> PaymentGateway:
    return gateway_of(app)


def begin(order: AnOrder) -> UUID:
    """Choose WeChat Pay; return the attempt, of which the gateway knows nothing yet."""
    attempt_id = pay_checkout(
        order.resident.actor,
        a_claim(order.resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.WECHAT_PAY,
        step_up_grant=None,
    ).attempt_id
    assert attempt_id is not None
    return attempt_id


def attempt(attempt_id: UUID) -> Row:
    [row] = look("SELECT state, intent_id, qr_text FROM payment_attempts WHERE attempt_id = :id", id=attempt_id)
    return row


def scan(gateway: Gateway, stripe: PaymentGateway, attempt_id: UUID) -> Intent:
    """Make the intent of an attempt and pay it at the gateway; Linli does not know yet."""
    ask_gateway(stripe, attempt_id)
    intent_id = attempt(attempt_id).intent_id
    gateway.pay(intent_id).raise_for_status()
    return stripe.retrieve_intent(intent_id)


def an_unpaid_order(**how: Any) -> AnOrder:
    return an_order(state=OrderState.AWAITING_PAYMENT, **how)


def a_paid_order(gateway: Gateway, stripe: PaymentGateway, **how: Any) -> AnOrder:
    order = an_unpaid_order(**how)
    attempt_id = begin(order)
    scan(gateway, stripe, attempt_id)
    ask_gateway(stripe, attempt_id)
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    return order


def state_of(order: AnOrder) -> OrderState:
    return order.state


def refunds_of(payment_id: UUID) -> list[tuple[int, str]]:
    rows = look("SELECT amount_fen, state FROM refunds WHERE payment_id = :id ORDER BY refund_id", id=payment_id)
    return [(row.amount_fen, row.state) for row in rows]


def refunded_at_gateway(gateway: Gateway, intent_id: str) -> list[tuple[int, str]]:
    listed = gateway.sandbox.call("GET", f"/v1/refunds?payment_intent={intent_id}&limit=100").json()["data"]
    return [(one["amount"], one["status"]) for one in reversed(listed)]


def intent_of(order: AnOrder) -> str:
    return str(
        look_one(
            "SELECT intent_id FROM payment_attempts WHERE payment_id = :id AND state = 'succeeded'", id=order.payment_id
        )
    )


def made_at_gateway(gateway: Gateway, attempt_id: UUID) -> list[str]:
    listed = gateway.sandbox.call("GET", "/v1/payment_intents?limit=100").json()["data"]
    return [one["id"] for one in listed if one["metadata"].get("attempt_id") == str(attempt_id)]


def e_account(person: Person) -> int:
    found = look("SELECT posted_fen FROM ledger.balance WHERE code = :code", code=f"e_account:{person.account_id}")
    return found[0].posted_fen if found else 0


def events_of(kind: str, attempt_id: UUID) -> int:
    return int(
        look_one(
            "SELECT count(*) FROM outbox WHERE kind = :kind AND body ->> 'attempt_id' = :id",
            kind=kind,
            id=str(attempt_id),
        )
    )


# ----------------------------------------------------------------------------------------------------- unknown outcomes


def test_a_lost_reply_is_asked_about_under_the_same_key(gateway: Gateway, stripe: PaymentGateway) -> None:
    attempt_id = begin(an_unpaid_order())
    gateway.sandbox.faults(lost_reply=1)
    for _ in range(3):
        with pytest.raises(GatewayUnknown):
            ask_gateway(stripe, attempt_id)
    assert tuple(attempt(attempt_id)) == ("unknown", None, None)
    gateway.sandbox.faults()
    ask_gateway(stripe, attempt_id)
    assert attempt(attempt_id).state == "requested"
    assert made_at_gateway(gateway, attempt_id) == [attempt(attempt_id).intent_id]


def test_a_failure_that_the_gateway_repeats_fails_the_attempt_and_another_may_be_made(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = an_unpaid_order()
    attempt_id = begin(order)
    gateway.sandbox.faults(error_500=1)
    with pytest.raises(GatewayUnknown):
        ask_gateway(stripe, attempt_id)
    assert attempt(attempt_id).state == "unknown"
    gateway.sandbox.faults()
    until_quiet(app, client, gateway)
    assert attempt(attempt_id).state == "failed"
    assert made_at_gateway(gateway, attempt_id) == []
    scan(gateway, stripe, begin(order))
    until_quiet(app, client, gateway)
    assert state_of(order) is OrderState.AWAITING_ACCEPT


def test_an_attempt_is_looked_for_among_more_than_can_be_read_at_once(
    gateway: Gateway, stripe: PaymentGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, never_made = begin(an_unpaid_order()), begin(an_unpaid_order())
    gateway.sandbox.faults(lost_reply=1)
    with pytest.raises(GatewayUnknown):
        ask_gateway(stripe, made)
    gateway.sandbox.faults()
    find = type(stripe).find_intent

    def create(*_: object, **__: object) -> Intent:
        raise GatewayUnknown("status_500", is_replayed=True)

    def read(self: PaymentGateway, **window: Any) -> Intent | None:
        if window["created_to"] - window["created_from"] >= 100:
            raise GatewayUnknown(TOO_WIDE)
        return find(self, **window)

    monkeypatch.setattr(type(stripe), "create_intent", create)
    monkeypatch.setattr(type(stripe), "find_intent", read)
    for attempt_id in (made, never_made):
        ask_gateway(stripe, attempt_id)

    assert [attempt(made).intent_id] == made_at_gateway(gateway, made)
    assert attempt(never_made).state == "failed"


def test_a_slow_answer_is_not_waited_for_and_not_doubled(gateway: Gateway, stripe: PaymentGateway) -> None:
    attempt_id = begin(an_unpaid_order())
    hasty = gateway.sandbox.client(read_timeout_s=0.2)
    gateway.sandbox.faults(slow=1, slow_s=1.6)
    with pytest.raises(GatewayUnknown):
        ask_gateway(hasty, attempt_id)
    gateway.sandbox.faults()
    with pytest.raises(GatewayUnknown):  # the key is in use until the slow request is done
        ask_gateway(hasty, attempt_id)
    wait_until(lambda: made_at_gateway(gateway, attempt_id))
    hasty.close()
    ask_gateway(stripe, attempt_id)
    assert made_at_gateway(gateway, attempt_id) == [attempt(attempt_id).intent_id]


def test_an_attempt_that_was_paid_while_its_reply_was_lost_counts(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = an_unpaid_order()
    attempt_id = begin(order)
    gateway.sandbox.faults(lost_reply=1)
    with pytest.raises(GatewayUnknown):
        ask_gateway(stripe, attempt_id)
    gateway.sandbox.faults()
    [intent_id] = made_at_gateway(gateway, attempt_id)
    gateway.pay(intent_id).raise_for_status()
    until_quiet(app, client, gateway)
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    assert refunds_of(order.payment_id) == []


def test_a_cancelation_whose_reply_is_a_repeated_failure_is_made_anew(gateway: Gateway, stripe: PaymentGateway) -> None:
    attempt_id = begin(an_unpaid_order())
    ask_gateway(stripe, attempt_id)
    gateway.sandbox.faults(error_500=1)
    with pytest.raises(GatewayUnknown):
        expire_attempt(stripe, attempt_id)
    gateway.sandbox.faults()
    expire_attempt(stripe, attempt_id)
    assert attempt(attempt_id).state == "expired"
    assert stripe.retrieve_intent(attempt(attempt_id).intent_id).state == "canceled"


# -------------------------------------------------------------------------------------------------------------- notices


def test_notices_that_come_three_times_late_and_in_another_order_pay_once(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = an_unpaid_order()
    attempt_id = begin(order)
    gateway.sandbox.faults(duplicate=1, reorder=0.5, reorder_s=0.3)
    scan(gateway, stripe, attempt_id)
    gateway.sandbox.faults()
    wait_until(lambda: len(gateway.listener.events("payment_intent.succeeded")) == 3)
    seed = a_seed()
    notices = list(gateway.listener.notices) * 2
    random.Random(seed).shuffle(notices)
    for payload, signature in notices:
        assert client.post(EVENTS, data=payload, headers={"Stripe-Signature": signature}).status_code == 200
        run_worker(app)
        try_jobs(app)
    assert state_of(order) is OrderState.AWAITING_ACCEPT
    kinds = "SELECT kind, count(*) AS times FROM gateway_events WHERE object_id = :id GROUP BY kind"
    assert {row.times for row in look(kinds, id=attempt(attempt_id).intent_id)} == {1}


def _forgeries() -> dict[str, tuple[bytes, str]]:
    def event(**changes: Any) -> bytes:
        subject = {"object": "payment_intent", "id": "pi_1"}
        body = {
            "id": "evt_forged",
            "object": "event",
            "type": "payment_intent.succeeded",
            "created": 1,
            "livemode": False,
        }
        return json.dumps({**body, "data": {"object": subject}, **changes}).encode()

    now, good = wall_now_s(), event()
    return {
        "unsigned": (good, ""),
        "signed by another": (good, sign(good, secret="whsec_of_somebody_else_0123456789abcdef", at_s=now)),
        "stale": (good, sign(good, secret=WEBHOOK_SECRET, at_s=now - 301)),
        "from the future": (good, sign(good, secret=WEBHOOK_SECRET, at_s=now + 400)),
        "changed on the way": (good.replace(b"pi_1", b"pi_2"), sign(good, secret=WEBHOOK_SECRET, at_s=now)),
        "of the other world": (live := event(livemode=True), sign(live, secret=WEBHOOK_SECRET, at_s=now)),
        "of another account": (their := event(account="acct_1"), sign(their, secret=WEBHOOK_SECRET, at_s=now)),
        "of no shape": (odd := b'{"object":"event"}', sign(odd, secret=WEBHOOK_SECRET, at_s=now)),
        "no JSON": (text := b"hello", sign(text, secret=WEBHOOK_SECRET, at_s=now)),
    }


@pytest.mark.parametrize("forgery", _forgeries())
def test_a_forged_notice_is_refused_and_not_stored(client: FlaskClient, forgery: str) -> None:
    payload, signature = _forgeries()[forgery]
    count = "SELECT (SELECT count(*) FROM gateway_events), (SELECT count(*) FROM outbox)"
    before = tuple(look(count)[0])
    answer = client.post(EVENTS, data=payload, headers={"Stripe-Signature": signature})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "webhook_refused")
    assert tuple(look(count)[0]) == before


def test_a_notice_about_nothing_the_gateway_knows_is_put_aside(
    app: Flask, client: FlaskClient, gateway: Gateway
) -> None:
    notice = {"id": f"evt_{new_id().hex}", "object": "event", "type": "payment_intent.succeeded", "livemode": False}
    intent = {"id": f"pi_{new_id().hex}", "object": "payment_intent"}
    payload = json.dumps({**notice, "created": wall_now_s(), "data": {"object": intent}}).encode()
    signature = sign(payload, secret=WEBHOOK_SECRET, at_s=wall_now_s())
    assert client.post(EVENTS, data=payload, headers={"Stripe-Signature": signature}).status_code == 200

    until_quiet(app, client, gateway)

    applied = "SELECT applied_at IS NOT NULL FROM gateway_events WHERE gateway_event_id = :id"
    assert look_one(applied, id=notice["id"])


@pytest.mark.parametrize(
    "lie",
    [
        {"amount_fen": 1, "amount_received_fen": 1},
        {"amount_received_fen": 1},
        {"currency": "jpy"},
        {"is_live": True},
        {"id": "pi_another"},
        {"metadata": {}},
        {"payee": "acct_another"},
    ],
    ids="+".join,
)
def test_money_that_is_not_what_was_asked_for_is_not_booked(
    gateway: Gateway, stripe: PaymentGateway, books: Invariants, lie: dict[str, Any]
) -> None:
    order = an_unpaid_order()
    attempt_id = begin(order)
    intent = scan(gateway, stripe, attempt_id)
    apply_intent(stripe, attempt_id, replace(intent, **lie))
    assert state_of(order) is OrderState.AWAITING_PAYMENT
    assert events_of("PaymentMismatched", attempt_id) == 1
    assert not look("SELECT 1 FROM ledger.leg WHERE key = :key", key=f"pay:{attempt_id}")
    books.unbooked_fen = order.total_fen
    assert books.violations() == []
    books.unbooked_fen = 0
    apply_intent(stripe, attempt_id, intent)  # the truth still counts
    assert state_of(order) is OrderState.AWAITING_ACCEPT


def test_the_proof_of_one_order_does_not_pay_another(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, books: Invariants
) -> None:
    shop = a_merchant_with_shop()
    lines = [(an_offer(shop, on_hand=50), 2)]
    paid, other = (an_unpaid_order(shop=shop, lines=lines) for _ in range(2))
    intent = scan(gateway, stripe, begin(paid))
    wanted = begin(other)
    apply_intent(stripe, wanted, intent)
    assert (state_of(paid), state_of(other)) == (OrderState.AWAITING_PAYMENT, OrderState.AWAITING_PAYMENT)
    assert events_of("PaymentMismatched", wanted) == 1
    books.unbooked_fen = paid.total_fen
    assert books.violations() == []
    books.unbooked_fen = 0
    until_quiet(app, client, gateway)
    assert (state_of(paid), state_of(other)) == (OrderState.AWAITING_ACCEPT, OrderState.AWAITING_PAYMENT)


def test_somebody_elses_intent_that_names_an_attempt_does_not_pay_it(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, books: Invariants
) -> None:
    order = an_unpaid_order()
    attempt_id = begin(order)
    ask_gateway(stripe, attempt_id)
    foreign = gateway.sandbox.call(
        "POST",
        "/v1/payment_intents",
        data={
            "amount": order.total_fen,
            "currency": "cny",
            "confirm": "true",
            "payment_method_types[]": "wechat_pay",
            "payment_method_data[type]": "wechat_pay",
            "payment_method_options[wechat_pay][client]": "web",
            "metadata[attempt_id]": str(attempt_id),
        },
    ).json()
    gateway.pay(foreign["id"]).raise_for_status()
    wait_until(lambda: gateway.listener.events("payment_intent.succeeded"))
    gateway.notify(client)
    run_worker(app)
    try_jobs(app)
    assert state_of(order) is OrderState.AWAITING_PAYMENT
    assert events_of("PaymentMismatched", attempt_id) == 1
    books.unbooked_fen = order.total_fen


# ----------------------------------------------------------------------------------------------------------- late money


@pytest.mark.parametrize("too_late", ["canceled", "expired", "paid from the e-account", "paid by another code"])
def test_money_that_nobody_waits_for_goes_back(  # noqa: PLR0917 - fixtures
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, clock: BusinessClock, too_late: str
) -> None:
    order = an_unpaid_order()
    resident = order.resident
    first = begin(order)
    ask_gateway(stripe, first)
    if too_late == "canceled":
        cancel_checkout(resident.actor, a_claim(resident), checkout_id=order.checkout_id)
    elif too_late == "expired":
        clock.ahead(minutes=16)
        run_worker(app)
    elif too_late == "paid from the e-account":
        pay_checkout(
            resident.actor,
            a_claim(resident),
            checkout_id=order.checkout_id,
            method=PaymentMethod.E_ACCOUNT,
            step_up_grant=a_grant(resident, order.checkout_id),
        )
    else:
        second = begin(order)
        scan(gateway, stripe, second)
        ask_gateway(stripe, second)
    before = order.state
    scan(gateway, stripe, first)
    until_quiet(app, client, gateway)
    assert state_of(order) is before
    assert refunds_of(order.payment_id) == [(order.total_fen, "succeeded")]
    assert refunded_at_gateway(gateway, attempt(first).intent_id) == [(order.total_fen, "succeeded")]


def test_a_code_that_was_not_scanned_in_time_is_called_off_and_another_may_be_shown(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, clock: BusinessClock
) -> None:
    order = an_unpaid_order()
    first = begin(order)
    ask_gateway(stripe, first)
    clock.ahead(minutes=11)
    until_quiet(app, client, gateway)
    assert attempt(first).state == "expired"
    assert gateway.pay(attempt(first).intent_id).status_code == 400
    scan(gateway, stripe, begin(order))
    until_quiet(app, client, gateway)
    assert state_of(order) is OrderState.AWAITING_ACCEPT


def test_a_scan_that_the_payer_refuses_ends_the_attempt_and_another_may_be_paid(
    gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = an_unpaid_order()
    refused = begin(order)
    ask_gateway(stripe, refused)

    gateway.sandbox.play(f"payment_intents/{attempt(refused).intent_id}/refuse")
    ask_gateway(stripe, refused)
    ended = attempt(refused)
    second = begin(order)
    intent = scan(gateway, stripe, second)
    apply_intent(stripe, second, intent)

    assert (ended.state, ended.qr_text) == ("failed", None)
    assert state_of(order) is OrderState.AWAITING_ACCEPT


def test_a_code_that_is_scanned_while_it_is_called_off_pays(gateway: Gateway, stripe: PaymentGateway) -> None:
    order = an_unpaid_order()
    attempt_id = begin(order)
    scan(gateway, stripe, attempt_id)
    expire_attempt(stripe, attempt_id)
    assert state_of(order) is OrderState.AWAITING_ACCEPT


# -------------------------------------------------------------------------------------------------------------- refunds


def test_a_canceled_order_is_refunded_through_the_gateway(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = a_paid_order(gateway, stripe)
    before = e_account(order.resident)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    until_quiet(app, client, gateway)
    assert refunded_at_gateway(gateway, intent_of(order)) == [(order.total_fen, "succeeded")]
    assert e_account(order.resident) == before


def test_a_shortage_and_a_cancelation_give_back_what_was_paid_and_no_more(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    shop = a_merchant_with_shop(packing_fen=77, discount_tiers=[{"from_fen": 1_000, "off_fen": 101}])
    lines = [(an_offer(shop, price_fen=price, on_hand=9), 1) for price in (333, 334, 335)]
    order = a_paid_order(gateway, stripe, shop=shop, lines=lines)
    owner, resident = shop.owner, order.resident
    accept_order(owner.actor, a_claim(owner), order_id=order.order_id)
    short_order(owner.actor, a_claim(owner), order_id=order.order_id, lines=frozenset({2}))
    until_quiet(app, client, gateway)
    cancel_order(resident.actor, a_claim(resident), order_id=order.order_id)
    until_quiet(app, client, gateway)
    returned = refunded_at_gateway(gateway, intent_of(order))
    assert len(returned) == 2
    assert sum(amount for amount, _ in returned) == order.total_fen
    assert refunds_of(order.payment_id) == returned


def test_a_refund_whose_reply_is_lost_is_made_once(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = a_paid_order(gateway, stripe)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    gateway.sandbox.faults(lost_reply=1)
    for _ in range(3):
        with pytest.raises(GatewayUnknown):
            submit_refund(stripe, refund_id)
    assert refunds_of(order.payment_id) == [(order.total_fen, "unknown")]
    gateway.sandbox.faults()
    until_quiet(app, client, gateway)
    assert refunds_of(order.payment_id) == [(order.total_fen, "succeeded")]
    assert refunded_at_gateway(gateway, intent_of(order)) == [(order.total_fen, "succeeded")]


@pytest.mark.parametrize("lie", [{"amount_fen": 1}, {"currency": "jpy"}, {"intent_id": "pi_another"}], ids="+".join)
def test_a_refund_that_is_not_what_was_asked_for_ends_nothing(
    gateway: Gateway, stripe: PaymentGateway, monkeypatch: pytest.MonkeyPatch, lie: dict[str, Any]
) -> None:
    order = a_paid_order(gateway, stripe)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    tell = type(stripe).create_refund
    with monkeypatch.context() as lying:
        lying.setattr(type(stripe), "create_refund", lambda *one, **how: replace(tell(*one, **how), **lie))
        with pytest.raises(GatewayUnknown, match="refund_mismatch"):
            submit_refund(stripe, refund_id)
    doubted = refunds_of(order.payment_id)

    submit_refund(stripe, refund_id)  # the truth still counts

    assert doubted == [(order.total_fen, "unknown")]
    assert refunds_of(order.payment_id) == [(order.total_fen, "succeeded")]


def test_a_refund_that_many_submit_at_once_is_made_once(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = a_paid_order(gateway, stripe)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None

    def submit() -> None:
        with app.app_context(), suppress(GatewayUnknown):  # the key is in use by another
            submit_refund(stripe, refund_id)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until_quiet(app, client, gateway)
    assert refunded_at_gateway(gateway, intent_of(order)) == [(order.total_fen, "succeeded")]
    assert refunds_of(order.payment_id) == [(order.total_fen, "succeeded")]


def test_a_hundred_refunds_of_one_payment_at_once_give_back_no_more_than_was_paid_and_each_is_made_once(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order, dice, operator = a_paid_order(gateway, stripe), random.Random(a_seed()), an_operator()
    bring_paid(order, OrderState.COMPLETED)
    goods_fen = order.total_fen - look_one("SELECT delivery_fen FROM orders WHERE order_id = :id", id=order.order_id)
    before, sizes = e_account(order.resident), [dice.randrange(1, goods_fen // 30) for _ in range(100)]

    def refund(amount_fen: int) -> UUID:
        claim = a_claim(operator)
        return refund_order(
            operator.actor, claim, order_id=order.order_id, amount_fen=amount_fen, why="CASE-1"
        ).refund_id

    def submit(refund_id: UUID) -> None:
        with suppress(GatewayUnknown):  # its key is in use by another
            submit_refund(stripe, refund_id)

    made = at_once(app, [partial(refund, fen) for fen in sizes])
    decided = [one.answer for one in made if one.is_done]
    at_once(app, [partial(submit, refund_id) for refund_id in dice.sample(decided * 2, 2 * len(decided))])
    until_quiet(app, client, gateway)

    given = sum(fen for fen, one in zip(sizes, made, strict=True) if one.is_done)
    ours, theirs = refunds_of(order.payment_id), refunded_at_gateway(gateway, intent_of(order))
    assert {one.refusal for one in made} == {None, "refund_exceeds_order"}
    assert goods_fen - goods_fen // 30 < given <= goods_fen
    assert {state for _, state in ours} == {"succeeded"}
    assert sum(fen for fen, _ in ours) == given
    assert sum(fen for fen, _ in theirs) + e_account(order.resident) - before == given
    assert len(theirs) == min(len(decided), SOURCE_REFUNDS_MAX)


def test_what_the_gateway_will_not_refund_goes_to_the_e_account(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, books: Invariants
) -> None:
    """Somebody has refunded it by hand at the gateway, which then refuses ours."""
    order = a_paid_order(gateway, stripe)
    before = e_account(order.resident)
    gateway.sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_of(order)}).raise_for_status()
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    until_quiet(app, client, gateway)
    assert refunds_of(order.payment_id) == [(order.total_fen, "failed")]
    assert e_account(order.resident) == before + order.total_fen
    books.unbooked_fen = -order.total_fen


def test_a_refund_that_comes_back_goes_to_the_e_account(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient
) -> None:
    order = a_paid_order(gateway, stripe)
    before = e_account(order.resident)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    until_quiet(app, client, gateway)
    gateway_refund_id = look_one("SELECT gateway_refund_id FROM refunds WHERE payment_id = :id", id=order.payment_id)
    gateway.sandbox.play(f"refunds/{gateway_refund_id}/fail").raise_for_status()
    wait_until(lambda: gateway.listener.events("charge.refund.updated"))
    until_quiet(app, client, gateway)
    assert refunds_of(order.payment_id) == [(order.total_fen, "failed")]
    assert e_account(order.resident) == before + order.total_fen


def test_a_refund_that_the_gateway_never_makes_goes_to_the_e_account_after_a_day(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = a_paid_order(gateway, stripe)
    before = e_account(order.resident)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    gateway.sandbox.faults(error_500=1)
    with pytest.raises(GatewayUnknown):
        submit_refund(stripe, refund_id)
    gateway.sandbox.faults()
    with pytest.raises(GatewayUnknown):  # the gateway repeats its failure
        submit_refund(stripe, refund_id)
    assert refunds_of(order.payment_id) == [(order.total_fen, "unknown")]
    monkeypatch.setattr(refunding, "wall_now", lambda: wall_now() + timedelta(days=1))
    until_quiet(app, client, gateway)
    assert refunds_of(order.payment_id) == [(order.total_fen, "failed")]
    assert e_account(order.resident) == before + order.total_fen


# -------------------------------------------------------------------------------------------------------------- top-ups


def test_a_top_up_is_credited_once(app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient) -> None:
    resident = a_resident()
    started = top_up(resident.actor, a_claim(resident), amount_fen=12_345)
    assert started.attempt_id is not None
    intent = scan(gateway, stripe, started.attempt_id)
    for _ in range(3):
        apply_intent(stripe, started.attempt_id, intent)
        until_quiet(app, client, gateway)
    assert e_account(resident) == 12_345


def test_a_top_up_that_was_not_scanned_is_closed(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, clock: BusinessClock
) -> None:
    resident = a_resident()
    started = top_up(resident.actor, a_claim(resident), amount_fen=12_345)
    assert started.attempt_id is not None
    ask_gateway(stripe, started.attempt_id)
    clock.ahead(minutes=11)
    until_quiet(app, client, gateway)
    assert look_one("SELECT state FROM payments WHERE payment_id = :id", id=started.payment_id) == "closed"
    assert e_account(resident) == 0


# -------------------------------------------------------------------------------------------------- everything together


def test_on_a_bad_day_every_fen_still_ends_somewhere(
    app: Flask, gateway: Gateway, stripe: PaymentGateway, client: FlaskClient, books: Invariants
) -> None:
    """Many payments under all faults; when the gateway is well again, each is paid or returned, never both."""
    dice = random.Random(a_seed())
    gateway.sandbox.faults(lost_reply=0.25, error_500=0.1, slow=0.1, slow_s=0.05, duplicate=0.3, reorder=0.3)
    orders = [an_unpaid_order() for _ in range(14)]
    for order in orders:
        for _ in range(dice.randint(1, 2)):
            attempt_id = begin(order)
            with suppress(GatewayUnknown):
                ask_gateway(stripe, attempt_id)
            for intent_id in made_at_gateway_somehow(gateway, attempt_id):
                if dice.random() < 0.7:
                    gateway.pay(intent_id)
        if dice.random() < 0.4:
            cancel_checkout_if_possible(order)
        gateway.notify(client)
        run_worker(app)
        try_jobs(app)
        if dice.random() < 0.4 and state_of(order) is OrderState.AWAITING_ACCEPT:
            cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
        assert books.violations(with_gateway=False) == []
    gateway.sandbox.faults()
    for _ in range(3):
        until_quiet(app, client, gateway)
    for order in orders:
        paid = look_one("SELECT state = 'paid' FROM payments WHERE payment_id = :id", id=order.payment_id)
        in_escrow = look(
            "SELECT posted_fen FROM ledger.balance WHERE code = :code AND posted_fen > 0",
            code=f"escrow:{order.order_id}",
        )
        assert bool(in_escrow) == (state_of(order) is OrderState.AWAITING_ACCEPT)
        assert paid or order.state in {OrderState.AWAITING_PAYMENT, OrderState.CANCELED}


def made_at_gateway_somehow(gateway: Gateway, attempt_id: UUID) -> list[str]:
    """Look past the faults, as somebody with the code in hand does."""
    faults = gateway.sandbox.call("GET", "/sandbox/faults").json()
    gateway.sandbox.faults()
    try:
        return made_at_gateway(gateway, attempt_id)
    finally:
        gateway.sandbox.faults(**faults)


def cancel_checkout_if_possible(order: AnOrder) -> None:
    if state_of(order) is OrderState.AWAITING_PAYMENT:
        cancel_checkout(order.resident.actor, a_claim(order.resident), checkout_id=order.checkout_id)
