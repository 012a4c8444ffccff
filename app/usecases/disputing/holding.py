"""What merchants earned by a disputed payment is not settled until it is clear who bears the dispute."""

from uuid import UUID

from sqlalchemy import text

from app.kernel.transaction import Transaction

HELD_WHY = "disputed"

_HOLD = text(
    """
    UPDATE settlement_items SET blocked_why = CAST(:why AS text)
    WHERE order_id IN (SELECT order_id FROM orders WHERE checkout_id = :checkout_id)
      AND party_kind = 'merchant' AND settled_on IS NULL AND blocked_why IS NULL
    """
)
_RELEASE = text(
    """
    UPDATE settlement_items SET blocked_why = NULL
    WHERE order_id IN (SELECT o.order_id FROM orders AS o JOIN payments AS p USING (checkout_id)
            WHERE p.payment_id = :payment_id)
      AND party_kind = 'merchant' AND blocked_why = CAST(:why AS text)
      AND NOT EXISTS (SELECT 1 FROM disputes AS d WHERE d.payment_id = :payment_id
          AND (d.state IN ('needs_response', 'under_review') OR d.open_fen > 0))
    """
)


def hold_earnings(tx: Transaction, checkout_id: UUID) -> None:
    """Keep what was earned by a checkout's orders, and not settled yet, from being settled."""
    tx.execute(_HOLD, {"checkout_id": checkout_id, "why": HELD_WHY})


def release_earnings(tx: Transaction, payment_id: UUID) -> None:
    """Let it be settled, once no dispute of the payment is open or left to be borne."""
    tx.execute(_RELEASE, {"payment_id": payment_id, "why": HELD_WHY})
