"""Every member of a shared cart is told when it changes, on a stream of their own; nobody learns who the others are."""

from uuid import UUID

from app.core.events import SharedCartChanged
from app.kernel.transaction import Transaction
from app.kernel.wire import Row

MEMBER_IDS = """(
        SELECT json_agg(t.account_id) FROM shared_cart_members AS t WHERE t.shared_cart_id = h.shared_cart_id
    ) AS member_ids"""
"""Column of the members of the shared cart ``h``."""


def tell_members(tx: Transaction, row: Row, state: str, *, joined_id: UUID | None = None) -> None:
    """Record the change for each member of a locked ``row`` with :data:`MEMBER_IDS`, and for who has just joined."""
    members = {UUID(account_id) for account_id in row.member_ids or ()} | ({joined_id} - {None})
    for account_id in sorted(one for one in members if one is not None):
        tx.record(SharedCartChanged(account_id=account_id, shared_cart_id=row.shared_cart_id, state=state))
