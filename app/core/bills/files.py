"""A biller's nightly file (日终对账文件): what it booked on a day. Read whole or not at all.

Lines of comma-separated values without quotes, each ending with a line feed: a head ``H,BILLS,1,biller,day``, lines
``B,key,reference,fen`` and a trailer ``T,count,sum of fen``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

LINES_MAX = 500_000
_LINE = re.compile(r"B,([A-Za-z0-9_:-]{1,80}),([A-Za-z0-9_-]{1,64}),([1-9][0-9]{0,11})\n")


class BillFileRefused(Exception):
    """Nothing of the file is used; ``line`` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class FileLine:
    """One payment as the biller booked it."""

    key: str
    reference: str
    amount_fen: int


def read_bill_file(biller: str, day: date, lines: Iterable[str]) -> list[FileLine]:
    """Return the lines of the file of ``biller`` for ``day``.

    :raises BillFileRefused: it is broken, incomplete, another day's or biller's, or names a payment twice.
    """
    found: dict[str, FileLine] = {}
    total, place, is_whole = 0, 0, False
    for place, line in enumerate(lines, 1):
        if is_whole:
            raise BillFileRefused(place, "behind_the_trailer")
        if place == 1:
            if line != f"H,BILLS,1,{biller},{day}\n":
                raise BillFileRefused(1, "wrong_head")
        elif line.startswith("T,"):
            if line != f"T,{len(found)},{total}\n":
                raise BillFileRefused(place, "trailer_differs")
            is_whole = True
        else:
            one = _line(place, line)
            if one.key in found:
                raise BillFileRefused(place, "repeated")
            found[one.key] = one
            total += one.amount_fen
    if not is_whole:
        raise BillFileRefused(place + 1, "truncated")
    return list(found.values())


def _line(place: int, line: str) -> FileLine:
    read = _LINE.fullmatch(line)
    if read is None:
        raise BillFileRefused(place, "malformed")
    if place > LINES_MAX:
        raise BillFileRefused(place, "too_many_lines")
    return FileLine(read[1], read[2], int(read[3]))


def bill_file(biller: str, day: date, lines: Iterable[FileLine]) -> list[str]:
    """Return the lines of a file."""
    rows = list(lines)
    body = [f"B,{one.key},{one.reference},{one.amount_fen}\n" for one in rows]
    return [f"H,BILLS,1,{biller},{day}\n", *body, f"T,{len(rows)},{sum(one.amount_fen for one in rows)}\n"]
