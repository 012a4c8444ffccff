"""Whatever merchants earn, refund and withdraw: statement, files and books agree to the fen."""

from __future__ import annotations

import csv
import io
import os
import random
import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from openpyxl import load_workbook

from app.core import ledger
from app.core.ledger import InsufficientFunds, Journal, JournalKind, Leg, codes
from app.core.orders.repository import LOCK_BY_SYSTEM, lock_order
from app.core.settlement.errors import RefundExceedsOrder
from app.core.settlement.models import Cycle
from app.core.settlement.rules import Standing, Terms, fee_back_of, moves_of, next_day
from app.kernel.ids import new_id
from app.kernel.money import grouped_yuan
from app.kernel.transaction import transaction
from app.usecases.settling.refund_completed import refund_completed
from app.usecases.settling.settle import settle_due
from app.web.statement_files import SUMS, as_csv, as_pdf, as_xlsx
from app.web.statements import lines_of
from tests.factories.rows import change, look, look_one
from tests.factories.settling import History
from tests.support.pdf_text import drawn
from tests.support.races import a_seed

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask

    from tests.support.business_clock import BusinessClock

MERCHANTS = int(os.environ.get("STATEMENT_MERCHANTS", "24"))
"""With ``STATEMENT_MERCHANTS=1000`` so many; they take their minutes."""
DAYS = 4
_BY_COUPONS = """
    SELECT coalesce(sum(l.amount_fen), 0) FROM ledger.leg AS l WHERE l.code = 'promotion_expense' AND l.key IN (
        SELECT 'end:' || i.order_id FROM settlement_items AS i WHERE i.statement_id = :id UNION ALL
        SELECT 'refund:' || r.refund_id FROM settlement_refunds AS r WHERE r.statement_id = :id)
"""


@dataclass
class Merchant:
    merchant_id: UUID = field(default_factory=new_id)
    orders: list[UUID] = field(default_factory=list)


def refund(order_id: UUID, amount_fen: int) -> None:
    with transaction() as tx:
        refund_completed(tx, lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id}), amount_fen=amount_fen, reason="x")


def withdraw(merchant_id: UUID, amount_fen: int) -> None:
    legs = (Leg(codes.merchant_available(merchant_id), -amount_fen), Leg(codes.BANK_SETTLEMENT, amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"withdraw:{new_id()}", kind=JournalKind.WITHDRAWAL, legs=legs))


def balance(kind: str, merchant_id: UUID) -> int:
    with transaction() as tx:
        return ledger.balance(tx, f"merchant_{kind}:{merchant_id}").posted_fen


def test_statements_files_and_books_agree_to_the_fen(app: Flask, clock: BusinessClock) -> None:
    dice = random.Random(a_seed())
    history = History.begin()
    merchants = [Merchant() for _ in range(MERCHANTS)]
    for _ in range(DAYS):
        for one in merchants:
            _a_day(dice, history, one)
        clock.ahead(hours=24)
        settle_due(limit=MERCHANTS, only=[one.merchant_id for one in merchants])

    for one in merchants:
        _assert_pending_is_what_is_unsettled(one)
        statements = [
            dict(row._mapping)
            for row in look("SELECT * FROM statements WHERE party_id = :id ORDER BY number", id=one.merchant_id)
        ]
        opening = 0
        for number, head in enumerate(statements, 1):
            assert (head["number"], head["opening_fen"]) == (number, opening)
            opening = head["closing_fen"]
            _assert_files_agree(head)
        now = sum(balance(kind, one.merchant_id) for kind in ("available", "deposit", "debt"))
        assert now == opening, "nothing has moved since the last statement"


def _a_day(dice: random.Random, history: History, one: Merchant) -> None:
    for _ in range(dice.randrange(3)):
        gross_fen = dice.randrange(2, 5_000)
        earned = {"gross_fen": gross_fen, "fee_fen": gross_fen * dice.randrange(9) // 20}
        promotion_fen = dice.randrange(gross_fen) if dice.random() < 0.4 else 0
        one.orders.append(history.earn(one.merchant_id, **earned, promotion_fen=promotion_fen))
    if dice.random() < 0.3:
        change(
            "UPDATE settlement_accounts SET deposit_target_fen = :target, deposit_bp = :bp WHERE party_id = :id",
            target=dice.randrange(3_000),
            bp=dice.randrange(10_001),
            id=one.merchant_id,
        )
    if one.orders and dice.random() < 0.6:
        for order_id in dice.sample(one.orders, dice.randrange(1, min(3, len(one.orders)) + 1)):
            try:
                refund(order_id, dice.randrange(1, 3_000))
            except RefundExceedsOrder:
                continue
    if dice.random() < 0.8:
        try:
            withdraw(one.merchant_id, max(1, balance("available", one.merchant_id)))
        except InsufficientFunds:
            return


def _assert_pending_is_what_is_unsettled(one: Merchant) -> None:
    unsettled = look_one(
        "SELECT coalesce(sum(amount_fen - refunded_fen + fee_back_fen), 0) FROM settlement_items"
        " WHERE party_id = :id AND settled_on IS NULL",
        id=one.merchant_id,
    )
    assert balance("pending", one.merchant_id) == unsettled


def _assert_files_agree(head: dict[str, Any]) -> None:
    lines = lines_of(head)
    moved = head["closing_fen"] - head["opening_fen"]
    rows = [*csv.reader(io.StringIO(as_csv(head, lines).decode("utf-8-sig")))]
    told = rows.index([])
    assert dict(row[:2] for row in rows[:told])["closing_fen"] == str(head["closing_fen"])
    assert sum(int(row[-1]) for row in rows[told + 2 :]) == moved
    by_coupons = head["promotion_fen"] - head["promotion_back_fen"]
    assert look_one(_BY_COUPONS, id=head["statement_id"]) == -by_coupons, "the platform paid as much"
    assert sum(int(row[4]) for row in rows[told + 2 :]) == by_coupons
    sheet = load_workbook(io.BytesIO(as_xlsx(head, lines)), read_only=True).active
    assert sheet is not None
    cells = [row for row in sheet.iter_rows(values_only=True) if len(row) == 7 and row[-1] is not None]
    assert sum(int(row[-1]) for row in cells[1:]) == moved
    assert sum(int(row[4]) for row in cells[1:]) == by_coupons
    words = drawn(as_pdf(head, lines))
    assert grouped_yuan(head["closing_fen"]) in words
    figures = [word for word in words if re.fullmatch(r"-?[0-9,]+\.[0-9]{2}", word)]
    assert figures[len(SUMS) + 1 :: 4] == [grouped_yuan(line.promotion_fen) for line in lines]
    assert figures[len(SUMS) + 3 :: 4] == [grouped_yuan(line.amount_fen) for line in lines]


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
