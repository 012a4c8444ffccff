from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from app.core.catalog.barcodes import check_digit, is_in_store, is_sound, read_barcode
from app.core.catalog.categories import read_attributes
from app.core.catalog.content import Content, ContentUnit, exact_unit_price, read_content, unit_price_fen
from app.core.catalog.errors import AttributesInvalid, BarcodeInvalid
from app.core.catalog.matching import match_key

G, ML, PIECE, MINUTE = ContentUnit.GRAM, ContentUnit.MILLILITER, ContentUnit.PIECE, ContentUnit.MINUTE


@pytest.mark.parametrize("barcode", ["6901028075831", "4006381333931", "96385074", "2012345678903", "0000000000000"])
def test_barcodes_whose_check_digit_agrees_are_sound(barcode: str) -> None:
    assert is_sound(barcode)
    assert read_barcode(barcode) == barcode


@pytest.mark.parametrize(
    "barcode", ["6901028075832", "96385075", "690102807583", "69010280758311", "690102807583x", ""]
)
def test_other_barcodes_are_refused(barcode: str) -> None:
    with pytest.raises(BarcodeInvalid):
        read_barcode(barcode)


def test_each_single_wrong_digit_is_noticed() -> None:
    sound = "6901028075831"

    wrong = [sound[:place] + str((int(sound[place]) + by) % 10) + sound[place + 1 :]
             for place in range(13) for by in range(1, 10)]  # fmt: skip

    assert not any(is_sound(barcode) for barcode in wrong)


def test_numbers_that_a_shop_gives_itself_begin_with_2() -> None:
    assert is_in_store("20" + "0" * 10 + check_digit("20" + "0" * 10))
    assert not is_in_store("6901028075831")


@pytest.mark.parametrize(
    "text, content",
    [("500g", Content(500, G)), ("500 克", Content(500, G)), ("1.5 L", Content(1500, ML)), ("2 斤", Content(1000, G)),
     ("6×330ml", Content(330, ML, 6)), ("6 x 330 ml", Content(330, ML, 6)), ("330ml*6瓶", Content(330, ML, 6)),
     ("１２ 个", Content(12, PIECE)), ("2 小时", Content(120, MINUTE)), ("2.5 kg", Content(2500, G))],
)  # fmt: skip
def test_contents_are_read_as_labels_write_them(text: str, content: Content) -> None:
    assert read_content(text) == content


@pytest.mark.parametrize("text", ["", "g", "0 g", "500", "500 horses", "0.3 g", "2 x 3 x 4 g", "99999999 g", "大份"])
def test_what_is_no_content_reads_as_none(text: str) -> None:
    assert read_content(text) is None


@pytest.mark.parametrize("content", [Content(500, G), Content(330, ML, 6), Content(3, PIECE), Content(90, MINUTE)])
def test_a_content_reads_back_as_it_is_written(content: Content) -> None:
    assert read_content(str(content)) == content


def test_unit_prices_are_those_of_100_grams_an_hour_or_a_piece_half_up() -> None:
    assert unit_price_fen(1_000, Content(500, G)) == 200
    assert unit_price_fen(999, Content(330, ML, 6)) == 50
    assert unit_price_fen(9_000, Content(90, MINUTE)) == 6_000
    assert unit_price_fen(1, Content(2, PIECE)) == 1
    assert exact_unit_price(1_000, Content(300, G)) == Fraction(1000, 3)


def test_the_same_thing_written_in_other_ways_has_one_key() -> None:
    keys = {
        match_key("农夫山泉 饮用天然水 550ml", "农夫山泉", Content(550, ML)),
        match_key("饮用天然水550 ML", "农夫山泉", Content(550, ML)),
        match_key("饮用・天然水（５５０毫升）", "农夫山泉", Content(550, ML)),
    }

    assert len(keys) == 1


def test_another_content_brand_or_name_has_another_key() -> None:
    keys = {
        match_key("饮用水", "农夫山泉", Content(550, ML)),
        match_key("饮用水", "农夫山泉", Content(550, ML, 12)),
        match_key("饮用水", "怡宝", Content(550, ML)),
        match_key("苏打水", "农夫山泉", Content(550, ML)),
    }

    assert len(keys) == 4


ASKED: list[dict[str, Any]] = [
    {"key": "origin", "kind": "text"},
    {"key": "spice", "kind": "choice", "choices": ["不辣", "微辣"]},
    {"key": "days", "kind": "number", "is_required": True},
    {"key": "is_fresh", "kind": "flag"},
]


def test_attributes_that_a_category_asks_for_are_taken() -> None:
    given = {"origin": "山东", "spice": "微辣", "days": 30, "is_fresh": True}

    assert read_attributes(ASKED, given) == given


@pytest.mark.parametrize(
    "given, key",
    [({}, "days"), ({"days": "30"}, "days"), ({"days": True}, "days"), ({"days": -1}, "days"),
     ({"days": 1, "hue": 1}, "hue"), ({"days": 1, "spice": "变态辣"}, "spice"), ({"days": 1, "spice": []}, "spice"),
     ({"days": 1, "origin": " "}, "origin"), ({"days": 1, "origin": "长" * 101}, "origin"),
     ({"days": 1, "is_fresh": 1}, "is_fresh"), ({"days": float("nan")}, "days")],
)  # fmt: skip
def test_other_attributes_are_refused_by_name(given: dict[str, object], key: str) -> None:
    with pytest.raises(AttributesInvalid) as refused:
        read_attributes(ASKED, given)

    assert refused.value.params["key"] == key
