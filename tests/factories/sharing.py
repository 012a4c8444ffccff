"""Shared carts, and residents who fill them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.sharing.states import SharedCartAction
from app.usecases.sharing.fill import join_shared_cart, link_of
from app.usecases.sharing.own import move_shared_cart, open_shared_cart
from tests.factories.people import a_claim, a_resident

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.people import Person


def a_shared_cart(owner: Person | None = None, *members: Person) -> tuple[UUID, Person]:
    """Return the id of an open shared cart that ``members`` have joined, and its owner."""
    owner = owner or a_resident()
    shared_cart_id = open_shared_cart(owner.actor, a_claim(owner)).shared_cart_id
    for member in members:
        join_shared_cart(member.actor, shared_cart_id=shared_cart_id, link=link_of(shared_cart_id))
    return shared_cart_id, owner


def locked(shared_cart_id: UUID, owner: Person) -> UUID:
    """Lock a shared cart."""
    claim = a_claim(owner)
    move_shared_cart(owner.actor, claim, shared_cart_id=shared_cart_id, action=SharedCartAction.LOCK)
    return shared_cart_id
