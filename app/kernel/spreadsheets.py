"""Tables as files for spreadsheets: CSV and XLSX. A cell that a spreadsheet would compute is quoted (CWE-1236)."""

import csv
import io
from collections.abc import Iterable, Sequence

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> object:
    """Return ``value`` as a spreadsheet shows it and does not compute it; numbers and nothing stay what they are."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    written = str(value)
    return f"'{written}" if written.startswith(_COMPUTED) else written


def csv_rows(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as lines of RFC 4180."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([safe_cell(value) for value in row] for row in rows)
    return out.getvalue()


def csv_file(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as UTF-8 with a byte order mark, which spreadsheets in Chinese need."""
    return csv_rows(rows).encode("utf-8-sig")


def xlsx_file(title: str, rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as a workbook of one sheet called ``title``."""
    from openpyxl import Workbook  # noqa: PLC0415 - 21 MiB, and wanted by few requests

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([safe_cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
