"""The sandbox gateway as a process of its own, and a listener for the notices that it sends."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from app.adapters.stripe.client import StripeClient
from app.adapters.stripe.signature import WebhookVerifier
from app.core.payments.models import PaymentChannel
from app.core.payments.ports import Intent, PaymentGateway
from app.kernel.ids import new_id

SECRET_KEY = "sk_test_sandbox_of_the_tests"
WEBHOOK_SECRET = "whsec_of_the_tests_0123456789abcdefghij"
ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], *, deadline_s: float = DEADLINE_S) -> Any:
    """Return what ``condition`` returns once it is true."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {deadline_s} s in vain for {condition}")


@dataclass
class Sandbox:
    data: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Sandbox":
        arguments = ["--port", str(self.port), "--data", str(self.data), "--secret-key", SECRET_KEY]
        arguments += ["--webhook-secret", WEBHOOK_SECRET, *self.options]
        self.process = subprocess.Popen([sys.executable, "-m", "app.adapters.sandbox_gateway", *arguments], cwd=ROOT)
        wait_until(self._answers)
        return self

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the sandbox gateway did not start"
        try:
            return requests.get(self.url + "/health", timeout=1).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def client(self, *, read_timeout_s: float = 5.0) -> StripeClient:
        return StripeClient(
            api_base=self.url,
            secret_key=SECRET_KEY,
            webhooks=WebhookVerifier([WEBHOOK_SECRET]),
            read_timeout_s=read_timeout_s,
        )

    def faults(self, **plan: float) -> None:
        """Set the faults; what is not named is off."""
        requests.put(self.url + "/sandbox/faults", json=plan, timeout=30).raise_for_status()

    def play(self, path: str) -> requests.Response:
        return requests.post(f"{self.url}/sandbox/{path}", timeout=30)

    def pay(self, intent_id: str) -> requests.Response:
        return self.play(f"payment_intents/{intent_id}/pay")

    def call(self, method: str, path: str, *, key: str | None = None, **how: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {SECRET_KEY}"} | ({"Idempotency-Key": key} if key else {})
        return requests.request(method, self.url + path, headers=headers, timeout=30, **how)


@dataclass
class Listener:
    """Takes notices; ``status`` is what it answers."""

    status: int = 200
    notices: list[tuple[bytes, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                outer.notices.append((payload, self.headers["Stripe-Signature"]))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/gateway/v1/stripe/events"

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(payload) for payload, _ in self.notices]
        return [event for event in found if kind in (None, event["type"])]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def an_intent(
    client: PaymentGateway,
    *,
    key: str | None = None,
    amount_fen: int = 2_580,
    attempt_id: UUID | None = None,
    channel: PaymentChannel = PaymentChannel.WECHAT_PAY,
) -> Intent:
    attempt_id = attempt_id or new_id()
    return client.create_intent(
        key=key or str(new_id()),
        amount_fen=amount_fen,
        attempt_id=attempt_id,
        payment_id=new_id(),
        description="邻里订单 1001",
        channel=channel,
    )
