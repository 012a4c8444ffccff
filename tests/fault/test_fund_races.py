"""Funds under many hands at once."""

from __future__ import annotations

from collections import Counter
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from app.adapters.sandbox_fund.company import is_trading
from app.usecases.saving.accrue import accrue_day
from app.usecases.saving.orders import redeem_fund
from app.usecases.saving.yields import import_yields
from tests.factories import a_claim
from tests.factories.rows import look, look_one
from tests.factories.wealth import a_fund, a_saver, hold
from tests.support.fund_days import FundDays
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.business_clock import BusinessClock


def test_of_30_fast_redemptions_at_once_no_more_than_the_cap_go_through(app: Flask, clock: BusinessClock) -> None:
    FundDays(clock, date(2026, 3, 5))
    saver, fund = a_saver(balance_fen=0), a_fund()
    hold(saver, fund, 5_000_000)

    def redeem() -> Any:
        return redeem_fund(saver.actor, a_claim(saver), fund_id=fund.fund_id, amount_fen=100_000, is_fast=True)

    outcomes = at_once(app, [redeem] * 30)

    assert Counter(one.refusal for one in outcomes) == {None: 10, "fast_redemption_exceeded": 20}
    [row] = look("SELECT units_fen, fast_used_fen FROM fund_holdings WHERE account_id = :a", a=saver.account_id)
    assert (row.units_fen, row.fast_used_fen) == (4_000_000, 1_000_000)


def test_an_accrual_that_runs_eight_times_at_once_pays_once(app: Flask, clock: BusinessClock) -> None:
    days = FundDays(clock, date(2026, 3, 5))
    saver = a_saver(balance_fen=0)
    hold(saver, days.fund, 1_000_000)
    days.company.units[str(saver.account_id)] = 1_000_000
    files = days.company.close_day(date(2026, 3, 5), "header\n", Fraction("1.1173"))
    days.today = date(2026, 3, 6)
    days.at(3)
    import_yields(days.fund.fund_id, files.income)

    outcomes = at_once(app, [lambda: accrue_day(days.fund.fund_id)] * 8)

    assert Counter(one.refusal for one in outcomes) == {None: 1, "fund_day_not_over": 7}
    assert look_one("SELECT units_fen FROM fund_holdings WHERE account_id = :a", a=saver.account_id) == 1_000_111


def test_the_shipped_calendar_is_the_librarys(app: Flask) -> None:
    shipped = {row.day: row.is_trading for row in look("SELECT day, is_trading FROM trading_days")}

    assert len(shipped) == 730
    assert {day for day, flag in shipped.items() if flag != is_trading(day)} == set()
