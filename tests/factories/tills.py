"""Tills with cash, and people at their desks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.core.accounts.models import MemberRole, OrganizationKind
from app.core.tills.models import DeskVisitRow, TillRow
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from app.usecases.tending_tills.tills import open_till
from app.usecases.tending_tills.transfers import receive_cash, send_cash, supply_till
from tests.factories.people import a_claim, a_member, a_resident, an_operator
from tests.factories.places import a_community
from tests.factories.rows import look_one, write

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.people import Person


def a_store_manager(store_id: UUID | None = None) -> Person:
    return a_member(Side.STORE, OrganizationKind.STORE, store_id or a_community().store_id, MemberRole.MANAGER)


def store_of(clerk: Person) -> UUID:
    found: UUID = look_one(
        "SELECT organization_id FROM memberships WHERE account_id = :id AND organization_kind = 'store'"
        " ORDER BY created_at LIMIT 1",
        id=clerk.account_id,
    )
    return found


def a_till(clerk: Person, *, cash_fen: int = 0, is_open: bool = True, store_id: UUID | None = None) -> UUID:
    """Return a till of ``clerk``'s store, opened by them, with cash that came from the bank."""
    till_id = new_id()
    write(
        TillRow,
        till_id=till_id,
        store_id=store_id or store_of(clerk),
        name=f"箱{till_id}"[-30:],
        state="closed",
        cash_fen=0,
        last_number=0,
        day_in_fen=0,
        day_out_fen=0,
        proven_seq=0,
        proven_fen=0,
    )
    if is_open:
        open_till(clerk.actor, a_claim(clerk), till_id=till_id, counted_fen=0)
    if cash_fen:
        supply = a_supply(till_id, cash_fen)
        receive_cash(clerk.actor, a_claim(clerk), transfer_id=supply, counted_fen=cash_fen)
    return till_id


def a_supply(till_id: UUID, amount_fen: int) -> UUID:
    """Return cash on its way from the bank."""
    operator = an_operator()
    return supply_till(operator.actor, a_claim(operator), to_till_id=till_id, amount_fen=amount_fen).transfer_id


def a_remittance(clerk: Person, till_id: UUID, amount_fen: int, to_till_id: UUID | None = None) -> UUID:
    """Return cash on its way from a till."""
    sent = send_cash(clerk.actor, a_claim(clerk), till_id=till_id, amount_fen=amount_fen, to_till_id=to_till_id)
    return sent.transfer_id


def a_visit(
    clerk: Person,
    visitor: Person | None = None,
    *,
    confirmed_fen: int | None = None,
    confirmed_for: UUID | None = None,
    means: str = "code",
    store_id: UUID | None = None,
) -> UUID:
    """Return a visit of ``visitor`` at ``clerk``'s desk."""
    visit_id, now = new_id(), wall_now()
    write(
        DeskVisitRow,
        visit_id=visit_id,
        store_id=store_id or store_of(clerk),
        clerk_id=clerk.account_id,
        account_id=(visitor or a_resident()).account_id,
        means=means,
        opened_at=now,
        expires_at=now + timedelta(minutes=15),
        confirmed_at=None if confirmed_fen is None else now,
        confirmed_fen_max=confirmed_fen,
        confirmed_subject_id=confirmed_for,
    )
    return visit_id
