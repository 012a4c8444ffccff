"""Days, yields and suitability: the rules of funds, without a database."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import chinese_calendar
import pytest

from app.adapters.sandbox_fund.company import is_trading
from app.core.wealth.dates import is_before_cut_off, trade_dates
from app.core.wealth.errors import AnswersInvalid, AssessmentNeeded, CalendarUnknown, DocumentsUnread, RiskMismatch
from app.core.wealth.suitability import DOCUMENTS, QUESTIONS, Assessment, assess, require_suitable
from app.core.wealth.yields import income, seven_day_e3
from app.kernel.clock import SHANGHAI
from app.web.messages import catalog

ROOT = Path(__file__).parents[2]
DAYS = [day for number in range(365) if is_trading(day := date(2026, 1, 1) + timedelta(days=number))]
READ = {(document.kind, document.version) for document in DOCUMENTS}
C3 = Assessment(level=3, version=1, expires_on=date(2027, 1, 1))
TODAY = date(2026, 3, 2)

# Published facts of a money-market fund, 2014-07-26 to 2014-08-07: income per 10,000 units, and the seven-day yield.
EXCERPT = """
2014-07-26 1.1221 4.187
2014-07-27 1.1220 4.192
2014-07-28 1.1276 4.184
2014-07-29 1.1156 4.183
2014-07-30 1.1162 4.178
2014-07-31 1.1156 4.174
2014-08-01 1.1173 4.171
2014-08-02 1.1180 4.168
2014-08-03 1.1178 4.166
2014-08-04 1.1451 4.176
2014-08-05 1.1203 4.178
2014-08-06 1.1162 4.178
2014-08-07 1.1186 4.180
"""


def shanghai(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    "placed, trade_on, confirm_on",
    [
        ("2026-03-05T14:59:59", "2026-03-05", "2026-03-06"),  # Thursday
        ("2026-03-05T15:00:00", "2026-03-06", "2026-03-09"),
        ("2026-03-06T14:59:59", "2026-03-06", "2026-03-09"),  # Friday: the weekend is not earned
        ("2026-03-06T15:00:00", "2026-03-09", "2026-03-10"),
        ("2026-03-07T10:00:00", "2026-03-09", "2026-03-10"),  # Saturday
        ("2026-03-09T14:59:59", "2026-03-09", "2026-03-10"),
        ("2026-09-30T14:59:59", "2026-09-30", "2026-10-08"),  # before Golden Week
        ("2026-09-30T15:00:00", "2026-10-08", "2026-10-09"),
        ("2026-02-14T10:00:00", "2026-02-24", "2026-02-25"),  # a working Saturday is no trading day
    ],
)
def test_an_order_is_of_the_trading_day_of_its_cut_off(placed: str, trade_on: str, confirm_on: str) -> None:
    now = shanghai(placed)

    dates = trade_dates(now, [day for day in DAYS if day >= now.date()])

    assert (dates.trade_on.isoformat(), dates.confirm_on.isoformat()) == (trade_on, confirm_on)


def test_past_the_known_calendar_an_order_is_refused() -> None:
    with pytest.raises(CalendarUnknown):
        trade_dates(shanghai("2026-12-31T10:00:00"), [date(2026, 12, 31)])


def test_an_order_can_be_canceled_until_its_cut_off() -> None:
    assert is_before_cut_off(shanghai("2026-03-06T14:59:59"), date(2026, 3, 6))
    assert not is_before_cut_off(shanghai("2026-03-06T15:00:00"), date(2026, 3, 6))


def test_a_working_saturday_is_a_workday_of_the_library_and_no_trading_day() -> None:
    assert chinese_calendar.is_workday(date(2026, 2, 14))
    assert not is_trading(date(2026, 2, 14))


def test_a_week_of_published_income_makes_10_007_85_of_10_000_00() -> None:
    week = {line.split()[0]: line.split()[1] for line in EXCERPT.split("\n") if line.startswith("2014-08")}
    units, carry, paid = 1_000_000, 0, []

    for value in week.values():
        fen, carry = income(units, int(value.replace(".", "")), carry)
        units += fen
        paid.append(fen)

    assert paid == [111, 112, 112, 114, 112, 112, 112]
    assert units == 1_000_785
    assert round(carry / 10_000) == 5_939


def test_whoever_holds_little_earns_a_fen_when_it_is_whole() -> None:
    units, carry, paid = 8_765, 0, 0

    for value in (11_173, 11_180, 11_178, 11_451, 11_203, 11_162, 11_186):
        fen, carry = income(units, value, carry)
        units, paid = units + fen, paid + fen

    assert paid == 6


def test_the_seven_day_yield_compounds() -> None:
    week = (11_173, 11_180, 11_178, 11_451, 11_203, 11_162, 11_186)

    simple_e3 = round(sum(week) / 10**8 * 365 / 7 * 100_000)

    assert seven_day_e3(week) == 4_180
    assert simple_e3 == 4_095


def test_the_seven_day_yields_of_the_excerpt_are_the_published_ones() -> None:
    lines = [line.split() for line in EXCERPT.strip().split("\n")]
    incomes = [int(income.replace(".", "")) for _, income, _ in lines]

    ours = [seven_day_e3(incomes[end - 7 : end]) for end in range(7, len(incomes) + 1)]

    assert ours == [int(published.replace(".", "")) for _, _, published in lines[6:]]


def test_whoever_cannot_bear_a_loss_is_c1_whatever_the_points() -> None:
    bold = [[points for _, _, points in one.answers].index(5) for one in QUESTIONS]
    timid = [*bold]
    timid[5] = 0

    assert assess(bold, 1)[1] == 5
    assert assess(timid, 1)[1] == 1


@pytest.mark.parametrize("answers, version", [([0] * 6, 1), ([0] * 7, 2), ([9] * 7, 1), ([-1] * 7, 1)])
def test_answers_that_do_not_fit_are_refused(answers: list[int], version: int) -> None:
    with pytest.raises(AnswersInvalid):
        assess(answers, version)


def test_who_may_buy() -> None:
    require_suitable(C3, today=TODAY, product_level=3, read=READ)
    with pytest.raises(AssessmentNeeded):
        require_suitable(None, today=TODAY, product_level=1, read=READ)
    with pytest.raises(AssessmentNeeded):
        require_suitable(C3, today=date(2027, 1, 1), product_level=1, read=READ)
    with pytest.raises(AssessmentNeeded):
        require_suitable(Assessment(3, 0, C3.expires_on), today=TODAY, product_level=1, read=READ)
    with pytest.raises(RiskMismatch):
        require_suitable(C3, today=TODAY, product_level=4, read=READ)
    lowest = Assessment(1, 1, C3.expires_on, accepted_level=5)
    with pytest.raises(RiskMismatch):
        require_suitable(lowest, today=TODAY, product_level=2, read=READ)
    wanting = Assessment(3, 1, C3.expires_on, accepted_level=4)
    require_suitable(wanting, today=TODAY, product_level=4, read=READ)
    with pytest.raises(RiskMismatch):
        require_suitable(wanting, today=TODAY, product_level=5, read=READ)
    with pytest.raises(DocumentsUnread):
        require_suitable(C3, today=TODAY, product_level=1, read=READ - {("fund_contract", 1)})


# Put together here, so that this file does not hold the words itself.
_PROMISES = re.compile(
    "|".join(["保" + "本", "保" + "证(?!金)", "保收" + "益", "稳" + "赚", "零风" + "险", "无风" + "险", "必" + "赚",
              "guaran" + "tee", "risk-" + "free", "risk" + "less", "no " + "risk", "safe " + "return"]),
    re.IGNORECASE,
)  # fmt: skip


def test_nothing_that_people_read_of_wealth_promises_anything() -> None:
    places = [
        *(ROOT / "app/core/wealth").rglob("*.py"),
        *(ROOT / "app/usecases/saving").rglob("*.py"),
        *(ROOT / "app/user").glob("*wealth*.py"),
        *(ROOT / "app/user").glob("*term*.py"),
        *(ROOT / "docs/adr").glob("004[67]*.md"),
    ]

    found = [f"{path.name}: {match}" for path in places for match in _PROMISES.findall(path.read_text("utf-8"))]
    found += [
        f"{code}: {match}"
        for language in ("zh", "en")
        for code, words in catalog(language).items()
        for word in words.values()
        for match in _PROMISES.findall(word)
    ]

    assert found == []
    assert _PROMISES.search("本产品" + "保" + "本")
