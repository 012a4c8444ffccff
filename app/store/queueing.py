"""Routes of the queue at the desk of a store, for who works there, ``/store/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.queueing.rules import SLOT_CAPACITY, SLOT_CAPACITY_MAX, SLOT_MINUTES, SLOT_MINUTES_MAX, SLOT_MINUTES_MIN
from app.core.queueing.states import TicketState, TicketTopic
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.queueing.call import call_next, end_ticket
from app.usecases.queueing.desk import MEMBER, DeskHours, TicketStands, set_desk_hours
from app.usecases.queueing.take import arrive, take_ticket
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Int, Many, Text
from app.web.hours import Hours
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.queueing import TicketOut, TicketStandsOut

_TICKETS = text(
    f"""
    SELECT t.ticket_id, t.store_id, t.state, t.number, t.slot_at, t.topic, t.taken_at, t.called_at, t.ended_at,
        t.clerk_id
    FROM desk_tickets AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    WHERE t.ticket_id < :before AND (CAST(:state AS text) IS NULL OR t.state = :state)
        AND (CAST(:store_id AS uuid) IS NULL OR t.store_id = :store_id)
    ORDER BY t.ticket_id DESC LIMIT :limit
    """
)


class TicketsQuery(PageQuery):
    """Tickets of one's stores, newest first."""

    store_id = Id(load_default=None)
    state = Choice(TicketState, load_default=None)


class StaffTicketOut(TicketOut):
    """A ticket, and who called it; whose it is is not told, the person says so at the desk."""

    clerk_id = Id(required=True, allow_none=True)


class StaffTicketsOut(Body):
    """A page of tickets."""

    items = Many(fields.Nested(StaffTicketOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class HandTicketIn(Body):
    """A ticket for who stands there without a phone."""

    store_id = Id(required=True)
    topic = Choice(TicketTopic, required=True)


class CallIn(Body):
    """At which store the next is called."""

    store_id = Id(required=True)


class DeskHoursIn(Body):
    """When a desk serves, and how appointments are cut."""

    store_id = Id(required=True)
    hours = Hours(required=True)
    slot_minutes = Int(low=SLOT_MINUTES_MIN, high=SLOT_MINUTES_MAX, load_default=SLOT_MINUTES)
    slot_capacity = Int(low=1, high=SLOT_CAPACITY_MAX, load_default=SLOT_CAPACITY)


class DeskHoursOut(Body):
    """Whose hours were set."""

    store_id = Id(required=True)


def add_queue(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/desk-tickets", query=TicketsQuery, answer=StaffTicketsOut)
    @policy("ticket.read", Relation.OWN_STORE)
    def list_desk_tickets(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List tickets and appointments at the desks of one's stores, newest first."""
        wanted = {"state": query["state"], "store_id": query["store_id"]}
        params = {**actor.as_member, **wanted, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
        rows = [dict(row._mapping) for row in read(_TICKETS, params)]
        return page(rows, limit=query["limit"], key="ticket_id")

    @door.post("/desk-tickets", body=HandTicketIn, answer=TicketStandsOut, status=201, once=True)
    @policy("ticket.call", Relation.OWN_STORE)
    def hand_ticket(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> TicketStands:
        """Take a number for who stands there without a phone."""
        return take_ticket(actor, claim, store_id=body["store_id"], topic=TicketTopic(body["topic"]))

    @door.post("/desk-calls", body=CallIn, answer=TicketStandsOut, status=201, once=True)
    @policy("ticket.call", Relation.OWN_STORE)
    def call_ticket(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> TicketStands:
        """Call who is next: whose appointment has come, then the lowest number."""
        return call_next(actor, claim, store_id=body["store_id"])

    @door.post("/desk-tickets/<uuid:ticket_id>/arrival", answer=TicketStandsOut, once=True)
    @policy("ticket.call", Relation.OWN_STORE)
    def see_arrival(actor: Actor, *, claim: Claim, ticket_id: UUID) -> TicketStands:
        """See that who has an appointment is there."""
        return arrive(actor, claim, ticket_id=ticket_id)

    @door.post("/desk-tickets/<uuid:ticket_id>/service", answer=TicketStandsOut, once=True)
    @policy("ticket.call", Relation.OWN_STORE)
    def serve_ticket(actor: Actor, *, claim: Claim, ticket_id: UUID) -> TicketStands:
        """Note that who was called was served."""
        return end_ticket(actor, claim, ticket_id=ticket_id, is_there=True)

    @door.post("/desk-tickets/<uuid:ticket_id>/no-show", answer=TicketStandsOut, once=True)
    @policy("ticket.call", Relation.OWN_STORE)
    def miss_ticket(actor: Actor, *, claim: Claim, ticket_id: UUID) -> TicketStands:
        """Note that who was called was not there."""
        return end_ticket(actor, claim, ticket_id=ticket_id, is_there=False)

    @door.put("/desk-hours", body=DeskHoursIn, answer=DeskHoursOut, once=True)
    @policy("ticket.hours", Relation.OWN_STORE)
    def put_desk_hours(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> DeskHours:
        """Say when the desk of one's store serves."""
        return set_desk_hours(actor, claim, **body)
