"""Files of rows: CSV and XLSX to rows of text and back. What a file claims to be is not believed.

CSV is UTF-8, with or without a byte order mark, or else GB 18030, which holds GBK; XLSX is opened only after every part
of it was unpacked within a bound. Cells that a spreadsheet would compute are written as text.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from app.core.catalog.errors import FileTooLarge, FileUnreadable
from app.kernel.spreadsheets import csv_file, xlsx_file

FILE_BYTES_MAX = 5 * 1024 * 1024
UNPACKED_BYTES_MAX = 60 * 1024 * 1024
PARTS_MAX = 200
ROWS_MAX = 10_000
COLUMNS_MAX = 40
CELL_LENGTH_MAX = 1_000
_CHUNK = 64 * 1024
_ZIP = b"PK\x03\x04"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_XML = b"<?xml"
_DECLARED = re.compile(rb"<\?xml(?P<said>.*?)\?>", re.DOTALL)
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)[\"']")
_DOCTYPE = (b"<!DOCTYPE", b"<!ENTITY")

Cells = tuple[str, ...]


class FileKind(StrEnum):
    """What kind of file."""

    CSV = "csv"
    XLSX = "xlsx"


def read_rows(content: bytes) -> Iterator[Cells]:
    """Yield the rows of a file as text, its head first; at most :data:`ROWS_MAX` after it, and one that is too many.

    :raises FileTooLarge: it is larger than :data:`FILE_BYTES_MAX`, or unpacks to more than is let in.
    :raises FileUnreadable: neither CSV in a known encoding nor XLSX.
    """
    if len(content) > FILE_BYTES_MAX:
        raise FileTooLarge(bytes_max=FILE_BYTES_MAX)
    if content.startswith(_ZIP):
        _refuse_bombs(content)
        return _xlsx_rows(content)
    return _csv_rows(_decoded(content))


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise FileUnreadable


def _csv_rows(text: str) -> Iterator[Cells]:
    head = text.partition("\n")[0]
    delimiter = max(",\t;", key=head.count)
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)):
            if number > ROWS_MAX + 1:
                return
            yield tuple(cell.strip()[:CELL_LENGTH_MAX].removeprefix("'") for cell in cells[:COLUMNS_MAX])
    except csv.Error:
        raise FileUnreadable from None


def _refuse_bombs(content: bytes) -> None:
    """Unpack every part, counted, before anything interprets it; none may define what would be unfolded later."""
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise FileTooLarge(bytes_max=UNPACKED_BYTES_MAX)
            for part in parts:
                with archive.open(part) as opened:
                    seen = b""
                    while chunk := opened.read(_CHUNK):
                        unpacked += len(chunk)
                        if unpacked > UNPACKED_BYTES_MAX:
                            raise FileTooLarge(bytes_max=UNPACKED_BYTES_MAX)
                        if not seen and not _is_plain(chunk):
                            raise FileUnreadable
                        seen = seen[-len(_DOCTYPE[0]) :] + chunk
                        if any(mark in seen for mark in _DOCTYPE):
                            raise FileUnreadable
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise FileUnreadable from None


def _is_plain(head: bytes) -> bool:
    """Say whether a part that may be XML is written in UTF-8, so that its bytes can be searched for what is refused."""
    if head.startswith(_WIDE):
        return False
    head = head.removeprefix(b"\xef\xbb\xbf")
    if not head.startswith(_XML):
        return True
    declared = _DECLARED.match(head)
    encoding = None if declared is None else _ENCODING.search(declared["said"])
    return declared is not None and (encoding is None or encoding[1].lower() in {b"utf-8", b"us-ascii"})


def _xlsx_rows(content: bytes) -> Iterator[Cells]:
    from openpyxl import load_workbook  # noqa: PLC0415 - 21 MiB, and wanted by few requests

    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size is not believed
        for cells in sheet.iter_rows(max_row=ROWS_MAX + 2, values_only=True):
            yield tuple(_as_text(cell) for cell in cells[:COLUMNS_MAX])
    except Exception:  # noqa: BLE001 - the library raises whatever a broken file makes of it
        raise FileUnreadable from None


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        cell = int(cell) if cell.is_integer() else f"{cell:.15g}"  # as many digits as a spreadsheet shows
    return str(cell).strip()[:CELL_LENGTH_MAX].removeprefix("'")


def write_rows(kind: FileKind, rows: Iterable[Sequence[str]]) -> bytes:
    """Return a file of ``rows``."""
    return csv_file(rows) if kind is FileKind.CSV else xlsx_file("商品", rows)
