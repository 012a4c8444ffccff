"""Take a ticket now, or an appointment for a slot; be there; give it back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.slots import slot_at as slot_of
from app.core.communities.errors import StoreNotFound
from app.core.queueing.errors import (
    DeskQueueFull,
    DeskSlotNotOffered,
    DeskSlotTaken,
    DeskTicketExists,
    DeskTicketNotFound,
    NotArriving,
    TooManyBookings,
)
from app.core.queueing.rules import BOOKINGS_MAX, WAITING_MAX, is_arriving
from app.core.queueing.states import TICKET_TRANSITIONS, TicketAction, TicketState, TicketTopic
from app.kernel.actor import Actor, Side
from app.kernel.clock import as_text
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.queueing.desk import MEMBER, NUMBERED, Desk, TicketStands, day_of, end_later, lock_desk, tell

_STORE = opening(
    "SELECT s.store_id FROM stores AS s WHERE s.store_id = :store_id"
    " AND NOT EXISTS (SELECT 1 FROM shop_desks AS k WHERE k.store_id = s.store_id AND k.state = 'ended')"
)
_BOOKER = opening(
    """
    SELECT s.store_id FROM accounts AS a JOIN stores AS s ON s.store_id = :store_id
    WHERE a.account_id = :account_id
        AND NOT EXISTS (SELECT 1 FROM shop_desks AS k WHERE k.store_id = s.store_id AND k.state = 'ended')
    FOR NO KEY UPDATE OF a
    """
)
"""A person's appointments at all stores are counted under the lock of their own row."""
_OWN_STORE = opening(
    f"""
    SELECT m.organization_id AS store_id FROM memberships AS m
    WHERE {MEMBER} AND m.organization_id = CAST(:store_id AS uuid) FOR SHARE OF m
    """
)
_ABOUT = text(
    """
    SELECT (SELECT count(*) FROM desk_tickets AS w WHERE w.store_id = :store_id AND w.day = :day
            AND w.state = 'waiting') AS waiting_count,
        (SELECT o.ticket_id FROM desk_tickets AS o WHERE o.account_id = CAST(:whom_id AS uuid)
            AND o.store_id = :store_id AND o.day = :day AND o.state IN ('booked', 'waiting', 'called')) AS own_id,
        (SELECT count(*) FROM desk_tickets AS b WHERE b.account_id = CAST(:whom_id AS uuid)
            AND b.state = 'booked') AS booked_count,
        (SELECT count(*) FROM desk_tickets AS t WHERE t.store_id = :store_id
            AND t.slot_at = CAST(:slot_at AS timestamptz) AND t.state <> 'canceled') AS taken_count,
        EXISTS (SELECT 1 FROM store_closures AS c WHERE c.store_id = :store_id
            AND c.from_at <= CAST(:slot_at AS timestamptz) AND c.until_at > CAST(:slot_at AS timestamptz)) AS is_closed
    """
)
_MADE = """
    made AS (
        INSERT INTO desk_tickets (ticket_id, store_id, day, number, account_id, topic, state, slot_at, taken_at)
        VALUES (:ticket_id, :store_id, :day, CAST(:number AS int), CAST(:whom_id AS uuid), :topic, :state,
            CAST(:slot_at AS timestamptz), business_now())
    )"""
_TAKE, _BOOK = closing(f"{_MADE}, {NUMBERED}"), closing(_MADE)
_FIND = {
    Side.USER: opening(
        "SELECT t.* FROM desk_tickets AS t WHERE t.ticket_id = :ticket_id AND t.account_id = :account_id"
    ),
    Side.STORE: opening(
        f"""
        SELECT t.* FROM desk_tickets AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
        WHERE t.ticket_id = :ticket_id
        """
    ),
}
_LOCK = text("SELECT t.* FROM desk_tickets AS t WHERE t.ticket_id = :ticket_id FOR NO KEY UPDATE")
_ARRIVED = closing(
    f"""
    came AS (
        UPDATE desk_tickets SET state = :state, number = CAST(:number AS int) WHERE ticket_id = :ticket_id
    ), {NUMBERED}"""
)
_CANCELED = closing(
    "gone AS (UPDATE desk_tickets SET state = :state, ended_at = business_now() WHERE ticket_id = :ticket_id)"
)


def take_ticket(actor: Actor, claim: Claim, *, store_id: UUID, topic: TicketTopic) -> TicketStands:
    """Take the next number of a store; a clerk takes it for who stands there without a phone.

    :raises StoreNotFound: there is none, or none of the clerk's. :raises DeskNotServing: the desk is closed.
    :raises DeskQueueFull: too many wait. :raises DeskTicketExists: the person has a ticket here today.
    """
    is_own = actor.side is Side.USER
    with transaction(claim) as tx:
        found = tx.open_one(_STORE if is_own else _OWN_STORE, {**actor.as_member, "store_id": store_id})
        if found is None:
            raise StoreNotFound(pointer="/store_id")
        desk = lock_desk(tx, store_id)
        desk.require_serving()
        whom_id = actor.account_id if is_own else None
        about = tx.execute(_ABOUT, _asked(desk, whom_id, slot_at=None)).one()
        if about.own_id is not None:
            raise DeskTicketExists(ticket_id=str(about.own_id))
        if about.waiting_count >= WAITING_MAX:
            raise DeskQueueFull(waiting_max=WAITING_MAX)
        stands = TicketStands(
            ticket_id=new_id(), store_id=store_id, state=TicketState.WAITING.value, number=desk.next_number
        )
        _close(tx, stands, desk, whom_id, topic)
    return stands


