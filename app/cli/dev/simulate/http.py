"""People over HTTP: they sign in by text message, renew their tokens, and repeat an act until it is answered.

Every act carries an Idempotency-Key. A connection that breaks, a time-out and a 503 mean that the outcome is unknown:
the same request goes out again under the same key, for :data:`PATIENCE_S` at most.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.kernel.ids import new_id

PATIENCE_S = 300.0
"""How long one request is repeated, seconds."""
TIMEOUT_S = 15.0
PAUSE_FIRST_S, PAUSE_MAX_S = 0.05, 1.0
CODE_PAUSE_S = 61.0
"""A phone gets one code a minute."""
OK, ACCEPTED, UNAUTHENTICATED, FORBIDDEN, THROTTLED, UNAVAILABLE = 200, 202, 401, 403, 429, 503


class Refused(Exception):
    """An answer that is neither success nor a reason to ask again."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        try:
            self.code = str(answer.json().get("code", ""))
        except (ValueError, AttributeError):
            self.code = ""
        request = answer.request
        super().__init__(f"{request.method} {request.url.path} was answered {self.status} {answer.text[:300]}")


class Unanswered(Exception):
    """The stack did not answer for :data:`PATIENCE_S`."""


class Wire:
    """Connections to the stack, one set per thread, and what went over them."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._clients: list[httpx.Client] = []
        self.answers: Counter[str] = Counter()
        """How often each status came; ``broken`` counts requests without an answer."""

    @property
    def requests(self) -> int:
        """How many requests went out so far."""
        return self.answers.total()

    def close(self) -> None:
        """Close all connections; who still waits for an answer gives up."""
        self._closing.set()
        with self._lock:
            for client in self._clients:
                client.close()

    def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request until it is answered by anything but 503.

        :raises Unanswered: that took longer than :data:`PATIENCE_S`.
        """
        deadline, pause_s = time.monotonic() + PATIENCE_S, PAUSE_FIRST_S
        while True:
            try:
                answer: httpx.Response | None = self._client().request(method, url, **options)
            except httpx.TransportError:
                answer = None
            if self._closing.is_set():
                raise Unanswered(f"{method} {url} was called off")
            self._count("broken" if answer is None else str(answer.status_code))
            if answer is not None and answer.status_code != UNAVAILABLE:
                return answer
            if time.monotonic() > deadline:
                raise Unanswered(f"{method} {url} was not answered for {PATIENCE_S:g} s")
            self._closing.wait(pause_s)
            pause_s = min(PAUSE_MAX_S, pause_s * 2)

    def _count(self, what: str) -> None:
        with self._lock:
            self.answers[what] += 1

    def _client(self) -> httpx.Client:
        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
            with self._lock:
                self._clients.append(client)
        return client


@dataclass(slots=True)
class Person:
    """Somebody at one side of the stack at ``web``, signed in at the first need."""

    wire: Wire
    web: str
    side: str
    phone: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever lets this person do several things that belong together."""
    _signing_in: threading.Lock = field(default_factory=threading.Lock)
    _token: str = ""
    _refresh_token: str = ""
    _device: str = field(default_factory=lambda: f"simulation-{new_id()}")
    _device_token: str | None = None

    def get(self, path: str, **query: Any) -> Any:
        """Read.

        :raises Refused: the answer is no success.
        """
        return self._ask("GET", path, None, query)

    def post(self, path: str, body: Any = None) -> Any:
        """Act, once.

        :raises Refused: the answer is no success.
        """
        return self._ask("POST", path, body or {}, {})

    def put(self, path: str, body: Any) -> Any:
        """Replace, once.

        :raises Refused: the answer is no success.
        """
        return self._ask("PUT", path, body, {})

    def upload(self, path: str, file: bytes) -> Any:
        """Hand a picture over, once.

        :raises Refused: the answer is no success.
        """
        return self._ask("POST", path, None, {}, file)

    def sign_in(self) -> None:
        """Make sure that there is a session."""
        with self._signing_in:
            if not self._token:
                self._begin_session()

    def _ask(self, method: str, path: str, body: Any, query: dict[str, Any], file: bytes | None = None) -> Any:
        sent: dict[str, Any] = {"json": body} if file is None else {"content": file}
        headers = {} if method == "GET" else {"Idempotency-Key": str(new_id())}
        url = f"{self.web}/{self.side}/v1{path}"
        self.sign_in()
        while True:
            token = self._token
            headers["Authorization"] = f"Bearer {token}"
            answer = self.wire.send(method, url, params=query, headers=headers, **sent)
            if answer.status_code == UNAUTHENTICATED:
                self._renew(token)
                continue
            if not answer.is_success:
                raise Refused(answer)
            return answer.json() if answer.content else None

    def _renew(self, token: str) -> None:
        """Get a token that is not ``token``; another thread may have done so already."""
        with self._signing_in:
            if self._token != token:
                return
            url = f"{self.web}/{self.side}/v1/sessions/refresh"
            answer = self.wire.send("POST", url, json={"refresh_token": self._refresh_token})
            if answer.is_success:
                self._take(answer)
            else:  # the last refresh was done, and its answer lost
                self._begin_session()

    def _begin_session(self) -> None:
        """Ask for a code, read it from the sandbox, begin a session; again with a new code when an answer is lost."""
        base, device = f"{self.web}/{self.side}/v1", {"device": self._device, "device_token": self._device_token}
        if self._device_token is None:
            del device["device_token"]
        for is_last in (False, True):
            asked = self.wire.send("POST", f"{base}/sign-in-codes", json={"phone": self.phone, **device})
            if asked.status_code not in {ACCEPTED, THROTTLED}:
                raise Refused(asked)
            messages = self.wire.send("GET", f"{self.web}/dev/v1/messages", params={"phone": self.phone})
            for message in messages.json()["items"][:1]:
                body = {"phone": self.phone, "code": message["code"], **device}
                answer = self.wire.send("POST", f"{base}/sessions", json=body)
                if answer.is_success:
                    self._take(answer)
                    return
                if is_last:
                    raise Refused(answer)
            time.sleep(CODE_PAUSE_S)

    def _take(self, answer: httpx.Response) -> None:
        session = answer.json()
        self._token, self._refresh_token = session["access_token"], session["refresh_token"]
        self._device_token = session.get("device_token", self._device_token)
