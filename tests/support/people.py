"""People who use a running Linli over HTTP: they sign in by text message and act by their side's routes."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS
from app.kernel.ids import new_id


class Refused(AssertionError):
    """An answer that the test did not expect."""


@dataclass(slots=True)
class Person:
    """Somebody signed in at one side of the stack at ``web``."""

    web: str
    side: str
    phone: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))
    account_id: str = ""

    def sign_in(self) -> "Person":
        """Ask for a code, read it from the sandbox, begin a session."""
        device = f"device-{new_id()}"
        base = f"{self.web}/{self.side}/v1"
        asked = self.http.post(f"{base}/sign-in-codes", json={"phone": self.phone, "device": device})
        if asked.status_code != 202:
            raise Refused(asked.text)
        code = self.http.get(f"{self.web}/dev/v1/messages", params={"phone": self.phone}).json()["items"][0]["code"]
        agreements = [{"purpose": purpose.value, "version": CURRENT_VERSIONS[purpose]} for purpose in sorted(ASKED_FOR)]
        body = {"phone": self.phone, "code": code, "device": device, "agreements": agreements}
        session = self.http.post(f"{base}/sessions", json=body)
        if session.status_code != 201:
            raise Refused(session.text)
        self.account_id = session.json()["account_id"]
        self.http.headers["Authorization"] = f"Bearer {session.json()['access_token']}"
        return self

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any) -> httpx.Response:
        """Send one request; acts get a fresh Idempotency-Key unless ``key`` is given."""
        headers = {} if method == "GET" else {"Idempotency-Key": key or str(new_id())}
        url = f"{self.web}/{self.side}/v1{path}"
        return self.http.request(method, url, json=body, params=query or None, headers=headers)

    def get(self, path: str, **query: Any) -> Any:
        """Read; anything but 200 fails the test."""
        return self._want(self.ask("GET", path, **query), 200)

    def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Act; anything but ``status`` fails the test."""
        return self._want(self.ask("POST", path, body), status)

    def put(self, path: str, body: Any = None) -> Any:
        """Replace; anything but 200 fails the test."""
        return self._want(self.ask("PUT", path, body), 200)

    @staticmethod
    def _want(answer: httpx.Response, status: int) -> Any:
        if answer.status_code != status:
            raise Refused(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None
