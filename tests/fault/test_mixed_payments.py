"""Payments in two parts through a gateway that is late, lost and repeated: both parts are taken, or neither."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.adapters.stripe.signature import sign
from app.core.ledger import InsufficientFunds
from app.core.orders.states import OrderState
from app.core.payments.errors import MixedPaymentOpen
from app.core.payments.models import PaymentMethod
from app.core.payments.ports import GatewayUnknown, IntentState
from app.core.verification.errors import PaymentLimitExceeded
from app.kernel.clock import wall_now_s
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_checkout import cancel_checkout, expire_checkout
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.ordering.prepare_order import short_order
from app.usecases.paying.attempts import apply_intent, ask_gateway
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.paying.refunds import submit_refund
from app.usecases.settling.refund_completed import refund_order
from app.wiring import gateway_of
from tests.factories import a_claim, a_grant, a_merchant_with_shop, a_resident, an_address, an_offer, an_operator
from tests.factories.orders import AnOrder, a_placed_checkout, bring_paid
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.patience import try_jobs, until_quiet
from tests.support.races import a_seed, at_once, known
from tests.support.sandbox_gateway import WEBHOOK_SECRET
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from app.core.payments.ports import PaymentGateway
    from tests.conftest import Gateway
    from tests.factories import Person
    from tests.factories.shops import Shop
    from tests.support.business_clock import BusinessClock

EVENTS = "/gateway/v1/stripe/events"
RICH_FEN = 100_000
PART_FEN = 777


@pytest.fixture(autouse=True)
def books(app: Flask, client: FlaskClient, gateway: Gateway) -> Iterator[Invariants]:
    """Hold every test to: the gateway's balance is what the books say, holds are for what may still be paid."""
    invariants = Invariants(gateway.sandbox)
    yield invariants
    gateway.sandbox.faults()
    until_quiet(app, client, gateway)
    invariants.check()
    change("UPDATE payment_attempts SET state = 'failed', part_ended_at = business_now() "
           "WHERE state IN ('requested', 'unknown') AND part_held_at IS NOT NULL")  # fmt: skip


@pytest.fixture
def stripe(app: Flask) -> PaymentGateway:
    return gateway_of(app)


@dataclass
class Bought:
    """A checkout of two shops' orders."""

    resident: Person
    shops: list[Shop]
    checkout_id: UUID
    payment_id: UUID
    order_ids: list[UUID]
    total_fen: int

    @property
    def states(self) -> set[str]:
        return {row.state for row in look("SELECT state FROM orders WHERE checkout_id = :id", id=self.checkout_id)}

    @property
    def balance(self) -> tuple[int, int]:
        """Posted, and on hold."""
        code = f"e_account:{self.resident.account_id}"
        [row] = look("SELECT posted_fen, held_fen FROM ledger.balance WHERE code = :code", code=code)
        return row.posted_fen, row.held_fen

    @property
    def counted(self) -> set[int]:
        """What counts against the resident's limits, of each period."""
        sql = "SELECT used_fen FROM limit_counters WHERE account_id = :id"
        return {row.used_fen for row in look(sql, id=self.resident.account_id)}


def a_checkout(balance_fen: int = RICH_FEN) -> Bought:
    first = a_merchant_with_shop()
    shops = [first, a_merchant_with_shop(community=first.community)]
    resident = a_resident(balance_fen=balance_fen)
    lines = [(an_offer(shop, price_fen=price, on_hand=9), 1) for shop, price in zip(shops, (1_003, 2_110), strict=True)]
    lines.append((an_offer(shops[1], price_fen=331, on_hand=9), 1))
    placed = a_placed_checkout(resident, an_address(resident, near=first), lines)
    rows = look("SELECT shop_id, order_id FROM orders WHERE checkout_id = :id", id=placed.checkout_id)
    by_shop = {row.shop_id: row.order_id for row in rows}
    order_ids = [by_shop[shop.shop_id] for shop in shops]
    return Bought(resident, shops, placed.checkout_id, placed.payment_id, order_ids, placed.total_fen)


