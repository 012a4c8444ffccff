"""Desks that are open at any hour, and tickets at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.queueing.states import TicketTopic
from app.usecases.queueing.desk import set_desk_hours
from app.usecases.queueing.take import take_ticket
from tests.factories.people import a_claim, a_resident
from tests.factories.tills import a_store_manager, store_of

if TYPE_CHECKING:
    from uuid import UUID

    from app.usecases.queueing.desk import TicketStands
    from tests.factories.people import Person

ALWAYS = {str(day): [["00:00", "24:00"]] for day in range(1, 8)}


def an_open_desk(store_id: UUID | None = None, *, slot_capacity: int = 2) -> Person:
    """Return the manager of a store whose desk serves day and night."""
    manager = a_store_manager(store_id)
    found = store_id or store_of(manager)
    set_desk_hours(
        manager.actor, a_claim(manager), store_id=found, hours=ALWAYS, slot_minutes=30, slot_capacity=slot_capacity
    )
    return manager


def a_ticket(store_id: UUID, resident: Person | None = None) -> TicketStands:
    """Return the ticket of somebody who waits."""
    person = resident or a_resident()
    return take_ticket(person.actor, a_claim(person), store_id=store_id, topic=TicketTopic.CASH)
