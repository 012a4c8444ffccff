"""The client of Stripe's API over requests: fills :class:`app.core.payments.ports.PaymentGateway`.

It decides nothing and retries nothing: it sends one request, and says which of the port's outcomes came back.

==============================================  ==================================================================
what happened                                   outcome
==============================================  ==================================================================
2xx of the right shape                          done
400 ``idempotency_error``                       unknown: the key was used before, for something
401, 403                                        unknown: *our* key is wrong; an earlier sending may have worked
409, 429, 5xx, 3xx, any other shape, too long   unknown
other 4xx                                       refused
no connection                                   unreachable
connection lost, or no answer in time           unknown
==============================================  ==================================================================
"""

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final
from urllib.parse import quote
from uuid import UUID

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from app.adapters.stripe import answers, form
from app.adapters.stripe.signature import WebhookVerifier
from app.core.payments.models import PaymentChannel
from app.core.payments.ports import (
    TOO_WIDE,
    GatewayDispute,
    GatewayEvent,
    GatewayRefund,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    Intent,
)
from app.kernel.concurrency import set_aside
from app.kernel.lines import CHUNK_BYTES, lines_of

API_VERSION: Final = "2020-08-27"
CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 20.0
AMOUNT_FEN_MAX: Final = 99_999_999
"""Stripe takes amounts of up to eight digits."""
DESCRIPTION_LENGTH_MAX: Final = 1000
KEY_LENGTH_MAX: Final = 255
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
"""A full page of 100 intents with their charges stays well below."""
PAGE_SIZE: Final = 100
PAGES_MAX: Final = 20

_NOT_ABOUT_THE_REQUEST: Final = frozenset({401, 403, 409, 429})


_CONFIRMED_BY_US: Mapping[PaymentChannel, Mapping[str, form.Value]] = {
    PaymentChannel.WECHAT_PAY: {
        "confirm": True,
        "payment_method_data": {"type": "wechat_pay"},
        "payment_method_options": {"wechat_pay": {"client": "web"}},
    },
    PaymentChannel.CARD: {},
}
"""What makes an intent wait to be scanned. By card the gateway's script in the payer's app confirms it."""


