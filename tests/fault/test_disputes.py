"""Disputes: whatever the payer's bank does, and in whatever order it is heard, every fen is with somebody, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.core.payments.ports import DisputeMovement, GatewayDisputeState, GatewayRefund, GatewayUnknown, RefundState
from app.core.payments.reconciliation import Source
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.disputing.answer import send_answer
from app.usecases.disputing.follow import follow_dispute, look_for_disputes
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.paying import refunds as refunding
from app.usecases.paying.attempts import ask_gateway
from app.usecases.paying.inbox import read_event_again
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.paying.refunds import look_again, open_refunds, returned_by_file, submit_refund
from app.usecases.paying.top_up import top_up
from app.usecases.reconciling.clearing import clearing_proof
from app.usecases.reconciling.reconcile import reconcile
from app.usecases.reconciling.watch import figures
from app.usecases.settling.refund_completed import refund_order
from app.usecases.settling.settle import settle_due
from app.wiring import gateway_of
from app.worker.sweeps import ask_again
from tests.factories import AnOrder, a_claim, a_resident, an_operator, an_order
from tests.factories.orders import bring_paid
from tests.factories.people import a_member
from tests.factories.reconciling import an_unreported_day
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.ladder import assert_problem
from tests.support.patience import try_jobs, until_quiet
from tests.support.sandbox_gateway import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from app.core.payments.ports import PaymentGateway
    from tests.conftest import Gateway
    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

DISPUTES = "/platform/v1/disputes"


@pytest.fixture(autouse=True)
def books(app: Flask, client: FlaskClient, gateway: Gateway) -> Iterator[Invariants]:
    """Hold every test to: the gateway's balance is what the books say, and what is disputed is what is open."""
    gateway.listener.notices.clear()
    invariants = Invariants(gateway.sandbox)
    yield invariants
    gateway.sandbox.faults()
    until_quiet(app, client, gateway)
    invariants.check()


@pytest.fixture
def stripe(app: Flask) -> PaymentGateway:
    return gateway_of(app)


def finance() -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.FINANCE)


