"""Refund an order that is completed: its merchant bears it, out of what is pending, available, or as a debt.

The order's escrow is empty by then. The commission goes back pro rata, and so does what the platform's coupon paid; the
delivery fee is the courier's and stays.
Lock order: the order, then its merchant's settlement account, then ledger accounts. Whoever takes money away from a
merchant holds that account's row, so what is read under it can only have grown when the journal is posted.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Leg, codes
from app.core.orders.errors import OrderNotFound
from app.core.orders.repository import LOCK_BY_SYSTEM, Order, order_of
from app.core.orders.states import OrderState
from app.core.promotions.rules import promotion_back_fen
from app.core.settlement.errors import NotEnded, RefundExceedsOrder
from app.core.settlement.locks import lock_account
from app.core.settlement.models import SettledParty
from app.core.settlement.rules import Bearing, bearing_of, fee_back_of
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund

SOURCE_DAYS = 365
"""WeChat Pay takes refunds for so long, and cards are held to it; later ones go to the e-account."""
SOURCE_REFUNDS_MAX = 50
"""WeChat Pay takes so many refunds of one payment, and cards are held to it; others go to the e-account."""

_EARNED = text(
    """
    SELECT i.amount_fen, i.fee_fen, i.refunded_fen, i.promotion_fen, i.promotion_back_fen,
        i.settled_on IS NOT NULL AS is_settled, coalesce(h.available_fen, 0) AS available_fen,
        (SELECT count(*) FROM refunds AS r WHERE r.payment_id = :payment_id) AS refunds_count
    FROM settlement_items AS i
    LEFT JOIN ledger.head AS h ON h.code = ('merchant_available:' || i.party_id) COLLATE "C"
    WHERE i.order_id = :order_id AND i.party_kind = 'merchant' AND i.part = 0
    """
)
_WRITE = closing(
    f"""
    counted AS (UPDATE orders SET refunded_fen = refunded_fen + :refund_fen WHERE order_id = :order_id),
    {REFUND_WRITES},
    went_back AS (
        UPDATE settlement_items
        SET refunded_fen = refunded_fen + CAST(:gross_fen AS bigint), fee_back_fen = fee_back_fen + :fee_back_fen,
            promotion_back_fen = promotion_back_fen + CAST(:promotion_back_fen AS bigint)
        WHERE order_id = :order_id AND party_kind = 'merchant' AND part = 0
    ),
    borne AS (
        INSERT INTO settlement_refunds (refund_id, order_id, merchant_id, amount_fen, fee_back_fen, pending_fen,
            available_fen, debt_fen, promotion_back_fen, is_after_settlement, made_at)
        VALUES (:refund_id, :order_id, :merchant_id, CAST(:gross_fen AS bigint), :fee_back_fen, :pending_fen,
            :available_fen, :debt_fen, CAST(:promotion_back_fen AS bigint), :is_settled, business_now())
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefunded:
    """A refund of a completed order, and how its merchant bears it, fen."""

    refund_id: UUID
    order_id: UUID
    amount_fen: int
    fee_back_fen: int
    pending_fen: int
    available_fen: int
    debt_fen: int


def refund_order(actor: Actor, claim: Claim, *, order_id: UUID, amount_fen: int, why: str) -> OrderRefunded:
    """Refund a part of a completed order, as an operator.

    :raises OrderNotFound: no such order. :raises NotEnded: it is not completed.
    :raises RefundExceedsOrder: its goods have less left.
    """
    assert actor.account_id == claim.principal_id, "who asks is who claims"
    with transaction(claim) as tx:
        row = tx.open_one(LOCK_BY_SYSTEM, {"order_id": order_id})
        if row is None:
            raise OrderNotFound
        tx.describe(why=why, details={"amount_fen": amount_fen})
        return refund_completed(tx, order_of(row), amount_fen=amount_fen, reason="after_sale")


def refund_completed(tx: Transaction, order: Order, *, amount_fen: int, reason: str) -> OrderRefunded:
    """Refund ``amount_fen`` of a completed order that the caller has locked; closes the transaction.

    :raises NotEnded: it is not completed. :raises RefundExceedsOrder: its goods have less left.
    """
    if order.state is not OrderState.COMPLETED:
        raise NotEnded(state=order.state.value)
    lock_account(tx, SettledParty.MERCHANT, order.merchant_id)
    earned = tx.execute(_EARNED, {"order_id": order.order_id, "payment_id": order.payment_id}).one_or_none()
    left_fen = 0 if earned is None else min(own_left_fen(earned), order.goods_unrefunded_fen)
    if earned is None or amount_fen > left_fen:
        raise RefundExceedsOrder(pointer="/amount_fen", left_fen=left_fen)
    back_fen = promotion_back_of(earned, amount_fen)
    gross_fen = amount_fen + back_fen
    fee_back_fen = fee_back_of(
        gross_fen=earned.amount_fen + earned.fee_fen,
        fee_fen=earned.fee_fen,
        refunded_fen=earned.refunded_fen,
        amount_fen=gross_fen,
    )
    bearing = bearing_of(
        gross_fen, fee_back_fen=fee_back_fen, is_settled=earned.is_settled, available_fen=max(0, earned.available_fen)
    )
    return _post(
        tx,
        order,
        amount_fen,
        bearing,
        back_fen=back_fen,
        reason=reason,
        is_settled=earned.is_settled,
        count=earned.refunds_count,
    )


def own_left_fen(earned: Row) -> int:
    """Return what is left of what the resident paid of an earned part, fen; its row has the columns of one."""
    own_fen = earned.amount_fen + earned.fee_fen - earned.promotion_fen
    left: int = own_fen - (earned.refunded_fen - earned.promotion_back_fen)
    return left


def promotion_back_of(earned: Row, amount_fen: int) -> int:
    """Return what goes back to the platform, fen, when ``amount_fen`` of an earned part goes back to the resident."""
    return promotion_back_fen(
        promotion_fen=earned.promotion_fen,
        own_fen=earned.amount_fen + earned.fee_fen - earned.promotion_fen,
        refunded_fen=earned.refunded_fen - earned.promotion_back_fen,
        amount_fen=amount_fen,
    )


def _post(
    tx: Transaction,
    order: Order,
    amount_fen: int,
    bearing: Bearing,
    *,
    back_fen: int,
    reason: str,
    is_settled: bool,
    count: int,
) -> OrderRefunded:
    assert order.paid_at is not None, "a completed order was paid"
    is_late = count >= SOURCE_REFUNDS_MAX or order.now > order.paid_at + timedelta(days=SOURCE_DAYS)
    decision = decide_refund(tx, order, amount_fen=amount_fen, reason=reason, is_outside_over=is_late)
    assert decision.journal is not None, "a refund moves money"
    borne = {
        codes.merchant_pending(order.merchant_id): bearing.pending_fen,
        codes.merchant_available(order.merchant_id): bearing.available_fen,
        codes.merchant_debt(order.merchant_id): bearing.debt_fen,
        codes.COMMISSION: bearing.fee_back_fen,
    }
    back = (Leg(codes.PROMOTION_EXPENSE, back_fen),) if back_fen else ()
    legs = (*(Leg(code, -fen) for code, fen in borne.items() if fen), *back, *decision.targets)
    ledger.post(tx, replace(decision.journal, legs=legs), ahead=decision.ahead)
    refunded = OrderRefunded(
        refund_id=decision.refund_id,
        order_id=order.order_id,
        amount_fen=amount_fen,
        fee_back_fen=bearing.fee_back_fen,
        pending_fen=bearing.pending_fen,
        available_fen=bearing.available_fen,
        debt_fen=bearing.debt_fen,
    )
    if tx.claim is not None:
        tx.keep(refunded)
    tx.close(
        _WRITE,
        {
            **decision.params,
            "order_id": order.order_id,
            "merchant_id": order.merchant_id,
            "gross_fen": amount_fen + back_fen,
            "promotion_back_fen": back_fen,
            "fee_back_fen": bearing.fee_back_fen,
            "pending_fen": bearing.pending_fen,
            "available_fen": bearing.available_fen,
            "debt_fen": bearing.debt_fen,
            "is_settled": is_settled,
        },
    )
    return refunded
