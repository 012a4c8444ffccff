"""Keys are rotated in batches that may stop anywhere; old values stay readable until the last is done."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.kernel import sealing
from app.kernel.sealing import Keyring, blind_index, rotate, seal, unseal
from app.usecases.privacy.rotation import count_sealed, reindex, rotate_keys
from tests.factories import a_resident, an_address
from tests.factories.rows import change, look_one

if TYPE_CHECKING:
    from flask import Flask

CONTEXT = "accounts.phone"


def first_format(plain: str, key_id: str, key: bytes) -> str:
    nonce = os.urandom(12)
    body = nonce + AESGCM(key).encrypt(nonce, plain.encode(), CONTEXT.encode())
    return f"{key_id}.{base64.urlsafe_b64encode(body).decode()}"


def with_keys(app: Flask, *, data: dict[str, bytes] | None = None, index: bytes | None = None) -> None:
    settings = app.config["LINLI"]
    sealing.configure(Keyring(data or settings.data_keys, index or settings.index_key, settings.code_pepper))


def test_a_value_of_the_first_format_is_read_and_rotated(app: Flask) -> None:
    key_id, key = next(iter(app.config["LINLI"].data_keys.items()))
    old = first_format("+8613812345678", key_id, key)

    fresh = rotate(old, context=CONTEXT)

    assert unseal(old, context=CONTEXT) == unseal(fresh, context=CONTEXT) == "+8613812345678"
    assert fresh.startswith(f"2.{key_id}.")


def test_rotation_wraps_the_data_key_anew_and_leaves_the_ciphertext(app: Flask) -> None:
    sealed = seal("王芳", context=CONTEXT)
    with_keys(app, data={"fresh": os.urandom(32), **app.config["LINLI"].data_keys})

    fresh = rotate(sealed, context=CONTEXT)

    old_raw, new_raw = (base64.urlsafe_b64decode(value.split(".")[2]) for value in (sealed, fresh))
    assert old_raw[60:] == new_raw[60:]
    assert old_raw[:60] != new_raw[:60]
    assert unseal(fresh, context=CONTEXT) == "王芳"
    assert rotate(fresh, context=CONTEXT) == fresh


def test_an_envelope_opens_neither_in_another_field_nor_with_another_key(app: Flask) -> None:
    sealed = seal("王芳", context=CONTEXT)

    with pytest.raises(InvalidTag):
        unseal(sealed, context="accounts.name")
    with_keys(app, data={"one": os.urandom(32)})
    with pytest.raises(InvalidTag):
        unseal(sealed, context=CONTEXT)


def test_a_rotation_that_stopped_goes_on_and_the_old_key_may_go(app: Flask) -> None:
    resident = a_resident()
    an_address(resident)
    old = app.config["LINLI"].data_keys
    change(
        "UPDATE accounts SET phone_sealed = :sealed WHERE account_id = :a",
        sealed=first_format(resident.phone, *next(iter(old.items()))),
        a=resident.account_id,
    )
    with_keys(app, data={"fresh": os.urandom(32), **old})
    fresh = dict([next(iter(sealing._keys().data_keys.items()))])
    try:
        next(rotate_keys())

        done = sum(step.count for step in rotate_keys())

        assert sum(count_sealed().values()) == 0
        assert done >= 0
        with_keys(app, data=fresh)
        sealed = look_one("SELECT phone_sealed FROM accounts WHERE account_id = :a", a=resident.account_id)
        assert unseal(sealed, context=CONTEXT) == resident.phone
    finally:
        with_keys(app, data={**old, **fresh})
        list(rotate_keys())


def test_blind_indexes_follow_the_index_key(app: Flask) -> None:
    resident = a_resident()
    with_keys(app, index=os.urandom(32))
    try:
        list(reindex())

        assert look_one(
            "SELECT account_id FROM accounts WHERE phone_index = :index",
            index=blind_index(resident.phone, context=CONTEXT),
        ) == resident.account_id  # fmt: skip
    finally:
        with_keys(app)
        list(reindex())
