"""A fund and its company, day by day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from app.adapters.sandbox_fund.company import DayFiles, FundCompany, is_trading, next_trading
from app.kernel.clock import SHANGHAI
from app.usecases.saving.accrue import accrue_day
from app.usecases.saving.company import Reconciled, import_confirmations, reconcile, send_orders
from app.usecases.saving.yields import import_yields
from tests.factories.rows import look_one
from tests.factories.wealth import Fund, a_fund

if TYPE_CHECKING:
    from app.adapters.sandbox_fund.company import Decide
    from tests.support.business_clock import BusinessClock

DAY = timedelta(days=1)
USUAL = Fraction("1.1204")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=SHANGHAI)


class FundDays:
    """A fund from its first day on. ``today`` is the business day; :meth:`next_day` ends it."""

    def __init__(self, clock: BusinessClock, first: date, decide: Decide | None = None) -> None:
        self.clock = clock
        self.today = first
        self.fund: Fund = a_fund(accrued_through=first - DAY)
        self.company = FundCompany(self.fund.code)
        if decide is not None:
            self.company.decide = decide
        self.waiting: dict[date, str] = {}
        self.files: dict[date, DayFiles] = {}
        self.at(10)

    def at(self, hour: int, minute: int = 0) -> None:
        self.clock.at(at(self.today, hour, minute))

    def next_day(self, ten_thousand: Fraction = USUAL, *, times: int = 1) -> Reconciled:
        """End the day: orders out, income and confirmations in, accrual, comparison; each job ``times`` times."""
        day, fund_id = self.today, self.fund.fund_id
        self.today = day + DAY
        self.at(3)
        orders = [send_orders(fund_id, day) for _ in range(times)]
        assert len(set(orders)) == 1, "a file of a day always says the same"
        files = self.company.close_day(day, orders[0], ten_thousand)
        self.files[day] = files
        self.waiting[day] = files.confirmations
        for _ in range(times):
            import_yields(fund_id, files.income)
        accrue_day(fund_id)
        found = [reconcile(fund_id, day, files.holdings) for _ in range(times)]
        for past in [past for past in self.waiting if next_trading(past) <= self.today]:
            content = self.waiting.pop(past)
            for _ in range(times):
                import_confirmations(fund_id, past, content)
        self.at(10)
        return found[-1]

    def days(self, count: int) -> None:
        for _ in range(count):
            self.next_day()

    def to_trading_day(self) -> None:
        while not is_trading(self.today):
            self.next_day()


IDENTITY = """
    SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance
    WHERE split_part(code, ':', 1) IN ('fund_omnibus', 'fund_holding', 'fund_pending_out', 'fund_income',
        'fund_rounding')
"""


def assert_agreed(found: Reconciled) -> None:
    """Hold both sides to be the same, and the books to mirror them."""
    assert found.differences == ()
    assert found.ours_fen == found.company_fen
    assert look_one(IDENTITY) == 0
