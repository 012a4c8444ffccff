"""Tables as answers: JSON, or a file for spreadsheets."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from flask import Response

from app.kernel.errors import Invalid
from app.kernel.spreadsheets import XLSX, csv_file, xlsx_file


class TableFormat(StrEnum):
    """What a table is written as."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


class TableTooLong(Invalid):
    """A file of a table has at most ``rows_max`` rows."""

    code = "table_too_long"
    title = "The table is too long"


def file_of(kind: TableFormat, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return the table as a file that no cache keeps."""
    is_csv, whole = kind is TableFormat.CSV, (columns, *rows)
    body = csv_file(whole) if is_csv else xlsx_file("table", whole)
    response = Response(body, mimetype="text/csv" if is_csv else XLSX)
    response.headers["Cache-Control"] = "no-store"
    return response
