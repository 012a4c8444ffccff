"""The sandbox gateway under kill -9, and its faults as the client meets them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.adapters.stripe.client import StripeClient
from app.core.payments.ports import BadSignature, GatewayUnknown, GatewayUnreachable, Intent, IntentState, RefundState
from app.kernel.clock import wall_now_s
from app.kernel.ids import new_id
from tests.support.sandbox_gateway import Listener, Sandbox, an_intent, wait_until


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Sandbox]:
    options = ("--webhook-url", listener.url, "--seed", "7")
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), options).start()
    yield sandbox
    sandbox.kill()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[StripeClient]:
    client = sandbox.client()
    yield client
    sandbox.faults()
    client.close()


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path).start()
    client = sandbox.client()
    paid, acknowledged, is_over = an_intent(client), list[tuple[str, Intent]](), threading.Event()
    sandbox.pay(paid.id)
    refund = client.create_refund(key="refund", intent_id=paid.id, amount_fen=1, refund_id=new_id())

    def keep_creating() -> None:
        while not is_over.is_set():
            key = str(new_id())
            try:
                acknowledged.append((key, an_intent(client, key=key)))
            except (GatewayUnknown, GatewayUnreachable):
                return

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(keep_creating)
        wait_until(lambda: len(acknowledged) > 20)
        sandbox.kill()
        is_over.set()
    sandbox.start()
    try:
        for _, intent in acknowledged:
            assert client.retrieve_intent(intent.id) == intent
        assert client.retrieve_intent(paid.id).state is IntentState.SUCCEEDED
        assert client.retrieve_refund(refund.id) == refund
    finally:
        sandbox.kill()


def test_the_same_key_after_kill_9_gives_the_same_intent(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path).start()
    client, attempt_id, payment_id = sandbox.client(), new_id(), new_id()

    def create() -> Intent:
        return client.create_intent(
            key="one", amount_fen=100, attempt_id=attempt_id, payment_id=payment_id, description="邻里"
        )

    first = create()
    sandbox.kill()
    with pytest.raises(GatewayUnreachable):
        create()
    sandbox.start()
    try:
        assert create() == first
    finally:
        sandbox.kill()


def test_notices_that_were_owed_are_sent_after_kill_9(tmp_path: Path, listener: Listener) -> None:
    listener.status = 500
    sandbox = Sandbox(tmp_path, ("--webhook-url", listener.url)).start()
    intent = an_intent(sandbox.client())

    def ours() -> list[dict[str, Any]]:
        return [event for event in listener.events() if event["data"]["object"]["id"] == intent.id]

    sandbox.pay(intent.id)
    wait_until(ours)
    sandbox.kill()
    listener.status, before = 200, len(ours())

    sandbox.start()
    try:
        found = wait_until(lambda: found if len(found := ours()) > before else [])
        assert len({event["id"] for event in found}) == 1
        wait_until(lambda: sandbox.call("GET", f"/v1/events/{found[0]['id']}").json()["pending_webhooks"] == 0)
    finally:
        sandbox.kill()


def test_a_lost_reply_had_its_effect_and_the_same_key_finds_it(sandbox: Sandbox, client: StripeClient) -> None:
    attempt_id, payment_id, now_s = new_id(), new_id(), wall_now_s()

    def create() -> Intent:
        return client.create_intent(
            key=str(attempt_id), amount_fen=100, attempt_id=attempt_id, payment_id=payment_id, description="邻里"
        )

    sandbox.faults(lost_reply=1)
    with pytest.raises(GatewayUnknown, match="connection_lost"):
        create()
    sandbox.faults()
    replayed = create()

    assert replayed.metadata["attempt_id"] == str(attempt_id)
    assert client.find_intent(attempt_id=attempt_id, created_from=now_s - 5, created_to=now_s + 60) == replayed
    assert create() == replayed


def test_a_lost_refund_reply_returns_the_money_once(sandbox: Sandbox, client: StripeClient) -> None:
    intent, refund_id = an_intent(client, amount_fen=100), new_id()
    sandbox.pay(intent.id)

    sandbox.faults(lost_reply=1)
    with pytest.raises(GatewayUnknown):
        client.create_refund(key=str(refund_id), intent_id=intent.id, amount_fen=60, refund_id=refund_id)
    sandbox.faults()
    refund = client.create_refund(key=str(refund_id), intent_id=intent.id, amount_fen=60, refund_id=refund_id)

    assert client.find_refund(refund_id=refund_id, intent_id=intent.id) == refund
    charge_id = client.retrieve_intent(intent.id).charge_id
    assert sandbox.call("GET", f"/v1/charges/{charge_id}").json()["amount_refunded"] == 60


def test_a_stored_500_has_no_effect_and_repeats_itself(sandbox: Sandbox, client: StripeClient) -> None:
    attempt_id, payment_id, now_s = new_id(), new_id(), wall_now_s()

    def create() -> Intent:
        return client.create_intent(
            key=str(attempt_id), amount_fen=100, attempt_id=attempt_id, payment_id=payment_id, description="邻里"
        )

    sandbox.faults(error_500=1)
    with pytest.raises(GatewayUnknown, match="status_500") as first:
        create()
    sandbox.faults()
    with pytest.raises(GatewayUnknown, match="status_500") as again:
        create()

    assert (first.value.is_replayed, again.value.is_replayed) == (False, True)
    assert client.find_intent(attempt_id=attempt_id, created_from=now_s - 5, created_to=now_s + 60) is None


def test_a_key_under_way_is_a_conflict_and_then_one_intent(sandbox: Sandbox, client: StripeClient) -> None:
    attempt_id, payment_id = new_id(), new_id()

    def create() -> str:
        try:
            return client.create_intent(
                key=str(attempt_id), amount_fen=100, attempt_id=attempt_id, payment_id=payment_id, description="邻里"
            ).id
        except GatewayUnknown as unknown:
            return unknown.reason

    sandbox.faults(slow=1, slow_s=1)
    with ThreadPoolExecutor(5) as pool:
        found = [future.result() for future in [pool.submit(create) for _ in range(5)]]
    sandbox.faults()

    assert sorted(found)[1:] == ["status_409"] * 4
    assert create() == min(found)


def test_slowness_beyond_the_patience_of_the_client_is_unknown(sandbox: Sandbox) -> None:
    client, key = sandbox.client(read_timeout_s=0.15), str(new_id())
    sandbox.faults(slow=1, slow_s=0.4)

    with pytest.raises(GatewayUnknown, match="timeout"):
        an_intent(client, key=key)

    sandbox.faults()


def test_fifty_refunds_at_once_return_no_more_than_was_paid(sandbox: Sandbox, client: StripeClient) -> None:
    intent = an_intent(client, amount_fen=1_000)
    sandbox.pay(intent.id)

    def refund(_: int) -> int:
        data = {"payment_intent": intent.id, "amount": "90"}
        return sandbox.call("POST", "/v1/refunds", key=str(new_id()), data=data).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(refund, range(50)))

    assert statuses.count(200) == 11
    assert statuses.count(400) == 39


def test_pay_against_cancel_has_one_winner(sandbox: Sandbox, client: StripeClient) -> None:
    for _ in range(10):
        intent = an_intent(client)

        with ThreadPoolExecutor(2) as pool:
            pay = pool.submit(sandbox.pay, intent.id)
            cancel = pool.submit(sandbox.call, "POST", f"/v1/payment_intents/{intent.id}/cancel")

        statuses = [pay.result().status_code, cancel.result().status_code]
        state = client.retrieve_intent(intent.id).state
        assert (statuses, state) in (([200, 400], IntentState.SUCCEEDED), ([400, 200], IntentState.CANCELED))


def of(listener: Listener, intent_id: str) -> list[str]:
    """Return the types of the notices that came for an intent itself, in their order of arrival."""
    return [event["type"] for event in listener.events() if event["data"]["object"]["id"] == intent_id]


def test_a_duplicated_notice_comes_three_times(sandbox: Sandbox, client: StripeClient, listener: Listener) -> None:
    intent = an_intent(client)

    sandbox.faults(duplicate=1)
    sandbox.pay(intent.id)

    wait_until(lambda: of(listener, intent.id) == ["payment_intent.succeeded"] * 3)
    assert len({event["id"] for event in listener.events() if event["data"]["object"]["id"] == intent.id}) == 1


def test_a_late_notice_comes_after_all(sandbox: Sandbox, client: StripeClient, listener: Listener) -> None:
    intent = an_intent(client)

    sandbox.faults(late=1, late_s=0.5)
    began = time.monotonic()
    sandbox.pay(intent.id)

    wait_until(lambda: of(listener, intent.id) == ["payment_intent.succeeded"])
    assert time.monotonic() - began >= 0.5


def test_a_reordered_notice_is_overtaken(sandbox: Sandbox, client: StripeClient, listener: Listener) -> None:
    intent = an_intent(client)

    sandbox.faults(reorder=1, reorder_s=1.5)
    sandbox.play(f"payment_intents/{intent.id}/refuse")
    sandbox.faults()
    client.cancel_intent(key=str(new_id()), intent_id=intent.id)

    wait_until(lambda: of(listener, intent.id) == ["payment_intent.canceled", "payment_intent.payment_failed"])


def test_a_refused_notice_is_tried_again(sandbox: Sandbox, client: StripeClient, listener: Listener) -> None:
    intent = an_intent(client)
    listener.status = 503
    sandbox.pay(intent.id)
    wait_until(lambda: of(listener, intent.id))

    listener.status = 200

    wait_until(lambda: len(of(listener, intent.id)) == 2)
    time.sleep(0.2)
    assert len(of(listener, intent.id)) == 2


def test_a_notice_under_another_secret_or_out_of_time_is_refused(
    sandbox: Sandbox, client: StripeClient, listener: Listener
) -> None:
    intent = an_intent(client)
    sandbox.pay(intent.id)
    wait_until(lambda: of(listener, intent.id))
    payload, header = listener.notices[-1]
    now_s = wall_now_s()

    assert client.read_event(payload, header, now_s).type == "payment_intent.succeeded"
    for forged_payload, forged_header, at_s in (
        (payload.replace(b"succeeded", b"canceled!"), header, now_s),
        (payload, header[:-1] + ("0" if header[-1] != "0" else "1"), now_s),
        (payload, "", now_s),
        (payload, header, now_s + 400),
        (payload, header, now_s - 400),
    ):
        with pytest.raises(BadSignature):
            client.read_event(forged_payload, forged_header, at_s)


def test_a_code_expires_and_a_pending_refund_ends_by_itself(tmp_path: Path, listener: Listener) -> None:
    sandbox = Sandbox(
        tmp_path, ("--qr-expiry-s", "0.6", "--refund-delay-s", "0.3", "--webhook-url", listener.url)
    ).start()
    try:
        client = sandbox.client()
        expiring, paid = an_intent(client), an_intent(client)
        sandbox.pay(paid.id)
        refund = client.create_refund(key="r", intent_id=paid.id, amount_fen=1, refund_id=new_id())

        assert refund.state is RefundState.PENDING
        wait_until(lambda: client.retrieve_refund(refund.id).state is RefundState.SUCCEEDED)
        wait_until(lambda: client.retrieve_intent(expiring.id).state is IntentState.REQUIRES_PAYMENT_METHOD)
        assert sandbox.pay(expiring.id).status_code == 400
        wait_until(lambda: of(listener, refund.id) == ["charge.refund.updated"])
    finally:
        sandbox.kill()


def test_a_refund_succeeds_and_comes_back(sandbox: Sandbox, client: StripeClient, listener: Listener) -> None:
    intent, refund_id = an_intent(client, amount_fen=100), new_id()
    sandbox.pay(intent.id)
    sandbox.faults(refund_back=1, refund_back_s=0.4)

    refund = client.create_refund(key=str(refund_id), intent_id=intent.id, amount_fen=60, refund_id=refund_id)
    owed = sandbox.call("GET", "/sandbox/owed").json()["refunds"]

    assert (refund.state, owed) == (RefundState.SUCCEEDED, 1)
    wait_until(lambda: client.retrieve_refund(refund.id).state is RefundState.FAILED)
    wait_until(lambda: of(listener, refund.id) == ["charge.refund.updated"])
    charge_id = client.retrieve_intent(intent.id).charge_id
    assert sandbox.call("GET", f"/v1/charges/{charge_id}").json()["amount_refunded"] == 0
    assert sandbox.call("GET", "/sandbox/owed").json()["refunds"] == 0


def test_the_same_seed_gives_the_same_bad_day(tmp_path: Path) -> None:
    def day(name: str) -> list[str]:
        sandbox = Sandbox(tmp_path / name, ("--seed", "5", "--faults", "error_500=0.5")).start()
        try:
            client, outcomes = sandbox.client(), []
            for _ in range(12):
                try:
                    outcomes.append(an_intent(client).state.value)
                except GatewayUnknown as unknown:
                    outcomes.append(unknown.reason)
            return outcomes
        finally:
            sandbox.kill()

    first = day("one")

    assert first == day("two")
    assert {"status_500", "requires_action"} == set(first)
