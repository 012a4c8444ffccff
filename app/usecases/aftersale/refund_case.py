"""The money of a case: who bears it, from where it is taken, and what that leaves of order and lines.

Before completion it comes out of the order's escrow, and the commission shrinks to what the lines still cost. After
it, it comes out of what the merchant earned by the order, then of what the merchant has, and the rest is a debt, which
the next statement pays; the commission goes back pro rata, and so does what the platform's coupon paid. What the
platform bears touches neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.aftersale.rules import PAYER_OF, CaseFault, Payer, recourse
from app.core.aftersale.states import CaseState
from app.core.ledger import Leg, codes
from app.core.ledger.errors import InsufficientFunds
from app.core.orders.repository import STOCK_MOVED
from app.core.orders.rules import commission_fen_of
from app.core.orders.states import OrderState
from app.core.settlement.locks import lock_account
from app.core.settlement.models import SettledParty
from app.core.settlement.rules import fee_back_of
from app.kernel.money import split_fen
from app.kernel.transaction import Transaction, closing
from app.kernel.wire import Row
from app.usecases.aftersale.cases import (
    ANSWER_STOCKED,
    BLOCKED_WHY,
    CASE_LINES,
    IS_LAST_OPEN,
    MOVED_CASE,
    TRIP_OFF,
    Case,
    CaseStands,
    as_stock,
    moving,
    stock_moves,
)
from app.usecases.ordering.line_rates import promotion_of_line, rate_of_line
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund
from app.usecases.settling.refund_completed import own_left_fen, promotion_back_of

T = TypeVar("T")

TRIES = 3
"""How often a refund is tried anew because the merchant's balance was drawn in the same moment."""

_EARNED = text(
    """
    SELECT i.part, i.amount_fen, i.fee_fen, i.refunded_fen, i.promotion_fen, i.promotion_back_fen,
        i.settled_on IS NULL AS is_pending, coalesce(h.available_fen, 0) AS available_fen
    FROM settlement_items AS i
    LEFT JOIN ledger.head AS h ON h.code = ('merchant_available:' || i.party_id) COLLATE "C"
    WHERE i.order_id = :order_id AND i.party_kind = 'merchant' ORDER BY i.settled_on IS NULL DESC, i.part
    """
)
_REFUNDED = closing(
    f"""
    {MOVED_CASE}, {REFUND_WRITES}, {TRIP_OFF},
    went_back AS (
        UPDATE settlement_items AS i
        SET refunded_fen = i.refunded_fen + coalesce(b.refunded_fen, 0),
            fee_back_fen = i.fee_back_fen + coalesce(b.fee_back_fen, 0),
            promotion_back_fen = i.promotion_back_fen + coalesce(b.promotion_back_fen, 0),
            blocked_why = CASE WHEN i.blocked_why = '{BLOCKED_WHY}' AND {IS_LAST_OPEN} THEN NULL ELSE i.blocked_why END
        FROM settlement_items AS s LEFT JOIN jsonb_to_recordset(CAST(:borne AS jsonb))
            AS b (part bigint, refunded_fen bigint, fee_back_fen bigint, promotion_back_fen bigint) ON b.part = s.part
        WHERE i.order_id = :order_id AND i.party_kind = 'merchant'
          AND s.order_id = i.order_id AND s.party_kind = i.party_kind AND s.part = i.part
    ),
    borne AS (
        INSERT INTO settlement_refunds (refund_id, order_id, merchant_id, amount_fen, fee_back_fen, pending_fen,
            available_fen, debt_fen, promotion_back_fen, is_after_settlement, made_at)
        SELECT CAST(:case_refund_id AS uuid), :order_id, :merchant_id, CAST(:borne_fen AS bigint),
            CAST(:from_commission_fen AS bigint), CAST(:from_pending_fen AS bigint),
            CAST(:from_available_fen AS bigint), CAST(:from_debt_fen AS bigint),
            CAST(:case_promotion_back_fen AS bigint), NOT CAST(:is_pending AS boolean), business_now()
        WHERE CAST(:borne AS jsonb) <> '[]'
    ),
    order_moved AS (
        UPDATE orders SET refunded_fen = refunded_fen + CAST(:refund_fen AS bigint),
            left_fen = left_fen - CAST(:from_escrow_fen AS bigint),
            commission_fen = commission_fen - CAST(:escrow_commission_fen AS bigint),
            promotion_fen = promotion_fen - CAST(:escrow_promotion_fen AS bigint)
        WHERE order_id = :order_id
    ),
    given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS g (line bigint, refund_fen bigint, taken_fen bigint)
    ),
    lines_moved AS (
        UPDATE order_lines AS l SET refundable_fen = l.refundable_fen - g.taken_fen
        FROM given AS g WHERE l.order_id = :order_id AND l.line = g.line
    ),
    case_lines_moved AS (
        UPDATE after_sale_case_lines AS x SET refund_fen = g.refund_fen
        FROM given AS g WHERE x.case_id = :case_id AND x.line = g.line
    ),
    {STOCK_MOVED}""",
    answer=ANSWER_STOCKED,
)


