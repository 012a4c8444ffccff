"""How much is in it: content (净含量), and the price of a unit of it by which different sizes compare. Pure.

Source of the units that are shown: 《定量包装商品计量监督管理办法》 (g and ml, or pieces); services are counted by the
hour.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class ContentUnit(StrEnum):
    """What a content is counted in."""

    GRAM = "g"
    MILLILITER = "ml"
    PIECE = "piece"
    MINUTE = "minute"


UNIT_SIZE: Mapping[ContentUnit, int] = {
    ContentUnit.GRAM: 100,
    ContentUnit.MILLILITER: 100,
    ContentUnit.PIECE: 1,
    ContentUnit.MINUTE: 60,
}
"""A unit price is that of so much: 100 g, 100 ml, one piece, one hour."""

AMOUNT_MAX = 1_000_000
COUNT_MAX = 1_000

_UNITS: Mapping[str, tuple[ContentUnit, int]] = {
    **dict.fromkeys(("g", "克"), (ContentUnit.GRAM, 1)),
    **dict.fromkeys(("kg", "千克", "公斤"), (ContentUnit.GRAM, 1000)),
    "斤": (ContentUnit.GRAM, 500),
    "两": (ContentUnit.GRAM, 50),
    **dict.fromkeys(("ml", "毫升"), (ContentUnit.MILLILITER, 1)),
    **dict.fromkeys(("l", "升"), (ContentUnit.MILLILITER, 1000)),
    **dict.fromkeys(
        ("piece", "pc", "件", "个", "只", "片", "包", "袋", "盒", "瓶", "罐", "支", "枚", "张", "卷", "份", "条", "双"),
        (ContentUnit.PIECE, 1),
    ),
    **dict.fromkeys(("min", "minute", "分钟"), (ContentUnit.MINUTE, 1)),
    **dict.fromkeys(("h", "hour", "小时"), (ContentUnit.MINUTE, 60)),
}
_FORM = re.compile(
    r"(?:(?P<count>[1-9][0-9]{0,3})\s*[x×*]\s*)?(?P<amount>[0-9]{1,7}(?:\.[0-9]{1,3})?)\s*(?P<unit>[a-z]+|[一-鿿]+)"
    r"(?:\s*[x×*]\s*(?P<count_after>[1-9][0-9]{0,3})\s*(?:[一-鿿]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Content:
    """``count`` times ``amount`` of ``unit``: 500 g is ``(500, g, 1)``, 6 × 330 ml is ``(330, ml, 6)``."""

    amount: int
    unit: ContentUnit
    count: int = 1

    @property
    def total(self) -> int:
        """All of it, in ``unit``."""
        return self.amount * self.count

    def __str__(self) -> str:
        """Write it as on a label, and as :func:`read_content` reads it."""
        words = {ContentUnit.PIECE: "件", ContentUnit.MINUTE: "分钟"}
        one = f"{self.amount} {words.get(self.unit, self.unit.value)}"
        return one if self.count == 1 else f"{self.count} × {one}"


def read_content(text: str) -> Content | None:
    """Return the content that ``text`` writes (``500g``, ``1.5 L``, ``6×330ml``, ``2 小时``), or None if it is none."""
    found = _FORM.fullmatch(unicodedata.normalize("NFKC", text).strip().lower())
    if found is None or found["unit"] not in _UNITS or (found["count"] and found["count_after"]):
        return None
    unit, factor = _UNITS[found["unit"]]
    amount = Fraction(found["amount"]) * factor
    count = int(found["count"] or found["count_after"] or 1)
    if amount.denominator != 1 or not 0 < amount <= AMOUNT_MAX or count > COUNT_MAX:
        return None
    return Content(int(amount), unit, count)


def exact_unit_price(price_fen: int, content: Content) -> Fraction:
    """Return fen for :data:`UNIT_SIZE` of the content's unit, exactly: what sizes are ordered by."""
    return Fraction(price_fen * UNIT_SIZE[content.unit], content.total)


def unit_price_fen(price_fen: int, content: Content) -> int:
    """Return fen for :data:`UNIT_SIZE` of the content's unit, rounded half up: what is shown."""
    size = price_fen * UNIT_SIZE[content.unit]
    return (2 * size + content.total) // (2 * content.total)