def a_paid_order(gateway: Gateway, stripe: PaymentGateway, state: OrderState = OrderState.AWAITING_ACCEPT) -> AnOrder:
    """Return an order that was paid by card."""
    order = an_order(state=OrderState.AWAITING_PAYMENT)
    started = pay_checkout(
        order.resident.actor,
        a_claim(order.resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.CARD,
        step_up_grant=None,
    )
    assert started.attempt_id is not None
    ask_gateway(stripe, started.attempt_id)
    gateway.sandbox.play(f"payment_intents/{intent_of(order.payment_id)}/cards/visa").raise_for_status()
    ask_gateway(stripe, started.attempt_id)
    return bring_paid(order, state)


def a_paid_top_up(gateway: Gateway, stripe: PaymentGateway, amount_fen: int = 5_000) -> tuple[Person, UUID]:
    resident = a_resident()
    started = top_up(resident.actor, a_claim(resident), amount_fen=amount_fen)
    assert started.attempt_id is not None
    ask_gateway(stripe, started.attempt_id)
    gateway.pay(intent_of(started.payment_id)).raise_for_status()
    ask_gateway(stripe, started.attempt_id)
    return resident, started.payment_id


def intent_of(payment_id: UUID) -> str:
    return str(look_one("SELECT intent_id FROM payment_attempts WHERE payment_id = :id", id=payment_id))


def disputed_at_the_bank(gateway: Gateway, payment_id: UUID, query: str = "") -> str:
    answer = gateway.sandbox.play(f"payment_intents/{intent_of(payment_id)}/dispute{query}")
    assert answer.ok, answer.text
    return str(answer.json()["id"])


def decide(gateway: Gateway, dispute: str, how: str) -> None:
    gateway.sandbox.play(f"disputes/{dispute}/{how}").raise_for_status()


def read(stripe: PaymentGateway, dispute: str) -> Any:
    """Let the gateway's object take effect, and return our row."""
    follow_dispute(stripe, stripe.retrieve_dispute(dispute))
    [row] = look("SELECT * FROM disputes WHERE gateway_dispute_id = :id", id=dispute)
    return row


def paid_out_to(person: Person) -> int:
    """Return what came to somebody's e-account since they had it."""
    moved = "SELECT coalesce(sum(amount_fen), 0)::bigint FROM ledger.leg WHERE code = :code AND kind <> 'opening'"
    return int(look_one(moved, code=codes.e_account(person.account_id)))


def refund_of(payment_id: UUID) -> Any:
    [row] = look("SELECT * FROM refunds WHERE payment_id = :id", id=payment_id)
    return row


def balance(code: str) -> int:
    return int(
        look_one("SELECT coalesce(sum(posted_fen), 0)::bigint FROM ledger.balance WHERE code = :code", code=code)
    )


def in_clearing_of(dispute_id: UUID) -> int:
    """Return what a dispute's own journals moved in clearing; other people's go on meanwhile."""
    moved = "SELECT sum(amount_fen)::bigint FROM ledger.leg WHERE code = 'gateway_clearing:stripe' AND ref = :ref"
    return int(look_one(moved, ref=str(dispute_id)))


def lost(gateway: Gateway, stripe: PaymentGateway, payment_id: UUID, query: str = "") -> UUID:
    """Return the id of a dispute that was lost."""
    dispute = disputed_at_the_bank(gateway, payment_id, query)
    decide(gateway, dispute, "lost")
    row = read(stripe, dispute)
    assert (row.state, row.open_fen) == ("lost", row.amount_fen)
    return row.dispute_id  # type: ignore[no-any-return]


def borne(client: FlaskClient, dispute_id: UUID, bearer: str) -> Any:
    """Let two people agree on who bears it; return the answer to the second."""
    asked = client.post(
        f"{DISPUTES}/{dispute_id}/bearer", headers=finance().once(), json={"bearer": bearer, "why": "TICKET-1"}
    )
    assert asked.status_code == 201, asked.text
    path = f"/platform/v1/approvals/{asked.get_json()['approval_id']}/approval"
    return client.post(path, headers=finance().once())


def test_a_dispute_that_is_won_leaves_everything_as_it_was_however_often_it_is_told(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    gateway.sandbox.faults(duplicate=1)
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    taken = read(stripe, dispute)
    held = balance(codes.disputed(order.payment_id))
    decide(gateway, dispute, "won")
    wait_until(lambda: len(gateway.listener.events("charge.dispute.funds_reinstated")) >= 3)

    until_quiet(app, client, gateway)

    assert (taken.state, taken.open_fen, held) == ("needs_response", order.total_fen, -order.total_fen)
    assert read(stripe, dispute).state == "won"
    assert balance(codes.disputed(order.payment_id)) == 0
    assert in_clearing_of(taken.dispute_id) == 0
    assert balance(codes.escrow(order.order_id)) == order.total_fen


def test_a_refund_waits_for_the_dispute_and_meets_it_when_it_is_lost(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    read(stripe, dispute)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    until_quiet(app, client, gateway)
    waiting = refund_of(order.payment_id)

    decide(gateway, dispute, "lost")
    ended = read(stripe, dispute)

    met = refund_of(order.payment_id)
    assert (waiting.state, waiting.submit_count) == ("requested", 0)
    assert (met.state, met.dispute_id, met.gateway_refund_id) == ("succeeded", ended.dispute_id, None)
    [after] = look("SELECT met_fen, open_fen FROM disputes WHERE dispute_id = :id", id=ended.dispute_id)
    assert (after.met_fen, after.open_fen) == (order.total_fen, 0)
    assert paid_out_to(order.resident) == 0


def test_a_refund_that_the_gateway_refused_before_we_knew_of_the_dispute_goes_out_when_it_is_won(
    gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    before = refund_of(order.payment_id)
    submit_refund(stripe, before.refund_id)
    refused = refund_of(order.payment_id)
    decide(gateway, dispute, "won")

    read(stripe, dispute)

    sent = refund_of(order.payment_id)
    assert (refused.state, refused.failure) == ("requested", "charge_disputed")
    assert refused.key != before.key
    assert (sent.state, sent.failure, sent.dispute_id) == ("succeeded", None, None)
    assert sent.gateway_refund_id is not None
    assert paid_out_to(order.resident) == 0


def a_refund_without_an_answer(gateway: Gateway, stripe: PaymentGateway) -> tuple[AnOrder, UUID]:
    """Return a paid order that was canceled, and its refund, which the gateway answered with an error of its own."""
    order = a_paid_order(gateway, stripe)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    gateway.sandbox.faults(error_500=1)
    with pytest.raises(GatewayUnknown):
        submit_refund(stripe, refund_id)
    gateway.sandbox.faults()
    return order, refund_id


def test_a_refund_in_doubt_keeps_no_news_of_a_dispute_waiting(gateway: Gateway, stripe: PaymentGateway) -> None:
    order, _ = a_refund_without_an_answer(gateway, stripe)
    dispute, notice = disputed_at_the_bank(gateway, order.payment_id), f"evt_{new_id().hex}"
    told = {"id": notice, "dispute": dispute, "intent": intent_of(order.payment_id)}
    change(
        "INSERT INTO gateway_events (gateway_event_id, kind, object_id, body)"
        " VALUES (:id, 'charge.dispute.created', :dispute, jsonb_build_object('intent_id', CAST(:intent AS text)))",
        **told,
    )

    read_event_again(stripe, notice)

    assert refund_of(order.payment_id).state == "unknown"
    assert look_one("SELECT state FROM disputes WHERE gateway_dispute_id = :id", id=dispute) == "needs_response"
    assert look_one("SELECT applied_at FROM gateway_events WHERE gateway_event_id = :id", id=notice) is not None


@pytest.mark.parametrize("how", ["lost", "won"])
def test_a_refund_that_the_gateway_never_makes_meets_a_dispute_that_came_meanwhile(
    gateway: Gateway, stripe: PaymentGateway, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    order, refund_id = a_refund_without_an_answer(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    read(stripe, dispute)
    monkeypatch.setattr(refunding, "wall_now", lambda: wall_now() + timedelta(days=1))

    submit_refund(stripe, refund_id)

    waiting = refund_of(order.payment_id)
    decide(gateway, dispute, how)
    ended = read(stripe, dispute)
    refund = refund_of(order.payment_id)
    assert waiting.state == "requested"
    assert (refund.state, refund.dispute_id) == ("succeeded", ended.dispute_id if how == "lost" else None)
    assert (refund.gateway_refund_id is None) == (how == "lost")
    assert paid_out_to(order.resident) == 0


def test_a_refund_that_the_gateway_never_makes_meets_a_dispute_that_is_lost_by_then(
    gateway: Gateway, stripe: PaymentGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, refund_id = a_refund_without_an_answer(gateway, stripe)
    dispute_id = lost(gateway, stripe, order.payment_id)
    monkeypatch.setattr(refunding, "wall_now", lambda: wall_now() + timedelta(days=1))

    submit_refund(stripe, refund_id)

    refund = refund_of(order.payment_id)
    assert (refund.state, refund.dispute_id) == ("succeeded", dispute_id)
    assert paid_out_to(order.resident) == 0


def test_a_refund_that_failed_at_the_gateway_meets_a_dispute_that_is_lost_by_then(
    gateway: Gateway, stripe: PaymentGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, refund_id = a_refund_without_an_answer(gateway, stripe)
    dispute_id = lost(gateway, stripe, order.payment_id)
    failed = GatewayRefund(
        id="re_failed", state=RefundState.FAILED, amount_fen=order.total_fen, currency="cny", intent_id=None,
        metadata={}, failure_reason="unknown",
    )  # fmt: skip
    monkeypatch.setattr(type(stripe), "find_refund", lambda *_, **__: failed)

    submit_refund(stripe, refund_id)

    refund = refund_of(order.payment_id)
    assert (refund.state, refund.dispute_id) == ("succeeded", dispute_id)
    assert paid_out_to(order.resident) == 0


def a_refund_that_came_back(gateway: Gateway, stripe: PaymentGateway) -> tuple[AnOrder, str]:
    """Return a canceled order, and the gateway's id of its refund, which came back; nobody has told us yet."""
    order = a_paid_order(gateway, stripe)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    submit_refund(stripe, refund_id)
    gateway_refund_id = refund_of(order.payment_id).gateway_refund_id
    gateway.sandbox.play(f"refunds/{gateway_refund_id}/fail").raise_for_status()
    return order, gateway_refund_id


@pytest.mark.parametrize("told", ["told", "not told"])
@pytest.mark.parametrize("how", ["escalated", "lost"])
def test_a_refund_that_comes_back_while_the_bank_inquires_waits_for_how_that_ends(
    gateway: Gateway, stripe: PaymentGateway, how: str, told: str
) -> None:
    order = a_paid_order(gateway, stripe)
    inquiry = disputed_at_the_bank(gateway, order.payment_id, "?inquiry=true")
    if told == "told":
        read(stripe, inquiry)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    submit_refund(stripe, refund_id)
    gateway_refund_id = refund_of(order.payment_id).gateway_refund_id
    gateway.sandbox.play(f"refunds/{gateway_refund_id}/fail").raise_for_status()

    look_again(stripe, gateway_refund_id)
    waiting, paid_out, swept = refund_of(order.payment_id), paid_out_to(order.resident), open_refunds(10_000)
    decide(gateway, inquiry, how)
    if how == "escalated":
        decide(gateway, inquiry, "lost")
    ended = read(stripe, inquiry)

    assert (waiting.state, paid_out, refund_id in swept) == ("requested", 0, told == "not told")
    met = refund_of(order.payment_id)
    if how == "escalated":  # the bank took the money back
        assert (met.state, met.dispute_id, paid_out_to(order.resident)) == ("succeeded", ended.dispute_id, 0)
    else:
        assert (met.state, met.dispute_id, paid_out_to(order.resident)) == ("failed", None, order.total_fen)


def test_a_refund_that_comes_back_unheard_is_read_again_when_the_daily_file_has_it(
    app: Flask, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order, gateway_refund_id = a_refund_that_came_back(gateway, stripe)
    far, off, suspense = an_unreported_day(), clearing_proof().difference_fen, balance(codes.SUSPENSE)
    fen = order.total_fen
    line = f"B,txn_{gateway_refund_id[3:]},payment_failure_refund,{gateway_refund_id},{fen},0\n"

    reconcile(Source.STRIPE, far, [f"H,BALANCE,1,stripe,{far}\n", line, f"T,1,{fen},0\n"])
    unheard = clearing_proof().difference_fen
    ask_again()
    try_jobs(app)

    assert (refund_of(order.payment_id).state, paid_out_to(order.resident)) == ("failed", fen)
    assert (unheard, clearing_proof().difference_fen, balance(codes.SUSPENSE)) == (off, off, suspense)
    assert gateway_refund_id not in returned_by_file(1_000)


@pytest.mark.parametrize("lie", [{"amount_fen": 1}, {"currency": "usd"}, {"intent_id": "pi_another"}], ids="+".join)
def test_a_refund_that_is_said_to_have_come_back_is_held_to_what_was_asked_for(
    gateway: Gateway, stripe: PaymentGateway, monkeypatch: pytest.MonkeyPatch, lie: dict[str, Any]
) -> None:
    order, gateway_refund_id = a_refund_that_came_back(gateway, stripe)
    truth = stripe.retrieve_refund(gateway_refund_id)

    with monkeypatch.context() as lying:
        lying.setattr(type(stripe), "retrieve_refund", lambda *_: replace(truth, **lie))
        with pytest.raises(GatewayUnknown, match="refund_mismatch"):
            look_again(stripe, gateway_refund_id)

    assert refund_of(order.payment_id).state == "succeeded"
    assert paid_out_to(order.resident) == 0
    look_again(stripe, gateway_refund_id)  # the truth still counts
    assert (refund_of(order.payment_id).state, paid_out_to(order.resident)) == ("failed", order.total_fen)


@pytest.mark.parametrize("how", ["lost", "won"])
def test_a_refund_that_comes_back_while_the_payment_is_disputed_waits_for_how_that_ends(
    gateway: Gateway, stripe: PaymentGateway, how: str
) -> None:
    order, gateway_refund_id = a_refund_that_came_back(gateway, stripe)
    dispute, off = disputed_at_the_bank(gateway, order.payment_id), clearing_proof().difference_fen
    read(stripe, dispute)
    look_again(stripe, gateway_refund_id)
    waiting, paid_out = refund_of(order.payment_id), paid_out_to(order.resident)
    carried = clearing_proof().difference_fen
    decide(gateway, dispute, how)

    ended = read(stripe, dispute)
    look_again(stripe, gateway_refund_id)

    refund = refund_of(order.payment_id)
    assert (waiting.state, paid_out) == ("requested", 0)
    assert (refund.state, refund.dispute_id) == (("succeeded", ended.dispute_id) if how == "lost" else ("failed", None))
    assert paid_out_to(order.resident) == (0 if how == "lost" else order.total_fen)
    assert (carried, clearing_proof().difference_fen) == (off, off)


def test_a_refund_that_comes_back_meets_a_dispute_that_is_lost_by_then_however_often_it_is_told(
    gateway: Gateway, stripe: PaymentGateway
) -> None:
    order, gateway_refund_id = a_refund_that_came_back(gateway, stripe)
    dispute_id = lost(gateway, stripe, order.payment_id)

    for _ in range(2):
        look_again(stripe, gateway_refund_id)

    refund = refund_of(order.payment_id)
    assert (refund.state, refund.dispute_id) == ("succeeded", dispute_id)
    assert look_one("SELECT met_fen FROM disputes WHERE dispute_id = :id", id=dispute_id) == order.total_fen
    assert (paid_out_to(order.resident), balance(codes.disputed(order.payment_id))) == (0, 0)


def test_an_inquiry_that_becomes_a_dispute_takes_what_was_not_refunded_meanwhile(
    gateway: Gateway, stripe: PaymentGateway
) -> None:
    order, operator = a_paid_order(gateway, stripe, OrderState.COMPLETED), an_operator()
    dispute = disputed_at_the_bank(gateway, order.payment_id, "?inquiry=true")
    asked = read(stripe, dispute)
    refunded = refund_order(operator.actor, a_claim(operator), order_id=order.order_id, amount_fen=100, why="T-1")
    submit_refund(stripe, refunded.refund_id)

    decide(gateway, dispute, "escalated")

    taken = read(stripe, dispute)
    assert asked.amount_fen == order.total_fen
    assert (taken.amount_fen, taken.taken_fen) == (order.total_fen - 100, order.total_fen - 100)


def test_an_inquiry_about_what_was_refunded_whole_becomes_no_dispute(gateway: Gateway, stripe: PaymentGateway) -> None:
    order = a_paid_order(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id, "?inquiry=true")
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None
    submit_refund(stripe, refund_id)

    answer = gateway.sandbox.play(f"disputes/{dispute}/escalated")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "charge_already_refunded")
    assert read(stripe, dispute).taken_fen == 0


def test_what_a_refund_has_beyond_a_lost_dispute_goes_to_the_payer(gateway: Gateway, stripe: PaymentGateway) -> None:
    order = a_paid_order(gateway, stripe)
    lost(gateway, stripe, order.payment_id, "?amount=100")
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None

    submit_refund(stripe, refund_id)

    assert refund_of(order.payment_id).state == "succeeded"
    assert paid_out_to(order.resident) == order.total_fen - 100
    assert balance(codes.disputed(order.payment_id)) == 0


def test_a_merchant_bears_a_lost_dispute_by_a_refund_of_its_order_and_is_not_settled_before(
    gateway: Gateway, stripe: PaymentGateway, clock: BusinessClock
) -> None:
    order, operator = a_paid_order(gateway, stripe, OrderState.COMPLETED), an_operator()
    earned_fen = balance(codes.merchant_pending(order.shop.merchant_id))
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    settled: list[int] = []

    def settle_tomorrow() -> None:
        clock.ahead(days=len(settled) + 1)
        settled.append(settle_due(only=[order.shop.merchant_id]).income_fen)

    read(stripe, dispute)
    settle_tomorrow()
    decide(gateway, dispute, "lost")
    read(stripe, dispute)
    settle_tomorrow()
    refunded = refund_order(operator.actor, a_claim(operator), order_id=order.order_id, amount_fen=100, why="T-1")
    submit_refund(stripe, refunded.refund_id)
    settle_tomorrow()

    assert settled == [0, 0, 0]
    assert balance(codes.disputed(order.payment_id)) == 100 - order.total_fen
    left_fen = balance(codes.merchant_pending(order.shop.merchant_id))
    assert left_fen < earned_fen
    change("UPDATE disputes SET open_fen = 0, bearer = 'platform' WHERE gateway_dispute_id = :id", id=dispute)
    settle_tomorrow()
    assert settled[-1] == left_fen
    change("UPDATE disputes SET open_fen = taken_fen - met_fen WHERE gateway_dispute_id = :id", id=dispute)


def test_what_nobody_bears_raises_an_alarm_until_two_people_let_the_platform_bear_it(
    client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    quiet, loss = figures()["disputes_left"], balance("platform_loss")
    dispute_id = lost(gateway, stripe, order.payment_id)
    alarmed = figures()["disputes_left"]

    answer = borne(client, dispute_id, "platform")

    assert answer.status_code == 200, answer.text
    assert (alarmed, figures()["disputes_left"]) == (quiet + 1, quiet)
    assert balance("platform_loss") == loss - order.total_fen
    again = client.post(
        f"{DISPUTES}/{dispute_id}/bearer", headers=finance().once(), json={"bearer": "platform", "why": "T"}
    )
    assert_problem(again, 409, "dispute_not_lost")


def test_a_refund_after_the_platform_bore_the_loss_gives_it_back_and_pays_nobody_twice(
    client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    loss = balance("platform_loss")
    dispute_id = lost(gateway, stripe, order.payment_id)
    borne(client, dispute_id, "platform")
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None

    submit_refund(stripe, refund_id)

    assert refund_of(order.payment_id).dispute_id == dispute_id
    assert balance("platform_loss") == loss
    assert paid_out_to(order.resident) == 0


def test_the_payer_of_a_top_up_bears_it_who_has_as_much_and_of_an_order_never(
    client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    (rich, paid), (poor, spent) = a_paid_top_up(gateway, stripe), a_paid_top_up(gateway, stripe)
    of_rich, of_poor = lost(gateway, stripe, paid), lost(gateway, stripe, spent)
    legs = (Leg(codes.e_account(poor.account_id), -1), Leg(codes.PLATFORM_LOSS, 1))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.CORRECTION, legs=legs))

    answers = [borne(client, dispute_id, "payer") for dispute_id in (of_rich, of_poor)]

    assert answers[0].status_code == 200, answers[0].text
    assert balance(codes.e_account(rich.account_id)) == 0
    assert_problem(answers[1], 409, "insufficient_funds")
    assert balance(codes.e_account(poor.account_id)) == 4_999
    of_order = lost(gateway, stripe, a_paid_order(gateway, stripe).payment_id)
    wish = {"bearer": "payer", "why": "TICKET-1"}
    refused = client.post(f"{DISPUTES}/{of_order}/bearer", headers=finance().once(), json=wish)
    assert_problem(refused, 422, "bearer_invalid", pointer="/bearer")


def test_what_is_given_back_after_somebody_bore_it_is_a_question_for_a_person(
    client: FlaskClient, gateway: Gateway, stripe: PaymentGateway, books: Invariants
) -> None:
    _, payment_id = a_paid_top_up(gateway, stripe)
    dispute_id, suspense = lost(gateway, stripe, payment_id), balance(codes.SUSPENSE)
    borne(client, dispute_id, "platform")
    gateway_id = look_one("SELECT gateway_dispute_id FROM disputes WHERE dispute_id = :id", id=dispute_id)
    theirs = stripe.retrieve_dispute(gateway_id)
    back = DisputeMovement(id=f"txn_{new_id().hex}", amount_fen=5_000)

    for _ in range(2):
        follow_dispute(stripe, replace(theirs, state=GatewayDisputeState.WON, movements=(*theirs.movements, back)))

    books.unbooked_fen = -5_000  # our sandbox does not know of it
    assert balance(codes.SUSPENSE) == suspense + 5_000
    assert look_one("SELECT state FROM disputes WHERE dispute_id = :id", id=dispute_id) == "lost"


def test_evidence_is_handed_in_once_even_when_the_reply_is_lost(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    row = read(stripe, dispute)
    path, said = f"{DISPUTES}/{row.dispute_id}/evidence", {"uncategorized_text": "签收照片 winning"}
    answer = client.post(path, headers=finance().once(), json=said)
    for fault in ("error_500", "lost_reply"):
        gateway.sandbox.faults(**{fault: 1})
        with pytest.raises(GatewayUnknown):
            send_answer(stripe, row.dispute_id)
    gateway.sandbox.faults()

    until_quiet(app, client, gateway)

    assert answer.status_code == 201, answer.text
    theirs = gateway.sandbox.call("GET", f"/v1/disputes/{dispute}").json()
    assert theirs["evidence"]["uncategorized_text"] == "签收照片 winning"
    assert (theirs["status"], theirs["evidence_details"]["submission_count"]) == ("under_review", 1)
    [ours] = look("SELECT state, answer, sent_at FROM disputes WHERE dispute_id = :id", id=row.dispute_id)
    assert (ours.state, ours.answer, ours.sent_at is None) == ("under_review", "evidence", False)
    assert_problem(client.post(path, headers=finance().once(), json=said), 409, "dispute_answered")


def test_two_people_give_a_dispute_up(
    app: Flask, client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order, asker = a_paid_order(gateway, stripe), finance()
    dispute = disputed_at_the_bank(gateway, order.payment_id)
    row = read(stripe, dispute)
    asked = client.post(f"{DISPUTES}/{row.dispute_id}/acceptance", headers=asker.once(), json={"why": "TICKET-1"})
    path = f"/platform/v1/approvals/{asked.get_json()['approval_id']}/approval"

    alone, other = (client.post(path, headers=person.once()) for person in (asker, finance()))
    until_quiet(app, client, gateway)

    assert_problem(alone, 403, "own_approval")
    assert other.status_code == 200, other.text
    assert read(stripe, dispute).state == "lost"


def test_an_inquiry_moves_nothing_and_refunds_go_out(gateway: Gateway, stripe: PaymentGateway) -> None:
    order = a_paid_order(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id, "?inquiry=true")
    row = read(stripe, dispute)
    refund_id = cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id).refund_id
    assert refund_id is not None

    submit_refund(stripe, refund_id)
    decide(gateway, dispute, "lost")

    assert (row.is_inquiry, row.taken_fen) == (True, 0)
    assert refund_of(order.payment_id).gateway_refund_id is not None
    assert read(stripe, dispute).state == "closed"


def test_an_inquiry_that_becomes_a_dispute_is_answered_anew_and_refunds_wait_even_before_we_know(
    client: FlaskClient, gateway: Gateway, stripe: PaymentGateway
) -> None:
    order = a_paid_order(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, order.payment_id, "?inquiry=true")
    path = f"{DISPUTES}/{(row := read(stripe, dispute)).dispute_id}/evidence"
    said = {"uncategorized_text": "已送达"}
    client.post(path, headers=finance().once(), json=said)
    send_answer(stripe, row.dispute_id)
    reviewed = read(stripe, dispute)
    decide(gateway, dispute, "escalated")
    cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    submit_refund(stripe, refund_of(order.payment_id).refund_id)
    waiting = refund_of(order.payment_id)

    asked = read(stripe, dispute)
    again = client.post(path, headers=finance().once(), json=said)
    send_answer(stripe, row.dispute_id)

    assert (reviewed.state, reviewed.answer) == ("under_review", "evidence")
    assert (waiting.state, waiting.failure) == ("requested", "charge_disputed")
    assert (asked.state, asked.is_inquiry, asked.answer, asked.sent_at) == ("needs_response", False, None, None)
    assert again.status_code == 201, again.text
    assert read(stripe, dispute).state == "under_review"
    assert gateway.sandbox.call("GET", f"/v1/disputes/{dispute}").json()["evidence_details"]["submission_count"] == 2


def test_a_dispute_that_we_first_hear_of_when_it_is_won_leaves_nothing_in_whatever_order_its_lines_come(
    gateway: Gateway, stripe: PaymentGateway
) -> None:
    _, payment_id = a_paid_top_up(gateway, stripe)
    dispute, suspense = disputed_at_the_bank(gateway, payment_id), balance(codes.SUSPENSE)
    decide(gateway, dispute, "won")
    theirs = stripe.retrieve_dispute(dispute)

    follow_dispute(stripe, replace(theirs, movements=theirs.movements[::-1]))

    assert (balance(codes.disputed(payment_id)), balance(codes.SUSPENSE)) == (0, suspense)


def test_a_dispute_whose_notices_were_all_lost_is_looked_for(gateway: Gateway, stripe: PaymentGateway) -> None:
    _, payment_id = a_paid_top_up(gateway, stripe)
    disputed_at_the_bank(gateway, payment_id)
    gateway.listener.notices.clear()

    found = [look_for_disputes(stripe), look_for_disputes(stripe)]

    assert found == [1, 0]
    assert balance(codes.disputed(payment_id)) == -5_000


def test_lines_of_disputes_in_the_gateways_file_are_matched_and_their_fee_is_ours(
    gateway: Gateway, stripe: PaymentGateway, books: Invariants
) -> None:
    _, payment_id = a_paid_top_up(gateway, stripe)
    dispute = disputed_at_the_bank(gateway, payment_id)
    off, fees = clearing_proof().difference_fen, balance("fee_expense")
    [line] = stripe.retrieve_dispute(dispute).movements
    far = an_unreported_day()
    rows = [f"H,BALANCE,1,stripe,{far}\n", f"B,{line.id},dispute,{line.id},-5000,1500\n", "T,1,-5000,1500\n"]

    found = reconcile(Source.STRIPE, far, rows)
    books.unbooked_fen = 1_500  # the fee, which is not among what was paid and sent back
    unheard = clearing_proof().difference_fen
    read(stripe, dispute)

    assert found is not None
    assert (found.missing_here, unheard, clearing_proof().difference_fen) == (1, off, off)
    assert balance("fee_expense") == fees - 1_500
    assert clearing_proof() == clearing_proof(is_whole=True)
