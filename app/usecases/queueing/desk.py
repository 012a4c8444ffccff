"""What every act in the queue of a store shares: its desk, locked, which gives numbers and says when it serves.

Locks: the desk, then a ticket. The desk is locked by a statement of its own, and looked at by the next ones: a snapshot
that was taken while somebody else held the lock would not know the last number.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.catalog.rules import Hours, are_hours_sound, is_open_at
from app.core.catalog.slots import SlotRule
from app.core.communities.errors import StoreNotFound
from app.core.events import DeskTicketMoved
from app.core.queueing.errors import DeskHoursInvalid, DeskNotServing
from app.core.queueing.rules import DAYS_AHEAD, HOURS, LEAD_MINUTES, SLOT_CAPACITY, SLOT_MINUTES, ends_at, number_after
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

DESK_TICKET_LAPSES = "desk_ticket_lapses"
"""Timer: an appointment was missed, or the day of a ticket is over."""
MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"

_LOCK = text(
    """
    INSERT INTO store_desks AS d (store_id, hours, slot_minutes, slot_capacity, last_number)
    VALUES (:store_id, CAST(:hours AS jsonb), :slot_minutes, :slot_capacity, 0)
    ON CONFLICT (store_id) DO UPDATE SET last_number = d.last_number
    RETURNING d.store_id, d.hours, d.slot_minutes, d.slot_capacity, d.numbered_on, d.last_number,
        business_now() AS now, EXISTS (SELECT 1 FROM store_closures AS c WHERE c.store_id = d.store_id
            AND c.from_at <= business_now() AND c.until_at > business_now()) AS is_closed
    """
)
NUMBERED = """
    numbered AS (
        UPDATE store_desks SET numbered_on = :day, last_number = CAST(:number AS int) WHERE store_id = :store_id
    )"""
"""Notes the number that was given, in a closing."""
_OWN_STORE = opening(
    f"SELECT m.organization_id AS store_id FROM memberships AS m WHERE {MEMBER} AND m.organization_id = :store_id"
    " FOR SHARE OF m"
)
_SET = closing(
    """
    put AS (
        UPDATE store_desks SET hours = CAST(:hours AS jsonb), slot_minutes = :slot_minutes,
            slot_capacity = :slot_capacity
        WHERE store_id = :store_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketStands:
    """Where a ticket stands; it has a number from when the person is there."""

    ticket_id: UUID
    store_id: UUID
    state: str
    number: int | None
    slot_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskHours:
    """When the desk of a store serves."""

    store_id: UUID


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of a store as it stands under its lock."""

    row: Row

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return day_of(self.row.now)

    @property
    def next_number(self) -> int:
        """The number of the next ticket."""
        return number_after(self.row.last_number, is_today=self.row.numbered_on == self.today)

    @property
    def rule(self) -> SlotRule:
        """How appointments are cut."""
        return slot_rule(self.row.slot_minutes, self.row.slot_capacity)

    def require_serving(self) -> None:
        """Refuse tickets outside the hours.

        :raises DeskNotServing: the desk is closed now.
        """
        if self.row.is_closed or not is_open_at(self.row.hours, None, self.row.now):
            raise DeskNotServing


def day_of(moment: datetime) -> date:
    """Return the day in Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def slot_rule(slot_minutes: int, capacity: int) -> SlotRule:
    """Return how the hours of a desk are cut into slots."""
    return SlotRule(slot_minutes=slot_minutes, capacity=capacity, lead_minutes=LEAD_MINUTES, days_ahead=DAYS_AHEAD)


def lock_desk(tx: Transaction, store_id: UUID) -> Desk:
    """Lock the desk of a store that there is; one that has said nothing serves at the usual hours."""
    defaults = {"hours": orjson.dumps(HOURS).decode(), "slot_minutes": SLOT_MINUTES, "slot_capacity": SLOT_CAPACITY}
    return Desk(tx.execute(_LOCK, {"store_id": store_id, **defaults}).one())


def tell(tx: Transaction, account_id: UUID | None, stands: TicketStands) -> None:
    """Tell the person, where there is one, and the store where a ticket stands."""
    if account_id is not None:
        tx.record(
            DeskTicketMoved(
                account_id=account_id, ticket_id=stands.ticket_id, store_id=stands.store_id, state=stands.state
            )
        )


def end_later(tx: Transaction, stands: TicketStands, day: date, now: datetime) -> None:
    """Set the timer that ends a ticket which nobody ends."""
    slot_at = stands.slot_at if stands.number is None else None
    tx.schedule(Timer(DESK_TICKET_LAPSES, stands.ticket_id, ends_at(day, slot_at) - now))


def set_desk_hours(
    actor: Actor, claim: Claim, *, store_id: UUID, hours: Hours, slot_minutes: int, slot_capacity: int
) -> DeskHours:
    """Say when the desk of one's store serves, and how appointments are cut. What was booked stays.

    :raises StoreNotFound: none of the actor's. :raises DeskHoursInvalid: of the hours.
    """
    if not are_hours_sound(hours):
        raise DeskHoursInvalid(pointer="/hours")
    with transaction(claim) as tx:
        if tx.open_one(_OWN_STORE, {**actor.as_member, "store_id": store_id}) is None:
            raise StoreNotFound
        lock_desk(tx, store_id)
        kept = DeskHours(store_id=store_id)
        tx.keep(kept)
        params = {"hours": orjson.dumps(hours).decode(), "slot_minutes": slot_minutes, "slot_capacity": slot_capacity}
        tx.close(_SET, {**params, "store_id": store_id})
    return kept
