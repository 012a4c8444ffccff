"""The webhook signature: ``Stripe-Signature: t=<seconds>,v1=<hex HMAC-SHA256>`` over ``<seconds>.<raw body>``.

Compared in constant time, over the bytes as they came. An empty or short secret would let anyone sign, so
construction refuses it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from app.core.payments.ports import BadSignature

TOLERANCE_S = 300
"""How far a notice's own time may lie from ours, seconds, both ways."""
SECRET_LENGTH_MIN = 32
SECRETS_MAX = 2
"""The present secret, and during a rotation the other one."""
HEADER_LENGTH_MAX = 4096

_SECONDS = re.compile(r"[0-9]{1,11}", re.ASCII)


class WebhookVerifier:
    """Knows the endpoint's secrets and says whether a notice is genuine and fresh. Shows no secret.

    :raises ValueError: no secret, more than two, the same twice, or one shorter than 32 characters.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not 1 <= len(secrets) <= SECRETS_MAX:
            raise ValueError(f"Between 1 and {SECRETS_MAX} webhook secrets are needed.")
        if any(len(secret.strip()) < SECRET_LENGTH_MIN for secret in secrets):
            raise ValueError(f"A webhook secret has at least {SECRET_LENGTH_MIN} characters.")
        if len(set(secrets)) != len(secrets):
            raise ValueError("The two webhook secrets are the same.")
        self._keys = tuple(secret.encode() for secret in secrets)

    def __repr__(self) -> str:
        return f"WebhookVerifier({len(self._keys)} secrets)"

    def check(self, payload: bytes, header: str, now_s: int) -> None:
        """Return if ``payload`` is signed under one of the secrets within the tolerance of ``now_s``.

        :raises BadSignature: in every other case, without saying to the sender which.
        """
        signed_at, candidates = _parts(header)
        expected = [_mac(payload, key, signed_at).encode() for key in self._keys]
        matches = [
            hmac.compare_digest(mac, candidate.encode(errors="replace")) for mac in expected for candidate in candidates
        ]
        if not any(matches) or abs(now_s - int(signed_at)) > TOLERANCE_S:
            raise BadSignature


def sign(payload: bytes, *, secret: str, at_s: int) -> str:
    """Return the header that a sender who knows ``secret`` puts on ``payload`` at ``at_s``, seconds since the epoch."""
    return f"t={at_s},v1={_mac(payload, secret.encode(), str(at_s))}"


def _mac(payload: bytes, key: bytes, signed_at: str) -> str:
    return hmac.new(key, signed_at.encode() + b"." + payload, hashlib.sha256).hexdigest()


def _parts(header: str) -> tuple[str, list[str]]:
    """Return the time as it was written, and every ``v1`` signature; other schemes do not count."""
    if len(header) > HEADER_LENGTH_MAX:
        raise BadSignature
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    candidates = [value for name, _, value in pairs if name == "v1" and value]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not candidates:
        raise BadSignature
    return times[0], candidates
