"""A late order is made good (超时赔付): behind its delivery, once, from the platform to the resident's e-account."""

from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.events import OrderMadeGood
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.late import late_of
from app.kernel.transaction import Transaction, closing, opening

_LOCK = opening(
    """
    SELECT o.order_id, o.account_id, o.shop_id, o.state, o.total_fen, o.refunded_fen, o.promised_at, o.delivered_at,
        o.ready_at, o.accepted_at, o.preparation_minutes, coalesce(d.failure_count, 0) AS failure_count,
        coalesce(o.slot_starts_at, o.accepted_at + o.preparation_minutes * interval '1 minute') AS said_ready_at
    FROM orders AS o LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
    WHERE o.order_id = :order_id AND o.usual_s IS NOT NULL AND o.delivered_at > o.promised_at
    FOR UPDATE OF o
    """
)
_IS_DONE = text("SELECT 1 FROM late_compensations WHERE order_id = :order_id")
"""Asked under the lock: what the opening would see of it is from before a wait."""
_PAY = closing(
    """
    paid AS (
        INSERT INTO late_compensations (order_id, account_id, amount_fen, late_minutes, cause, paid_at)
        VALUES (:order_id, :account_id, :amount_fen, :late_minutes, :cause, business_now())
    )"""
)


def make_good(tx: Transaction, order_id: UUID) -> None:
    """Pay what the rule gives for a delivered order that came late; nothing for one in time, or paid for already."""
    row = tx.open_one(_LOCK, {"order_id": order_id})
    if row is None or tx.execute(_IS_DONE, {"order_id": order_id}).first() is not None:
        return
    late = late_of(
        promised_at=row.promised_at,
        delivered_at=row.delivered_at,
        said_ready_at=row.said_ready_at,
        ready_at=row.ready_at,
        total_fen=row.total_fen - row.refunded_fen,
        is_residents_fault=row.failure_count > 0,
    )
    if late is None:
        return
    legs = (Leg(codes.PLATFORM_LOSS, -late.amount_fen), Leg(codes.e_account(row.account_id), late.amount_fen))
    ledger.post(tx, Journal(key=f"late:{order_id}", kind=JournalKind.COMPENSATION, legs=legs, ref=str(order_id)))
    tx.record(
        OrderMadeGood(
            order_id=order_id,
            account_id=row.account_id,
            shop_id=row.shop_id,
            state=row.state,
            amount_fen=late.amount_fen,
        )
    )
    params = {"order_id": order_id, "account_id": row.account_id, "amount_fen": late.amount_fen}
    tx.close(_PAY, {**params, "late_minutes": late.minutes, "cause": late.cause.value})
