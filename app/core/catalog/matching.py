"""What two shops sell alike: name, brand and content in one normal form. Pure."""

import re
import unicodedata

from app.core.catalog.content import Content

_CONTENT = re.compile(
    r"(?:[1-9][0-9]{0,3}\s*[x×*]\s*)?[0-9]+(?:\.[0-9]+)?\s*(?:kg|g|ml|l|千克|公斤|克|斤|毫升|升|小时|分钟)"
    r"(?:\s*[x×*]\s*[1-9][0-9]{0,3}\s*[瓶罐袋包盒支]?)?"
)


def match_key(name: str, brand: str, content: Content | None) -> str:
    """Return the key under which what is alike meets: case, width, blanks, marks and the order of brand and size gone.

    Two names of one product may still have two keys; whether two of one key are one product, a person says.
    """
    plain = _CONTENT.sub("", _plain(name))
    own_brand = _letters(_plain(brand))
    letters = _letters(plain)
    if own_brand:
        letters = letters.replace(own_brand, "", 1)
    amount = "" if content is None else f"{content.count}x{content.amount}{content.unit.value}"
    return f"{own_brand}|{letters}|{amount}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _letters(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character)[0] in {"L", "N"})
