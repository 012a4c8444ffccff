"""Access tokens: EdDSA, one fixed algorithm, keys by ``kid`` from our own ring, ``aud`` per side, ``sid`` per session.

One pure verifier for every process, cached by token. Header fields that point at keys (``jku``, ``x5u``, ``crit``) are
refused. Time is the wall clock: a moved business clock never lengthens a token's life.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.kernel.actor import Actor, Side
from app.kernel.clock import wall_now_s
from app.kernel.errors import Unauthenticated

ALGORITHM = "EdDSA"
ISSUER = "linli"
LIFETIME_S = 600
LEEWAY_S = 5
TOKEN_CHARS_MAX = 2_000
_CACHE_SIZE = 20_000
_CLAIMS = ["exp", "iat", "iss", "aud", "sub", "sid", "jti"]
_HEADER = frozenset({"alg", "typ", "kid"})


class TokenInvalid(Unauthenticated):
    """No token, or one that is not ours, not for this side, or over; which, is not said."""

    code = "token_invalid"
    title = "Sign-in needed"


@dataclass(frozen=True, slots=True)
class _Verified:
    actor: Actor
    expires_s: int


class Verifier:
    """Turns an access token into an :class:`Actor`. Safe for threads."""

    def __init__(self, token_keys: Mapping[str, bytes]) -> None:
        self._keys = {kid: Ed25519PrivateKey.from_private_bytes(seed).public_key() for kid, seed in token_keys.items()}
        self._cache: OrderedDict[str, _Verified] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, token: str, side: Side | None) -> Actor:
        """Return who holds ``token``.

        :param side: the audience it must be for; None accepts any side.
        :raises TokenInvalid: it does not stand up in any way.
        """
        if len(token) > TOKEN_CHARS_MAX:
            raise TokenInvalid
        verified = self._cache.get(token)
        if verified is None:
            verified = self._decode(token)
            with self._lock:
                self._cache[token] = verified
                while len(self._cache) > _CACHE_SIZE:
                    self._cache.popitem(last=False)
        if verified.expires_s + LEEWAY_S <= wall_now_s():
            raise TokenInvalid
        if side is not None and verified.actor.side is not side:
            raise TokenInvalid
        return verified.actor

    def _decode(self, token: str) -> _Verified:
        try:
            header = jwt.get_unverified_header(token)
            if not set(header) <= _HEADER or header.get("alg") != ALGORITHM:
                raise TokenInvalid
            key = self._keys.get(header.get("kid", ""))
            if key is None:
                raise TokenInvalid
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": _CLAIMS, "verify_aud": False},
            )
            expires_s = claims["exp"]
            if type(expires_s) is not int:
                raise TokenInvalid
            actor = Actor(account_id=UUID(claims["sub"]), session_id=UUID(claims["sid"]), side=Side(claims["aud"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
            raise TokenInvalid from None
        return _Verified(actor, expires_s)
