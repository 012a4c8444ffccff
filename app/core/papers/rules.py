"""Which papers a shop needs, what their numbers look like, and when they are reminded of. Pure.

Sources: 《电子商务法》第十条、第十五条 (registration; licenses are shown); 《食品安全法》第三十五条 (food business
license); 《食品经营许可和备案管理办法》 (form of its number; five years); GB 32100-2015 (unified social credit code);
GB 11714-1997 (the organization's own code inside it).
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from app.core.papers.errors import PaperDateInvalid, PaperNumberInvalid
from app.kernel.clock import SHANGHAI


class PaperKind(StrEnum):
    """What kind of paper."""

    BUSINESS_LICENSE = "business_license"
    """营业执照: its number is the unified social credit code; it may run without an end."""
    FOOD_LICENSE = "food_license"
    """食品经营许可证: for one place, for five years."""


NEEDED: Mapping[str, tuple[PaperKind, ...]] = {
    "retail": (PaperKind.BUSINESS_LICENSE,),
    "food": (PaperKind.BUSINESS_LICENSE, PaperKind.FOOD_LICENSE),
    "home_service": (PaperKind.BUSINESS_LICENSE,),
    "leisure": (PaperKind.BUSINESS_LICENSE,),
}
"""Vertical → papers without which a shop may not sell. The last one's number is shown beside the shop's name."""

YEARS_MAX: Mapping[PaperKind, int] = {PaperKind.BUSINESS_LICENSE: 50, PaperKind.FOOD_LICENSE: 5}
"""How far ahead the last day of a paper can lie."""

REMINDER_DAYS = (30, 7, 1)
"""So many days before its last day a merchant is reminded of a paper, at nine in the morning."""

WITHOUT_END = date(2999, 12, 31)
"""The last day of what runs without an end: the last one that a day can be (``app.web.fields``)."""

_REMINDER_HOUR = time(9)
_DAYS_A_YEAR = 366
_CODE_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE_WEIGHTS = tuple(3**place % 31 for place in range(17))
_BODY_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT_CODE = re.compile(rf"9[1239][0-9]{{6}}[{_CODE_CHARACTERS}]{{10}}")
_FOOD_NUMBER = re.compile(r"JY[0-9]{14}")


def credit_code_check(body: str) -> str:
    """Return the eighteenth character of a unified social credit code for the first seventeen (GB 32100-2015)."""
    total = sum(_CODE_CHARACTERS.index(one) * weight for one, weight in zip(body, _CODE_WEIGHTS, strict=True))
    return _CODE_CHARACTERS[-total % 31]


def organization_check(body: str) -> str:
    """Return the ninth character of an organization's code for the first eight (GB 11714-1997)."""
    total = sum(int(one, 36) * weight for one, weight in zip(body, _BODY_WEIGHTS, strict=True))
    return "0123456789X"[-total % 11]


def read_number(kind: PaperKind, text: str) -> str:
    """Return a paper's number as it is kept: without blanks around it, in capitals.

    A business license is registered by the market authority: its code begins with 9, and both check characters agree.
    Of a food license only the form is checked.

    :raises PaperNumberInvalid: no paper of ``kind`` has this number; what is wrong is not said.
    """
    number = text.strip().upper()
    if kind is PaperKind.FOOD_LICENSE:
        is_sound = _FOOD_NUMBER.fullmatch(number) is not None
    else:
        is_sound = (
            _CREDIT_CODE.fullmatch(number) is not None
            and organization_check(number[8:16]) == number[16]
            and credit_code_check(number[:17]) == number[17]
        )
    if not is_sound:
        raise PaperNumberInvalid(pointer="/number")
    return number


def read_last_day(kind: PaperKind, expires_on: date | None, *, today: date) -> date | None:
    """Return the last day on which a paper is good; None for a business license that runs without an end.

    :raises PaperDateInvalid: it has passed, lies too far ahead, or a food license has none.
    """
    years = YEARS_MAX[kind]
    if expires_on is None and kind is PaperKind.BUSINESS_LICENSE:
        return None
    if expires_on is None or not today <= expires_on <= today + timedelta(days=years * _DAYS_A_YEAR):
        raise PaperDateInvalid(pointer="/expires_on", years_max=years)
    return expires_on


def good_until(vertical: str, held: Mapping[PaperKind, date | None]) -> date | None:
    """Return the last day on which a shop may sell, or None while a paper that it needs is lacking.

    :param held: approved papers: kind → last day, None for what runs without an end.
    """
    needed = NEEDED[vertical]
    if any(kind not in held for kind in needed):
        return None
    return min(held[kind] or WITHOUT_END for kind in needed)


def next_look_at(expires_on: date, now: datetime) -> datetime | None:
    """Return when a paper is next looked at: a reminder, or the midnight in Shanghai that ends it; None after that."""
    return next((moment for moment in _looks(expires_on) if moment > now), None)


def _looks(expires_on: date) -> Iterator[datetime]:
    for days in REMINDER_DAYS:
        yield datetime.combine(expires_on - timedelta(days=days), _REMINDER_HOUR, SHANGHAI).astimezone(UTC)
    yield datetime.combine(expires_on + timedelta(days=1), time(0), SHANGHAI).astimezone(UTC)
