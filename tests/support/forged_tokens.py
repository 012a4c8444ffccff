"""Access tokens that must not open any door."""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.kernel.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.factories import Person

Claims = dict[str, Any]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _signed(header: object, claims: object, seed: bytes) -> str:
    body = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{body}.{_encoded(Ed25519PrivateKey.from_private_bytes(seed).sign(body.encode()))}"


def sound_claims(person: Person, **changed: object) -> Claims:
    """Return the claims of a sound token of ``person``; a changed claim that is None is left out."""
    now = int(time.time())
    claims: Claims = {
        "iss": "linli",
        "aud": person.side.value,
        "sub": str(person.account_id),
        "sid": str(person.session_id),
        "jti": str(new_id()),
        "iat": now,
        "exp": now + 600,
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def sound_token(person: Person, token_keys: Mapping[str, bytes], **changed: object) -> str:
    kid, seed = next(iter(token_keys.items()))
    return _signed({"alg": "EdDSA", "typ": "JWT", "kid": kid}, sound_claims(person, **changed), seed)


def forged_tokens(person: Person, token_keys: Mapping[str, bytes]) -> dict[str, str]:
    """Return what attackers and accidents send in place of ``person``'s token, by what is wrong with it."""
    kid, seed = next(iter(token_keys.items()))
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "EdDSA", "typ": "JWT", "kid": kid}
    claims, now = sound_claims(person), int(time.time())
    sound = _signed(header, claims, seed)
    head, body, signature = sound.split(".")

    def with_header(**changed: object) -> str:
        return _signed({**header, **changed}, claims, seed)

    def with_hmac(key: bytes) -> str:
        text = f"{_encoded(json.dumps({**header, 'alg': 'HS256'}).encode())}.{body}"
        return f"{text}.{_encoded(hmac.digest(key, text.encode(), 'sha256'))}"

    def with_claims(**changed: object) -> str:
        return _signed(header, sound_claims(person, **changed), seed)

    none_head = _encoded(json.dumps({**header, "alg": "none"}).encode())
    other_body = _encoded(json.dumps({**claims, "sub": str(new_id())}).encode())
    return {
        "alg none, no signature": f"{none_head}.{body}.",
        "alg none, old signature": f"{none_head}.{body}.{signature}",
        "alg nOnE": f"{_encoded(json.dumps({**header, 'alg': 'nOnE'}).encode())}.{body}.",
        "HS256 by the raw public key": with_hmac(raw),
        "HS256 by the public key as PEM": with_hmac(pem),
        "HS256 by an empty key": with_hmac(b""),
        "signed by a stranger": _signed(header, claims, os.urandom(32)),
        "unknown kid": with_header(kid="three"),
        "the other key's kid": with_header(kid=list(token_keys)[-1]),
        "kid is a path": with_header(kid="../../dev/null"),
        "kid is SQL": with_header(kid="' OR 1=1 --"),
        "kid is a list": with_header(kid=[kid]),
        "no kid": _signed({"alg": "EdDSA", "typ": "JWT"}, claims, seed),
        "jku": with_header(jku="https://evil.example/keys.json"),
        "x5u": with_header(x5u="https://evil.example/chain.pem"),
        "own key in the header": with_header(jwk={"kty": "OKP", "crv": "Ed25519", "x": _encoded(raw)}),
        "crit": with_header(crit=["exp"]),
        "other's subject under the old signature": f"{head}.{other_body}.{signature}",
        "truncated signature": sound[:-10],
        "no signature": f"{head}.{body}",
        "four parts": f"{sound}.{signature}",
        "not base64": f"{head}.{body}.***",
        "not a token": "hello",
        "claims are a list": _signed(header, [claims], seed),
        "expired": with_claims(iat=now - 1_000, exp=now - 400),
        "expired a minute ago": with_claims(exp=now - 60),
        "exp is a float": with_claims(exp=now + 600.5),
        "exp is text": with_claims(exp="tomorrow"),
        "exp is true": with_claims(exp=True),
        "no exp": with_claims(exp=None),
        "issued in the future": with_claims(iat=now + 3_600),
        "not valid yet": with_claims(nbf=now + 3_600),
        "another issuer": with_claims(iss="linli2"),
        "no issuer": with_claims(iss=None),
        "another audience": with_claims(aud="admin"),
        "many audiences": with_claims(aud=["user", "merchant", "courier", "store", "platform"]),
        "no audience": with_claims(aud=None),
        "subject is no id": with_claims(sub="1"),
        "subject is a number": with_claims(sub=1),
        "no subject": with_claims(sub=None),
        "no session": with_claims(sid=None),
        "session is no id": with_claims(sid="x"),
        "no token id": with_claims(jti=None),
        "endless": sound + "A" * 3_000,
    }
