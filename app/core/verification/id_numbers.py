"""Citizens' ID numbers (公民身份号码): form, checksum, region, birth date and age.

Source: GB 11643-1999: six digits of region, eight of birth date, three of sequence, one check character by ISO 7064
MOD 11-2. Regions begin with the two digits of a province, GB/T 2260.
"""

from dataclasses import dataclass
from datetime import date
from typing import Self

from app.core.verification.errors import IdNumberInvalid

ADULT_YEARS = 18
_WEIGHTS = tuple(2**place % 11 for place in range(17, 0, -1))
_CHECKS = "10X98765432"
_PROVINCES = frozenset({*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66)})
_REGIONS = frozenset(map(str, _PROVINCES | {71, 81, 82, 83}))
_BORN_MIN = date(1900, 1, 1)
_LENGTH = 18


def check_character(body: str) -> str:
    """Return the eighteenth character for the first seventeen digits."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A number that can be somebody's; whether it is, only an outside party knows."""

    text: str
    born_on: date

    @classmethod
    def read(cls, text: str, *, today: date) -> Self:
        """Read a number as people type it.

        :raises IdNumberInvalid: wrong length, characters, region, birth date or checksum; which, is not said.
        """
        clean = text.strip().upper()
        body = clean[:-1]
        if len(clean) != _LENGTH or not (body.isascii() and body.isdigit()) or clean[:2] not in _REGIONS:
            raise IdNumberInvalid(pointer="/id_number")
        try:
            born_on = date(int(clean[6:10]), int(clean[10:12]), int(clean[12:14]))
        except ValueError:
            raise IdNumberInvalid(pointer="/id_number") from None
        if not _BORN_MIN <= born_on <= today or check_character(body) != clean[-1]:
            raise IdNumberInvalid(pointer="/id_number")
        return cls(clean, born_on)

    def is_adult(self, today: date) -> bool:
        """Say whether the eighteenth birthday has come; who is born on 29 February comes of age on 1 March."""
        return (today.year - self.born_on.year, today.month, today.day) >= (
            ADULT_YEARS,
            self.born_on.month,
            self.born_on.day,
        )
