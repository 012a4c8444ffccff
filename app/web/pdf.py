"""Sheets of paper as PDF: Chinese in a font that readers bring along, and the same bytes for the same content."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reportlab.pdfgen.canvas import Canvas

FONT = "STSong-Light"
MM = 72 / 25.4
"""A millimeter, in the points that a canvas counts in."""
A4_MM = (210.0, 297.0)
A5_MM = (148.0, 210.0)


def new_sheet(width_mm: float, height_mm: float) -> tuple[Canvas, io.BytesIO]:
    """Return an empty sheet, and the file that holds it once it is saved."""
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415 - 6 MiB, and wanted by few requests
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont  # noqa: PLC0415 - the same
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415 - the same

    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    file = io.BytesIO()
    return Canvas(file, pagesize=(width_mm * MM, height_mm * MM), invariant=1), file


def new_slip(title: str, lines: Sequence[str]) -> bytes:
    """Return half a page, A5 across: a title, and a line below each other."""
    height_mm, width_mm = A5_MM
    sheet, file = new_sheet(width_mm, height_mm)
    width, height = width_mm * MM, height_mm * MM
    sheet.setFont(FONT, 20)
    sheet.drawCentredString(width / 2, height - 60, title)
    sheet.setFont(FONT, 11)
    for place, line in enumerate(lines):
        sheet.drawString(50, height - 110 - 26 * place, line)
    sheet.save()
    return file.getvalue()
