"""Outside parties that know names and ID numbers: over HTTPS, and a sandbox that answers by the name."""

import requests

from app.core.verification.ports import Channel, CheckerUnavailable, CheckerUnknown, CheckOutcome
from app.kernel.concurrency import set_aside

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3, 8

MISMATCHED_NAME = "查无此人"
UNAVAILABLE_NAME = "渠道停用"
UNKNOWN_NAME = "杳无音信"
"""Names by which the sandbox mismatches, refuses to be asked, and does not answer to the first question of a key."""


class SandboxIdentityChecker:
    """Passes everybody but the names above. Development and tests only."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def check(self, channel: Channel, *, key: str, name: str, id_number: str) -> CheckOutcome:  # noqa: ARG002 - a port
        """Answer by the name."""
        if name == UNAVAILABLE_NAME:
            raise CheckerUnavailable
        if name == UNKNOWN_NAME and key not in self._asked:
            self._asked.add(key)
            raise CheckerUnknown
        return CheckOutcome.MISMATCHED if name == MISMATCHED_NAME else CheckOutcome.PASSED


class HttpIdentityChecker:
    """Posts ``{"channel", "name", "id_number"}`` with a bearer key and an Idempotency-Key; reads ``{"outcome"}``."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def check(self, channel: Channel, *, key: str, name: str, id_number: str) -> CheckOutcome:
        """Ask; a refused connection was not asked, anything else without an answer may have been."""
        try:
            with set_aside():
                answer = requests.post(
                    self._url,
                    json={"channel": channel.value, "name": name, "id_number": id_number},
                    headers={"Authorization": f"Bearer {self._key}", "Idempotency-Key": key},
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                )
        except requests.ConnectionError:
            raise CheckerUnavailable from None
        except requests.RequestException:
            raise CheckerUnknown from None
        if answer.status_code in {429, 503}:
            raise CheckerUnavailable
        try:
            return CheckOutcome(answer.json()["outcome"])
        except (ValueError, KeyError, TypeError):
            raise CheckerUnknown from None


class NoIdentityChecker:
    """Where none is configured: every question waits."""

    def check(self, channel: Channel, *, key: str, name: str, id_number: str) -> CheckOutcome:  # noqa: ARG002 - a port
        """Refuse to be asked."""
        raise CheckerUnavailable
