from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from app.core.catalog.content import Content, ContentUnit
from app.core.catalog.errors import ColumnsLacking, ColumnsRepeated, FileTooLarge, FileUnreadable
from app.core.catalog.models import OfferState
from app.core.catalog.review import is_paused_after, state_after
from app.core.catalog.sheet_files import FILE_BYTES_MAX, ROWS_MAX, FileKind, _refuse_bombs, read_rows, write_rows
from app.core.catalog.sheets import EXAMPLE, HEAD, SheetRow, read_head, read_row
from app.kernel.money import yuan
from app.kernel.spreadsheets import safe_cell

if TYPE_CHECKING:
    from collections.abc import Callable

CATEGORIES = frozenset({"retail.drinks.water"})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_csv_of_any_usual_encoding_is_recognized(encoding: str, delimiter: str) -> None:
    content = f"名称{delimiter}售价\r\n鲜牛奶{delimiter}3.50\r\n".encode(encoding)

    assert list(read_rows(content)) == [("名称", "售价"), ("鲜牛奶", "3.50")]


@pytest.mark.parametrize("kind", list(FileKind))
def test_what_is_written_reads_back(kind: FileKind) -> None:
    rows = [HEAD, EXAMPLE, ("", "", "=1+2", "+饮料", "", "@牌", "-大", "", "1.00", "0.00", "", "", "")]

    read = list(read_rows(write_rows(kind, rows)))

    assert read == [tuple(row) for row in rows]


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_that_a_spreadsheet_would_compute_leaves(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"
    assert f"'{cell}".encode().strip() in write_rows(FileKind.CSV, [[cell]])


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def lying() -> bytes:
    """Return a zip whose part says that it is small, and is not."""
    content = packed(sheet=b"0" * 1_000_000)
    size = (1_000_000).to_bytes(4, "little")
    return content.replace(size, (10).to_bytes(4, "little"))


def unfolding(encoding: str, *, declared: str, before: int = 0) -> bytes:
    """Return XML that has a definition of what is to be unfolded, after so many bytes of a comment."""
    comment = f"<!--{'-' if before else ''}".ljust(before, "x") + "-->"
    head = f'<?xml version="1.0" encoding="{declared}"?>'
    body = f"{comment if before else ''}<!DOCTYPE x>"
    return (head + body).encode(encoding) if encoding != "cp037" else head.encode() + body.encode(encoding)


BOMBS: dict[str, tuple[Callable[[], bytes], type[Exception]]] = {
    "too long": (lambda: b"a" * (FILE_BYTES_MAX + 1), FileTooLarge),
    "bomb": (lambda: packed(sheet=b"0" * 70_000_000), FileTooLarge),
    "too many parts": (lambda: packed(**{f"part{n}": b"" for n in range(201)}), FileTooLarge),
    "lying about its size": (lying, FileUnreadable),
    "entities": (lambda: packed(sheet=b"<!DOCTYPE x [<!ENTITY a 'b'>]>"), FileUnreadable),
    "no sheet in it": (lambda: packed(sheet=b"x"), FileUnreadable),
    "no zip": (lambda: b"PK\x03\x04 and no zip", FileUnreadable),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", FileUnreadable),
    "UTF-16": (lambda: "名称".encode("utf-16"), FileUnreadable),
    "an open quote": (lambda: b'"a', FileUnreadable),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_and_what_is_no_sheet_are_refused(name: str) -> None:
    make, error = BOMBS[name]
    content = make()

    with pytest.raises(error):
        list(read_rows(content))


@pytest.mark.parametrize(
    "content",
    [unfolding("utf-16", declared="utf-16"), unfolding("utf-16-le", declared="utf-16"),
     unfolding("utf-16-be", declared="utf-16"), unfolding("cp037", declared="cp037"),
     b"<?xml" + b" " * 70_000 + unfolding("cp037", declared="cp037")[5:]],
    ids=["UTF-16", "little without a mark", "big without a mark", "EBCDIC", "EBCDIC, said late"],
)  # fmt: skip
def test_no_encoding_hides_what_is_to_be_unfolded(content: bytes) -> None:
    with pytest.raises(FileUnreadable):
        _refuse_bombs(packed(sheet=content))


@pytest.mark.parametrize("before", range(64 * 1024 - 60, 64 * 1024, 6))
def test_entities_are_seen_wherever_a_part_is_cut_for_reading(before: int) -> None:
    content = unfolding("utf-8", declared="UTF-8", before=before)

    with pytest.raises(FileUnreadable):
        _refuse_bombs(packed(sheet=content))


def test_a_number_that_a_spreadsheet_computed_is_read_as_it_is_shown() -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["a", 2.2 * 1.1, 1e3, 6901028075831.0])
    out = io.BytesIO()
    book.save(out)

    assert list(read_rows(out.getvalue())) == [("a", "2.42", "1000", "6901028075831")]


def test_no_more_rows_than_are_taken_are_read() -> None:
    assert len(list(read_rows(b"a\n" * (ROWS_MAX + 500)))) == ROWS_MAX + 2


def test_columns_are_found_by_what_people_call_them() -> None:
    assert read_head(["商品名称*", "价格（元）", "分类", "备注"]) == {"name": 0, "price": 1, "category": 2}


def test_a_sheet_without_the_needed_columns_is_refused_by_their_names() -> None:
    with pytest.raises(ColumnsLacking) as refused:
        read_head(["名称", "备注"])

    assert refused.value.params["columns"] == "货架分组、售价"


def test_a_sheet_with_a_column_twice_is_refused_by_its_name() -> None:
    with pytest.raises(ColumnsRepeated) as refused:
        read_head(["名称", "商品名称", "分组", "售价", "价格", "单价"])

    assert refused.value.params["columns"] == "名称、售价"


def row_of(**cells: str) -> object:
    titles = {"price": "售价（元）", "name": "名称", "on_hand": "库存", "barcode": "条码", "content": "净含量",
              "state": "状态", "category": "货架分组", "code": "类目编码", "per_person": "每人限购", "id": "规格编号",
              "packing": "打包费（元）"}  # fmt: skip
    given = {titles[key]: value for key, value in cells.items()}
    values = [given.get(title, value) for title, value in zip(HEAD, EXAMPLE, strict=True)]
    return read_row(7, values, read_head(HEAD), CATEGORIES)


def test_the_example_of_the_template_is_right() -> None:
    row = row_of()

    assert isinstance(row, SheetRow)
    assert (row.price_fen, row.on_hand, row.content) == (250, 100, Content(550, ContentUnit.MILLILITER))


@pytest.mark.parametrize(
    "price, fen", [("2.5", 250), ("¥3", 300), ("1,234.50", 123_450), ("２．５０元", 250), ("0.01", 1)]
)
def test_prices_are_read_as_people_write_them(price: str, fen: int) -> None:
    row = row_of(price=price)

    assert isinstance(row, SheetRow)
    assert row.price_fen == fen
    assert row_of(price=yuan(fen)) == row


@pytest.mark.parametrize(
    "cells, column",
    [({"price": ""}, "售价"), ({"price": "0"}, "售价"), ({"price": "-1"}, "售价"), ({"price": "2.505"}, "售价"),
     ({"price": "1e3"}, "售价"), ({"price": "100000.01"}, "售价"), ({"name": ""}, "名称"),
     ({"name": "水" * 101}, "名称"),
     ({"name": "a\x07b"}, "名称"), ({"on_hand": "-1"}, "库存"), ({"on_hand": "1.5"}, "库存"),
     ({"on_hand": "多"}, "库存"),
     ({"barcode": "6901028075832"}, "条码"), ({"content": "一大瓶"}, "净含量"), ({"state": "卖光"}, "状态"),
     ({"code": "food.meals"}, "类目编码"), ({"per_person": "0"}, "每人限购"), ({"id": "x"}, "规格编号"),
     ({"packing": "一元"}, "打包费")],
)  # fmt: skip
def test_a_wrong_cell_is_named_by_row_and_column(cells: dict[str, str], column: str) -> None:
    errors = row_of(**cells)

    assert isinstance(errors, list)
    assert [(error.row, error.column) for error in errors] == [(7, column)]
    assert errors[0].detail


@pytest.mark.parametrize(
    "written, state", [("", None), ("审核中", None), ("未通过", None), ("下架", "paused"), ("在售", "on_sale")]
)
def test_a_state_that_is_not_the_merchants_to_set_is_left(written: str, state: str | None) -> None:
    row = row_of(state=written)

    assert isinstance(row, SheetRow)
    assert row.state == state


S = OfferState


@pytest.mark.parametrize(
    "current, asked, is_reviewed, is_said_anew, after",
    [(S.ON_SALE, None, True, True, S.IN_REVIEW), (S.ON_SALE, S.ON_SALE, True, True, S.IN_REVIEW),
     (S.ON_SALE, S.PAUSED, True, False, S.PAUSED), (S.IN_REVIEW, S.ON_SALE, True, False, S.IN_REVIEW),
     (S.IN_REVIEW, S.PAUSED, False, False, S.IN_REVIEW), (S.REFUSED, S.ON_SALE, False, False, S.IN_REVIEW),
     (S.REFUSED, S.PAUSED, False, False, S.REFUSED), (S.IN_REVIEW, S.REMOVED, True, True, S.REMOVED),
     (S.ON_SALE, None, False, True, S.ON_SALE), (S.PAUSED, S.ON_SALE, False, True, S.ON_SALE)],
)  # fmt: skip
def test_what_is_looked_at_first_comes_on_sale_by_the_platform_alone(
    current: S,
    asked: S | None,
    is_reviewed: bool,  # noqa: FBT001 - a case
    is_said_anew: bool,  # noqa: FBT001 - a case
    after: S,
) -> None:
    assert state_after(current, asked, is_reviewed=is_reviewed, is_said_anew=is_said_anew) is after


@pytest.mark.parametrize(
    "current, asked, was, after",
    [(S.PAUSED, None, False, True), (S.ON_SALE, None, True, False), (S.IN_REVIEW, None, True, True),
     (S.IN_REVIEW, S.PAUSED, False, True), (S.REFUSED, S.ON_SALE, True, False), (S.PAUSED, S.ON_SALE, False, False)],
)  # fmt: skip
def test_what_is_approved_comes_back_as_its_merchant_last_put_it(
    current: S,
    asked: S | None,
    was: bool,  # noqa: FBT001 - a case
    after: bool,  # noqa: FBT001 - a case
) -> None:
    assert is_paused_after(current, asked, was_paused_after=was) is after
