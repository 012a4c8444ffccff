"""What people are told of their bills: due soon, paid by itself, or why not. In the app, and live; each thing once."""

from uuid import UUID

from sqlalchemy import text

from app.core.bills.records import BillNoticeKind
from app.core.events import BillNoticed
from app.kernel.ids import new_id
from app.kernel.transaction import Transaction
from app.kernel.wire import Row

_BOUND = text(
    """
    SELECT b.binding_id, b.account_id FROM bill_bindings AS b JOIN bills AS l
        ON l.utility_account_id = b.utility_account_id
    WHERE l.bill_id = :bill_id AND b.removed_at IS NULL AND b.is_reminded
        AND greatest(l.taken_fen, l.told_paid_fen) < l.amount_fen
    ORDER BY b.binding_id LIMIT 50
    """
)
_TELL = text(
    """
    INSERT INTO bill_notices (notice_id, account_id, binding_id, bill_id, kind, amount_fen, due_on, noticed_at)
    SELECT :notice_id, :account_id, :binding_id, l.bill_id, :kind,
        coalesce(CAST(:amount_fen AS bigint), l.amount_fen - greatest(l.taken_fen, l.told_paid_fen)), l.due_on,
        business_now()
    FROM bills AS l WHERE l.bill_id = :bill_id
    ON CONFLICT (binding_id, bill_id, kind) DO NOTHING
    """
)


def remind_of_bill(tx: Transaction, bill_id: UUID) -> None:
    """Remind everybody who has bound a bill's account that it is due soon; a bill that is paid reminds nobody."""
    for row in tx.execute(_BOUND, {"bill_id": bill_id}).fetchall():
        _tell(tx, row.account_id, row.binding_id, bill_id, BillNoticeKind.DUE, amount_fen=None)


def tell_payer(tx: Transaction, row: Row, kind: BillNoticeKind, *, amount_fen: int) -> None:
    """Tell whose automatic payment it is what became of a bill."""
    _tell(tx, row.account_id, row.binding_id, row.bill_id, kind, amount_fen=amount_fen)


def _tell(
    tx: Transaction, account_id: UUID, binding_id: UUID, bill_id: UUID, kind: BillNoticeKind, *, amount_fen: int | None
) -> None:
    notice_id = new_id()
    told = tx.execute(
        _TELL,
        {
            "notice_id": notice_id,
            "account_id": account_id,
            "binding_id": binding_id,
            "bill_id": bill_id,
            "kind": kind.value,
            "amount_fen": amount_fen,
        },
    )
    if told.rowcount == 1:
        tx.record(BillNoticed(account_id=account_id, notice_id=notice_id, state=kind.value))
