"""Personal data at rest: AES-256-GCM with named keys, a keyed blind index for look-up, and codes derived, not stored.

A sealed value is ``<key id>.<base64url nonce || ciphertext>``. The key id lets old values be read while new ones are
written with the first key. The context (table and column) is authenticated: a value cannot be moved to another field.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The process's keys for data at rest; never printed.

    :param data_keys: key id → 32 bytes; the first is used for writing.
    :param index_key: key of the blind index; changing it means re-indexing.
    :param code_pepper: key of short codes shown to people.
    """

    data_keys: Mapping[str, bytes]
    index_key: bytes
    code_pepper: bytes


_keyring: Keyring | None = None


def configure(keyring: Keyring) -> None:
    """Install the process's keys, once at start."""
    global _keyring  # noqa: PLW0603 - keys are configuration of the process, like its environment
    _keyring = keyring


def _keys() -> Keyring:
    assert _keyring is not None, "sealing.configure() runs at start"
    return _keyring


def seal(plain: str, *, context: str) -> str:
    """Encrypt ``plain`` for the field named by ``context``, for example ``"accounts.phone"``."""
    key_id, key = next(iter(_keys().data_keys.items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{key_id}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str, *, context: str) -> str:
    """Decrypt what :func:`seal` made for the same ``context``.

    :raises cryptography.exceptions.InvalidTag: another context, another key, or a changed value.
    """
    key_id, _, body = sealed.partition(".")
    raw = base64.urlsafe_b64decode(body)
    return AESGCM(_keys().data_keys[key_id]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()


def blind_index(value: str, *, context: str) -> bytes:
    """Return a keyed digest (32 bytes) by which an encrypted field can be looked up for equality."""
    return hmac.digest(_keys().index_key, f"{context}\0{value}".encode(), hashlib.sha256)


def keyed_digest(value: str, *, context: str) -> bytes:
    """Return the digest under which a one-time code is stored (32 bytes); compare with :func:`hmac.compare_digest`."""
    return hmac.digest(_keys().code_pepper, f"{context}\0{value}".encode(), hashlib.sha256)


def derived_code(subject: str, *, purpose: str, digits: int) -> str:
    """Return the short code of ``subject`` for ``purpose``: always the same, guessable only by trying.

    Codes that people show one another (at the shop's counter, at the door) are derived like this instead of stored;
    the number of tries is bounded by a counter in the database.
    """
    digest = hmac.digest(_keys().code_pepper, f"{purpose}\0{subject}".encode(), hashlib.sha256)
    return str(int.from_bytes(digest[:8]) % 10**digits).zfill(digits)
