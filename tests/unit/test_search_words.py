"""What words mean, before any database is asked."""

from __future__ import annotations

import time

import pytest

from app.core.search.pinyin import reading_of, spellings
from app.core.search.words import ALTERNATIVES_MAX, TERMS_MAX, almost, contains, normal, read_words, synonyms, tokens


@pytest.mark.parametrize(
    "given, expected",
    [
        ("馬鈴薯", "马铃薯"),
        ("ＡＢＣ　５００ｇ", "abc 500g"),
        ("  Coca\tCola  ", "coca cola"),
        ("鮮牛奶（２５０ＭＬ）", "鲜牛奶(250ml)"),
    ],
)
def test_a_name_has_one_normal_form(given: str, expected: str) -> None:
    assert normal(given) == expected
    assert normal(expected) == expected


@pytest.mark.parametrize("nothing", ["", "   ", "　", " ".join("甲乙丙丁戊己庚辛壬")])
def test_nothing_and_too_many_words_are_no_question(nothing: str) -> None:
    assert read_words(nothing) is None


def test_as_many_words_as_are_allowed_are_a_question() -> None:
    asked = read_words(" ".join("甲乙丙丁戊己庚辛"))

    assert asked is not None
    assert len(asked.terms) == TERMS_MAX


def test_another_name_of_the_same_thing_is_looked_for_inside_longer_words_too() -> None:
    asked = read_words("农家土豆")

    assert asked is not None
    assert "农家马铃薯" in asked.terms[0].alternatives


def test_the_table_of_other_names_has_each_word_once_and_none_of_one_character() -> None:
    for word, others in synonyms().items():
        assert len(word) > 1
        assert normal(word) == word
        assert word not in others
        assert len(others) < ALTERNATIVES_MAX
        assert all(word in synonyms()[other] for other in others), word


def test_wildcards_of_a_question_stand_for_themselves() -> None:
    assert contains("50%_\\") == "%50\\%\\_\\\\%"


def test_short_words_have_no_typing_errors() -> None:
    assert almost("牛奶") == ()
    assert almost("milk") == ()
    assert "%矿_水%" in almost("矿泉水")


def test_tokens_are_signed_integers_of_32_bits() -> None:
    assert all(-(2**31) <= token < 2**31 for token in tokens("龘𠮷a土豆"))


@pytest.mark.parametrize(
    "name, reading", [("重庆小面", "ChongQingXiaoMian"), ("绿豆500g", "LvDou 500g"), ("a4纸", "a4 Zhi"), ("", "")]
)
def test_a_name_is_read_as_its_words_want(name: str, reading: str) -> None:
    assert reading_of(name) == reading


def test_letters_are_taken_apart_into_syllables_and_their_beginnings() -> None:
    assert "TuDou[a-z]*" in spellings("tudou")
    assert spellings("td") == ("T[a-z]*D[a-z]*",)
    assert spellings("vv") == ()


@pytest.mark.parametrize("typed", ["an" * 20 + "v", "v" * 60, "a" * 60, "zh" * 20])
def test_no_letters_take_long_to_take_apart(typed: str) -> None:
    began = time.process_time()

    spellings(typed)

    assert time.process_time() - began < 1
