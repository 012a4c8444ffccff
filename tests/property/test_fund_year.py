"""A year of a fund in random order, beside a company that keeps books of its own."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from app.core import ledger
from app.kernel.errors import LinliError
from app.kernel.transaction import transaction
from app.usecases.saving.accrue import accrue_day
from app.usecases.saving.days import import_year
from app.usecases.saving.orders import buy_fund, cancel_fund_order, redeem_fund
from tests.factories import Person, a_claim
from tests.factories.rows import look
from tests.factories.wealth import a_saver, a_wealth_grant
from tests.support.fund_days import FundDays, assert_agreed
from tests.support.races import a_seed

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.business_clock import BusinessClock

FIRST = date(2025, 12, 20)
DAYS = 365
PEOPLE = 4
_UNITS = """
    SELECT h.account_id, h.units_fen, h.earning_fen, h.uncredited_fen,
        (SELECT coalesce(sum(o.units_fen), 0) FROM fund_orders AS o WHERE o.account_id = h.account_id
            AND o.fund_id = h.fund_id AND o.absorbed_on IS NULL AND o.earns_from IS NOT NULL) AS moves_fen,
        (SELECT posted_fen FROM ledger.balance WHERE code = 'fund_holding:' || h.account_id) AS booked_fen
    FROM fund_holdings AS h WHERE h.fund_id = :fund_id
"""


def test_a_year_in_random_order_agrees_with_the_fund_company_every_day(app: Flask, clock: BusinessClock) -> None:
    luck = random.Random(a_seed())
    days = FundDays(clock, FIRST, decide=lambda _order, amount: luck.choice([amount, amount, amount // 2, 0]))
    savers = [a_saver(balance_fen=3_000_000) for _ in range(PEOPLE)]
    refusals: dict[str, int] = defaultdict(int)

    for _ in range(DAYS):
        for hour in sorted(luck.sample(range(9, 23), luck.randrange(3))):
            days.at(hour)
            try:
                act(luck, days, luck.choice(savers))
            except LinliError as refusal:
                refusals[refusal.code] += 1
        assert_agreed(days.next_day(Fraction(luck.randrange(0, 25_000), 10_000), times=luck.randint(1, 3)))
        for _ in range(luck.randrange(2)):
            try:
                accrue_day(days.fund.fund_id)
            except LinliError as stop:
                assert stop.code == "fund_day_not_over"  # noqa: PT017 - a job that runs again finds nothing to do

    for row in look(_UNITS, fund_id=days.fund.fund_id):
        assert row.units_fen == row.earning_fen + row.moves_fen
        assert row.units_fen == row.booked_fen + row.uncredited_fen
    assert set(refusals) <= {"fund_units_insufficient", "fast_redemption_exceeded", "insufficient_funds",
                             "fund_order_past_cut_off", "illegal_transition"}  # fmt: skip
    with transaction() as tx:
        assert ledger.prove(tx).is_sound


def act(luck: random.Random, days: FundDays, saver: Person) -> None:
    fund_id, amount_fen = days.fund.fund_id, luck.choice([100, 8_765, 99_999, luck.randrange(100, 1_500_000)])
    choice = luck.randrange(8)
    if choice < 4:
        grant = a_wealth_grant(saver, fund_id)
        buy_fund(saver.actor, a_claim(saver), fund_id=fund_id, amount_fen=amount_fen, step_up_grant=grant)
    elif choice < 7:
        is_fast = luck.random() < 0.5
        redeem_fund(saver.actor, a_claim(saver), fund_id=fund_id, amount_fen=amount_fen, is_fast=is_fast)
    else:
        rows = look(
            "SELECT fund_order_id FROM fund_orders WHERE account_id = :a AND fund_id = :f ORDER BY 1 DESC LIMIT 1",
            a=saver.account_id,
            f=fund_id,
        )
        for row in rows:
            cancel_fund_order(saver.actor, a_claim(saver), fund_order_id=row.fund_order_id)


def test_a_year_that_is_known_is_imported_again_without_effect_and_a_gap_is_refused(app: Flask) -> None:
    known = {row.day: row.is_trading for row in look("SELECT * FROM trading_days WHERE day >= '2026-01-01'")}

    assert import_year(known) == 0
    for wrong, reason in (
        ({**known, date(2026, 1, 5): False}, "contradicts"),
        ({date(2029, 1, 1) + timedelta(days=number): False for number in range(365)}, "gap"),
        ({**known, date(2026, 1, 3): True}, "weekend"),
        (dict(list(known.items())[1:]), "incomplete"),
        ({}, "incomplete"),
    ):
        try:
            import_year(wrong)
        except LinliError as refusal:
            assert refusal.params["reason"] == reason  # noqa: PT017 - each reason in turn
        else:
            raise AssertionError(reason)
