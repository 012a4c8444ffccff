"""Give a payment at a counter back, whole or in parts, as its merchant bears it: pending, available, or a debt.

Lock order: the payment, then its merchant's settlement account, then the counters of limits and the ledger's accounts.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.counter.errors import CounterPaymentNotFound, CounterRefundTooLarge
from app.core.events import CounterRefunded
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.settlement.locks import lock_account
from app.core.settlement.models import SettledParty
from app.core.settlement.rules import bearing_of, fee_back_of
from app.core.verification.limits import giving_back
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK = opening(
    """
    SELECT p.counter_payment_id, p.account_id, p.shop_id, p.merchant_id, p.amount_fen, p.fee_fen, p.refunded_fen,
        p.paid_at FROM counter_payments AS p
    JOIN memberships AS m ON m.organization_id = p.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE p.counter_payment_id = :counter_payment_id FOR UPDATE OF p
    """
)
_STANDS = text(
    """
    SELECT p.settled_on IS NOT NULL AS is_settled, coalesce(h.available_fen, 0) AS available_fen
    FROM counter_payments AS p
    LEFT JOIN ledger.head AS h ON h.code = ('merchant_available:' || p.merchant_id) COLLATE "C"
    WHERE p.counter_payment_id = :counter_payment_id
    """
)
_WRITE = closing(
    """
    went_back AS (
        UPDATE counter_payments
        SET refunded_fen = refunded_fen + :amount_fen, fee_back_fen = fee_back_fen + :fee_back_fen
        WHERE counter_payment_id = :counter_payment_id
    ),
    borne AS (
        INSERT INTO counter_refunds (counter_refund_id, counter_payment_id, merchant_id, by_id, amount_fen,
            fee_back_fen, pending_fen, available_fen, debt_fen, is_after_settlement, made_at)
        VALUES (:counter_refund_id, :counter_payment_id, :merchant_id, :by_id, :amount_fen, :fee_back_fen,
            :pending_fen, :available_fen, :debt_fen, :is_settled, business_now())
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterRefundMade:
    """A refund at a counter, and what is left of the payment."""

    counter_refund_id: UUID
    counter_payment_id: UUID
    amount_fen: int
    left_fen: int


def refund_counter(actor: Actor, claim: Claim, *, counter_payment_id: UUID, amount_fen: int) -> CounterRefundMade:
    """Give ``amount_fen`` back to who paid, at once; the commission on it goes back, too.

    :raises CounterPaymentNotFound: not one of the actor's shops'. :raises CounterRefundTooLarge: less is left.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "counter_payment_id": counter_payment_id})
        if row is None:
            raise CounterPaymentNotFound
        left_fen = row.amount_fen - row.refunded_fen
        if amount_fen > left_fen:
            raise CounterRefundTooLarge(pointer="/amount_fen", left_fen=left_fen)
        lock_account(tx, SettledParty.MERCHANT, row.merchant_id)
        stands = tx.execute(_STANDS, {"counter_payment_id": counter_payment_id}).one()
        fee_back_fen = fee_back_of(
            gross_fen=row.amount_fen, fee_fen=row.fee_fen, refunded_fen=row.refunded_fen, amount_fen=amount_fen
        )
        bearing = bearing_of(
            amount_fen,
            fee_back_fen=fee_back_fen,
            is_settled=stands.is_settled,
            available_fen=max(0, stands.available_fen),
        )
        made = CounterRefundMade(
            counter_refund_id=new_id(),
            counter_payment_id=counter_payment_id,
            amount_fen=amount_fen,
            left_fen=left_fen - amount_fen,
        )
        borne = {
            codes.merchant_pending(row.merchant_id): bearing.pending_fen,
            codes.merchant_available(row.merchant_id): bearing.available_fen,
            codes.merchant_debt(row.merchant_id): bearing.debt_fen,
            codes.COMMISSION: bearing.fee_back_fen,
        }
        journal = Journal(
            key=f"counter_refund:{made.counter_refund_id}",
            kind=JournalKind.REFUND,
            legs=(
                *(Leg(code, -fen) for code, fen in borne.items() if fen),
                Leg(codes.e_account(row.account_id), amount_fen),
            ),
            ref=str(counter_payment_id),
        )
        ledger.post(tx, journal, ahead=giving_back(row.account_id, amount_fen=amount_fen, paid_at=row.paid_at))
        tx.record(
            CounterRefunded(
                account_id=row.account_id,
                shop_id=row.shop_id,
                counter_payment_id=counter_payment_id,
                amount_fen=amount_fen,
            )
        )
        tx.describe(whom_id=row.account_id, details={"amount_fen": amount_fen})
        tx.keep(made)
        tx.close(
            _WRITE,
            {
                "counter_payment_id": counter_payment_id,
                "counter_refund_id": made.counter_refund_id,
                "merchant_id": row.merchant_id,
                "by_id": actor.account_id,
                "amount_fen": amount_fen,
                "fee_back_fen": fee_back_fen,
                "pending_fen": bearing.pending_fen,
                "available_fen": bearing.available_fen,
                "debt_fen": bearing.debt_fen,
                "is_settled": stands.is_settled,
            },
        )
    return made
