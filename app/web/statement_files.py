"""A statement as a file that its party can check line by line: CSV, XLSX or PDF, all from the same lines.

Amounts in CSV and XLSX are whole fen; the PDF shows yuan. A PDF of a very long statement lists its first lines and says
how many more there are; the sums are of all of them.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from app.kernel.money import grouped_yuan
from app.kernel.spreadsheets import csv_file, xlsx_file
from app.web.pdf import A4_MM, FONT, new_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reportlab.pdfgen.canvas import Canvas

PDF_LINES_MAX = 3_000
_FIGURES = "Helvetica"
_TOP, _BOTTOM, _LEFT, _STEP = 790, 50, 50, 14
_COLUMNS_X = (50, 95, 165, 366, 424, 482, 545)

SUMS = (
    ("opening_fen", "期初余额", "Opening balance", 1),
    ("gross_fen", "订单金额", "Orders", 1),
    ("promotion_fen", "其中平台优惠券", "of it platform coupons", 1),
    ("fee_fen", "平台佣金", "Commission", -1),
    ("refunded_fen", "退款", "Refunds", -1),
    ("promotion_back_fen", "其中退回平台", "of it back to the platform", -1),
    ("fee_back_fen", "退回佣金", "Commission returned", 1),
    ("others_fen", "其他调整", "Other movements", 1),
    ("closing_fen", "期末余额", "Closing balance", 1),
    ("available_fen", "其中可提现", "of it available", 1),
    ("deposit_fen", "其中保证金", "of it deposit", 1),
    ("debt_fen", "其中欠款", "of it owed", -1),
)
"""Column of a statement, what it is called, and its sign there; what is "of it" (其中) is part of the line above it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``amount_fen = gross_fen - fee_fen``; what goes out is below zero.

    Of ``gross_fen``, ``promotion_fen`` is the part of the platform's coupon.

    :ivar kind: ``order``, ``tip``, ``refund``, or the kind of another journal. :ivar ref: what people call it.
    """

    day: str
    kind: str
    ref: str
    gross_fen: int
    promotion_fen: int
    fee_fen: int
    amount_fen: int


COLUMNS = tuple(field.name for field in fields(Line))


def as_csv(head: dict[str, Any], lines: Sequence[Line]) -> bytes:
    """Return the sums, an empty line, then the lines."""
    return csv_file(_rows(head, lines))


def as_xlsx(head: dict[str, Any], lines: Sequence[Line]) -> bytes:
    """Return a workbook of one sheet with the same rows."""
    return xlsx_file("statement", _rows(head, lines))


def as_pdf(head: dict[str, Any], lines: Sequence[Line]) -> bytes:
    """Return pages of A4: sums, then the lines."""
    page, out = new_sheet(*A4_MM)
    page.setTitle(f"statement {head['number']}")
    page.setFont(FONT, 16)
    page.drawString(_LEFT, _TOP, f"邻里 结算单 第 {head['number']} 期")
    page.setFont(FONT, 9)
    page.drawString(_LEFT, _TOP - 18, f"{head['period_from']} 至 {head['period_to']}    {head['statement_id']}")
    y = _TOP - 44
    for name, chinese, english, sign in SUMS:
        page.setFont(FONT, 9)
        page.drawString(_LEFT, y, f"{chinese} {english}")
        page.setFont(_FIGURES, 9)
        page.drawRightString(_COLUMNS_X[-1], y, grouped_yuan(sign * head[name]))
        y -= _STEP
    _draw_lines(page, lines, y - _STEP)
    page.save()
    return out.getvalue()


def _draw_lines(page: Canvas, lines: Sequence[Line], y: float) -> None:
    for line in lines[:PDF_LINES_MAX]:
        if y < _BOTTOM:
            page.showPage()
            y = _TOP
        page.setFont(_FIGURES, 8)
        for x, word in zip(_COLUMNS_X, (line.day, line.kind, line.ref), strict=False):
            page.drawString(x, y, word)
        amounts = (line.gross_fen, line.promotion_fen, -line.fee_fen, line.amount_fen)
        for x, amount_fen in zip(_COLUMNS_X[3:], amounts, strict=True):
            page.drawRightString(x, y, grouped_yuan(amount_fen))
        y -= _STEP
    if len(lines) > PDF_LINES_MAX:
        page.setFont(FONT, 9)
        page.drawString(_LEFT, y, f"另有 {len(lines) - PDF_LINES_MAX} 行，见 CSV / further lines are in the CSV")


def _rows(head: dict[str, Any], lines: Sequence[Line]) -> Iterator[tuple[object, ...]]:
    yield ("statement_id", str(head["statement_id"]))
    yield ("number", head["number"])
    yield ("period_from", str(head["period_from"]))
    yield ("period_to", str(head["period_to"]))
    for name, _, _, sign in SUMS:
        yield (name, sign * head[name])
    yield ()
    yield COLUMNS
    for line in lines:
        yield astuple(line)
