"""The bank's files (银行文件), as text: how ours are written and how the bank's are read, whole or not at all.

A file is lines of comma-separated values without quotes, UTF-8, each ending with a line feed: a head, the lines, a
trailer with their count, their sum in fen and the SHA-256 of everything before it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.core.settlement.payouts import LineState

FORMAT = "1"
BYTES_MAX = 64 * 1024 * 1024
_AMOUNT = re.compile(r"[1-9][0-9]{0,11}")
_ANSWER_FIELDS = 5
_REFERENCE = re.compile(r"[0-9A-Za-z-]{1,64}")
_REASON = re.compile(r"[a-z_]{0,40}")


class BankFileRefused(Exception):
    """The file is not applied; ``line`` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Order:
    """One line to the bank: pay ``amount_fen`` to ``holder``."""

    reference: str
    bank_code: str
    number: str
    holder: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One line from the bank: what became of ours. ``line`` is its place in the file."""

    line: int
    reference: str
    state: LineState
    amount_fen: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answers:
    """A file of answers."""

    day: date
    answers: tuple[Answer, ...]


def payout_file(batch_id: str, day: date, orders: Sequence[Order]) -> bytes:
    """Return the file that has the bank pay ``orders``."""
    lines = [
        f"P,{one.reference},{one.bank_code},{one.number},{one.holder.replace(',', ' ')},{one.amount_fen}"
        for one in orders
    ]
    return _closed([f"H,PAYOUT,{FORMAT},{batch_id},{day}", *lines], sum(one.amount_fen for one in orders))


def answer_file(name: str, day: date, answers: Sequence[tuple[str, LineState, int, str]]) -> bytes:
    """Return a bank's file of ``(reference, state, fen, reason)``, as the sandbox bank writes it."""
    lines = [f"A,{reference},{state},{amount_fen},{reason}" for reference, state, amount_fen, reason in answers]
    return _closed([f"H,ANSWER,{FORMAT},{name},{day}", *lines], sum(answer[2] for answer in answers))


def read_payouts(content: bytes) -> list[Order]:
    """Return the orders of a file of ours, as the sandbox bank reads it.

    :raises BankFileRefused: it is not whole.
    """
    orders = []
    for place, fields in _body(content, "PAYOUT")[1]:
        if len(fields) != 6 or fields[0] != "P" or not _AMOUNT.fullmatch(fields[5]):  # noqa: PLR2004 - fields of a line
            raise BankFileRefused(place, "malformed")
        _, reference, bank_code, number, holder, amount = fields
        orders.append(Order(reference, bank_code, number, holder, int(amount)))
    return orders


def read_answers(content: bytes) -> Answers:
    """Return the answers of a bank's file.

    :raises BankFileRefused: a line is broken, given twice, or the trailer does not fit what is above it.
    """
    day, body = _body(content, "ANSWER")
    seen: set[str] = set()
    answers = []
    for place, fields in body:
        if len(fields) != _ANSWER_FIELDS or fields[0] != "A":
            raise BankFileRefused(place, "malformed")
        _, reference, state, amount, reason = fields
        if state not in {LineState.PAID, LineState.FAILED, LineState.RETURNED} or not _REASON.fullmatch(reason):
            raise BankFileRefused(place, "malformed")
        if not _AMOUNT.fullmatch(amount) or not _REFERENCE.fullmatch(reference):
            raise BankFileRefused(place, "malformed")
        if reference in seen:
            raise BankFileRefused(place, "duplicate")
        seen.add(reference)
        answers.append(Answer(place, reference, LineState(state), int(amount), reason))
    return Answers(day, tuple(answers))


def _closed(lines: list[str], total_fen: int) -> bytes:
    body = "".join(f"{line}\n" for line in lines).encode()
    return body + f"T,{len(lines) - 1},{total_fen},{hashlib.sha256(body).hexdigest()}\n".encode()


def _body(content: bytes, kind: str) -> tuple[date, list[tuple[int, list[str]]]]:
    """Return day and numbered lines of a file whose head and trailer fit.

    :raises BankFileRefused: they do not.
    """
    if len(content) > BYTES_MAX:
        raise BankFileRefused(1, "too_large")
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise BankFileRefused(content[: error.start].count(b"\n") + 1, "not_utf8") from None
    if len(lines) < 3 or lines[-1]:  # noqa: PLR2004 - head, trailer, and nothing behind the last line feed
        raise BankFileRefused(len(lines), "truncated")
    head, trailer = lines[0].split(","), lines[-2].split(",")
    if len(head) != 5 or head[:3] != ["H", kind, FORMAT]:  # noqa: PLR2004 - fields of a head
        raise BankFileRefused(1, "malformed_head")
    try:
        day = date.fromisoformat(head[4])
    except ValueError:
        raise BankFileRefused(1, "malformed_day") from None
    if head[4] != str(day):  # one way to write a day, of several that ISO knows
        raise BankFileRefused(1, "malformed_day")
    body = [(place, line.split(",")) for place, line in enumerate(lines[1:-2], 2)]
    above = content[: content.rstrip(b"\n").rfind(b"\n") + 1]
    total = sum(int(fields[3 if kind == "ANSWER" else 5]) for _, fields in body if _is_amount(fields, kind))
    if trailer != ["T", str(len(body)), str(total), hashlib.sha256(above).hexdigest()]:
        broken = next((place for place, fields in body if not _is_amount(fields, kind)), len(lines) - 1)
        raise BankFileRefused(broken, "malformed" if broken < len(lines) - 1 else "trailer_differs")
    return day, body


def _is_amount(fields: list[str], kind: str) -> bool:
    place = 3 if kind == "ANSWER" else 5
    return len(fields) > place and _AMOUNT.fullmatch(fields[place]) is not None
