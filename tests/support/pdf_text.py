"""The Latin text of a PDF that reportlab made: what is drawn by simple strings, page by page, in order."""

from __future__ import annotations

import base64
import re
import zlib


def drawn(pdf: bytes) -> list[str]:
    """Return the strings that the pages of ``pdf`` draw in a font of one byte a character."""
    found: list[str] = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, flags=re.DOTALL):
        try:
            page = zlib.decompress(base64.a85decode(stream.strip(), adobe=stream.strip().startswith(b"<~"))
                                   if stream.strip().endswith(b"~>") and stream.strip().startswith(b"<~")
                                   else base64.a85decode(stream.strip().removesuffix(b"~>")))  # fmt: skip
        except (ValueError, zlib.error):
            continue
        found += [word.decode("latin-1") for word in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", page)]
    return found
