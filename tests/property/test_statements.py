"""Whatever merchants earn, refund and withdraw: statement, files and books agree to the fen."""

from __future__ import annotations

import random
from datetime import date
from typing import TYPE_CHECKING

from app.core.settlement.models import Cycle
from app.core.settlement.rules import Standing, Terms, fee_back_of, moves_of, next_day
from tests.drills import statements
from tests.support.races import a_seed

if TYPE_CHECKING:
    from flask import Flask

    from tests.support.business_clock import BusinessClock

MERCHANTS = 24
"""``dev.py drill statements --merchants 1000`` has so many; they take their minutes."""


def test_statements_files_and_books_agree_to_the_fen(app: Flask, clock: BusinessClock) -> None:
    seen = statements.prove(clock, random.Random(a_seed()), MERCHANTS, lambda: None)

    assert seen["refunds before the payout"] > 0
    assert seen["refunds after the payout"] > 0


def test_income_repays_a_debt_first_then_builds_the_deposit() -> None:
    moves = moves_of(
        1_000,
        Standing(available_fen=0, deposit_fen=100, debt_fen=300),
        Terms(deposit_target_fen=400, deposit_bp=5_000),
    )

    assert (moves.debt_repaid_fen, moves.deposit_fen, moves.available_fen) == (300, 300, 400)


def test_a_debt_beyond_income_is_drawn_from_the_deposit_and_the_rest_stays() -> None:
    moves = moves_of(50, Standing(available_fen=0, deposit_fen=100, debt_fen=300), Terms())

    assert (moves.debt_repaid_fen, moves.deposit_fen, moves.available_fen) == (150, -100, 0)


def test_nothing_is_made_or_lost_and_nobody_goes_below_zero() -> None:
    dice = random.Random(a_seed())
    for _ in range(2_000):
        income_fen = dice.randrange(1_000)
        standing = Standing(
            available_fen=dice.randrange(500), deposit_fen=dice.randrange(500), debt_fen=dice.randrange(1_500)
        )
        terms = Terms(deposit_target_fen=dice.randrange(1_000), deposit_bp=dice.randrange(10_001))

        moves = moves_of(income_fen, standing, terms)

        assert moves.available_fen + moves.deposit_fen + moves.debt_repaid_fen == income_fen
        assert standing.available_fen + moves.available_fen >= 0
        assert standing.deposit_fen + moves.deposit_fen >= 0
        left = standing.debt_fen - moves.debt_repaid_fen
        assert left >= 0
        assert not left or standing.available_fen + moves.available_fen + standing.deposit_fen + moves.deposit_fen == 0


def test_small_refunds_give_back_the_commission_that_one_large_does() -> None:
    dice = random.Random(a_seed())
    for _ in range(500):
        gross_fen = dice.randrange(1, 5_000)
        fee_fen = dice.randrange(gross_fen + 1)
        refunded, back = 0, 0
        while refunded < gross_fen:
            amount = dice.randrange(1, gross_fen - refunded + 1)
            back += fee_back_of(gross_fen=gross_fen, fee_fen=fee_fen, refunded_fen=refunded, amount_fen=amount)
            refunded += amount
            assert 0 <= back <= min(fee_fen, refunded)

        assert back == fee_fen


def test_statements_come_tomorrow_on_mondays_and_on_the_first() -> None:
    assert next_day(Cycle.DAILY, date(2026, 2, 28)) == date(2026, 3, 1)
    assert [next_day(Cycle.WEEKLY, date(2026, 11, day)) for day in (22, 23, 24)] == [
        date(2026, 11, 23),
        date(2026, 11, 30),
        date(2026, 11, 30),
    ]
    assert [next_day(Cycle.MONTHLY, day) for day in (date(2026, 1, 31), date(2026, 12, 1))] == [
        date(2026, 2, 1),
        date(2027, 1, 1),
    ]
