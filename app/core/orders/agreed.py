"""What a resident agrees to by naming a quote, and what became of it since: compared field by field. Pure.

A quote's version is the digest of what is agreed to, so two versions differ exactly where :func:`changes_between` finds
a difference. What the platform takes and how the shop counts is no part of it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Agreed = Mapping[str, Mapping[str, Any]]
"""Shop → field → value; under ``lines``, SKU → field → value. Ids are text, as they are kept."""

LINES = "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that is not as it was agreed to; of a line where ``sku_id`` is not None.

    A line that is no longer in the cart has a ``quantity`` of 0 now, one that came into it had 0.
    """

    shop_id: str
    sku_id: str | None
    field: str
    was: Any
    now: Any


def version_of(agreed: Agreed) -> str:
    """Return the digest of ``agreed``, 32 hex digits, whatever the order of its parts."""
    return hashlib.sha256(orjson.dumps(agreed, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def changes_between(was: Agreed, now: Agreed) -> list[Change]:
    """Return every field that differs: shops as they were agreed to, then what came in since."""
    return [change for shop_id in dict.fromkeys([*was, *now]) for change in _of_shop(shop_id, was, now)]


def _of_shop(shop_id: str, was: Agreed, now: Agreed) -> Iterator[Change]:
    old, new = was.get(shop_id), now.get(shop_id)
    if old is not None and new is not None:
        for field in dict.fromkeys([*old, *new]):
            if field != LINES and old.get(field) != new.get(field):
                yield Change(shop_id=shop_id, sku_id=None, field=field, was=old.get(field), now=new.get(field))
    old_lines = {} if old is None else old[LINES]
    new_lines = {} if new is None else new[LINES]
    for sku_id in dict.fromkeys([*old_lines, *new_lines]):
        before, after = old_lines.get(sku_id), new_lines.get(sku_id)
        if before is None or after is None:
            held, holds = (0 if line is None else line["quantity"] for line in (before, after))
            yield Change(shop_id=shop_id, sku_id=sku_id, field="quantity", was=held, now=holds)
            continue
        for field in dict.fromkeys([*before, *after]):
            if before.get(field) != after.get(field):
                yield Change(shop_id=shop_id, sku_id=sku_id, field=field, was=before.get(field), now=after.get(field))
