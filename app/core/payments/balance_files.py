"""Daily files of what a provider or bank booked for us (对账文件), read line by line, whole or not at all.

Lines of comma-separated values without quotes, each ending with a line feed: a head ``H,BALANCE,1,source,day``, lines
``B,id,kind,object,fen,fee`` and a trailer ``T,count,sum of fen,sum of fees``. Amounts are signed: what came to us is
above zero. A file of a million lines is never in memory as a whole.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

LINES_MAX = 5_000_000
_LINE = re.compile(
    r"B,([A-Za-z0-9_-]{1,64}),(payment|payment_refund|payment_failure_refund|dispute|dispute_reversal|payout|payout_return),"
    r"([A-Za-z0-9_-]{1,64}),(-?[1-9][0-9]{0,11}),(0|[1-9][0-9]{0,11})\n"
)


class BalanceFileRefused(Exception):
    """Nothing of the file is used; ``line`` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


@dataclass
class Reading:
    """A file while it is read: after the last line, ``count`` and the sums are those of the trailer."""

    source: str
    day: date
    count: int = 0
    total_fen: int = 0
    fee_fen: int = 0
    is_whole: bool = field(default=False)

    def rows(self, lines: Iterable[str]) -> Iterator[tuple[int, str, str, str, int, int]]:
        """Yield ``(line, id, kind, object, fen, fee)`` for each line.

        :raises BalanceFileRefused: a line is broken, the day or source is another, or the trailer does not fit.
        """
        place = 0
        for place, line in enumerate(lines, 1):
            if self.is_whole:
                raise BalanceFileRefused(place, "behind_the_trailer")
            if place == 1:
                self._head(line)
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                self._trailer(place, line)
                continue
            if place > LINES_MAX:
                raise BalanceFileRefused(place, "too_many_lines")
            amount_fen, fee_fen = int(found[4]), int(found[5])
            self.count += 1
            self.total_fen += amount_fen
            self.fee_fen += fee_fen
            yield place, found[1], found[2], found[3], amount_fen, fee_fen
        if not self.is_whole:
            raise BalanceFileRefused(place + 1, "truncated")

    def _head(self, line: str) -> None:
        if line[: len("H,BALANCE,1,")] != "H,BALANCE,1,":
            raise BalanceFileRefused(1, "malformed_head")
        if line != f"H,BALANCE,1,{self.source},{self.day}\n":
            raise BalanceFileRefused(1, "wrong_day")

    def _trailer(self, place: int, line: str) -> None:
        if not line.startswith("T,"):
            raise BalanceFileRefused(place, "malformed")
        if line != f"T,{self.count},{self.total_fen},{self.fee_fen}\n":
            raise BalanceFileRefused(place, "trailer_differs")
        self.is_whole = True


def balance_file(source: str, day: date, rows: Iterable[tuple[str, str, str, int, int]]) -> Iterator[str]:
    """Yield the lines of a file of ``(id, kind, object, fen, fee)``."""
    count = total_fen = total_fee = 0
    yield f"H,BALANCE,1,{source},{day}\n"
    for line_id, kind, about, amount_fen, fee_fen in rows:
        count, total_fen, total_fee = count + 1, total_fen + amount_fen, total_fee + fee_fen
        yield f"B,{line_id},{kind},{about},{amount_fen},{fee_fen}\n"
    yield f"T,{count},{total_fen},{total_fee}\n"