def begin(bought: Bought, part_fen: int = PART_FEN) -> UUID:
    started = pay_checkout(
        bought.resident.actor,
        a_claim(bought.resident),
        checkout_id=bought.checkout_id,
        method=PaymentMethod.MIXED,
        step_up_grant=a_grant(bought.resident, bought.checkout_id, part_fen),
        account_part_fen=part_fen,
    )
    return known(started.attempt_id)


def scan(gateway: Gateway, stripe: PaymentGateway, attempt_id: UUID) -> str:
    ask_gateway(stripe, attempt_id)
    intent_id = str(look_one("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=attempt_id))
    gateway.pay(intent_id).raise_for_status()
    return intent_id


def paid(gateway: Gateway, stripe: PaymentGateway, part_fen: int = PART_FEN) -> tuple[Bought, str]:
    bought = a_checkout()
    attempt_id = begin(bought, part_fen)
    intent_id = scan(gateway, stripe, attempt_id)
    ask_gateway(stripe, attempt_id)
    assert bought.states == {OrderState.AWAITING_ACCEPT}
    return bought, intent_id


def refunded_at_gateway(gateway: Gateway, intent_id: str) -> int:
    listed = gateway.sandbox.call("GET", f"/v1/refunds?payment_intent={intent_id}&limit=100").json()["data"]
    return sum(one["amount"] for one in listed if one["status"] == "succeeded")


def test_both_parts_are_taken_at_once_and_each_order_keeps_its_shares(gateway: Gateway, stripe: PaymentGateway) -> None:
    bought = a_checkout()
    attempt_id = begin(bought)
    while_held = bought.balance
    intent_id = scan(gateway, stripe, attempt_id)

    ask_gateway(stripe, attempt_id)

    assert while_held == (RICH_FEN, PART_FEN)
    assert bought.balance == (RICH_FEN - PART_FEN, 0)
    assert stripe.retrieve_intent(intent_id).amount_received_fen == bought.total_fen - PART_FEN
    rows = look("SELECT total_fen, outside_fen, payment_method FROM orders WHERE checkout_id = :id",
                id=bought.checkout_id)  # fmt: skip
    assert sum(row.outside_fen for row in rows) == bought.total_fen - PART_FEN
    assert {row.payment_method for row in rows} == {"mixed"}
    for row in rows:
        assert (
            abs(row.outside_fen * bought.total_fen - row.total_fen * (bought.total_fen - PART_FEN)) < bought.total_fen
        )


def test_what_cannot_be_held_makes_no_code(stripe: PaymentGateway) -> None:
    bought = a_checkout(balance_fen=PART_FEN - 1)

    with pytest.raises(InsufficientFunds):
        begin(bought)

    assert not look("SELECT 1 FROM payment_attempts WHERE payment_id = :id", id=bought.payment_id)
    assert bought.counted == set()


def test_the_part_counts_against_the_limits_while_it_is_held_and_not_when_it_was_released(
    app: Flask, client: FlaskClient, gateway: Gateway
) -> None:
    bought = a_checkout()
    begin(bought)
    held = bought.counted

    cancel_checkout(bought.resident.actor, a_claim(bought.resident), checkout_id=bought.checkout_id)
    run_worker(app)

    assert held == {PART_FEN}
    assert bought.counted == {0}
    assert bought.balance == (RICH_FEN, 0)


def test_a_part_over_the_days_limit_is_refused(stripe: PaymentGateway) -> None:
    bought = a_checkout()
    begin(bought)
    change("UPDATE limit_counters SET used_fen = 500000 - 100 WHERE account_id = :id", id=bought.resident.account_id)
    other = a_checkout()
    other.resident = bought.resident
    change("UPDATE checkouts SET account_id = :id WHERE checkout_id = :c", id=bought.resident.account_id,
           c=other.checkout_id)  # fmt: skip
    change("UPDATE payments SET account_id = :id WHERE checkout_id = :c", id=bought.resident.account_id,
           c=other.checkout_id)  # fmt: skip

    with pytest.raises(PaymentLimitExceeded):
        begin(other, 101)


@pytest.mark.parametrize("ending", ["refused", "run out", "checkout expired", "paid otherwise", "never made"])
def test_however_the_outside_part_fails_the_hold_is_released(  # noqa: PLR0917 - fixtures
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway, clock: BusinessClock, ending: str
) -> None:
    bought = a_checkout()
    attempt_id, intent_id = begin(bought), None
    if ending == "never made":
        gateway.sandbox.faults(error_500=1)
        with pytest.raises(GatewayUnknown):
            ask_gateway(stripe, attempt_id)
        gateway.sandbox.faults()
    else:
        ask_gateway(stripe, attempt_id)
        intent_id = look_one("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=attempt_id)
    if ending == "refused":
        gateway.sandbox.play(f"payment_intents/{intent_id}/refuse")
    elif ending == "run out":
        clock.ahead(minutes=11)
    elif ending == "checkout expired":
        clock.ahead(minutes=16)
    elif ending == "paid otherwise":
        grant = a_grant(bought.resident, bought.checkout_id)
        pay_checkout(bought.resident.actor, a_claim(bought.resident), checkout_id=bought.checkout_id,
                     method=PaymentMethod.E_ACCOUNT, step_up_grant=grant)  # fmt: skip

    until_quiet(app, client, gateway)

    left_fen = RICH_FEN - (bought.total_fen if ending == "paid otherwise" else 0)
    assert bought.balance == (left_fen, 0)


def test_a_gateway_that_is_away_does_not_keep_the_hold_of_a_canceled_checkout(
    app: Flask, gateway: Gateway, stripe: PaymentGateway
) -> None:
    bought = a_checkout()
    gateway.sandbox.faults(error_500=1)
    attempt_id = begin(bought)
    with pytest.raises(GatewayUnknown):
        ask_gateway(stripe, attempt_id)

    cancel_checkout(bought.resident.actor, a_claim(bought.resident), checkout_id=bought.checkout_id)
    run_worker(app)

    assert bought.balance == (RICH_FEN, 0)


@pytest.mark.parametrize("too_late", ["canceled", "hold gone, checkout still open"])
def test_late_money_goes_back_by_itself_and_the_hold_too(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway, too_late: str
) -> None:
    bought = a_checkout()
    attempt_id = begin(bought)
    ask_gateway(stripe, attempt_id)
    intent_id = str(look_one("SELECT intent_id FROM payment_attempts WHERE attempt_id = :id", id=attempt_id))
    gateway.pay(intent_id).raise_for_status()
    if too_late == "canceled":
        cancel_checkout(bought.resident.actor, a_claim(bought.resident), checkout_id=bought.checkout_id)
    else:  # the gateway said that it was refused, then that it was paid
        intent = stripe.retrieve_intent(intent_id)
        refused = replace(intent, state=IntentState.REQUIRES_PAYMENT_METHOD, amount_received_fen=0)
        apply_intent(stripe, attempt_id, refused)
        assert bought.balance == (RICH_FEN, 0)

    until_quiet(app, client, gateway)

    assert bought.balance == (RICH_FEN, 0)
    assert refunded_at_gateway(gateway, intent_id) == bought.total_fen - PART_FEN
    assert OrderState.AWAITING_ACCEPT not in bought.states


def test_a_second_code_waits_until_the_first_is_over(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway, clock: BusinessClock
) -> None:
    bought = a_checkout()
    begin(bought)

    with pytest.raises(MixedPaymentOpen):
        begin(bought)
    clock.ahead(minutes=11)
    until_quiet(app, client, gateway)
    second = begin(bought, 1)
    scan(gateway, stripe, second)
    until_quiet(app, client, gateway)

    assert bought.states == {OrderState.AWAITING_ACCEPT}
    assert bought.balance == (RICH_FEN - 1, 0)


# -------------------------------------------------------------------------------------------------------------- refunds


def test_a_canceled_order_gives_each_source_its_share_and_its_sibling_goes_on(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    bought, intent_id = paid(gateway, stripe)
    first, second = bought.order_ids
    cancel_order(bought.resident.actor, a_claim(bought.resident), order_id=first)
    until_quiet(app, client, gateway)
    [one] = look("SELECT total_fen, outside_fen FROM orders WHERE order_id = :id", id=first)
    after_one = (bought.balance[0], refunded_at_gateway(gateway, intent_id))

    cancel_order(bought.resident.actor, a_claim(bought.resident), order_id=second)
    until_quiet(app, client, gateway)

    assert after_one == (RICH_FEN - PART_FEN + one.total_fen - one.outside_fen, one.outside_fen)
    assert bought.balance == (RICH_FEN, 0)
    assert refunded_at_gateway(gateway, intent_id) == bought.total_fen - PART_FEN
    assert bought.counted == {0}


def test_a_shortage_then_a_cancelation_foot_to_each_source(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    bought, intent_id = paid(gateway, stripe, part_fen=1_001)
    order_id, owner = bought.order_ids[1], bought.shops[1].owner
    accept_order(owner.actor, a_claim(owner), order_id=order_id)
    short_order(owner.actor, a_claim(owner), order_id=order_id, lines=frozenset({2}))
    until_quiet(app, client, gateway)

    for one in bought.order_ids:
        cancel_order(bought.resident.actor, a_claim(bought.resident), order_id=one)
    until_quiet(app, client, gateway)

    assert bought.balance == (RICH_FEN, 0)
    assert refunded_at_gateway(gateway, intent_id) == bought.total_fen - 1_001


def test_what_the_gateway_refuses_to_refund_of_a_mixed_payment_goes_to_the_e_account(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway, books: Invariants
) -> None:
    bought, intent_id = paid(gateway, stripe)
    gateway.sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_id}).raise_for_status()

    for one in bought.order_ids:
        cancel_order(bought.resident.actor, a_claim(bought.resident), order_id=one)
    until_quiet(app, client, gateway)

    assert bought.balance == (RICH_FEN + bought.total_fen - PART_FEN, 0)
    books.unbooked_fen = PART_FEN - bought.total_fen


# ---------------------------------------------------------------------------------------------------------------- races


def test_fifty_equal_notices_pay_once(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    bought = a_checkout()
    intent_id = scan(gateway, stripe, begin(bought))
    gateway.listener.notices.clear()
    event = {"id": f"evt_{new_id().hex}", "object": "event", "type": "payment_intent.succeeded", "livemode": False,
             "created": wall_now_s(), "data": {"object": {"object": "payment_intent", "id": intent_id}}}  # fmt: skip
    payload = json.dumps(event).encode()
    signature = sign(payload, secret=WEBHOOK_SECRET, at_s=wall_now_s())

    def tell() -> int:
        return app.test_client().post(EVENTS, data=payload, headers={"Stripe-Signature": signature}).status_code

    told = at_once(app, [tell] * 50)
    run_worker(app)
    try_jobs(app)

    assert {one.answer for one in told} == {200}
    assert look_one("SELECT count(*) FROM gateway_events WHERE gateway_event_id = :id", id=event["id"]) == 1
    assert bought.states == {OrderState.AWAITING_ACCEPT}
    assert bought.balance == (RICH_FEN - PART_FEN, 0)


@pytest.mark.parametrize("rival", ["cancel", "expiry", "e-account", "worker"])
def test_outside_money_and_a_rival_at_once_have_one_winner(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway, rival: str
) -> None:
    dice = random.Random(a_seed())
    for _ in range(6):
        bought = a_checkout()
        attempt_id = begin(bought)
        intent_id = scan(gateway, stripe, attempt_id)
        grant = a_grant(bought.resident, bought.checkout_id)

        def against(bought: Bought = bought, grant: UUID = grant, attempt_id: UUID = attempt_id) -> None:
            resident = bought.resident
            if rival == "cancel":
                cancel_checkout(resident.actor, a_claim(resident), checkout_id=bought.checkout_id)
            elif rival == "expiry":
                with transaction() as tx:
                    expire_checkout(tx, bought.checkout_id)
            elif rival == "e-account":
                pay_checkout(resident.actor, a_claim(resident), checkout_id=bought.checkout_id,
                             method=PaymentMethod.E_ACCOUNT, step_up_grant=grant)  # fmt: skip
            else:
                ask_gateway(stripe, attempt_id)

        acts: list[Callable[[], object]] = [partial(ask_gateway, stripe, attempt_id), against]
        dice.shuffle(acts)
        at_once(app, acts)
        until_quiet(app, client, gateway)

        is_mixed = look_one("SELECT method = 'mixed' AND state = 'paid' FROM payments WHERE payment_id = :id",
                            id=bought.payment_id)  # fmt: skip
        is_paid = bought.states == {OrderState.AWAITING_ACCEPT}
        spent_fen = PART_FEN if is_mixed else bought.total_fen if is_paid else 0
        assert bought.balance == (RICH_FEN - spent_fen, 0)
        assert refunded_at_gateway(gateway, intent_id) == (0 if is_mixed else bought.total_fen - PART_FEN)


def test_two_mixed_payments_of_one_checkout_at_once_hold_one_part(app: Flask) -> None:
    bought = a_checkout()

    outcomes = at_once(app, [lambda: begin(bought)] * 6)

    assert sorted(one.refusal or "" for one in outcomes) == ["", *["mixed_payment_open"] * 5]
    assert bought.balance == (RICH_FEN, PART_FEN)


def test_a_refund_of_a_mixed_payment_that_many_submit_is_made_once(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    bought, intent_id = paid(gateway, stripe)
    refund_id = known(
        cancel_order(bought.resident.actor, a_claim(bought.resident), order_id=bought.order_ids[0]).refund_id
    )

    at_once(app, [lambda: submit_refund(stripe, refund_id)] * 8)
    until_quiet(app, client, gateway)

    outside = look_one("SELECT outside_fen FROM orders WHERE order_id = :id", id=bought.order_ids[0])
    assert refunded_at_gateway(gateway, intent_id) == outside


def test_a_completed_order_is_refunded_to_both_sources_and_late_ones_to_the_account(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    bought, intent_id = paid(gateway, stripe)
    order_id, operator = bought.order_ids[1], an_operator()
    complete(bought, order_id)
    before_fen, outside = (
        bought.balance[0],
        look_one("SELECT outside_fen FROM orders WHERE order_id = :id", id=order_id),
    )
    total = look_one("SELECT total_fen FROM orders WHERE order_id = :id", id=order_id)

    refund_order(operator.actor, a_claim(operator), order_id=order_id, amount_fen=500, why="broken")
    until_quiet(app, client, gateway)
    at_source = refunded_at_gateway(gateway, intent_id)
    change("UPDATE orders SET paid_at = paid_at - interval '366 days' WHERE order_id = :id", id=order_id)
    refund_order(operator.actor, a_claim(operator), order_id=order_id, amount_fen=100, why="broken")
    until_quiet(app, client, gateway)

    assert at_source == 500 * outside // total
    assert refunded_at_gateway(gateway, intent_id) == at_source
    assert bought.balance[0] == before_fen + 600 - at_source


def complete(bought: Bought, order_id: UUID) -> None:
    total_fen = look_one("SELECT total_fen FROM orders WHERE order_id = :id", id=order_id)
    order = AnOrder(
        order_id=order_id,
        checkout_id=bought.checkout_id,
        payment_id=bought.payment_id,
        total_fen=total_fen,
        resident=bought.resident,
        address_id=order_id,
        shop=bought.shops[1],
        offers=[],
    )
    bring_paid(order, OrderState.COMPLETED)
