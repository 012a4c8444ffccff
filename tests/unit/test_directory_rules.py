"""What makes a row a listing, and two listings one merchant."""

from __future__ import annotations

import pytest

from app.cli.directory.invented import invent
from app.core.directory.cells import cell_of, cells_around
from app.core.directory.rules import (
    LAT_MAX,
    LNG_MAX,
    Listed,
    RowInvalid,
    bands_of,
    columns_of,
    firsts_of,
    name_key,
    read_row,
)
from app.core.search.words import normal

COLUMNS = columns_of(["name", "category", "lat", "lng", "address"])


@pytest.mark.parametrize(
    "header",
    [["name", "category", "lat", "lng"], ["店名", "分类", "纬度", "经度"], ["LAT", "lng", "Name", "x", "类别"]],
)
def test_columns_are_found_by_either_language(header: list[str]) -> None:
    assert {"name", "category", "lat", "lng"} <= set(columns_of(header))


@pytest.mark.parametrize("header", [[], ["name", "lat", "lng"], ["name", "名称", "category", "lat", "lng"]])
def test_a_header_without_what_is_needed_or_with_it_twice_is_refused(header: list[str]) -> None:
    with pytest.raises(RowInvalid):
        columns_of(header)


@pytest.mark.parametrize(
    "row, why",
    [
        (["", "便利店", "39.9", "116.4", ""], "名称"),
        (["甲" * 101, "便利店", "39.9", "116.4", ""], "名称"),
        (["甲\x07", "便利店", "39.9", "116.4", ""], "控制字符"),
        (["甲\ufffd", "便利店", "39.9", "116.4", ""], "编码"),
        (["甲", "", "39.9", "116.4", ""], "类别"),
        (["甲", "便利店", "x", "116.4", ""], "纬度不是数字"),
        (["甲", "便利店", "nan", "116.4", ""], "不在中国"),
        (["甲", "便利店", "inf", "116.4", ""], "不在中国"),
        (["甲", "便利店", "116.4", "39.9", ""], "填反"),
        (["甲", "便利店", "0", "0", ""], "不在中国"),
        (["甲", "便利店", "39.9"], "列"),
    ],
)
def test_a_row_that_is_no_listing_says_why(row: list[str], why: str) -> None:
    with pytest.raises(RowInvalid, match=why):
        read_row(row, COLUMNS, source="test")


def test_a_sound_row_is_read_trimmed() -> None:
    row = read_row([" 禾满便利店 ", "便利店", "39.9", "116.4", ""], COLUMNS, source="test")

    assert row == Listed("禾满便利店", "便利店", 39.9, 116.4, "", "test")


def test_a_circle_lies_in_its_squares() -> None:
    cells = cells_around(39.9, 116.4, 500)

    assert cell_of(39.9, 116.4) in cells
    assert cell_of(39.9 + 0.0044, 116.4) in cells
    assert cell_of(39.9, 116.4 - 0.0058) in cells
    assert len(cells) <= 16


def test_names_that_differ_by_width_or_script_or_space_share_a_key() -> None:
    assert name_key("大峪 便利店", normal) == name_key("大峪便利店", normal) == name_key("大峪便 利店 ", normal)
    assert name_key("大峪便利店二店", normal) != name_key("大峪便利店", normal)


def test_what_came_first_is_kept_and_what_is_near_a_merged_one_alone_is_kept_too() -> None:
    assert firsts_of([(2, 1), (3, 2)]) == {2: 1}
    assert firsts_of([(4, 3), (4, 1), (3, 2), (3, 1)]) == {3: 1, 4: 1}
    assert firsts_of([]) == {}


def test_bands_hold_every_row_of_the_map_once() -> None:
    assert bands_of([(3, 5), (4, 5), (9, 1), (12, 40)], 10) == [(3, 5), (9, 13)]
    assert bands_of([(3, 5)], 10) == [(3, 4)]
    assert bands_of([], 10) == []


def test_invented_merchants_are_the_same_for_the_same_seed_and_sound() -> None:
    first, again, other = (list(invent(300, seed)) for seed in (1, 1, 2))

    assert first == again != other
    assert all(read_row([one.name, one.category, str(one.lat), str(one.lng), ""], COLUMNS, source="x") for one in first)
    assert all(one.lat <= LAT_MAX and one.lng <= LNG_MAX for one in first)
