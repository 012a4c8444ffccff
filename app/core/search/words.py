"""What words mean: one normal form of names and questions, other names of things, and what a question is looked for by.

:func:`normal` is done to names by the database's ``search_words`` as well; a test holds the two to each other.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

from app.core.search.pinyin import spellings
from app.kernel.geo import map_cells
from app.kernel.marks import without_marks

TERMS_MAX = 8
WORDS_MAX = 60
ALTERNATIVES_MAX = 12
TYPO_CHINESE_MIN, TYPO_LATIN_MIN = 3, 5
"""From how many characters on a word may have one wrong."""
NEAR_M_MAX = 10_000
NEAR_ZOOM, WIDE_ZOOM = 13, 9
"""Squares of some 4 km for circles up to :data:`NEAR_M_MAX`, of some 60 km for wider ones, at 40 degrees north."""
_SPACES = re.compile(r"[ \t\n\r\f\v]+")
_LATIN = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a question: what a name holds if it is meant.

    :param word: in normal form. :param alternatives: it, and the same by other names.
    :param readings: regular expressions over readings in pinyin, where the word may be one.
    """

    word: str
    alternatives: tuple[str, ...]
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in normal form. A name answers it that holds every term."""

    whole: str
    terms: tuple[Term, ...]


def normal(text: str) -> str:
    """Return ``text`` with compatibility forms (full width), Latin capitals and traditional characters made usual.

    Marks that nobody sees are gone.
    """
    usual = unicodedata.normalize("NFKC", without_marks(text)).translate(_usual())
    return _SPACES.sub(" ", usual).strip(" ")


def read_words(text: str) -> Asked | None:
    """Return what ``text`` asks for; None when there is nothing in it, or too much.

    At most :data:`TERMS_MAX` words apart by spaces.
    """
    whole = normal(text)
    words = tuple(dict.fromkeys(whole.split(" ")))
    if not whole or len(words) > TERMS_MAX or len(whole) > WORDS_MAX * 2:
        return None
    return Asked(whole, tuple(Term(word, _alternatives(word), _readings(word)) for word in words))


def contains(word: str) -> str:
    """Return the LIKE pattern of what holds ``word``."""
    return f"%{_escaped(word)}%"


def begins(word: str) -> str:
    """Return the LIKE pattern of what begins with ``word``."""
    return f"{_escaped(word)}%"


def initials(reading: str) -> str:
    """Return the capitals of a reading, or of a regular expression over readings outside of its classes."""
    return "".join(letter for letter in reading if letter.isupper())


def tokens(word: str) -> list[int]:
    """Return what the index knows of every name that holds ``word``: its pairs of neighbors, or its one character.

    A space has no token.
    """
    if len(word) == 1:
        return [ord(word)]
    return sorted({_pair(left, right) for left, right in pairwise(word) if " " not in {left, right}})


def squares(box: tuple[float, float, float, float], radius_m: float) -> list[int]:
    """Return the tokens of squares of the map that a box of ``box_around`` touches, as ``place_token`` makes them."""
    zoom = NEAR_ZOOM if radius_m <= NEAR_M_MAX else WIDE_ZOOM
    tag = 0x1000_0000 if zoom == NEAR_ZOOM else 0x1800_0000
    return [tag | cell >> 31 << zoom | cell & (1 << 31) - 1 for cell in map_cells(box, zoom)]


def almost(word: str) -> tuple[str, ...]:
    """Return LIKE patterns of what holds ``word`` with one character wrong, missing, too many, or two of them swapped.

    Nothing for short words: one wrong character of two is another word.
    """
    shortest = TYPO_LATIN_MIN if _LATIN.fullmatch(word) else TYPO_CHINESE_MIN
    if len(word) < shortest:
        return ()
    places = range(len(word))
    found = [f"{_escaped(word[:at])}_{_escaped(word[at + 1 :])}" for at in places]
    found += [f"{_escaped(word[:at])}_{_escaped(word[at:])}" for at in places if at]
    found += [_escaped(word[:at] + word[at + 1 :]) for at in places if len(word) > shortest]
    found += [_escaped(word[:at] + word[at + 1] + word[at] + word[at + 2 :]) for at in places[:-1]]
    return tuple(f"%{pattern}%" for pattern in dict.fromkeys(found))


def halves(word: str) -> tuple[list[int], list[int]]:
    """Return the tokens of both halves of ``word``: with one character wrong, one half is still there."""
    middle = len(word) // 2
    return tokens(word[:middle]), tokens(word[middle:])


def _pair(left: str, right: str) -> int:
    """Return two characters in one signed integer of 32 bits, as ``search_tokens`` makes it."""
    pair = ((ord(left) << 16) ^ ord(right)) & 0xFFFF_FFFF
    return int.from_bytes(pair.to_bytes(4, "big"), "big", signed=True)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _alternatives(word: str) -> tuple[str, ...]:
    found = [word]
    for name, others in synonyms().items():
        if name in word:
            found += [word.replace(name, other) for other in others]
    return tuple(dict.fromkeys(found))[:ALTERNATIVES_MAX]


def _readings(word: str) -> tuple[str, ...]:
    return spellings(word) if len(word) > 1 and _LATIN.fullmatch(word) else ()


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """Return each word of the table with the other words of its group."""
    groups = [line.split() for line in _lines("synonyms.txt") if not line.startswith("#")]
    return {word: tuple(other for other in group if other != word) for group in groups for word in group}


@cache
def _usual() -> dict[int, str]:
    capitals = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    return capitals | {ord(line[0]): line[1] for line in _lines("traditional.txt")}


def _lines(name: str) -> list[str]:
    return files("app.core.search").joinpath("data", name).read_text(encoding="utf-8").splitlines()
