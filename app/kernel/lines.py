"""Lines of a file that others wrote: split at line feeds and nowhere else, none longer than any that is right."""

from collections.abc import Iterable, Iterator
from pathlib import Path

LINE_BYTES_MAX = 4_096
"""Longer than any line of a file that we read line by line."""
CHUNK_BYTES = 64 * 1024


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines, each with the line feed that ends it.

    What is no UTF-8 is replaced by U+FFFD, and a line that is too long comes cut off, as the last one: a reader who
    takes neither names the line.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield f"{line.decode(errors='replace')}\n"
        if len(rest) > LINE_BYTES_MAX:
            break
    if rest:
        yield rest[:LINE_BYTES_MAX].decode(errors="replace")


def lines_in(path: Path) -> Iterator[str]:
    """Yield the lines of a file, as :func:`lines_of` does."""
    with path.open("rb") as file:
        yield from lines_of(iter(lambda: file.read(CHUNK_BYTES), b""))
