"""The fund company's daily income file, taken whole or not at all.

``fund,day,version,ten_thousand,seven_day,declared_fen``: version 1 publishes a day, a higher one restates it. Nothing
is filled in for a day that is missing, and nothing above or below what is plausible is believed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core.wealth.dates import DAY
from app.core.wealth.errors import (
    FundFileMalformed,
    FundFileOfAnother,
    FundNotFound,
    SevenDayDiffers,
    YieldContradicts,
    YieldGap,
    YieldNegative,
    YieldRepeated,
)
from app.core.wealth.yields import TEN_THOUSAND_E4_MAX, WEEK, seven_day_e3
from app.kernel.transaction import Transaction, transaction
from app.usecases.saving.company import lines_of

HEADER = ["fund", "day", "version", "ten_thousand", "seven_day", "declared_fen"]
_LINES_MAX = 10_000
_FUND = text("SELECT fund_id, code, accrued_through FROM funds WHERE fund_id = :fund_id FOR NO KEY UPDATE")
_KNOWN = text(
    """
    SELECT DISTINCT ON (day) day, version, ten_thousand_e4, seven_day_e3, declared_fen FROM fund_yields
    WHERE fund_id = :fund_id AND day >= CAST(:first AS date) - 7 ORDER BY day, version DESC
    """
)
_LAST = text("SELECT max(day) FROM fund_yields WHERE fund_id = :fund_id")
_ADD = text(
    """
    INSERT INTO fund_yields (fund_id, day, version, ten_thousand_e4, seven_day_e3, declared_fen, received_at)
    VALUES (:fund_id, :day, :version, :ten_thousand_e4, :seven_day_e3, :declared_fen, business_now())
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedYield:
    """One day as the fund published it; units as in :mod:`app.core.wealth.yields`."""

    day: date
    version: int
    ten_thousand_e4: int
    seven_day_e3: int | None
    declared_fen: int


def scaled(value: str, places: int) -> int | None:
    """Return a decimal as an integer of ``places`` places, or None when it is no such decimal."""
    if re.fullmatch(rf"-?[0-9]{{1,9}}(\.[0-9]{{1,{places}}})?", value) is None:
        return None
    whole, _, rest = value.partition(".")
    return int(whole + rest.ljust(places, "0"))


def parse_yields(content: str, fund_code: str) -> list[PublishedYield]:
    """Return the days of a file, in its order.

    :raises FundFileMalformed: a line that cannot be read. :raises FundFileOfAnother: of another fund.
    :raises YieldNegative: below zero, or beyond what is plausible. :raises YieldRepeated: a day stands there twice.
    """
    lines = lines_of(content, HEADER)
    if len(lines) >= _LINES_MAX:
        raise FundFileMalformed(line=_LINES_MAX + 1)
    found = []
    for number, line in enumerate(lines, start=2):
        found.append(_parsed(line, number, fund_code))
    if len({one.day for one in found}) != len(found):
        raise YieldRepeated
    return found


def _parsed(line: Sequence[str], number: int, fund_code: str) -> PublishedYield:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", line[1]) is None:
        raise FundFileMalformed(line=number)
    try:
        day = date.fromisoformat(line[1])
    except ValueError:
        raise FundFileMalformed(line=number) from None
    if line[0] != fund_code:
        raise FundFileOfAnother(line=number)
    income, seven = scaled(line[3], 4), scaled(line[4], 3) if line[4] else None
    if income is None or (line[4] and seven is None) or not re.fullmatch(r"[1-9][0-9]?", line[2]):
        raise FundFileMalformed(line=number)
    if not re.fullmatch(r"-?[0-9]{1,15}", line[5]):
        raise FundFileMalformed(line=number)
    if not 0 <= income <= TEN_THOUSAND_E4_MAX or int(line[5]) < 0:
        raise YieldNegative(day=day.isoformat())
    return PublishedYield(
        day=day, version=int(line[2]), ten_thousand_e4=income, seven_day_e3=seven, declared_fen=int(line[5])
    )


def import_yields(fund_id: UUID, content: str) -> list[date]:
    """Take a file of published incomes; return the days that are new or restated. A file taken before changes nothing.

    :raises FundNotFound: there is no such fund. :raises YieldGap: it leaves days out.
    :raises YieldContradicts: a day is known otherwise in that version. :raises SevenDayDiffers: the figures do not fit.
    :raises LinliError: as :func:`parse_yields`.
    """
    with transaction() as tx:
        fund = tx.execute(_FUND, {"fund_id": fund_id}).one_or_none()
        if fund is None:
            raise FundNotFound
        found = parse_yields(content, fund.code)
        if not found:
            return []
        return _take(tx, fund_id, sorted(found, key=lambda one: one.day), fund.accrued_through + DAY)


def _take(tx: Transaction, fund_id: UUID, found: Sequence[PublishedYield], first: date) -> list[date]:
    rows = tx.execute(_KNOWN, {"fund_id": fund_id, "first": found[0].day}).fetchall()
    known = {row.day: row for row in rows}
    last: date | None = tx.execute(_LAST, {"fund_id": fund_id}).scalar()
    incomes = {day: int(row.ten_thousand_e4) for day, row in known.items()}
    news: list[date] = []
    for one in found:
        before = known.get(one.day)
        if before is not None and one.version <= before.version:
            if one.version == before.version and (one.ten_thousand_e4, one.declared_fen) != (
                before.ten_thousand_e4,
                before.declared_fen,
            ):
                raise YieldContradicts(day=one.day.isoformat())
            continue
        if before is None:
            due = first if last is None else last + DAY
            if one.day != due:
                raise YieldGap(day=due.isoformat(), found=one.day.isoformat())
            last = one.day
        incomes[one.day] = one.ten_thousand_e4
        _require_seven_days(one, incomes)
        tx.execute(
            _ADD,
            {
                "fund_id": fund_id,
                "day": one.day,
                "version": one.version,
                "ten_thousand_e4": one.ten_thousand_e4,
                "seven_day_e3": one.seven_day_e3,
                "declared_fen": one.declared_fen,
            },
        )
        news.append(one.day)
    return news


def _require_seven_days(one: PublishedYield, incomes: dict[date, int]) -> None:
    week = [incomes.get(one.day - DAY * back) for back in range(WEEK)]
    known = [income for income in week if income is not None]
    if one.seven_day_e3 is None or len(known) < WEEK:
        return
    if (ours := seven_day_e3(known)) != one.seven_day_e3:
        raise SevenDayDiffers(day=one.day.isoformat(), published_e3=one.seven_day_e3, ours_e3=ours)
