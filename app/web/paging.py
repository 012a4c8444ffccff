"""Lists: ``{items, next_cursor}``, newest first, always with a limit. A cursor is the last id, opaque to callers."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.kernel.errors import Invalid
from app.web.fields import Int, Query, Text

LIMIT_MAX = 100
NEWEST = UUID(int=2**128 - 1)


class CursorInvalid(Invalid):
    """The cursor is not one that this list gave."""

    code = "cursor_invalid"
    title = "The cursor is not valid"


class PageQuery(Query):
    """What every list takes."""

    limit = Int(low=1, high=LIMIT_MAX, load_default=20)
    cursor = Text(high=64, load_default=None)


def read_cursor(cursor: str | None) -> UUID:
    """Return the id that a page starts before; without a cursor, one above all.

    :raises CursorInvalid: it was not made by :func:`page`.
    """
    if cursor is None:
        return NEWEST
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error):
        raise CursorInvalid(pointer="/cursor") from None


def page(rows: Sequence[dict[str, Any]], *, limit: int, key: str) -> dict[str, Any]:
    """Return a page from up to ``limit + 1`` rows; the one too many says that there is more."""
    more = len(rows) > limit
    items = list(rows[:limit])
    cursor = base64.urlsafe_b64encode(items[-1][key].bytes).decode().rstrip("=") if more else None
    return {"items": items, "next_cursor": cursor}