def with_recourse(act: Callable[[bool], T]) -> T:
    """Run ``act``; where the merchant's balance was drawn in between, again, and at last as a debt.

    :param act: told whether what the merchant has is to be left alone.
    """
    for _ in range(TRIES):
        try:
            return act(False)  # noqa: FBT003 - the one argument there is
        except InsufficientFunds:
            continue
    return act(True)  # noqa: FBT003 - the one argument there is


@dataclass(frozen=True, slots=True, kw_only=True)
class _Money:
    """A refund, fen: by source, and by what the order earned in parts; the sources sum to ``refund_fen``."""

    refund_fen: int
    sources: Mapping[str, int]
    borne: Sequence[Mapping[str, int]] = ()
    escrow_commission_fen: int = 0
    escrow_promotion_fen: int = 0


def refund_case(
    tx: Transaction,
    case: Case,
    target: CaseState,
    *,
    fault: CaseFault | None = None,
    amount_fen: int | None = None,
    is_resalable: bool = False,
    as_debt: bool = False,
    written: Mapping[str, object] | None = None,
) -> CaseStands:
    """Give a case its money and end it; closes the transaction. One ledger call, behind the order's lock.

    Never more than is left: what was refunded of the order in the meantime, by whomever, is not given twice.

    :param target: :attr:`CaseState.REFUNDED`, or what an exchange ends in, from the machine.
    :param fault: as ruled; without one as presumed.
    :param amount_fen: less than was asked for, by ruling. :param is_resalable: what came back goes on the shelf.
    :param as_debt: leave the merchant's balances alone. :param written: more columns of the case, such as ``ruling``.
    """
    order = case.order
    fault = case.fault if fault is None else fault
    payer = PAYER_OF[fault]
    lines = tx.execute(CASE_LINES, {"case_id": case.case_id}).fetchall()
    wanted_fen = min(case.asked_fen if amount_fen is None else amount_fen, order.goods_unrefunded_fen)
    money = _money(tx, case, payer, wanted_fen, lines, as_debt=as_debt)
    refund_fen = money.refund_fen
    decision = decide_refund(
        tx,
        order,
        amount_fen=refund_fen,
        reason=case.reason.value,
        sources=_legs(case, money.sources) if refund_fen else None,
    )
    if decision.journal is not None:
        ledger.post(tx, decision.journal, ahead=decision.ahead)
    refund_id = decision.refund_id if refund_fen else None
    stands = CaseStands(
        case_id=case.case_id, order_id=order.order_id, state=target.value, refund_id=refund_id, refund_fen=refund_fen
    )
    if tx.claim is not None:
        tx.keep(stands)
    moves = stock_moves(case, target, lines, is_resalable=is_resalable)
    shares = split_fen(refund_fen, [row.asked_fen for row in lines])
    given = [
        {"line": row.line, "refund_fen": share, "taken_fen": share if payer is Payer.MERCHANT else 0}
        for row, share in zip(lines, shares, strict=True)
    ]
    params = moving(
        tx,
        case,
        target,
        fault=fault.value,
        payer=payer.value,
        case_refund_id=refund_id,
        case_refund_fen=refund_fen,
        is_pending=money.sources.get("pending", 0) > 0,
        merchant_id=order.merchant_id,
        escrow_commission_fen=money.escrow_commission_fen,
        escrow_promotion_fen=money.escrow_promotion_fen,
        borne=orjson.dumps(money.borne).decode(),
        case_promotion_back_fen=-money.sources.get("promotion", 0),
        borne_fen=sum(one["refunded_fen"] for one in money.borne),
        given=orjson.dumps(given).decode(),
        stock=as_stock(moves),
        **{f"from_{source}_fen": fen for source, fen in money.sources.items()},
        **(written or {}),
    )
    done = tx.close(_REFUNDED, {**params, **decision.params}).one()
    assert done.cases == 1, "a locked case changed under its lock"
    return stands


