"""The fund company at work: it takes order files out of a folder, day by day, and puts its answers into it.

Its books are what its files made of them: begun anew, it reads them all again and says the same. A day's income is made
of the day itself, between 0.9 and 1.3 yuan for 10,000.
"""

import hashlib
import re
from datetime import date
from fractions import Fraction
from pathlib import Path

from app.adapters.sandbox_fund.company import DAY, FundCompany
from app.kernel.files import put_whole

_ORDERS = re.compile(r"orders-([a-z0-9-]{1,40})-(\d{4}-\d{2}-\d{2})\.csv")


def ten_thousand_of(code: str, day: date) -> Fraction:
    """Return what a fund pays for 10,000 units on a day, yuan, four places."""
    drawn = int.from_bytes(hashlib.sha256(f"{code} {day}".encode()).digest()[:4])
    return Fraction(9_000 + drawn % 4_001, 10_000)


class FundHouse:
    """Every fund that sends orders into ``folder/out``; answers go into ``folder/in``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._companies: dict[str, FundCompany] = {}
        self._through: dict[str, date] = {}

    def work_once(self) -> int:
        """Close every day whose orders are there, one after another; return how many days."""
        done = 0
        for path in sorted((self._folder / "out").glob("orders-*.csv")):
            found = _ORDERS.fullmatch(path.name)
            if found is None:
                continue
            code, day = found[1], date.fromisoformat(found[2])
            through = self._through.get(code)
            if through is not None and day != through + DAY:
                continue  # done, or a day is missing before it
            company = self._companies.setdefault(code, FundCompany(code))
            try:
                files = company.close_day(day, path.read_text(encoding="utf-8"), ten_thousand_of(code, day))
            except NotImplementedError:
                return done  # its calendar does not know the year yet
            self._through[code] = day
            for kind in ("confirmations", "income", "holdings"):
                self._put(f"{kind}-{code}-{day}.csv", getattr(files, kind))
            done += 1
        return done

    def _put(self, name: str, content: str) -> None:
        """Write a file; one that is there says the same."""
        target = self._folder / "in" / name
        if not target.exists():
            put_whole(target, content.encode())
