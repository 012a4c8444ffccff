from __future__ import annotations

import base64
import io
import secrets
from datetime import date

import pytest
from PIL import Image

from app.core.verification.errors import IdNumberInvalid, PhotoInvalid
from app.core.verification.id_numbers import IdNumber, check_character
from app.core.verification.photos import PHOTO_BYTES_MAX, clean_photo

TODAY = date(2026, 11, 26)


def number(body: str) -> str:
    return body + check_character(body)


def test_the_number_printed_in_the_standard_is_valid() -> None:
    found = IdNumber.read(" 11010519491231002x ", today=TODAY)

    assert found.text == "11010519491231002X"
    assert found.born_on == date(1949, 12, 31)


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",
        "11010519491231002",
        number("11010519490231002"),
        number("11010518991231002"),
        number("11010520261127002"),
        number("99010519491231002"),
        "1101051949123100２X",
        "",
    ],
    ids=["checksum", "short", "no-such-day", "too-old", "not-born", "no-such-region", "full-width", "empty"],
)
def test_a_number_that_nobody_can_have_is_refused(text: str) -> None:
    with pytest.raises(IdNumberInvalid):
        IdNumber.read(text, today=TODAY)


@pytest.mark.parametrize(
    "born, is_adult", [("20081126", True), ("20081127", False), ("20080229", True)], ids=["today", "tomorrow", "leap"]
)
def test_one_comes_of_age_on_the_eighteenth_birthday(born: str, *, is_adult: bool) -> None:
    assert IdNumber.read(number(f"110105{born}002"), today=TODAY).is_adult(TODAY) is is_adult


def a_photo(kind: str = "PNG", size: tuple[int, int] = (200, 120)) -> str:
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, kind)
    return base64.b64encode(out.getvalue()).decode()


def test_a_photo_is_drawn_anew_without_what_was_hidden_behind_it() -> None:
    hidden = base64.b64encode(base64.b64decode(a_photo("JPEG")) + b"<script>alert(1)</script>").decode()

    drawn = clean_photo(hidden)

    assert drawn.startswith(b"\xff\xd8")
    assert b"script" not in drawn


@pytest.mark.parametrize(
    "photo",
    [
        "no base64!",
        base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode(),
        a_photo("GIF"),
        a_photo(size=(10, 10)),
        a_photo(size=(20_000, 20_000)),
        a_photo()[:80],
        base64.b64encode(secrets.token_bytes(PHOTO_BYTES_MAX + 1)).decode(),
    ],
    ids=["text", "svg", "gif", "tiny", "bomb", "cut", "large"],
)
def test_what_is_no_usable_photo_is_refused(photo: str) -> None:
    with pytest.raises(PhotoInvalid):
        clean_photo(photo)
