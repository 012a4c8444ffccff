"""Papers of shops: their numbers, their last days, and when they are looked at."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from app.core.catalog.models import Vertical
from app.core.papers.errors import PaperDateInvalid, PaperNumberInvalid
from app.core.papers.rules import (
    NEEDED,
    WITHOUT_END,
    PaperKind,
    good_until,
    next_look_at,
    read_last_day,
    read_number,
)
from app.kernel.clock import SHANGHAI
from app.web.fields import Day

BUSINESS, FOOD = PaperKind.BUSINESS_LICENSE, PaperKind.FOOD_LICENSE
CODES = ("91330100799655058B", "9144030071526726XG", "914403001922038216", "91110000802100433B")
"""Of four companies that publish theirs."""
TODAY = date(2026, 11, 26)


@pytest.mark.parametrize("code", CODES)
def test_a_credit_code_is_read_in_any_case(code: str) -> None:
    assert read_number(BUSINESS, f" {code.lower()} ") == code


@pytest.mark.parametrize("code", CODES)
def test_every_credit_code_with_one_character_changed_is_refused(code: str) -> None:
    others = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    changed = [code[:at] + other + code[at + 1 :] for at in range(18) for other in others if other != code[at]]

    read = []
    for one in changed:
        try:
            read.append(read_number(BUSINESS, one))
        except PaperNumberInvalid:
            continue

    assert read == []


@pytest.mark.parametrize(
    "kind, number",
    [
        (BUSINESS, ""),
        (BUSINESS, CODES[0][:-1]),
        (BUSINESS, CODES[0] + "0"),
        (BUSINESS, CODES[0].replace("8B", "8I")),
        (BUSINESS, "12100000400000456N"),
        (BUSINESS, "9133010079965505\N{FULLWIDTH DIGIT EIGHT}B"),
        (FOOD, "JY1110821000000"),
        (FOOD, "SC11108210000001"),
        (FOOD, CODES[0]),
        (FOOD, "JY1110821000000\N{ARABIC-INDIC DIGIT ONE}"),
    ],
)
def test_what_is_no_number_of_the_kind_is_refused(kind: PaperKind, number: str) -> None:
    with pytest.raises(PaperNumberInvalid):
        read_number(kind, number)


@pytest.mark.parametrize(
    "kind, expires_on",
    [
        (FOOD, None),
        (FOOD, date(2026, 11, 25)),
        (FOOD, date(2032, 1, 1)),
        (BUSINESS, date(2026, 11, 25)),
        (BUSINESS, date(9999, 12, 31)),
    ],
)
def test_a_last_day_that_cannot_be_is_refused(kind: PaperKind, expires_on: date | None) -> None:
    with pytest.raises(PaperDateInvalid):
        read_last_day(kind, expires_on, today=TODAY)


def test_a_paper_may_be_handed_in_on_its_last_day() -> None:
    assert read_last_day(FOOD, TODAY, today=TODAY) == TODAY


def test_every_vertical_says_what_it_needs() -> None:
    assert set(NEEDED) == {vertical.value for vertical in Vertical}
    assert FOOD in NEEDED[Vertical.FOOD]


def test_a_shop_is_good_until_the_first_of_its_needed_papers_ends() -> None:
    assert good_until("food", {BUSINESS: date(2030, 1, 1), FOOD: date(2027, 5, 1)}) == date(2027, 5, 1)
    assert good_until("food", {BUSINESS: None, FOOD: date(2027, 5, 1)}) == date(2027, 5, 1)
    assert good_until("food", {FOOD: date(2027, 5, 1)}) is None
    assert good_until("retail", {BUSINESS: None, FOOD: date(2027, 5, 1)}) == WITHOUT_END


def test_a_paper_is_looked_at_30_7_and_1_days_before_its_last_day_and_at_the_midnight_after_it() -> None:
    looks = []
    moment: datetime | None = datetime(2026, 1, 1, tzinfo=SHANGHAI)

    while moment is not None and (moment := next_look_at(TODAY, moment)) is not None:
        looks.append(moment.astimezone(SHANGHAI).isoformat(timespec="hours"))

    assert looks == ["2026-10-27T09+08:00", "2026-11-19T09+08:00", "2026-11-25T09+08:00", "2026-11-27T00+08:00"]


def test_what_runs_without_an_end_has_a_day_that_answers_can_give() -> None:
    until = good_until("retail", {BUSINESS: None})

    assert until == WITHOUT_END
    assert Day().deserialize(WITHOUT_END.isoformat()) == WITHOUT_END
