"""The fund company's books: holders, orders that wait for their confirmation, and each day's income."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

import chinese_calendar

DAY = timedelta(days=1)
_ORDERS = ("fund", "trade_on", "order_id", "holder", "kind", "amount_fen")

Decide = Callable[[str, int], int]
"""Order and amount → how much of a purchase is confirmed: all of it, less, or nothing."""


def is_trading(day: date) -> bool:
    """Whether the exchanges are open; from the library, so that our table has something to be compared with."""
    return day.weekday() < 5 and not chinese_calendar.is_holiday(day)  # noqa: PLR2004 - Monday to Friday


def next_trading(day: date) -> date:
    """Return the trading day after ``day``."""
    found = day + DAY
    while not is_trading(found):
        found += DAY
    return found


@dataclass(frozen=True)
class DayFiles:
    """What the company sends for a day."""

    confirmations: str
    income: str
    holdings: str


@dataclass
class FundCompany:
    """One fund at its company. Days come one after another, each once."""

    code: str
    decide: Decide = lambda _order, amount: amount
    units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _left: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    _bought: dict[date, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    _redeemed: dict[date, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    _declared_left: Fraction = Fraction(0)
    _earned: dict[date, Mapping[str, int]] = field(default_factory=dict)
    _yields: dict[date, tuple[int, Fraction]] = field(default_factory=dict)

    def close_day(self, day: date, orders: str, ten_thousand: Fraction) -> DayFiles:
        """Take a day's orders, pay its income, and return the files.

        :param ten_thousand: income per 10,000 units, yuan.
        """
        lines = [dict(zip(_ORDERS, line, strict=True)) for line in list(csv.reader(io.StringIO(orders)))[1:]]
        for holder, amount in self._bought.pop(day, []):
            self.units[holder] += amount
        for holder, amount in self._redeemed.pop(day, []):
            self.units[holder] -= amount
        answers: list[tuple[object, ...]] = []
        advanced = 0
        for line in lines:
            holder, amount, kind = line["holder"], int(line["amount_fen"]), line["kind"]
            if kind in {"fast", "pay"}:
                self.units[holder] -= amount
                advanced += amount
            elif kind == "redeem":
                self._redeemed[day + DAY].append((holder, amount))
                answers.append((self.code, day, line["order_id"], "confirmed", amount))
            else:
                taken = self.decide(line["order_id"], amount)
                self._bought[next_trading(day)].append((holder, taken))
                state = "confirmed" if taken == amount else "part_confirmed" if taken else "failed"
                answers.append((self.code, day, line["order_id"], state, taken))
        answers.append((self.code, day, "", "repaid", advanced))
        declared = self._pay(day, ten_thousand)
        held = [(self.code, day, holder, units) for holder, units in sorted(self.units.items()) if units]
        total = sum(self.units.values())
        return DayFiles(
            confirmations=_file(("fund", "trade_on", "order_id", "state", "confirmed_fen"), answers),
            income=self._income_file(day, 1, ten_thousand, declared),
            holdings=_file(("fund", "day", "holder", "units_fen"), [*held, (self.code, day, "", total)]),
        )

    def restate(self, day: date, ten_thousand: Fraction) -> str:
        """Correct a day's income; return the file that says so."""
        version, before = self._yields[day]
        exact = Fraction(0)
        for holder, units in self._earned[day].items():
            change = units * (ten_thousand - before) / 10_000
            exact += change
            self._left[holder] += change
            paid = self._left[holder].__floor__()
            self.units[holder] += paid
            self._left[holder] -= paid
        declared = self._declared_of(day) + exact
        self._yields[day] = (version + 1, ten_thousand)
        return self._income_file(day, version + 1, ten_thousand, round(declared))

    def _declared_of(self, day: date) -> Fraction:
        return Fraction(sum(self._earned[day].values())) * self._yields[day][1] / 10_000

    def _pay(self, day: date, ten_thousand: Fraction) -> int:
        self._earned[day] = {holder: units for holder, units in self.units.items() if units}
        self._yields[day] = (1, ten_thousand)
        self._declared_left += self._declared_of(day)
        declared = self._declared_left.__floor__()
        self._declared_left -= declared
        for holder, units in self._earned[day].items():
            self._left[holder] += units * ten_thousand / 10_000
            paid = self._left[holder].__floor__()
            self.units[holder] += paid
            self._left[holder] -= paid
        return declared

    def _income_file(self, day: date, version: int, ten_thousand: Fraction, declared: int) -> str:
        header = ("fund", "day", "version", "ten_thousand", "seven_day", "declared_fen")
        return _file(header, [(self.code, day, version, f"{float(ten_thousand):.4f}", "", declared)])


def _file(header: tuple[str, ...], lines: list[tuple[object, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *lines])
    return out.getvalue()
