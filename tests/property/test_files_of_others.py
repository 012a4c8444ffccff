"""Files that others wrote, mangled at random: what is taken is a right file to the byte, all else names its line."""

from __future__ import annotations

import hashlib
import random
import re
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.core.bills.files import BillFileRefused, FileLine, bill_file, read_bill_file
from app.core.payments.balance_files import BalanceFileRefused, Reading, balance_file
from app.core.settlement.bank_files import BankFileRefused, answer_file, read_answers
from app.core.settlement.payouts import LineState
from app.core.wealth.errors import FundFileMalformed, FundFileOfAnother, YieldNegative, YieldRepeated
from app.kernel.lines import CHUNK_BYTES, LINE_BYTES_MAX, lines_in, lines_of
from app.usecases.saving.company import CONFIRMATIONS_HEADER, text_of, written
from app.usecases.saving.company import lines_of as fund_lines
from app.usecases.saving.yields import HEADER, parse_yields
from tests.support.races import a_seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = date(2026, 3, 6)
MANGLED = 800
_BYTES = (b"\r", b"\n", b"\0", b",", b'"', b"-", b"0", b"9", b"e", b".", b" ", b"\x0b", b"\x1c", b"\xc2\x85",
          b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff", b"\xef\xbc\x91", b"T,", b"x" * 200_000)  # fmt: skip

BALANCE = "".join(
    balance_file("stripe", DAY, [(f"txn_{n}", "payment", f"pi_{n}", 700 + n, n % 3) for n in range(6)])
).encode()
BILLS = "".join(bill_file("cd-water", DAY, [FileLine(f"bill:{n}", f"ref-{n}", 100 + n) for n in range(6)])).encode()
ANSWERS = answer_file("bank", DAY, [(f"0a{n}-1", LineState.PAID, 500 + n, "") for n in range(6)])
FUND = written(CONFIRMATIONS_HEADER, [["f1", DAY, f"o{n}", "confirmed", 100 + n] for n in range(6)]).encode()
INCOME = written(HEADER, [["f1", date(2026, 3, n + 1), 1, "1.2345", "", 100 + n] for n in range(6)]).encode()


def read_balance(content: bytes) -> bytes:
    reading = Reading("stripe", DAY)
    rows = [row[1:] for row in reading.rows(lines_of([content]))]
    return "".join(balance_file("stripe", DAY, rows)).encode()


def read_bills(content: bytes) -> bytes:
    return "".join(bill_file("cd-water", DAY, read_bill_file("cd-water", DAY, lines_of([content])))).encode()


def read_bank(content: bytes) -> bytes:
    found = read_answers(content)
    name = content.decode().split(",")[3]
    rows = [(one.reference, one.state, one.amount_fen, one.reason) for one in found.answers]
    return answer_file(name, found.day, rows)


def closed(above: bytes) -> bytes:
    """Return a file of the bank with the trailer that fits what is above it."""
    fens = [line.split(b",")[3] for line in above.split(b"\n")[1:] if line.count(b",") > 2]
    total = sum(int(fen) for fen in fens if re.fullmatch(rb"[1-9][0-9]{0,11}", fen))
    count = above.count(b"\n") - 1
    return above + f"T,{count},{total},{hashlib.sha256(above).hexdigest()}\n".encode()


def mangled(content: bytes, dice: random.Random) -> bytes:
    """Return a right file with one to three things wrong."""
    for _ in range(dice.randrange(1, 4)):
        content = _wrong(content, dice) or content
    return content


def _wrong(content: bytes, dice: random.Random) -> bytes:
    """Put bytes in, change one, take some out, or cut the file; or repeat or drop a line."""
    at, lines, turn = dice.randrange(len(content) + 1), content.split(b"\n"), dice.randrange(6)
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    if turn == 0:
        return content[:at] + dice.choice(_BYTES) + content[at:]
    if turn == 1:
        return content[:at] + bytes([dice.randrange(256)]) + content[at + 1 :]
    if turn == 2:
        return content[:at]
    if turn == 3:
        return content[:at] + content[at + dice.randrange(1, 9) :]
    return b"\n".join([*lines[:one], *([lines[other]] if turn == 4 else []), *lines[one + (turn == 5) :]])


@pytest.mark.parametrize(
    "right, taken, refusals",
    [
        (BALANCE, read_balance, BalanceFileRefused),
        (BILLS, read_bills, BillFileRefused),
        (ANSWERS, read_bank, BankFileRefused),
    ],
    ids=["balance", "bills", "bank"],
)
def test_a_mangled_file_is_refused_with_its_line_or_is_right_to_the_byte(
    right: bytes,
    taken: Callable[[bytes], bytes],
    refusals: type[BalanceFileRefused | BillFileRefused | BankFileRefused],
) -> None:
    dice, refused = random.Random(a_seed()), 0
    assert taken(right) == right

    for _ in range(MANGLED):
        content, line = mangled(right, dice), 1
        try:
            assert taken(content) == content
        except refusals as refusal:
            line, refused = refusal.line, refused + 1
        assert 1 <= line <= content.count(b"\n") + 2, content[:300]

    assert refused > MANGLED * 0.8


def test_a_mangled_file_of_the_bank_whose_trailer_fits_is_refused_or_is_right_to_the_byte() -> None:
    dice, taken, refused = random.Random(a_seed()), 0, 0
    above = ANSWERS[: ANSWERS.rindex(b"T,")]
    for _ in range(MANGLED):
        body = mangled(above, dice)
        content = closed(body)
        line = 1
        try:
            assert read_bank(content) == content
            taken += 1
        except BankFileRefused as refusal:
            line, refused = refusal.line, refused + 1
        assert 1 <= line <= content.count(b"\n") + 1, content[:300]

    assert min(taken, refused) > 20, "of 800 about 68 are taken"
    otherwise = closed(above.replace(b"2026-03-06", b"20260306"))
    with pytest.raises(BankFileRefused, match="malformed_day"):
        read_answers(otherwise)


@pytest.mark.parametrize(
    "right, take",
    [
        (FUND, partial(fund_lines, header=CONFIRMATIONS_HEADER)),
        (INCOME, partial(parse_yields, fund_code="f1")),
    ],
    ids=["confirmations", "income"],
)
def test_a_mangled_file_of_a_fund_company_is_read_or_refused(right: bytes, take: Callable[[str], object]) -> None:
    dice, refused = random.Random(a_seed()), 0
    take(text_of(right))

    for _ in range(MANGLED):
        content, line = mangled(right, dice), 1
        try:
            take(text_of(content))
        except (FundFileMalformed, FundFileOfAnother) as refusal:
            line, refused = int(str(refusal.params["line"])), refused + 1
        except (YieldNegative, YieldRepeated):
            refused += 1
        assert 1 <= line <= content.count(b"\n") + content.count(b"\r") + 2, content[:300]

    assert refused > MANGLED / 4


def test_a_line_without_an_end_is_read_no_further_than_its_length_is_known(tmp_path: Path) -> None:
    path = tmp_path / "statement.csv"
    path.write_bytes(b"H\n" + b"x" * 10 * CHUNK_BYTES)

    lines = list(lines_in(path))

    assert [len(line) for line in lines] == [2, LINE_BYTES_MAX]
    assert not lines[1].endswith("\n")
