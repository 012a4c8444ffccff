"""Numbers of accounts with billers (户号): length and check digit, by the scheme that a biller uses. Pure.

Sources: ISO/IEC 7812-1 annex B (Luhn); ISO/IEC 7064 (MOD 11,10 and MOD 97-10). Mobile numbers of the mainland have
eleven digits and begin with 13 to 19; they carry no check digit.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from app.core.bills.errors import BillNumberInvalid

DIGITS_MAX = 24
TAIL = 4


class CheckScheme(StrEnum):
    """How a number proves that it was not mistyped."""

    NONE = "none"
    LUHN = "luhn"
    MOD_11_10 = "mod_11_10"
    MOD_97_10 = "mod_97_10"
    MOBILE = "mobile"


def luhn_digit(body: str) -> str:
    """Return the check digit of ``body`` by Luhn's rule."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digits of a product are added
    return str(-total % 10)


def mod_11_10_digit(body: str) -> str:
    """Return the check digit of ``body`` by ISO/IEC 7064 MOD 11,10."""
    product = 10
    for digit in body:
        product = (int(digit) + product) % 10 or 10
        product = product * 2 % 11
    return str((11 - product) % 10)


def mod_97_10_digits(body: str) -> str:
    """Return the two check digits of ``body`` by ISO/IEC 7064 MOD 97-10."""
    return f"{98 - int(body) * 100 % 97:02d}"


_CHECK: Mapping[CheckScheme, tuple[int, Callable[[str], str]]] = {
    CheckScheme.LUHN: (1, luhn_digit),
    CheckScheme.MOD_11_10: (1, mod_11_10_digit),
    CheckScheme.MOD_97_10: (2, mod_97_10_digits),
}
_MOBILE = re.compile(r"1[3-9][0-9]{9}")


def with_check(scheme: CheckScheme, body: str) -> str:
    """Return the number that begins with ``body``."""
    return body + _CHECK[scheme][1](body) if scheme in _CHECK else body


def read_number(given: str, scheme: CheckScheme, *, digits_min: int, digits_max: int) -> str:
    """Return a number as a biller writes it: people type spaces and dashes between its groups.

    :raises BillNumberInvalid: wrong length, other characters, or a wrong check digit; which, is not said.
    """
    number = re.sub(r"[ -]", "", given)
    is_digits = number.isascii() and number.isdigit() and digits_min <= len(number) <= digits_max
    if not is_digits or (scheme is CheckScheme.MOBILE and not _MOBILE.fullmatch(number)):
        raise BillNumberInvalid(pointer="/number")
    if scheme in _CHECK:
        count, digits = _CHECK[scheme]
        if digits(number[:-count]) != number[-count:]:
            raise BillNumberInvalid(pointer="/number")
    return number