class _Bearer(AuthBase):
    """Puts the API key on a request. An object of its own: no ``.netrc`` can replace it, no repr shows it."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._secret_key}"
        return request


class StripeClient:
    """Speaks to Stripe, to stripe-mock or to the sandbox gateway, by ``api_base``. Safe to share between threads.

    The way to the gateway is fixed by its arguments alone: proxies and credentials of the environment are not
    looked at, redirects are not followed.

    :param api_base: such as ``https://api.stripe.com``; plain ``http`` is for loopback and test rigs.
    :param secret_key: the API key, never logged, never shown.
    :param webhooks: the verifier of notices.
    :param connect_timeout_s: seconds until a connection must stand. :param read_timeout_s: seconds until the
    whole answer is in.
    :param pool_size: connections kept open, at most one per thread that calls.
    """

    def __init__(
        self,
        *,
        api_base: str,
        secret_key: str,
        webhooks: WebhookVerifier,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        pool_size: int = 16,
    ) -> None:
        if not secret_key.strip():
            raise ValueError("The Stripe secret key is empty.")
        if not api_base.startswith(("https://", "http://")):
            raise ValueError("The Stripe API base is an http or https address.")
        self._api_base = api_base.rstrip("/")
        self._webhooks = webhooks
        self._timeout = (connect_timeout_s, read_timeout_s)
        self._auth = _Bearer(secret_key)
        self._is_live = secret_key.startswith(("sk_live_", "rk_live_"))
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(
            {"Stripe-Version": API_VERSION, "User-Agent": "Linli", "Accept": "application/json"}
        )
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def __repr__(self) -> str:
        return f"StripeClient(api_base={self._api_base!r})"

    @property
    def is_live(self) -> bool:
        """Whether the API key moves real money."""
        return self._is_live

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def balance_file(self, day: date) -> Iterator[str]:
        """Yield the lines of the provider's file of what it booked on ``day``; the sandbox gateway has one.

        :raises GatewayRefused: there is none. :raises GatewayUnknown: it broke off.
        """
        try:
            with self._session.get(
                f"{self._api_base}/v1/balance_files/{day}", auth=self._auth, timeout=self._timeout, stream=True,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                if answer.status_code != 200:  # noqa: PLR2004 - anything else is no file
                    raise GatewayRefused("no_balance_file", f"status {answer.status_code}")
                yield from lines_of(answer.iter_content(CHUNK_BYTES))
        except requests.RequestException as error:
            raise GatewayUnknown(type(error).__name__) from error

    def create_intent(
        self,
        *,
        key: str,
        amount_fen: int,
        attempt_id: UUID,
        payment_id: UUID,
        description: str,
        channel: PaymentChannel = PaymentChannel.WECHAT_PAY,
    ) -> Intent:
        """Create an intent, and confirm it where it is to be scanned; see the port."""
        assert 1 <= amount_fen <= AMOUNT_FEN_MAX, amount_fen
        assert 1 <= len(description) <= DESCRIPTION_LENGTH_MAX
        body = self._post(
            "/v1/payment_intents",
            key,
            {
                "amount": amount_fen,
                "currency": "cny",
                "description": description,
                "payment_method_types": [channel.value],
                **_CONFIRMED_BY_US[channel],
                "metadata": {"attempt_id": str(attempt_id), "payment_id": str(payment_id)},
            },
        )
        return answers.read_intent(body)

    def retrieve_intent(self, intent_id: str) -> Intent:
        """Return the intent as it is now; see the port."""
        return answers.read_intent(self._get(f"/v1/payment_intents/{quote(intent_id, safe='')}"))

    def find_intent(self, *, attempt_id: UUID, created_from: int, created_to: int) -> Intent | None:
        """Look through the intents of a window for the one of ``attempt_id``; see the port."""
        window: dict[str, form.Value] = {"created": {"gte": created_from, "lte": created_to}}
        found = self._find("/v1/payment_intents", window, name="attempt_id", value=str(attempt_id))
        return None if found is None else answers.read_intent(found)

    def cancel_intent(self, *, key: str, intent_id: str) -> Intent:
        """Close the intent; see the port."""
        path = f"/v1/payment_intents/{quote(intent_id, safe='')}/cancel"
        return answers.read_intent(self._post(path, key, {"cancellation_reason": "abandoned"}))

    def create_refund(self, *, key: str, intent_id: str, amount_fen: int, refund_id: UUID) -> GatewayRefund:
        """Send money back; see the port."""
        assert 1 <= amount_fen <= AMOUNT_FEN_MAX, amount_fen
        body = self._post(
            "/v1/refunds",
            key,
            {"payment_intent": intent_id, "amount": amount_fen, "metadata": {"refund_id": str(refund_id)}},
        )
        return answers.read_refund(body)

    def retrieve_refund(self, refund_id: str) -> GatewayRefund:
        """Return the refund as it is now; see the port."""
        return answers.read_refund(self._get(f"/v1/refunds/{quote(refund_id, safe='')}"))

    def find_refund(self, *, refund_id: UUID, intent_id: str) -> GatewayRefund | None:
        """Look through the refunds of an intent for ours; see the port."""
        found = self._find("/v1/refunds", {"payment_intent": intent_id}, name="refund_id", value=str(refund_id))
        return None if found is None else answers.read_refund(found)

    def retrieve_dispute(self, dispute_id: str) -> GatewayDispute:
        """Return the dispute as it is now; see the port."""
        return answers.read_dispute(self._get(f"/v1/disputes/{quote(dispute_id, safe='')}"))

    def find_disputes(self, *, created_from: int = 0, intent_id: str | None = None) -> list[GatewayDispute]:
        """Return the disputes since an instant, or of a payment; see the port."""
        of_payment = {} if intent_id is None else {"payment_intent": intent_id}
        found = self._all("/v1/disputes", {"created": {"gte": created_from}, **of_payment})
        return [answers.read_dispute(item) for item in found]

    def submit_evidence(self, *, key: str, dispute_id: str, evidence: Mapping[str, str]) -> GatewayDispute:
        """Answer with evidence; see the port."""
        path = f"/v1/disputes/{quote(dispute_id, safe='')}"
        return answers.read_dispute(self._post(path, key, {"evidence": dict(evidence), "submit": True}))

    def submit_acceptance(self, *, key: str, dispute_id: str) -> GatewayDispute:
        """Give it up; see the port."""
        return answers.read_dispute(self._post(f"/v1/disputes/{quote(dispute_id, safe='')}/close", key, {}))

    def read_event(self, payload: bytes, signature_header: str, now_s: int) -> GatewayEvent:
        """Prove and read a notice; see the port."""
        self._webhooks.check(payload, signature_header, now_s)
        try:
            body = json.loads(payload)
        except (ValueError, RecursionError):
            body = None
        return answers.read_event(body)

    def _find(self, path: str, query: Mapping[str, form.Value], *, name: str, value: str) -> answers.Json | None:
        """Return the newest object of a list whose metadata says ``name: value``, reading page by page.

        :raises GatewayUnknown: ``window_too_wide``: there are more than ``PAGES_MAX`` pages.
        """
        for item in self._all(path, query):
            metadata = item.get("metadata")
            if isinstance(metadata, dict) and metadata.get(name) == value:
                return item
        return None

    def _all(self, path: str, query: Mapping[str, form.Value]) -> Iterator[answers.Json]:
        """Yield the objects of a list, newest first, reading page by page.

        :raises GatewayUnknown: ``window_too_wide``: there are more than ``PAGES_MAX`` pages.
        """
        after: dict[str, form.Value] = {}
        for _ in range(PAGES_MAX):
            items, has_more = answers.read_page(self._get(path, {**query, "limit": PAGE_SIZE, **after}))
            yield from items
            if not has_more or not items:
                return
            after = {"starting_after": str(items[-1]["id"])}
        raise GatewayUnknown(TOO_WIDE)

    def _get(self, path: str, query: Mapping[str, form.Value] | None = None) -> object:
        return self._send("GET", path, params=form.encode(query or {}))

    def _post(self, path: str, key: str, parameters: Mapping[str, form.Value]) -> object:
        assert 1 <= len(key) <= KEY_LENGTH_MAX
        headers = {"Idempotency-Key": key, "Content-Type": form.MEDIA_TYPE}
        return self._send("POST", path, data=form.encode(parameters), headers=headers)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: list[tuple[str, str]] | None = None,
        data: list[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        try:
            with (
                set_aside(),
                self._session.request(
                    method,
                    self._api_base + path,
                    params=params,
                    data=data,
                    headers=headers,
                    auth=self._auth,
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                raw = _read_bounded(response, self._timeout[1])
        except requests.ConnectTimeout as error:
            raise GatewayUnreachable("connect_timeout") from error
        except requests.Timeout as error:
            raise GatewayUnknown("timeout") from error
        except requests.ConnectionError as error:
            if _nothing_was_sent(error):
                raise GatewayUnreachable("no_connection") from error
            raise GatewayUnknown("connection_lost") from error
        except requests.RequestException as error:
            raise GatewayUnknown("broken_answer") from error
        return _judge(response, raw)


def _read_bounded(response: requests.Response, seconds_max: float) -> bytes:
    """Return the body, at most ``ANSWER_BYTES_MAX`` and within ``seconds_max`` even if it trickles."""
    deadline = time.monotonic() + seconds_max
    chunks, size = [], 0
    for chunk in response.iter_content(65_536):
        chunks.append(chunk)
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            raise GatewayUnknown("answer_too_long")
        if time.monotonic() > deadline:
            raise GatewayUnknown("timeout")
    return b"".join(chunks)


def _nothing_was_sent(error: requests.ConnectionError) -> bool:
    """Say whether the connection failed before the request: refused, no such host, or a bad certificate."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError) or any(
        isinstance(cause, ssl.SSLCertVerificationError) for cause in (reason, *getattr(reason, "args", ()))
    )


def _judge(response: requests.Response, raw: bytes) -> object:
    """Return the parsed body of a success, or raise what else the answer means."""
    status = response.status_code
    is_replayed = response.headers.get("Idempotent-Replayed") == "true"
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise GatewayUnknown(f"status_{status}" if status >= 300 else "malformed_answer") from error  # noqa: PLR2004
    if 200 <= status < 300:  # noqa: PLR2004 - success, as HTTP defines it
        return body
    if not 400 <= status < 500 or status in _NOT_ABOUT_THE_REQUEST:  # noqa: PLR2004 - as HTTP defines it
        raise GatewayUnknown(f"status_{status}", is_replayed=is_replayed)
    problem = body.get("error") if isinstance(body, dict) else None
    if not isinstance(problem, dict) or not isinstance(problem.get("type"), str):
        raise GatewayUnknown("malformed_answer")
    if problem["type"] == "idempotency_error":
        raise GatewayUnknown("idempotency_error")
    raise GatewayRefused(str(problem.get("code") or problem["type"]), str(problem.get("message") or ""))
