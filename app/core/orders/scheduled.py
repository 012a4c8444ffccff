"""Orders for a slot (预约单): by when their shop has to accept, when they are ready, when a courier is looked for.

Such an order is ready when its slot begins, and the way fits into the slot.
"""

from datetime import datetime, timedelta

from app.core.orders.rules import ACCEPT_WINDOW

CANCEL_FREELY_BEFORE = timedelta(minutes=60)
"""So long before the slot the resident may still let the order go; the shop has until then to accept it."""
COURIER_BEFORE = timedelta(minutes=45)
"""So long before the slot its trip may be claimed, and the order may be said to be ready."""


def accept_window(now: datetime, slot_starts_at: datetime | None) -> timedelta:
    """Return how long a shop has to accept what is paid ``now``: until an hour before the slot, or five minutes."""
    if slot_starts_at is None:
        return ACCEPT_WINDOW
    return max(ACCEPT_WINDOW, slot_starts_at - CANCEL_FREELY_BEFORE - now)


def ready_at(now: datetime, preparation_minutes: int, slot_starts_at: datetime | None) -> datetime:
    """Return when an order that is accepted ``now`` is to be ready."""
    soonest = now + timedelta(minutes=preparation_minutes)
    return soonest if slot_starts_at is None else max(soonest, slot_starts_at)


def trip_opens_at(slot_starts_at: datetime | None) -> datetime | None:
    """Return from when on its trip may be claimed; None for at once."""
    return None if slot_starts_at is None else slot_starts_at - COURIER_BEFORE


def may_let_slot_go(now: datetime, slot_starts_at: datetime | None) -> bool:
    """Say whether an order is so long before its slot that it may be canceled freely."""
    return slot_starts_at is not None and now < slot_starts_at - CANCEL_FREELY_BEFORE
