"""Routes of a resident's tickets and appointments at the desk of a store, ``/user/v1``."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.catalog.rules import is_open_at
from app.core.catalog.slots import slots_of
from app.core.communities.errors import StoreNotFound
from app.core.queueing.rules import HOURS, SLOT_CAPACITY, SLOT_CAPACITY_MAX, SLOT_MINUTES, WAITING_MAX
from app.core.queueing.states import TicketTopic
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.queueing.call import TURN
from app.usecases.queueing.desk import TicketStands, day_of, slot_rule
from app.usecases.queueing.take import arrive, book_slot, cancel_ticket, take_ticket
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Flag, Id, Instant, Int, Many, Query, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.queueing import TicketOut, TicketStandsOut

_SLOTS_MAX = 100
_OWN = text(
    f"""
    SELECT t.ticket_id, t.store_id, s.name AS store_name, t.state, t.number, t.slot_at, t.topic, t.taken_at,
        t.called_at, t.ended_at,
        CASE WHEN t.state = 'waiting' THEN (SELECT count(*) FROM desk_tickets AS o
            WHERE o.store_id = t.store_id AND o.day = t.day AND o.state = 'waiting'
                AND ({TURN.format("o")}) < ({TURN.format("t")})) END AS ahead_count
    FROM desk_tickets AS t JOIN stores AS s ON s.store_id = t.store_id
    WHERE t.account_id = :account_id AND t.ticket_id < :before ORDER BY t.ticket_id DESC LIMIT :limit
    """
)
_DESK = text(
    """
    SELECT d.hours, d.slot_minutes, d.slot_capacity, business_now() AS now,
        (SELECT count(*) FROM desk_tickets AS w WHERE w.store_id = s.store_id AND w.state = 'waiting'
            AND w.day = CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)) AS waiting_count
    FROM stores AS s LEFT JOIN store_desks AS d ON d.store_id = s.store_id WHERE s.store_id = :store_id
    """
)
_CLOSED = text(
    "SELECT from_at, until_at FROM store_closures WHERE store_id = :store_id AND until_at > business_now() LIMIT 100"
)
_TAKEN = text(
    """
    SELECT t.slot_at, count(*) AS taken_count FROM desk_tickets AS t
    WHERE t.store_id = :store_id AND t.day = :day AND t.slot_at IS NOT NULL AND t.state <> 'canceled'
    GROUP BY t.slot_at
    """
)


class DeskQuery(Query):
    """Which store, and on which day one wants to come."""

    store_id = Id(required=True)
    day = Day(required=True)


class DeskSlotOut(Body):
    """When one can come, and how many can come then."""

    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    left_count = Int(low=1, high=SLOT_CAPACITY_MAX, required=True)


class DeskOut(Body):
    """The queue of a store now, and the slots of a day that can be had."""

    store_id = Id(required=True)
    is_serving = Flag(required=True)
    waiting_count = Int(low=0, high=WAITING_MAX, required=True)
    slots = Many(fields.Nested(DeskSlotOut), high=_SLOTS_MAX, required=True)


class TicketIn(Body):
    """At which store, for what; with a slot it is an appointment, without one the next number."""

    store_id = Id(required=True)
    topic = Choice(TicketTopic, required=True)
    slot_at = Instant(load_default=None, allow_none=True)


class OwnTicketOut(TicketOut):
    """One's ticket; while one waits, how many are called before."""

    store_name = Text(high=100, required=True)
    ahead_count = Int(low=0, high=WAITING_MAX, required=True, allow_none=True)


class OwnTicketsOut(Body):
    """A page of tickets."""

    items = Many(fields.Nested(OwnTicketOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_queue(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/desk-queue", query=DeskQuery, answer=DeskOut)
    @policy("ticket.read", Relation.SIDE)
    def read_desk_queue(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Read how many wait at a store, and what slots of a day can be had."""
        return _desk(query["store_id"], query["day"])

    @door.get("/desk-tickets", query=PageQuery, answer=OwnTicketsOut)
    @policy("ticket.read", Relation.OWN)
    def list_own_tickets(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's tickets and appointments, newest first."""
        params = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        return page([dict(row._mapping) for row in read(_OWN, params)], limit=query["limit"], key="ticket_id")

    @door.post("/desk-tickets", body=TicketIn, answer=TicketStandsOut, status=201, once=True)
    @policy("ticket.take", Relation.OWN)
    def take_own_ticket(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> TicketStands:
        """Take a number at a store, or make an appointment for a slot."""
        store_id, topic = body["store_id"], TicketTopic(body["topic"])
        if body["slot_at"] is None:
            return take_ticket(actor, claim, store_id=store_id, topic=topic)
        return book_slot(actor, claim, store_id=store_id, topic=topic, slot_at=body["slot_at"])

    @door.post("/desk-tickets/<uuid:ticket_id>/arrival", answer=TicketStandsOut, once=True)
    @policy("ticket.take", Relation.OWN)
    def be_there(actor: Actor, *, claim: Claim, ticket_id: UUID) -> TicketStands:
        """Say that one is there for one's appointment; it gets a number."""
        return arrive(actor, claim, ticket_id=ticket_id)

    @door.post("/desk-tickets/<uuid:ticket_id>/cancellation", answer=TicketStandsOut, once=True)
    @policy("ticket.leave", Relation.OWN)
    def give_ticket_back(actor: Actor, *, claim: Claim, ticket_id: UUID) -> TicketStands:
        """Give one's ticket or appointment back."""
        return cancel_ticket(actor, claim, ticket_id=ticket_id)


def _desk(store_id: UUID, day: date) -> dict[str, Any]:
    """Return the queue of a store and its slots of a day.

    :raises StoreNotFound: there is none.
    """
    row = read(_DESK, {"store_id": store_id}).one_or_none()
    if row is None:
        raise StoreNotFound(pointer="/store_id")
    closed = [(one.from_at, one.until_at) for one in read(_CLOSED, {"store_id": store_id})]
    taken = {one.slot_at: one.taken_count for one in read(_TAKEN, {"store_id": store_id, "day": day})}
    hours = HOURS if row.hours is None else row.hours
    capacity = row.slot_capacity or SLOT_CAPACITY
    slots = [
        {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "left_count": capacity - taken.get(slot.starts_at, 0)}
        for slot in slots_of(hours, slot_rule(row.slot_minutes or SLOT_MINUTES, capacity), row.now)
        if day_of(slot.starts_at) == day and not _is_within(closed, slot.starts_at)
    ]
    return {
        "store_id": store_id,
        "is_serving": is_open_at(hours, None, row.now) and not _is_within(closed, row.now),
        "waiting_count": row.waiting_count,
        "slots": [slot for slot in slots if slot["left_count"] > 0],
    }


def _is_within(spans: list[tuple[datetime, datetime]], moment: datetime) -> bool:
    return any(since <= moment < until for since, until in spans)
