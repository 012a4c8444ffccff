"""The money of a case: who bears it, from where it is taken, and what that leaves of order and lines.

Before completion it comes out of the order's escrow; after it, out of what the merchant earned by the order, then of
what the merchant has, and the rest is a debt, which the next statement pays. The commission goes back with it. What the
platform bears touches neither escrow nor merchant.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.aftersale.errors import NothingLeft
from app.core.aftersale.rules import PAYER_OF, CaseFault, Payer, recourse
from app.core.aftersale.states import CaseState
from app.core.ledger import Leg, codes
from app.core.ledger.errors import InsufficientFunds
from app.core.orders.rules import commission_fen_of
from app.core.orders.states import OrderState
from app.kernel.money import split_fen
from app.kernel.transaction import Transaction, closing
from app.kernel.wire import Row
from app.usecases.aftersale.cases import BLOCKED_WHY, CASE_LINES, IS_LAST_OPEN, MOVED_CASE, Case, CaseStands, moving
from app.usecases.ordering.line_rates import rate_of_line
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund

T = TypeVar("T")

TRIES = 3
"""How often a refund is tried anew because the merchant's balance was drawn in the same moment."""

_LOCK_ACCOUNT = text(
    "SELECT 1 FROM settlement_accounts WHERE party_kind = 'merchant' AND party_id = :merchant_id FOR UPDATE"
)
_EARNED = text(
    """
    SELECT coalesce(sum(i.amount_fen + i.fee_fen - i.refunded_fen), 0)::bigint AS left_fen,
        coalesce(bool_and(i.part = 0 AND i.settled_on IS NULL), false) AS is_pending,
        coalesce((SELECT available_fen FROM ledger.balance WHERE code = :available), 0) AS available_fen
    FROM settlement_items AS i WHERE i.order_id = :order_id AND i.party_kind = 'merchant'
    """
)
_REFUNDED = closing(
    f"""
    {MOVED_CASE}, {REFUND_WRITES},
    went_back AS (
        UPDATE settlement_items
        SET refunded_fen = refunded_fen
                + CASE WHEN CAST(:is_borne AS boolean) THEN CAST(:refund_fen AS bigint) ELSE 0 END,
            fee_back_fen = fee_back_fen + CAST(:from_commission_fen AS bigint),
            blocked_why = CASE WHEN blocked_why = '{BLOCKED_WHY}' AND {IS_LAST_OPEN} THEN NULL ELSE blocked_why END
        WHERE order_id = :order_id AND party_kind = 'merchant' AND part = 0
    ),
    borne AS (
        INSERT INTO settlement_refunds (refund_id, order_id, merchant_id, amount_fen, fee_back_fen, pending_fen,
            available_fen, debt_fen, is_after_settlement, made_at)
        SELECT CAST(:case_refund_id AS uuid), :order_id, :merchant_id, CAST(:refund_fen AS bigint),
            CAST(:from_commission_fen AS bigint), CAST(:from_pending_fen AS bigint),
            CAST(:from_available_fen AS bigint), CAST(:from_debt_fen AS bigint), NOT CAST(:is_pending AS boolean),
            business_now()
        WHERE CAST(:is_borne AS boolean)
    ),
    order_moved AS (
        UPDATE orders SET refunded_fen = refunded_fen + CAST(:refund_fen AS bigint),
            left_fen = left_fen - CAST(:from_escrow_fen AS bigint),
            commission_fen = commission_fen - CAST(:escrow_commission_fen AS bigint)
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
    back AS (
        SELECT sku_id, sum(quantity) AS quantity
        FROM jsonb_to_recordset(CAST(:back AS jsonb)) AS b (sku_id uuid, quantity bigint) GROUP BY sku_id
    ),
    locked_stock AS (
        SELECT n.sku_id FROM stock AS n JOIN back AS b ON b.sku_id = n.sku_id ORDER BY n.sku_id FOR UPDATE OF n
    ),
    restocked AS (
        UPDATE stock AS n SET on_hand = n.on_hand + b.quantity, received = n.received + b.quantity
        FROM back AS b JOIN locked_stock AS k ON k.sku_id = b.sku_id WHERE n.sku_id = b.sku_id
    )""",
    answer="SELECT count(*) FROM moved_case",
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

    :param target: :attr:`CaseState.REFUNDED`, from the machine. :param fault: as ruled; without one as presumed.
    :param amount_fen: less than was asked for, by ruling. :param is_resalable: what came back goes on the shelf.
    :param as_debt: leave the merchant's balances alone. :param written: more columns of the case, such as ``ruling``.
    """
    order = case.order
    fault = case.fault if fault is None else fault
    payer = PAYER_OF[fault]
    refund_fen = case.asked_fen if amount_fen is None else amount_fen
    lines = tx.execute(CASE_LINES, {"case_id": case.case_id}).fetchall()
    shares = split_fen(refund_fen, [row.asked_fen for row in lines])
    taken = shares if payer is Payer.MERCHANT else [0] * len(lines)
    sources = _sources(tx, case, payer, refund_fen, lines, as_debt=as_debt)
    decision = decide_refund(
        tx, order, amount_fen=refund_fen, reason=case.reason.value, sources=_legs(case, sources) if refund_fen else None
    )
    if decision.journal is not None:
        ledger.post(tx, decision.journal, ahead=decision.ahead)
    refund_id = decision.refund_id if refund_fen else None
    stands = CaseStands(
        case_id=case.case_id, order_id=order.order_id, state=target.value, refund_id=refund_id, refund_fen=refund_fen
    )
    if tx.claim is not None:
        tx.keep(stands)
    is_borne = order.state is OrderState.COMPLETED and payer is Payer.MERCHANT
    is_held = order.state is OrderState.DELIVERED and payer is Payer.MERCHANT
    back = [{"sku_id": row.sku_id, "quantity": row.quantity} for row in lines if row.is_counted and is_resalable]
    given = [
        {"line": row.line, "refund_fen": share, "taken_fen": gone}
        for row, share, gone in zip(lines, shares, taken, strict=True)
    ]
    params = moving(
        tx,
        case,
        target,
        fault=fault.value,
        payer=payer.value,
        case_refund_id=refund_id,
        case_refund_fen=refund_fen,
        is_borne=is_borne,
        is_pending=sources.get("pending", 0) > 0,
        merchant_id=order.merchant_id,
        escrow_commission_fen=_commission_fen(lines, shares) if is_held else 0,
        given=orjson.dumps(given).decode(),
        back=orjson.dumps(back).decode(),
        **{f"from_{source}_fen": fen for source, fen in sources.items()},
        **(written or {}),
    )
    moved = tx.close(_REFUNDED, {**params, **decision.params}).scalar_one()
    assert moved == 1, "a locked case changed under its lock"
    return stands


def _commission_fen(lines: Sequence[Row], shares: Sequence[int]) -> int:
    """Return the commission that goes back: refunds in any number of steps give back exactly what was taken."""
    total = 0
    for row, share in zip(lines, shares, strict=True):
        rate, before_fen = rate_of_line(row), row.refundable_fen
        total += commission_fen_of(before_fen, rate) - commission_fen_of(before_fen - share, rate)
    return total


def _sources(
    tx: Transaction, case: Case, payer: Payer, refund_fen: int, lines: Sequence[Row], *, as_debt: bool
) -> dict[str, int]:
    """Return from where the refund comes, fen by source."""
    if payer is Payer.PLATFORM:
        return {"platform": refund_fen}
    if case.order.state is OrderState.DELIVERED:
        return {"escrow": refund_fen}
    commission_fen = _commission_fen(lines, split_fen(refund_fen, [row.asked_fen for row in lines]))
    merchant_id = case.order.merchant_id
    tx.execute(_LOCK_ACCOUNT, {"merchant_id": merchant_id})
    had = tx.execute(
        _EARNED, {"order_id": case.order.order_id, "available": codes.merchant_available(merchant_id)}
    ).one()
    if refund_fen > had.left_fen:
        raise NothingLeft(line=0, left_fen=had.left_fen)
    borne_fen = refund_fen - commission_fen
    parts = recourse(
        borne_fen,
        pending_fen=borne_fen if had.is_pending else 0,
        available_fen=0 if as_debt else max(0, had.available_fen),
    )
    return {
        "commission": commission_fen,
        "pending": parts.pending_fen,
        "available": parts.available_fen,
        "debt": parts.debt_fen,
    }


def _legs(case: Case, sources: dict[str, int]) -> tuple[Leg, ...]:
    merchant_id = case.order.merchant_id
    account = {
        "escrow": codes.escrow(case.order.order_id),
        "pending": codes.merchant_pending(merchant_id),
        "available": codes.merchant_available(merchant_id),
        "debt": codes.merchant_debt(merchant_id),
        "commission": codes.COMMISSION,
        "platform": codes.PLATFORM_LOSS,
    }
    return tuple(Leg(account[source], -fen) for source, fen in sources.items() if fen)
