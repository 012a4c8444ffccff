from __future__ import annotations

import pytest

from app.kernel.marks import clean, is_one_line, without_marks

FAMILY = "👨\u200d👩\u200d👧"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    "given, kept",
    [
        ("牛\u200b奶", "牛奶"),
        ("\ufeff 牛奶\u2060 ", "牛奶"),
        ("奶\u202e牛\u202c", "奶牛"),
        ("co\u00adla", "cola"),
        ("e\u200b\u0301", "é"),
        ("葛\U000e0100", "葛"),
        ("牛\ufe0f\u200d奶", "牛奶"),
        ("\u3164\uffa0", ""),
        (f"{FAMILY}\u200d店", f"{FAMILY}店"),
        ("👩🏽\u200d🚒❤\ufe0f\ufe0f", "👩🏽\u200d🚒❤\ufe0f"),
        ("1\ufe0f\u20e3 1\ufe0f", "1\ufe0f\u20e3 1"),
        (f"{SCOTLAND}旗\U000e0067", f"{SCOTLAND}旗"),
        ("ᠮᠣ\u180eᠩ", "ᠮᠣ\u180eᠩ"),
    ],
)
def test_what_nobody_sees_is_not_kept_but_within_an_emoji(given: str, kept: str) -> None:
    assert clean(given) == clean(kept) == kept


def test_words_are_compared_without_any_of_them() -> None:
    assert without_marks(f"{FAMILY}❤\ufe0f牛\u200b奶") == "👨👩👧❤牛奶"


@pytest.mark.parametrize("broken", ["a\x00", "a\nb", "a\u2028b", "\ud800"])
def test_a_line_has_no_controls_in_it(broken: str) -> None:
    assert not is_one_line(broken)
    assert is_one_line("一行 👩\u200d🚒\u3000字")
