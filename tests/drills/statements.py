"""Merchants who earn, refund and withdraw by the dice: statements, files and books agree to the fen."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openpyxl import load_workbook

from app.core import ledger
from app.core.ledger import InsufficientFunds, Journal, JournalKind, Leg, codes
from app.core.orders.repository import LOCK_BY_SYSTEM, lock_order
from app.core.settlement.errors import RefundExceedsOrder
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

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from uuid import UUID

    from tests.support.business_clock import BusinessClock

DAYS = 4
_BY_COUPONS = """
    SELECT coalesce(sum(l.amount_fen), 0) FROM ledger.leg AS l WHERE l.code = 'promotion_expense' AND l.key IN (
        SELECT 'end:' || i.order_id FROM settlement_items AS i WHERE i.statement_id = :id UNION ALL
        SELECT 'refund:' || r.refund_id FROM settlement_refunds AS r WHERE r.statement_id = :id)
"""

_IS_SETTLED = "SELECT bool_or(settled_on IS NOT NULL) FROM settlement_items WHERE order_id = :id"


@dataclass
class Merchant:
    merchant_id: UUID = field(default_factory=new_id)
    orders: list[UUID] = field(default_factory=list)
    paid_out: int = 0


def _refund(order_id: UUID, amount_fen: int) -> None:
    with transaction() as tx:
        refund_completed(tx, lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id}), amount_fen=amount_fen, reason="x")


def _withdraw(merchant_id: UUID, amount_fen: int) -> None:
    legs = (Leg(codes.merchant_available(merchant_id), -amount_fen), Leg(codes.BANK_SETTLEMENT, amount_fen))
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"withdraw:{new_id()}", kind=JournalKind.WITHDRAWAL, legs=legs))


def _balance(kind: str, merchant_id: UUID) -> int:
    with transaction() as tx:
        return ledger.balance(tx, f"merchant_{kind}:{merchant_id}").posted_fen


def prove(clock: BusinessClock, dice: random.Random, merchants: int, advance: Callable[[], None]) -> Counter[str]:
    """Let ``merchants`` live for some days, then hold their statements, each file of each, and the books to each other.

    :returns: what was there. :raises AssertionError: something differs, by a fen or by a word.
    """
    history, seen = History.begin(), Counter[str]()
    lives = [Merchant() for _ in range(merchants)]
    for _ in range(DAYS):
        for one in lives:
            seen.update(_a_day(dice, history, one))
        clock.ahead(hours=24)
        settle_due(limit=merchants, only=[one.merchant_id for one in lives])
    for one in lives:
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
        now = sum(_balance(kind, one.merchant_id) for kind in ("available", "deposit", "debt"))
        assert now == opening, "nothing has moved since the last statement"
        seen["statements, each as CSV, XLSX and PDF"] += len(statements)
        advance()
    return seen


def _a_day(dice: random.Random, history: History, one: Merchant) -> Counter[str]:
    seen = Counter[str]()
    for _ in range(dice.randrange(3)):
        gross_fen = dice.randrange(2, 5_000)
        earned = {"gross_fen": gross_fen, "fee_fen": gross_fen * dice.randrange(9) // 20}
        promotion_fen = dice.randrange(gross_fen) if dice.random() < 0.4 else 0
        seen["orders"] += 1
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
                _refund(order_id, dice.randrange(1, 3_000))
            except RefundExceedsOrder:
                continue
            is_paid_out = one.paid_out and look_one(_IS_SETTLED, id=order_id)
            seen["refunds after the payout" if is_paid_out else "refunds before the payout"] += 1
    if dice.random() < 0.8:
        try:
            _withdraw(one.merchant_id, max(1, _balance("available", one.merchant_id)))
        except InsufficientFunds:
            return seen
        seen["payouts"] += 1
        one.paid_out += 1
    return seen


def _assert_pending_is_what_is_unsettled(one: Merchant) -> None:
    unsettled = look_one(
        "SELECT coalesce(sum(amount_fen - refunded_fen + fee_back_fen), 0) FROM settlement_items"
        " WHERE party_id = :id AND settled_on IS NULL",
        id=one.merchant_id,
    )
    assert _balance("pending", one.merchant_id) == unsettled


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
