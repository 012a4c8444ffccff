from __future__ import annotations

import pkgutil
import re
import string
from enum import StrEnum
from importlib import import_module

import pytest

import app.core
from app.core.visiting.checklist import CHECKLISTS, VERSION
from app.core.wealth.suitability import DOCUMENTS, TERM_DOCUMENTS
from app.web.messages import catalog, choose_language, names, say, say_field


def parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_catalogs_explain_the_same_things_in_the_same_parts() -> None:
    zh, en = catalog("zh"), catalog("en")

    assert {code: set(words) for code, words in zh.items()} == {code: set(words) for code, words in en.items()}


@pytest.mark.parametrize("code", sorted(catalog("en")))
def test_both_languages_want_the_same_parameters(code: str) -> None:
    zh, en = catalog("zh")[code], catalog("en")[code]

    assert {part: parameters(text) for part, text in zh.items()} == {
        part: parameters(text) for part, text in en.items()
    }


def test_chinese_is_chinese_and_english_is_english() -> None:
    foreign = [
        code
        for code, words in catalog("zh").items()
        if not all(re.search(r"[\u4e00-\u9fff]", text) for text in words.values())
    ]
    foreign += [code for code, words in catalog("en").items() if re.search(r"[\u4e00-\u9fff]", str(words))]

    assert foreign == []


def test_a_parameter_that_nobody_gave_shows_as_an_ellipsis() -> None:
    assert "…" in say("below_minimum", "detail", "en", {})


def test_a_fields_refusal_fills_in_its_parameters() -> None:
    assert "20" in say_field("field_too_long|max=20", "en")


def test_a_message_of_a_library_is_never_shown_as_it_is() -> None:
    assert say_field("Not a valid string.", "en") == catalog("en")["field_invalid"]["detail"]


@pytest.mark.parametrize(
    "header, language",
    [("", "zh"), ("en", "en"), ("EN-us", "en"), ("zh-TW", "zh"), ("*", "zh"), ("en;q=0", "zh"), ("zh,en", "zh"),
     ("en;q=0.9,zh;q=0.8", "en"), ("en;q=abc", "zh"), ("en;q=nan", "zh"), ("," * 300 + "en", "zh")],
)  # fmt: skip
def test_english_is_spoken_where_it_is_preferred(header: str, language: str) -> None:
    assert choose_language(header) == language


def test_lists_are_shown_as_people_write_them() -> None:
    params = {"kinds": ["fund_contract", "fast_redemption"]}

    words = [say("documents_unread", "detail", language, params) for language in ("zh", "en")]

    assert "基金合同摘要、快速赎回服务协议" in words[0]
    assert "fund contract, fast redemption" in words[1]
    assert "[" not in "".join(words)


def test_documents_and_points_in_a_list_are_named_by_their_titles() -> None:
    titles = {document.kind: document.title_zh for document in (*DOCUMENTS, *TERM_DOCUMENTS)}

    assert titles == names()["kinds"]
    assert {point.code: point.title_zh for point in CHECKLISTS[VERSION]} == names()["points"]


@pytest.mark.parametrize(
    "fen, shown", [(0, "0.00"), (5, "0.05"), (123_456, "1,234.56"), (-7, "-0.07"), (-100, "-1.00")]
)
def test_amounts_are_shown_in_yuan(fen: int, shown: str) -> None:
    assert say("below_fund_minimum", "detail", "zh", {"minimum_fen": fen}) == f"该基金 {shown} 元起购。"


def test_every_amount_in_the_words_is_followed_by_its_unit() -> None:
    for language, unit in (("zh", "元"), ("en", "yuan")):
        for code, words in catalog(language).items():
            for text in words.values():
                amounts = [name for name in parameters(text) if "fen" in name.split("_")]
                assert not amounts or unit in text, (code, text)
                assert not re.search(r"\} (分[^钟]|fen)", text), (code, text)


def test_every_state_and_action_of_every_domain_has_a_chinese_name() -> None:
    missing = []
    for found in pkgutil.walk_packages(app.core.__path__, "app.core."):
        for name, kind in vars(import_module(found.name)).items():
            for word, ending in (
                ("state", "State"),
                ("action", "Action"),
                ("kind", "CaseKind"),
                ("reason", "CaseReason"),
            ):
                if isinstance(kind, type) and issubclass(kind, StrEnum) and name.endswith(ending):
                    missing += [(name, one.value) for one in kind if one.value not in names()[word]]

    assert missing == []


def test_a_refused_move_is_said_in_the_askers_language() -> None:
    params = {"state": "awaiting_accept", "action": "agree_exchange"}

    words = [say("illegal_transition", "detail", language, params) for language in ("zh", "en")]

    assert words[0] == "当前状态（待接单）不能执行此操作（同意换货）。"
    assert "awaiting accept" in words[1]
    unfit = {"kind": "exchange", "reason": "spoiled"}
    assert say("wrong_remedy", "detail", "zh", unfit) == "原因“商品变质”不支持换货。"
