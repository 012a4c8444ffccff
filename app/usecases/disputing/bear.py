"""Let somebody bear what is left of a lost dispute, as two people agree: the platform, or the payer of a top-up.

What an order's merchant or the platform bears by an order's own rules is a refund of that order, which meets the
dispute; this is for what no refund meets.
"""

from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.payments.disputes import DisputeBearer, refuse_unborne
from app.core.payments.errors import DisputeNotFound
from app.kernel.transaction import Transaction

_LOCK = text(
    """
    SELECT d.state, d.open_fen, d.payment_id, d.account_id, p.purpose
    FROM disputes AS d JOIN payments AS p USING (payment_id) WHERE d.dispute_id = :dispute_id FOR UPDATE OF d
    """
)
_BORNE = text("UPDATE disputes SET open_fen = 0, bearer = :bearer WHERE dispute_id = :dispute_id")


def bear_dispute(tx: Transaction, approval_id: UUID, dispute_id: UUID, bearer: DisputeBearer) -> None:
    """Move what is left of a lost dispute to who bears it.

    :raises DisputeNotLost: nothing is left, or it is not lost. :raises BearerInvalid: the payer of an order.
    :raises InsufficientFunds: the payer has less.
    """
    row = tx.execute(_LOCK, {"dispute_id": dispute_id}).one_or_none()
    if row is None:
        raise DisputeNotFound
    refuse_unborne(row.state, open_fen=row.open_fen, purpose=row.purpose, bearer=bearer)
    account = codes.PLATFORM_LOSS if bearer is DisputeBearer.PLATFORM else codes.e_account(row.account_id)
    legs = (Leg(codes.disputed(row.payment_id), row.open_fen), Leg(account, -row.open_fen))
    key = f"dispute_borne:{approval_id}"
    ledger.post(tx, Journal(key=key, kind=JournalKind.DISPUTE, legs=legs, ref=str(dispute_id)))
    tx.execute(_BORNE, {"dispute_id": dispute_id, "bearer": bearer.value})
