"""Personal data at rest: AES-256-GCM in envelopes, a keyed blind index for look-up, and codes derived, not stored.

A sealed value is ``2.<key id>.<base64url nonce || wrapped data key || nonce || ciphertext>``: each value has a data
key of its own, wrapped by a key-encryption key that follows from the named key of the settings. Rotation wraps the data
key anew and leaves the ciphertext alone. Values of the first format, ``<key id>.<base64url nonce || ciphertext>``, are
still read. The key id lets old values be read while new ones are written with the first key. The context (table and
column) is authenticated: a value cannot be moved to another field.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = "2"
_NONCE_BYTES, _KEY_BYTES, _TAG_BYTES = 12, 32, 16
_WRAPPED_BYTES = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES

SEALED = r"(?:2\.)?[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{36,}={0,2}"
"""What sealed values look like in a longer text."""


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The process's keys for data at rest; never printed.

    :param data_keys: key id → 32 bytes; the first wraps what is written.
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


@lru_cache(maxsize=64)
def _wrapper(key: bytes) -> AESGCM:
    """Return the key-encryption key that follows from a named key, which itself opens the first format only."""
    return AESGCM(hmac.digest(key, b"linli key-encryption key", hashlib.sha256))


def _wrap(data_key: bytes) -> tuple[str, bytes]:
    key_id, key = next(iter(_keys().data_keys.items()))
    nonce = os.urandom(_NONCE_BYTES)
    return key_id, nonce + _wrapper(key).encrypt(nonce, data_key, key_id.encode())


def _envelope(key_id: str, wrapped: bytes, body: bytes) -> str:
    return f"{_FORMAT}.{key_id}.{base64.urlsafe_b64encode(wrapped + body).decode()}"


def _unwrap(sealed: str) -> tuple[bytes, bytes]:
    """Return the data key of an envelope, and what it seals: nonce and ciphertext."""
    _, key_id, encoded = sealed.split(".")
    raw = base64.urlsafe_b64decode(encoded)
    nonce, wrapped, body = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:_WRAPPED_BYTES], raw[_WRAPPED_BYTES:]
    return _wrapper(_keys().data_keys[key_id]).decrypt(nonce, wrapped, key_id.encode()), body


def seal(plain: str, *, context: str) -> str:
    """Encrypt ``plain`` for the field named by ``context``, for example ``"accounts.phone"``."""
    data_key, nonce = os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES)
    body = nonce + AESGCM(data_key).encrypt(nonce, plain.encode(), context.encode())
    return _envelope(*_wrap(data_key), body)


def unseal(sealed: str, *, context: str) -> str:
    """Decrypt what :func:`seal` made for the same ``context``.

    :raises cryptography.exceptions.InvalidTag: another context, another key, or a changed value.
    :raises KeyError: its key is not among the settings any more.
    """
    if sealed.count(".") > 1:
        data_key, raw = _unwrap(sealed)
    else:
        key_id, _, encoded = sealed.partition(".")
        data_key, raw = _keys().data_keys[key_id], base64.urlsafe_b64decode(encoded)
    return AESGCM(data_key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()


def seal_file(content: bytes, *, context: str) -> tuple[str, bytes]:
    """Encrypt a file that is kept outside the database; return its key, sealed for the field ``context``, and it.

    Without the key nobody reads the file: to forget the key is to erase the file, wherever copies of it are.
    """
    key, nonce = os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES)
    encrypted = nonce + AESGCM(key).encrypt(nonce, content, context.encode())
    return seal(base64.b64encode(key).decode(), context=context), encrypted


def open_file(key_sealed: str, encrypted: bytes, *, context: str) -> bytes:
    """Decrypt what :func:`seal_file` made for the same ``context``; raises as :func:`unseal` does."""
    key = base64.b64decode(unseal(key_sealed, context=context))
    return AESGCM(key).decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], context.encode())


def current_prefix() -> str:
    """Return how a value begins that needs no rotation."""
    return f"{_FORMAT}.{next(iter(_keys().data_keys))}."


def rotate(sealed: str, *, context: str) -> str:
    """Return a value under the first key: an envelope keeps its ciphertext, the first format is sealed anew."""
    if sealed.startswith(current_prefix()):
        return sealed
    if sealed.count(".") > 1:
        data_key, body = _unwrap(sealed)
        return _envelope(*_wrap(data_key), body)
    return seal(unseal(sealed, context=context), context=context)


def blind_index(value: str, *, context: str) -> bytes:
    """Return a keyed digest (32 bytes) by which an encrypted field can be looked up for equality."""
    return hmac.digest(_keys().index_key, f"{context}\0{value}".encode(), hashlib.sha256)


def keyed_digest(value: str, *, context: str) -> bytes:
    """Return the digest under which a one-time code is stored (32 bytes); compare with :func:`hmac.compare_digest`."""
    return hmac.digest(_keys().code_pepper, f"{context}\0{value}".encode(), hashlib.sha256)


def secret_digest(value: str, *, purpose: str, context: str) -> bytes:
    """Return the digest under which a lasting short secret is stored (32 bytes), by a key of its own for ``purpose``.

    Without that key there is nothing to try offline, so it needs no slow hash; how often it is tried online is bounded
    by counters in the database.
    """
    key = hmac.digest(_keys().code_pepper, f"linli {purpose} key".encode(), hashlib.sha256)
    return hmac.digest(key, f"{context}\0{value}".encode(), hashlib.sha256)


def derived_code(subject: str, *, purpose: str, digits: int) -> str:
    """Return the short code of ``subject`` for ``purpose``: always the same, guessable only by trying.

    Codes that people show one another (at the shop's counter, at the door) are derived like this instead of stored;
    the number of tries is bounded by a counter in the database.
    """
    digest = hmac.digest(_keys().code_pepper, f"{purpose}\0{subject}".encode(), hashlib.sha256)
    return str(int.from_bytes(digest[:8]) % 10**digits).zfill(digits)
