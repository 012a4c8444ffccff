"""Lists of merchants as files: CSV in UTF-8, with or without a byte order mark, or GBK, recognized by their bytes."""

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.directory.rules import Listed, RowInvalid, columns_of, read_row

SAMPLE_BYTES = 1 << 20
FIELD_CHARACTERS_MAX = 10_000
"""A quotation mark that is never closed does not swallow the file."""


class ListUnreadable(Exception):
    """The file is no list that could be read; the message says why."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no listing, by the line of the file that it ends in."""

    line: int
    why: str


def digest_of(path: Path) -> bytes:
    """Return what a file is recognized by: SHA-256 of its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def encoding_of(path: Path) -> str:
    """Return the encoding of a file by its first mebibyte.

    :raises ListUnreadable: neither UTF-8 nor GBK.
    """
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in sample:
        raise ListUnreadable("文件不是 UTF-8 或 GBK 编码的 CSV（像是 UTF-16 或 Excel 文件），请另存为 CSV UTF-8")
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample, final=len(sample) < SAMPLE_BYTES)
        except UnicodeDecodeError:
            continue
        return encoding
    raise ListUnreadable("无法识别文件编码：请使用 UTF-8 或 GBK")


@dataclass
class Reader:
    """An open list; ``position`` tells how many of its bytes were read."""

    rows: Iterator[Listed | BadRow]
    raw: io.BufferedReader

    @property
    def position(self) -> int:
        """Bytes read so far, a buffer ahead of the rows."""
        return self.raw.tell()


@contextmanager
def open_list(path: Path, *, source: str) -> Iterator[Reader]:
    """Open a list and read its header.

    :raises ListUnreadable: it has no header that names what is needed.
    """
    encoding = encoding_of(path)
    with path.open("rb") as raw:
        file = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
        csv.field_size_limit(FIELD_CHARACTERS_MAX)
        lines = csv.reader(file)
        try:
            columns = columns_of(next(lines, []))
        except (csv.Error, RowInvalid) as error:
            raise ListUnreadable(f"表头无法识别：{error}") from None
        yield Reader(_rows(lines, columns, source), raw)


def _rows(lines: Any, columns: dict[str, int], source: str) -> Iterator[Listed | BadRow]:
    while True:
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(lines.line_num, f"CSV 有误：{error}")
            continue
        if not row:
            continue
        try:
            yield read_row(row, columns, source=source)
        except RowInvalid as error:
            yield BadRow(lines.line_num, str(error))