def _money(
    tx: Transaction, case: Case, payer: Payer, wanted_fen: int, lines: Sequence[Row], *, as_debt: bool
) -> _Money:
    """Say how much is refunded, and from where."""
    if payer is Payer.PLATFORM:
        return _Money(refund_fen=wanted_fen, sources={"platform": wanted_fen})
    if case.order.state is OrderState.DELIVERED:
        shares = split_fen(wanted_fen, [row.asked_fen for row in lines])
        return _Money(
            refund_fen=wanted_fen,
            sources={"escrow": wanted_fen},
            escrow_commission_fen=_commission_fen(lines, shares),
            escrow_promotion_fen=sum(
                promotion_of_line(row) - promotion_of_line(row, less_fen=share)
                for row, share in zip(lines, shares, strict=True)
            ),
        )
    merchant_id = case.order.merchant_id
    lock_account(tx, SettledParty.MERCHANT, merchant_id)
    earned = tx.execute(_EARNED, {"order_id": case.order.order_id}).fetchall()
    borne, pending_fen = [], 0
    missing_fen = wanted_fen
    for row in earned:
        own_fen = min(missing_fen, own_left_fen(row))
        if own_fen == 0:
            continue
        promotion_fen = promotion_back_of(row, own_fen)
        gone_fen = own_fen + promotion_fen
        back_fen = fee_back_of(
            gross_fen=row.amount_fen + row.fee_fen,
            fee_fen=row.fee_fen,
            refunded_fen=row.refunded_fen,
            amount_fen=gone_fen,
        )
        borne.append(
            {
                "part": row.part,
                "refunded_fen": gone_fen,
                "fee_back_fen": back_fen,
                "promotion_back_fen": promotion_fen,
            }
        )
        missing_fen -= own_fen
        pending_fen += gone_fen - back_fen if row.is_pending else 0
    commission_fen = sum(one["fee_back_fen"] for one in borne)
    promotion_fen = sum(one["promotion_back_fen"] for one in borne)
    refund_fen = wanted_fen - missing_fen
    has_fen = 0 if as_debt or not earned else max(0, earned[0].available_fen)
    parts = recourse(refund_fen + promotion_fen - commission_fen, pending_fen=pending_fen, available_fen=has_fen)
    sources = {
        "commission": commission_fen,
        "pending": parts.pending_fen,
        "available": parts.available_fen,
        "debt": parts.debt_fen,
        "promotion": -promotion_fen,
    }
    return _Money(refund_fen=refund_fen, sources=sources, borne=borne)


def _commission_fen(lines: Sequence[Row], shares: Sequence[int]) -> int:
    """Return the commission on what the lines no longer cost: in any number of steps, exactly what was reckoned."""
    total = 0
    for row, share in zip(lines, shares, strict=True):
        rate, before_fen = rate_of_line(row), row.refundable_fen + promotion_of_line(row)
        after_fen = row.refundable_fen - share + promotion_of_line(row, less_fen=share)
        total += commission_fen_of(before_fen, rate) - commission_fen_of(after_fen, rate)
    return total


def _legs(case: Case, sources: Mapping[str, int]) -> tuple[Leg, ...]:
    merchant_id = case.order.merchant_id
    account = {
        "escrow": codes.escrow(case.order.order_id),
        "pending": codes.merchant_pending(merchant_id),
        "available": codes.merchant_available(merchant_id),
        "debt": codes.merchant_debt(merchant_id),
        "commission": codes.COMMISSION,
        "platform": codes.PLATFORM_LOSS,
        "promotion": codes.PROMOTION_EXPENSE,
    }
    return tuple(Leg(account[source], -fen) for source, fen in sources.items() if fen)
