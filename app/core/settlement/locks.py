"""The lock of what a party is settled by: whoever takes money away from a merchant holds it."""

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from app.core.settlement.models import PaidParty, SettledParty

if TYPE_CHECKING:
    from app.kernel.transaction import Transaction

_LOCK = text("SELECT 1 FROM settlement_accounts WHERE party_kind = :party_kind AND party_id = :party_id FOR UPDATE")


def lock_account(tx: "Transaction", party: SettledParty | PaidParty, party_id: UUID) -> None:
    """Lock a party's settlement account; what is read under it of the party's balances can only grow."""
    tx.execute(_LOCK, {"party_kind": party.value, "party_id": party_id})
