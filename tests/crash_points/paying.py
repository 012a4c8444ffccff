"""Flows of payments, refunds and orders' ends. Each returns what is done, and done again after a death."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.usecases.counter.pay import charge_counter
from app.usecases.counter.refund import refund_counter
from app.usecases.delivering.hand_over import deliver, door_code, pick_up, pick_up_code
from app.usecases.delivering.trips import claim_trip
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.ordering.finish_order import confirm_order
from app.usecases.ordering.prepare_order import short_order
from app.usecases.paying.attempts import ask_gateway, expire_attempt
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.paying.refunds import submit_refund
from app.usecases.paying.tip_courier import tip_courier
from app.usecases.paying.top_up import top_up
from app.usecases.transferring.transfer import transfer
from tests.factories import (
    AnOrder,
    a_claim,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_resident,
    an_offer,
    an_order,
)
from tests.factories.counter import a_counter_payment, a_pay_code
from tests.factories.people import a_tip_grant
from tests.factories.rows import look_one
from tests.factories.transfers import a_payee, a_transfer_grant

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tests.crash_points.stage import Stage

    Act = Callable[[], object]


def _begin(order: AnOrder) -> UUID:
    attempt_id = pay_checkout(
        order.resident.actor,
        a_claim(order.resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.WECHAT_PAY,
        step_up_grant=None,
    ).attempt_id
    assert attempt_id is not None
    return attempt_id


def _unpaid() -> AnOrder:
    return an_order(state=OrderState.AWAITING_PAYMENT)


def _attempt_with_code(stage: Stage) -> tuple[AnOrder, UUID]:
    order = _unpaid()
    attempt_id = _begin(order)
    ask_gateway(stage.stripe, attempt_id)
    return order, attempt_id


def paid_by_wechat(stage: Stage) -> AnOrder:
    order, attempt_id = _attempt_with_code(stage)
    stage.scan(attempt_id)
    ask_gateway(stage.stripe, attempt_id)
    return order


def from_the_e_account(stage: Stage) -> Act:
    order = _unpaid()
    claim, grant = a_claim(order.resident), a_grant(order.resident, order.checkout_id)
    asked = {"checkout_id": order.checkout_id, "method": PaymentMethod.E_ACCOUNT, "step_up_grant": grant}
    return lambda: stage.once(pay_checkout, order.resident.actor, claim, **asked)


def _asked_and_paid(stage: Stage, order: AnOrder, asked: dict[str, object]) -> Act:
    """Ask for the payment, let its payer pay outside, and let the news of it come in."""
    claim = a_claim(order.resident)

    def act() -> None:
        stage.once(pay_checkout, order.resident.actor, claim, **asked)
        attempt_id = look_one("SELECT attempt_id FROM payment_attempts WHERE payment_id = :id", id=order.payment_id)
        stage.quiet()
        stage.scan(attempt_id)
        stage.quiet()

    return act


def by_wechat_pay(stage: Stage) -> Act:
    order = _unpaid()
    asked = {"checkout_id": order.checkout_id, "method": PaymentMethod.WECHAT_PAY, "step_up_grant": None}
    return _asked_and_paid(stage, order, asked)


def by_card(stage: Stage) -> Act:
    order = _unpaid()
    asked = {"checkout_id": order.checkout_id, "method": PaymentMethod.CARD, "step_up_grant": None}
    return _asked_and_paid(stage, order, asked)


def _in_parts(order: AnOrder) -> dict[str, object]:
    grant = a_grant(order.resident, order.checkout_id, 700)
    method = PaymentMethod.MIXED
    return {"checkout_id": order.checkout_id, "method": method, "step_up_grant": grant, "account_part_fen": 700}


def in_parts(stage: Stage) -> Act:
    order = _unpaid()
    return _asked_and_paid(stage, order, _in_parts(order))


def in_parts_and_canceled_at_once(stage: Stage) -> Act:
    order = _unpaid()
    pay_checkout(order.resident.actor, a_claim(order.resident), **_in_parts(order))  # type: ignore[arg-type]
    claim = a_claim(order.resident)

    def act() -> None:
        stage.once(cancel_checkout, order.resident.actor, claim, checkout_id=order.checkout_id)
        stage.quiet()

    return act


def in_parts_and_refunded(stage: Stage) -> Act:
    order = _unpaid()
    started = pay_checkout(order.resident.actor, a_claim(order.resident), **_in_parts(order))  # type: ignore[arg-type]
    assert started.attempt_id is not None
    ask_gateway(stage.stripe, started.attempt_id)
    stage.scan(started.attempt_id)
    ask_gateway(stage.stripe, started.attempt_id)
    claim = a_claim(order.resident)

    def act() -> None:
        stage.once(cancel_order, order.resident.actor, claim, order_id=order.order_id)
        stage.quiet()

    return act


def in_parts_paid_otherwise_and_scanned_late(stage: Stage) -> Act:
    order = _unpaid()
    started = pay_checkout(order.resident.actor, a_claim(order.resident), **_in_parts(order))  # type: ignore[arg-type]
    assert started.attempt_id is not None
    ask_gateway(stage.stripe, started.attempt_id)
    pay_checkout(
        order.resident.actor,
        a_claim(order.resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.E_ACCOUNT,
        step_up_grant=a_grant(order.resident, order.checkout_id),
    )
    stage.scan(started.attempt_id)
    return stage.quiet


def at_a_counter(stage: Stage) -> Act:
    shop, payer = a_merchant_with_shop(), a_resident(balance_fen=10_000)
    claim, code = a_claim(shop.owner), a_pay_code(payer)
    asked = {"shop_id": shop.shop_id, "code": code, "amount_fen": 1_234}
    return lambda: stage.once(charge_counter, shop.owner.actor, claim, **asked)


def at_a_counter_and_given_back(stage: Stage) -> Act:
    shop = a_merchant_with_shop()
    paid, claim = a_counter_payment(a_resident(balance_fen=10_000), shop), a_claim(shop.owner)
    asked = {"counter_payment_id": paid, "amount_fen": 400}
    return lambda: stage.once(refund_counter, shop.owner.actor, claim, **asked)


def a_top_up(stage: Stage) -> Act:
    resident = a_resident()
    claim = a_claim(resident)

    def act() -> None:
        stage.once(top_up, resident.actor, claim, amount_fen=12_345)
        attempt_id = look_one(
            "SELECT attempt_id FROM payment_attempts JOIN payments USING (payment_id) WHERE account_id = :id",
            id=resident.account_id,
        )
        stage.quiet()
        stage.scan(attempt_id)
        stage.quiet()

    return act


def told_by_a_notice(stage: Stage) -> Act:
    _, attempt_id = _attempt_with_code(stage)
    stage.forget_notices()
    stage.scan(attempt_id)
    [intent] = stage.intents(attempt_id)
    stage.told("payment_intent.succeeded", intent["id"])
    return stage.quiet


def a_refund_through_the_gateway(stage: Stage) -> Act:
    order = paid_by_wechat(stage)
    claim = a_claim(order.resident)

    def act() -> None:
        stage.once(cancel_order, order.resident.actor, claim, order_id=order.order_id)
        stage.quiet()

    return act


def a_refund_whose_reply_is_lost(stage: Stage) -> Act:
    order = paid_by_wechat(stage)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None

    def act() -> None:
        stage.gateway.sandbox.faults(lost_reply=1)
        stage.in_doubt(lambda: submit_refund(stage.stripe, refund_id))
        stage.gateway.sandbox.faults()
        stage.quiet()

    return act


def a_refund_that_is_refused(stage: Stage) -> Act:
    order = paid_by_wechat(stage)
    intent_id = look_one("SELECT intent_id FROM payment_attempts WHERE payment_id = :id", id=order.payment_id)
    stage.gateway.sandbox.call("POST", "/v1/refunds", data={"payment_intent": intent_id}).raise_for_status()
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    return stage.quiet


def a_refund_that_comes_back(stage: Stage) -> Act:
    order = paid_by_wechat(stage)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    stage.quiet()
    refund = look_one("SELECT gateway_refund_id FROM refunds WHERE payment_id = :id", id=order.payment_id)
    stage.forget_notices()
    stage.play(f"refunds/{refund}/fail").raise_for_status()
    stage.told("charge.refund.updated", refund)
    return stage.quiet


def a_code_that_is_called_off(stage: Stage) -> Act:
    _, attempt_id = _attempt_with_code(stage)
    stage.overdue(attempt_id)
    return stage.quiet


def a_code_that_is_paid_while_it_is_called_off(stage: Stage) -> Act:
    _, attempt_id = _attempt_with_code(stage)
    stage.scan(attempt_id)
    stage.overdue(attempt_id)

    def act() -> None:
        expire_attempt(stage.stripe, attempt_id)
        stage.quiet()

    return act


def a_calling_off_that_keeps_failing(stage: Stage) -> Act:
    _, attempt_id = _attempt_with_code(stage)
    stage.overdue(attempt_id)

    def act() -> None:
        stage.gateway.sandbox.faults(error_500=1)
        stage.in_doubt(lambda: expire_attempt(stage.stripe, attempt_id))
        stage.gateway.sandbox.faults()
        stage.quiet()

    return act


def a_code_that_the_gateway_never_makes(stage: Stage) -> Act:
    attempt_id = _begin(_unpaid())
    stage.gateway.sandbox.faults(error_500=1)
    stage.in_doubt(lambda: ask_gateway(stage.stripe, attempt_id))
    stage.gateway.sandbox.faults()
    return stage.quiet


def late_money(stage: Stage) -> Act:
    order, attempt_id = _attempt_with_code(stage)
    pay_checkout(
        order.resident.actor,
        a_claim(order.resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.E_ACCOUNT,
        step_up_grant=a_grant(order.resident, order.checkout_id),
    )
    stage.scan(attempt_id)
    return stage.quiet


def a_tip(stage: Stage) -> Act:
    order = an_order(state=OrderState.DELIVERED)
    claim, grant = a_claim(order.resident), a_tip_grant(order.resident, order.order_id)
    asked = {"order_id": order.order_id, "amount_fen": 500, "step_up_grant": grant}
    return lambda: stage.once(tip_courier, order.resident.actor, claim, **asked)


def a_transfer(stage: Stage) -> Act:
    sender = a_resident(balance_fen=10_000)
    payee_id = a_payee(sender)
    claim, grant = a_claim(sender), a_transfer_grant(sender, payee_id)
    asked = {"payee_id": payee_id, "amount_fen": 700, "step_up_grant": grant}
    return lambda: stage.once(transfer, sender.actor, claim, **asked)


def a_canceled_order(stage: Stage) -> Act:
    order = an_order()
    claim = a_claim(order.resident)
    return lambda: stage.once(cancel_order, order.resident.actor, claim, order_id=order.order_id)


def a_completed_order(stage: Stage) -> Act:
    order = an_order(state=OrderState.DELIVERED)
    claim = a_claim(order.resident)
    return lambda: stage.once(confirm_order, order.resident.actor, claim, order_id=order.order_id)


def a_shortage(stage: Stage) -> Act:
    shop = a_merchant_with_shop()
    order = an_order(state=OrderState.PREPARING, shop=shop, lines=[(an_offer(shop), 1), (an_offer(shop), 2)])
    claim = a_claim(shop.owner)
    return lambda: stage.once(short_order, shop.owner.actor, claim, order_id=order.order_id, lines=frozenset({1}))


def an_order_that_comes_late(stage: Stage) -> Act:
    order = an_order(state=OrderState.READY)
    courier = a_courier(community=order.shop.community)
    assert order.trip_id is not None
    assert order.delivery_id is not None
    claim_trip(courier.actor, a_claim(courier), trip_id=order.trip_id)
    promised = look_one("SELECT promised_at FROM orders WHERE order_id = :id", id=order.order_id)
    stage.clock.at(promised + timedelta(minutes=40))
    code = pick_up_code(order.order_id)
    pick_up(courier.actor, a_claim(courier), delivery_id=order.delivery_id, code=code)
    stage.work()
    claim, code = a_claim(courier), door_code(order.order_id)
    asked = {"delivery_id": order.delivery_id, "code": code, "photo_id": None}

    def act() -> None:
        stage.once(deliver, courier.actor, claim, **asked)
        stage.work()

    return act


FLOWS = (
    from_the_e_account,
    by_wechat_pay,
    by_card,
    in_parts,
    in_parts_and_canceled_at_once,
    in_parts_and_refunded,
    in_parts_paid_otherwise_and_scanned_late,
    at_a_counter,
    at_a_counter_and_given_back,
    a_top_up,
    told_by_a_notice,
    a_refund_through_the_gateway,
    a_refund_whose_reply_is_lost,
    a_refund_that_is_refused,
    a_refund_that_comes_back,
    a_code_that_is_called_off,
    a_code_that_is_paid_while_it_is_called_off,
    a_calling_off_that_keeps_failing,
    a_code_that_the_gateway_never_makes,
    late_money,
    a_tip,
    a_transfer,
    a_canceled_order,
    a_completed_order,
    a_shortage,
    an_order_that_comes_late,
)
