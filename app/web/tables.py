"""Tables as files for spreadsheets: CSV and XLSX. A cell that a spreadsheet would take for a formula is quoted."""

import csv
import io
from collections.abc import Iterable, Sequence
from enum import StrEnum

from flask import Response
from openpyxl import Workbook

from app.kernel.errors import Invalid

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class TableFormat(StrEnum):
    """What a table is written as."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


class TableTooLong(Invalid):
    """A file of a table has at most ``rows_max`` rows."""

    code = "table_too_long"
    title = "The table is too long"


def safe_cell(value: object) -> object:
    """Return ``value`` as no spreadsheet takes it for a formula; numbers stay numbers."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    written = str(value)
    return f"'{written}" if written.startswith(_FORMULA) else written


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return RFC 4180 with the byte order mark that spreadsheets want."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a workbook of one sheet with the same cells."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("table")
    sheet.append(list(columns))
    for row in rows:
        sheet.append([safe_cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def file_of(kind: TableFormat, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return the table as a file that no cache keeps."""
    is_csv = kind is TableFormat.CSV
    body = as_csv(columns, rows) if is_csv else as_xlsx(columns, rows)
    response = Response(body, mimetype="text/csv" if is_csv else XLSX)
    response.headers["Cache-Control"] = "no-store"
    return response
