"""The known calendar, and opening a fund: what an operator does now and then."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core.wealth.dates import DAY
from app.core.wealth.errors import CalendarRefused
from app.kernel.ids import new_id
from app.kernel.transaction import transaction

HEADER = ["day", "is_trading"]
_SATURDAY = 5
_KNOWN = text("SELECT min(day) AS first, max(day) AS last FROM trading_days")
_OF_YEAR = text(
    "SELECT day, is_trading FROM trading_days WHERE day BETWEEN CAST(:first AS date) AND CAST(:last AS date)"
)
_ADD = text(
    """
    INSERT INTO trading_days (day, is_trading)
    SELECT * FROM unnest(CAST(:days AS date[]), CAST(:flags AS boolean[]))
    """
)
_LAUNCH = text(
    """
    INSERT INTO funds (fund_id, code, name_zh, name_en, risk_level, minimum_fen, fast_cap_fen, accrued_through)
    VALUES (:fund_id, :code, :name_zh, :name_en, 1, 100, 1000000, :accrued_through)
    """
)


def parse_year(content: str) -> dict[date, bool]:
    """Return a year's days from ``day,is_trading`` lines, ``true`` or ``false``.

    :raises CalendarRefused: not every day of one year once, or a weekend that trades.
    """
    lines = list(csv.reader(io.StringIO(content)))
    if not lines or lines[0] != HEADER:
        raise CalendarRefused(reason="header")
    days: dict[date, bool] = {}
    for line in lines[1:]:
        try:
            day, flag = date.fromisoformat(line[0]), {"true": True, "false": False}[line[1]]
        except (ValueError, KeyError, IndexError):
            raise CalendarRefused(reason="line") from None
        if day in days:
            raise CalendarRefused(reason="repeated")
        days[day] = flag
    return days


def import_year(days: Mapping[date, bool]) -> int:
    """Make a further year known; return how many days are new. A year that is known the same changes nothing.

    :raises CalendarRefused: parameter ``reason``: incomplete, weekend, gap, contradicts.
    """
    first, last = min(days, default=date.min), max(days, default=date.min)
    if (first.month, first.day, last) != (1, 1, date(first.year, 12, 31)) or len(days) != (last - first).days + 1:
        raise CalendarRefused(reason="incomplete")
    if any(flag and day.weekday() >= _SATURDAY for day, flag in days.items()):
        raise CalendarRefused(reason="weekend")
    with transaction() as tx:
        known = tx.execute(_KNOWN).one()
        before = {row.day: row.is_trading for row in tx.execute(_OF_YEAR, {"first": first, "last": last})}
        if before:
            if before != dict(days):
                raise CalendarRefused(reason="contradicts")
            return 0
        if known.last is not None and first != known.last + DAY and last != known.first - DAY:
            raise CalendarRefused(reason="gap")
        ordered = sorted(days)
        tx.execute(_ADD, {"days": ordered, "flags": [days[day] for day in ordered]})
    return len(days)


def launch_fund(*, code: str, name_zh: str, name_en: str, first_day: date) -> UUID:
    """Open a money-market fund (R1, from one yuan, 10,000 yuan a day at once) whose first income is ``first_day``'s."""
    fund_id = new_id()
    with transaction() as tx:
        tx.execute(
            _LAUNCH,
            {
                "fund_id": fund_id,
                "code": code,
                "name_zh": name_zh,
                "name_en": name_en,
                "accrued_through": first_day - DAY,
            },
        )
    return fund_id
