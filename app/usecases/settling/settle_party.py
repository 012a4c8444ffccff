"""Move what a merchant or courier earned from pending to available, a day after it was earned (T+1)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.settlement.models import PartyKind
from app.kernel.transaction import transaction

_DUE = text(
    """
    SELECT DISTINCT party_kind, party_id, CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) AS today
    FROM settlement_items
    WHERE settled_on IS NULL AND eligible_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
    LIMIT :limit
    """
)
_SETTLE = text(
    """
    WITH due AS (
        SELECT order_id FROM settlement_items
        WHERE party_kind = :party_kind AND party_id = :party_id AND settled_on IS NULL AND eligible_on <= :today
        ORDER BY order_id LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), settled AS (
        UPDATE settlement_items AS i SET settled_on = :today FROM due
        WHERE i.order_id = due.order_id AND i.party_kind = :party_kind
        RETURNING i.order_id, i.amount_fen
    )
    SELECT sum(amount_fen) AS amount_fen, min(CAST(order_id AS text)) AS first_order FROM settled
    """
)
_ACCOUNTS = {
    PartyKind.MERCHANT: (codes.merchant_pending, codes.merchant_available),
    PartyKind.COURIER: (codes.courier_pending, codes.courier_available),
    PartyKind.COURIER_TIP: (codes.courier_pending, codes.courier_available),
}


@dataclass(frozen=True, slots=True)
class DueParty:
    """Somebody with earnings whose day has come."""

    party_kind: PartyKind
    party_id: UUID
    today: date


def due_parties(limit: int) -> list[DueParty]:
    """Return parties with something to settle today."""
    with transaction() as tx:
        rows = tx.execute(_DUE, {"limit": limit}).fetchall()
    return [DueParty(PartyKind(row.party_kind), row.party_id, row.today) for row in rows]


def settle_party(due: DueParty) -> int:
    """Settle up to a thousand items of one party; return the fen that became available.

    The items are marked and the journal posted in one transaction; its key names the first order of the batch, which
    no other batch of this party holds.
    """
    pending, available = _ACCOUNTS[due.party_kind]
    with transaction() as tx:
        row = tx.execute(
            _SETTLE, {"party_kind": due.party_kind.value, "party_id": due.party_id, "today": due.today}
        ).one()
        if row.amount_fen is None:
            return 0
        amount_fen = int(row.amount_fen)
        ledger.post(
            tx,
            Journal(
                key=f"settle:{due.party_kind.value}:{due.party_id}:{row.first_order}",
                kind=JournalKind.SETTLEMENT,
                legs=(Leg(pending(due.party_id), -amount_fen), Leg(available(due.party_id), amount_fen)),
                ref=str(due.party_id),
            ),
        )
    return amount_fen
