"""Marks that nobody sees (不可见字符): in words they mean nothing, unless they make one emoji of several. Pure.

Zero widths, joiners, directions, soft hyphens, selectors of variants, tags, fillers. :func:`without_marks` is done to
names by the database's ``search_words`` as well; a test holds the two to each other. Marks of Mongolian letters stay.
"""

import re
import unicodedata

_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff"
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff\u3030"
    "\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_MARK = re.compile(f"[{_UNSEEN}]")
_MARK_OR_EMOJI = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"  # flags of regions
    "|[0-9#*]\ufe0f\u20e3"  # keycaps
    f"|[{_EMOJI}][\ufe0e\ufe0f]?(?:\u200d[{_EMOJI}]\ufe0f?)*"
    f"|(?P<mark>[{_UNSEEN}])"
)
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean(text: str) -> str:
    """Return ``text`` as it is kept: NFC, no blanks around it, no marks that nobody sees but those within an emoji."""
    if not text.isascii() and _MARK.search(text):
        text = _MARK_OR_EMOJI.sub(lambda found: "" if found["mark"] else found[0], text)
    return unicodedata.normalize("NFC", text).strip()


def without_marks(text: str) -> str:
    """Return ``text`` without any of the marks, as words are compared: an emoji without its joiners is its parts."""
    return text if text.isascii() else _MARK.sub("", text)


def is_one_line(text: str) -> bool:
    """Say whether ``text`` has no control character, half of a pair or end of a line in it."""
    return text.isprintable() or all(unicodedata.category(one) not in _REFUSED for one in text)
