"""Every request that the client sends, held against Stripe's published description; and what it makes of answers."""

import inspect
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.adapters.stripe import client as stripe_client
from app.adapters.stripe.client import StripeClient
from app.adapters.stripe.signature import WebhookVerifier, sign
from app.core.payments.models import PaymentChannel
from app.core.payments.ports import BadEvent, GatewayRefused, GatewayUnknown, GatewayUnreachable, PaymentGateway
from app.kernel.ids import new_id
from tests.support.sandbox_gateway import WEBHOOK_SECRET, an_intent, free_port
from tests.support.stripe_calls import CALLS
from tests.support.stripe_description import FORM, request_problems

KEY = "sk_test_shown_nowhere"


class Answering:
    """A server that answers what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", dict[str, str]()
        self.asked: list[tuple[str, str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outer.asked.append((self.command, self.path, body, dict(self.headers.items())))
                if outer.status == 0:
                    self.close_connection = True
                    return
                self.send_response(outer.status)
                for name, value in (outer.headers | {"Content-Length": str(len(outer.body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def says(self, status: int, body: Any, **headers: str) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def gateway() -> Iterator[Answering]:
    gateway = Answering()
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()


def a_client(port: int, *, read_timeout_s: float = 2.0) -> StripeClient:
    return StripeClient(
        api_base=f"http://127.0.0.1:{port}",
        secret_key=KEY,
        webhooks=WebhookVerifier([WEBHOOK_SECRET]),
        connect_timeout_s=1.0,
        read_timeout_s=read_timeout_s,
    )


@pytest.fixture
def client(gateway: Answering) -> Iterator[StripeClient]:
    client = a_client(gateway.server.server_address[1])
    yield client
    client.close()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_every_request_is_in_the_published_description(
    client: StripeClient, gateway: Answering, call: Callable[[PaymentGateway], object]
) -> None:
    with pytest.raises(GatewayUnknown, match="malformed_answer"):
        call(client)

    [(method, path, body, headers)] = gateway.asked
    assert request_problems(method, path, body) == []
    assert headers["Stripe-Version"] == "2020-08-27"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers.get("Idempotency-Key") == ("key-1" if method == "POST" else None)
    assert headers.get("Content-Type") == (FORM if method == "POST" else None)


def test_every_call_of_the_client_is_among_those_that_are_held_against_the_description() -> None:
    calls = {name for name, value in vars(StripeClient).items() if inspect.isfunction(value) and name[0] != "_"}
    sends_nothing_to_stripe = {"balance_file", "close", "read_event"}

    assert {name.split()[0] for name in CALLS} == calls - sends_nothing_to_stripe


def test_the_judge_refuses_what_is_not_in_the_description() -> None:
    assert request_problems("POST", "/v1/refunds", "amount=x")
    assert request_problems("POST", "/v1/refunds", "surprise=1")
    assert request_problems("POST", "/v1/payment_intents", "amount=1")
    assert request_problems("GET", "/v1/payment_intents?created[since]=1", None)
    assert request_problems(
        "POST", "/v1/payment_intents", "amount=1&currency=cny&payment_method_options[wechat_pay][x]=web"
    )


def test_an_intent_by_card_is_left_to_the_payers_app_to_confirm(client: StripeClient, gateway: Answering) -> None:
    with pytest.raises(GatewayUnknown):
        an_intent(client, channel=PaymentChannel.CARD)

    sent = gateway.asked[0][2]
    assert "payment_method_types%5B%5D=card" in sent
    assert "confirm" not in sent
    assert "payment_method_data" not in sent


def test_create_is_one_call_that_confirms_for_the_web(client: StripeClient, gateway: Answering) -> None:
    with pytest.raises(GatewayUnknown):
        an_intent(client)

    sent = gateway.asked[0][2]
    for part in (
        "confirm=true",
        "currency=cny",
        "payment_method_types%5B%5D=wechat_pay",
        "payment_method_data%5Btype%5D=wechat_pay",
        "payment_method_options%5Bwechat_pay%5D%5Bclient%5D=web",
        "metadata%5Battempt_id%5D=",
        "metadata%5Bpayment_id%5D=",
    ):
        assert part in sent


def test_an_id_cannot_leave_its_place_in_the_path(client: StripeClient, gateway: Answering) -> None:
    with pytest.raises(GatewayUnknown):
        client.retrieve_intent("../refunds?x=1#")

    assert gateway.asked[0][1] == "/v1/payment_intents/..%2Frefunds%3Fx%3D1%23"


REFUSAL = {"error": {"type": "invalid_request_error", "code": "amount_too_large", "message": "no"}}


def test_a_4xx_is_a_definite_no(client: StripeClient, gateway: Answering) -> None:
    gateway.says(400, REFUSAL)

    with pytest.raises(GatewayRefused) as refused:
        CALLS["create_refund"](client)

    assert (refused.value.gateway_code, refused.value.message) == ("amount_too_large", "no")


@pytest.mark.parametrize("status", [301, 401, 403, 409, 429, 500, 502, 503, 504])
def test_what_says_nothing_about_the_request_is_unknown(client: StripeClient, gateway: Answering, status: int) -> None:
    gateway.says(status, REFUSAL, Location="/elsewhere")

    with pytest.raises(GatewayUnknown, match=f"status_{status}"):
        CALLS["create_refund"](client)

    assert len(gateway.asked) == 1


def test_a_key_used_before_for_something_else_is_unknown(client: StripeClient, gateway: Answering) -> None:
    gateway.says(400, {"error": {"type": "idempotency_error", "message": "used"}})

    with pytest.raises(GatewayUnknown, match="idempotency_error"):
        CALLS["create_intent"](client)


def test_a_replayed_500_says_that_the_key_will_never_say_more(client: StripeClient, gateway: Answering) -> None:
    gateway.says(500, {"error": {"type": "api_error"}}, Idempotent_Replayed="true")

    with pytest.raises(GatewayUnknown) as unknown:
        CALLS["create_intent"](client)

    assert unknown.value.is_replayed


def test_a_lost_reply_is_unknown_and_never_sent_twice_by_itself(client: StripeClient, gateway: Answering) -> None:
    gateway.status = 0

    with pytest.raises(GatewayUnknown, match="connection_lost"):
        CALLS["create_intent"](client)

    assert len(gateway.asked) == 1


def test_silence_is_unknown() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        with pytest.raises(GatewayUnknown, match="timeout"):
            CALLS["create_intent"](a_client(silent.getsockname()[1], read_timeout_s=0.1))


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(GatewayUnreachable):
        CALLS["create_intent"](a_client(free_port()))


INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1,
    "amount_received": 0,
    "currency": "cny",
    "livemode": False,
    "metadata": {},
    "created": 1,
    "status": "processing",
}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        [],
        None,
        "text",
        INTENT | {"object": "refund"},
        INTENT | {"status": "requires_cake"},
        INTENT | {"status": None},
        INTENT | {"status": "requires_action"},
        INTENT | {"amount": "1"},
        INTENT | {"amount": True},
        INTENT | {"amount": -1},
        INTENT | {"amount": 1.0},
        INTENT | {"livemode": 0},
        INTENT | {"metadata": {"attempt_id": 1}},
        INTENT | {"charges": {"object": "list", "data": [1], "has_more": False}},
        INTENT | {"id": ""},
    ],
)
def test_an_answer_of_another_shape_is_unknown(client: StripeClient, gateway: Answering, body: Any) -> None:
    gateway.says(200, body)

    with pytest.raises(GatewayUnknown, match="malformed_answer"):
        client.retrieve_intent("pi_1")


CHARGES = {"object": "list", "has_more": False}


@pytest.mark.parametrize(
    "told, payee",
    [
        ({}, None),
        ({"transfer_data": {"destination": "acct_1"}}, "acct_1"),
        ({"on_behalf_of": "acct_2"}, "acct_2"),
        ({"charges": CHARGES | {"data": [{"id": "ch_1", "destination": "acct_3"}]}}, "acct_3"),
        ({"charges": CHARGES | {"data": [{"id": "ch_1", "transfer_data": {"destination": "acct_4"}}]}}, "acct_4"),
        ({"application": "ca_1", "application_fee_amount": 1}, "ca_1"),
    ],
)
def test_who_else_gets_the_money_is_read_from_the_intent_and_its_charge(
    client: StripeClient, gateway: Answering, told: dict[str, Any], payee: str | None
) -> None:
    gateway.says(200, INTENT | told)

    assert client.retrieve_intent("pi_1").payee == payee


def test_an_endless_answer_is_cut_off(
    client: StripeClient, gateway: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_client, "ANSWER_BYTES_MAX", 1000)
    gateway.says(200, INTENT | {"description": "x" * 2000})

    with pytest.raises(GatewayUnknown, match="answer_too_long"):
        client.retrieve_intent("pi_1")


def test_a_window_too_wide_to_read_is_never_taken_for_empty(client: StripeClient, gateway: Answering) -> None:
    gateway.says(200, {"object": "list", "data": [INTENT], "has_more": True, "url": "/v1/payment_intents"})

    with pytest.raises(GatewayUnknown, match="window_too_wide"):
        client.find_intent(attempt_id=new_id(), created_from=1, created_to=2)

    assert len(gateway.asked) == stripe_client.PAGES_MAX


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[1]", b'{"object":"event","id":"evt_1","data":{"object":[]}}'])
def test_a_genuine_notice_of_no_known_shape_is_told_apart(client: StripeClient, body: bytes) -> None:
    with pytest.raises(BadEvent):
        client.read_event(body, sign(body, secret=WEBHOOK_SECRET, at_s=100), 100)


def test_no_secret_shows(client: StripeClient) -> None:
    assert KEY not in repr(client) + repr(vars(client))


@pytest.mark.parametrize("api_base,secret_key", [("ftp://x", KEY), ("", KEY), ("https://api.stripe.com", " ")])
def test_settings_that_cannot_work_are_refused_at_construction(api_base: str, secret_key: str) -> None:
    with pytest.raises(ValueError, match="Stripe"):
        StripeClient(api_base=api_base, secret_key=secret_key, webhooks=WebhookVerifier([WEBHOOK_SECRET]))
