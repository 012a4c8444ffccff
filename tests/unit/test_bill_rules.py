"""Rules of life bills: numbers, what may be paid, files, the ladder."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.bills.errors import BillAmountRefused, BillersRefused, BillNumberInvalid
from app.core.bills.files import BillFileRefused, FileLine, bill_file, read_bill_file
from app.core.bills.numbers import CheckScheme, read_number, with_check
from app.core.bills.rules import next_look, payable, remind_at
from app.core.bills.states import ASKS_MAX, ask_after_s
from app.kernel.clock import SHANGHAI
from app.usecases.billing.list_billers import COLUMNS, read_billers

DAY = date(2026, 11, 5)
CHECKED = [CheckScheme.LUHN, CheckScheme.MOD_11_10, CheckScheme.MOD_97_10]


def read(number: str, scheme: CheckScheme) -> str:
    return read_number(number, scheme, digits_min=4, digits_max=20)


@pytest.mark.parametrize(
    "scheme, number",
    [
        (CheckScheme.LUHN, "79927398713"),
        (CheckScheme.MOD_11_10, "07945"),
        (CheckScheme.MOD_97_10, "79444"),
        (CheckScheme.MOBILE, "13800138000"),
        (CheckScheme.NONE, "12345678"),
    ],
)
def test_published_examples_of_each_scheme_are_right(scheme: CheckScheme, number: str) -> None:
    assert read(number, scheme) == number


@given(st.sampled_from(CHECKED), st.text("0123456789", min_size=4, max_size=14), st.data())
def test_one_mistyped_digit_is_always_noticed(scheme: CheckScheme, body: str, data: st.DataObject) -> None:
    number = with_check(scheme, body)
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))

    assert read(number, scheme) == number
    with pytest.raises(BillNumberInvalid):
        read(number[:place] + wrong + number[place + 1 :], scheme)


@pytest.mark.parametrize("given", ["", "123", "12345a", "１２３４５", "1" * 21, "12 34-5x"])
def test_what_is_no_number_is_refused(given: str) -> None:
    with pytest.raises(BillNumberInvalid):
        read(given, CheckScheme.NONE)


def test_spaces_and_dashes_between_groups_are_the_typists() -> None:
    assert read("7992 7398-713", CheckScheme.LUHN) == "79927398713"


def test_a_part_may_be_paid_where_the_biller_allows_and_the_rest_always() -> None:
    assert payable(5_000, is_part_allowed=False, minimum_fen=100).low_fen == 5_000
    assert payable(5_000, is_part_allowed=True, minimum_fen=100).low_fen == 100
    assert payable(60, is_part_allowed=True, minimum_fen=100).low_fen == 60
    with pytest.raises(BillAmountRefused):
        payable(5_000, is_part_allowed=True, minimum_fen=100).require(5_001)


def test_the_ladder_grows_and_ends() -> None:
    steps = [ask_after_s(count) for count in range(ASKS_MAX + 1)]

    assert steps[:3] == [15, 30, 60]
    assert steps[-2:] == [3_600, None]


def test_people_are_reminded_in_the_morning_and_billers_asked_the_next_day() -> None:
    assert remind_at(date(2026, 11, 5)) == datetime(2026, 11, 2, 9, tzinfo=SHANGHAI)
    assert next_look(datetime(2026, 11, 5, 23, tzinfo=SHANGHAI), 7_205) == datetime(
        2026, 11, 6, 7, 0, 5, tzinfo=SHANGHAI
    )


class TestFiles:
    lines = [FileLine("linli-1", "BL1", 100), FileLine("linli-2", "BL2", 250)]

    def test_a_file_is_read_as_it_is_written(self) -> None:
        assert read_bill_file("b", DAY, bill_file("b", DAY, self.lines)) == self.lines
        assert read_bill_file("b", DAY, bill_file("b", DAY, [])) == []

    @pytest.mark.parametrize(
        "change, why",
        [
            (lambda lines: [], "truncated"),
            (lambda lines: lines[:-1], "truncated"),
            (lambda lines: lines[:2] + lines[3:], "trailer_differs"),
            (lambda lines: lines[:2] + lines[1:], "repeated"),
            (lambda lines: [*lines, "B,linli-3,BL3,1\n"], "behind_the_trailer"),
            (lambda lines: [lines[0].replace("2026", "2025"), *lines[1:]], "wrong_head"),
            (lambda lines: [lines[0], lines[1].replace("100", "-100"), *lines[2:]], "malformed"),
            (lambda lines: [lines[0], lines[1].replace("100", "0100"), *lines[2:]], "malformed"),
        ],
    )
    def test_a_file_that_is_not_whole_is_refused(self, change: object, why: str) -> None:
        lines = change(bill_file("b", DAY, self.lines))  # type: ignore[operator]

        with pytest.raises(BillFileRefused) as refused:
            read_bill_file("b", DAY, lines)

        assert refused.value.why == why


class TestBillers:
    row = "w-1,water,水,Water,110000,北京市,Beijing,10,12,luhn,true,false,1,1000"

    def read(self, *rows: str) -> list[dict[str, object]]:
        return read_billers([",".join(COLUMNS), *rows])

    def test_a_list_is_read(self) -> None:
        [biller] = self.read(self.row)

        assert (biller["kind"], biller["digits_max"], biller["is_part_allowed"]) == ("water", 12, True)

    @pytest.mark.parametrize(
        "row",
        [
            row.replace("water", "steam"),
            row.replace("110000", "11"),
            row.replace("luhn", "sum"),
            row.replace("true", "yes"),
            row.replace(",1,1000", ",2000,1000"),
            row.replace("w-1", "W 1"),
            row + ",more",
            row.replace(",1000", ""),
        ],
    )
    def test_a_row_that_is_not_right_refuses_the_list(self, row: str) -> None:
        with pytest.raises(BillersRefused):
            self.read(self.row.replace("w-1", "w-2"), row)

    def test_a_biller_stands_once_in_a_list(self) -> None:
        with pytest.raises(BillersRefused):
            self.read(self.row, self.row)
