from __future__ import annotations

import pytest

from app.core.accounts.passwords import is_weak, normalize_password

PHONE = "+8613812345678"


@pytest.mark.parametrize(
    "password",
    [
        "short7!",
        "x" * 129,
        "password",
        "Password1!",
        "P@ssw0rd123",
        "qwertyuiop",
        "Qwerty123456",
        "1qaz2wsx3edc",
        "woaini1314520",
        "WoAiNi!!",
        "iloveyou88",
        "abcabcabc",
        "aaaaaaaaaa",
        "abcdefghij",
        "zyxwvuts",
        "19900101",
        "88888888",
        "lovelove",
        "my13812345678",
        "tel 138-1234-5678",
        "xy812345zz",
    ],
)
def test_what_everybody_tries_first_is_weak(password: str) -> None:
    assert is_weak(normalize_password(password), phone=PHONE)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "茶壶里的风暴二十年", "tK9#vLq2xR", "vier kleine Enten", "999blaue Türen"],
)
def test_what_nobody_else_would_think_of_is_not(password: str) -> None:
    assert not is_weak(normalize_password(password), phone=PHONE)


def test_full_width_characters_are_the_ones_they_look_like() -> None:
    assert normalize_password("ｐａｓｓ") == "pass"
