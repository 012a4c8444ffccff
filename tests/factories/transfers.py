"""Payees, and grants for transfers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.stepup.models import GrantPurpose
from app.core.transfers.models import PayeeRow
from app.core.transfers.rules import COOLING
from app.kernel.clock import business_now
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.kernel.transaction import transaction
from app.usecases.people.phones import phone_index
from app.usecases.transferring.payees import PAYEE_CONTEXT
from tests.factories.people import Person, a_grant, a_resident
from tests.factories.rows import write

if TYPE_CHECKING:
    from uuid import UUID


def a_payee(owner: Person, recipient: Person | None = None, *, has_cooled: bool = True) -> UUID:
    """Return the id of a payee of ``owner``."""
    payee_id, phone = new_id(), (recipient or a_resident()).phone
    with transaction() as tx:
        now = business_now(tx)
    write(
        PayeeRow,
        payee_id=payee_id,
        account_id=owner.account_id,
        phone_sealed=seal(phone, context=PAYEE_CONTEXT),
        phone_index=phone_index(phone),
        added_at=now - COOLING if has_cooled else now,
        usable_at=now if has_cooled else now + COOLING,
    )
    return payee_id


def a_transfer_grant(owner: Person, payee_id: UUID, amount_fen: int = 10**9) -> UUID:
    return a_grant(owner, payee_id, amount_fen, purpose=GrantPurpose.TRANSFER.value)
