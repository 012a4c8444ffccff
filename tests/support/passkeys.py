"""A software authenticator: it makes passkeys and answers challenges as a device does, and wrongly where a test asks.

EC P-256 keys, CBOR and the layout of authenticator data by Web Authentication level 3; written without the library that
the application checks with.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.passkeys.models import ChallengePurpose, PasskeyChallengeRow, PasskeyRow
from app.core.passkeys.rules import LIFETIME
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.usecases.passkeys.manage import NAME_CONTEXT
from tests.factories.rows import change, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from tests.factories import Person

ORIGIN = "http://localhost"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One device with one passkey.

    :param step: how far the counter goes with each answer; a device that never counts has 0.
    :param flags: what it says of the person at it.
    """

    origin: str = ORIGIN
    rp_id: str = "localhost"
    step: int = 1
    flags: int = PRESENT | VERIFIED
    count: int = 0
    is_framed: bool = False
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes | None = None

    def make(self, public_key: Mapping[str, Any], *, fmt: str = "none") -> dict[str, Any]:
        """Make the passkey that a page asked for; what ``toJSON()`` gives."""
        self.handle = decode(public_key["user"]["id"])
        identified = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + self.cose_key
        attested = {"fmt": fmt, "attStmt": {}, "authData": self._data(self.flags | ATTESTED) + identified}
        told = self._told("webauthn.create", public_key["challenge"])
        response = {
            "clientDataJSON": encode(told),
            "attestationObject": encode(cbor2.dumps(attested)),
            "transports": ["internal"],
        }
        return self._credential(response)

    def answer(self, public_key: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a challenge; what ``toJSON()`` gives."""
        self.count += self.step
        data, told = self._data(self.flags), self._told("webauthn.get", public_key["challenge"])
        signature = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": encode(told),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": None if self.handle is None else encode(self.handle),
        }
        return self._credential(response)

    @property
    def cose_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _told(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_framed}
        return json.dumps(told).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": encode(self.credential_id),
            "rawId": encode(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }


def registered(person: Person, authenticator: Authenticator | None = None, **values: object) -> Authenticator:
    """Return an authenticator whose passkey ``person`` has."""
    device = authenticator or Authenticator()
    device.handle = person.account_id.bytes
    row = {
        "passkey_id": new_id(),
        "account_id": person.account_id,
        "credential_id": device.credential_id,
        "public_key": device.cose_key,
        "sign_count": device.count,
        "is_backed_up": False,
        "name_sealed": seal("手机", context=NAME_CONTEXT),
        "pays_from": wall_now(),
        **values,
    }
    write(PasskeyRow, **row)
    return device


def a_passkey(person: Person) -> UUID:
    """Return the id of a passkey of ``person``."""
    passkey_id = new_id()
    registered(person, passkey_id=passkey_id)
    return passkey_id


def removed_passkey(person: Person) -> UUID:
    passkey_id = a_passkey(person)
    change("DELETE FROM passkeys WHERE passkey_id = :id", id=passkey_id)
    return passkey_id


def a_challenge(person: Person, purpose: ChallengePurpose, *, is_used: bool = False) -> UUID:
    """Return the id of a challenge to the session of ``person``."""
    challenge_id = new_id()
    write(
        PasskeyChallengeRow,
        challenge_id=challenge_id,
        purpose=purpose.value,
        challenge=secrets.token_bytes(32),
        session_id=person.session_id,
        expires_at=wall_now() + LIFETIME,
        used_at=wall_now() if is_used else None,
    )
    return challenge_id