def book_slot(actor: Actor, claim: Claim, *, store_id: UUID, topic: TicketTopic, slot_at: datetime) -> TicketStands:
    """Make an appointment for a slot of a store's desk.

    :raises StoreNotFound: there is none. :raises DeskSlotNotOffered: not of its hours, too soon or too far ahead.
    :raises DeskSlotTaken: all places are taken. :raises DeskTicketExists: the person has one on that day.
    :raises TooManyBookings: they have many.
    """
    with transaction(claim) as tx:
        if tx.open_one(_BOOKER, {"store_id": store_id, "account_id": actor.account_id}) is None:
            raise StoreNotFound(pointer="/store_id")
        desk = lock_desk(tx, store_id)
        if slot_of(desk.row.hours, desk.rule, desk.row.now, slot_at) is None:
            raise DeskSlotNotOffered(pointer="/slot_at")
        about = tx.execute(_ABOUT, _asked(desk, actor.account_id, slot_at=slot_at)).one()
        if about.is_closed:
            raise DeskSlotNotOffered(pointer="/slot_at")
        if about.own_id is not None:
            raise DeskTicketExists(ticket_id=str(about.own_id))
        if about.booked_count >= BOOKINGS_MAX:
            raise TooManyBookings(bookings_max=BOOKINGS_MAX)
        if about.taken_count >= desk.row.slot_capacity:
            raise DeskSlotTaken(pointer="/slot_at")
        stands = TicketStands(
            ticket_id=new_id(), store_id=store_id, state=TicketState.BOOKED.value, number=None, slot_at=slot_at
        )
        _close(tx, stands, desk, actor.account_id, topic)
    return stands


def arrive(actor: Actor, claim: Claim, *, ticket_id: UUID) -> TicketStands:
    """Be there for one's appointment, or have a clerk see it: it gets a number, and goes before those without.

    :raises DeskTicketNotFound: none of the actor's. :raises NotArriving: it is too early, or too late.
    :raises DeskNotServing: the desk is closed. :raises IllegalTransition: it is no appointment that is open.
    """
    with transaction(claim) as tx:
        found = _find(tx, actor, ticket_id)
        desk = lock_desk(tx, found.store_id)
        ticket = tx.execute(_LOCK, {"ticket_id": ticket_id}).one()
        state = next_state(TICKET_TRANSITIONS, TicketState(ticket.state), TicketAction.ARRIVE, actor.role)
        if not is_arriving(ticket.slot_at, desk.row.now):
            raise NotArriving(slot_at=as_text(ticket.slot_at))
        desk.require_serving()
        number = desk.next_number
        stands = TicketStands(
            ticket_id=ticket_id, store_id=ticket.store_id, state=state.value, number=number, slot_at=ticket.slot_at
        )
        tell(tx, ticket.account_id, stands)
        end_later(tx, stands, ticket.day, desk.row.now)
        tx.keep(stands)
        about = {"ticket_id": ticket_id, "store_id": ticket.store_id, "day": desk.today}
        tx.close(_ARRIVED, {**about, "state": state.value, "number": number})
    return stands


def cancel_ticket(actor: Actor, claim: Claim, *, ticket_id: UUID) -> TicketStands:
    """Give one's ticket or appointment back.

    :raises DeskTicketNotFound: none of one's own. :raises IllegalTransition: one is being served, or it has ended.
    """
    with transaction(claim) as tx:
        _find(tx, actor, ticket_id)
        ticket = tx.execute(_LOCK, {"ticket_id": ticket_id}).one()
        state = next_state(TICKET_TRANSITIONS, TicketState(ticket.state), TicketAction.CANCEL, actor.role)
        stands = TicketStands(
            ticket_id=ticket_id,
            store_id=ticket.store_id,
            state=state.value,
            number=ticket.number,
            slot_at=ticket.slot_at,
        )
        tell(tx, ticket.account_id, stands)
        tx.keep(stands)
        tx.close(_CANCELED, {"ticket_id": ticket_id, "state": state.value})
    return stands


def _find(tx: Transaction, actor: Actor, ticket_id: UUID) -> Row:
    row = tx.open_one(_FIND[actor.side], {**actor.as_member, "ticket_id": ticket_id})
    if row is None:
        raise DeskTicketNotFound
    return row


def _asked(desk: Desk, whom_id: UUID | None, *, slot_at: datetime | None) -> dict[str, object]:
    day = desk.today if slot_at is None else day_of(slot_at)
    return {"store_id": desk.row.store_id, "whom_id": whom_id, "day": day, "slot_at": slot_at}


def _close(tx: Transaction, stands: TicketStands, desk: Desk, whom_id: UUID | None, topic: TicketTopic) -> None:
    tell(tx, whom_id, stands)
    asked = _asked(desk, whom_id, slot_at=stands.slot_at)
    end_later(tx, stands, desk.today if stands.slot_at is None else day_of(stands.slot_at), desk.row.now)
    tx.keep(stands)
    params = {
        **asked,
        "ticket_id": stands.ticket_id,
        "number": stands.number,
        "topic": topic.value,
        "state": stands.state,
    }
    tx.close(_BOOK if stands.number is None else _TAKE, params)
