"""A clerk calls the next ticket, serves it, or notes that nobody came. What the day leaves open is ended."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.communities.errors import StoreNotFound
from app.core.queueing.errors import ClerkIsServing, DeskTicketNotFound, NobodyWaits
from app.core.queueing.rules import is_left
from app.core.queueing.states import TICKET_TRANSITIONS, TicketAction, TicketState
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.queueing.desk import MEMBER, TicketStands, tell

TURN = "NOT coalesce({0}.slot_at <= business_now(), false), {0}.number"
"""In what order tickets ``{0}`` are called: whose appointment has come, then by number."""

_NEXT = opening(
    f"""
    SELECT t.* FROM desk_tickets AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    WHERE t.store_id = :store_id AND t.state = 'waiting'
        AND t.day = CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
        AND NOT EXISTS (SELECT 1 FROM desk_tickets AS c WHERE c.clerk_id = :account_id AND c.state = 'called')
    ORDER BY {TURN.format("t")} LIMIT 1 FOR NO KEY UPDATE OF t SKIP LOCKED
    """
)
_WHY_NOT = text(
    f"""
    SELECT (SELECT c.ticket_id FROM desk_tickets AS c WHERE c.clerk_id = :account_id AND c.state = 'called')
        AS serving_id
    FROM memberships AS m WHERE {MEMBER} AND m.organization_id = :store_id LIMIT 1
    """
)
_CALLED = closing(
    """
    called AS (
        UPDATE desk_tickets SET state = :state, clerk_id = :clerk_id, called_at = business_now()
        WHERE ticket_id = :ticket_id
    )"""
)
_LOCK = opening(
    f"""
    SELECT t.* FROM desk_tickets AS t JOIN memberships AS m ON m.organization_id = t.store_id AND {MEMBER}
    WHERE t.ticket_id = :ticket_id FOR NO KEY UPDATE OF t
    """
)
_ENDED = closing(
    "ended AS (UPDATE desk_tickets SET state = :state, ended_at = business_now() WHERE ticket_id = :ticket_id)"
)
_LOCK_BY_SYSTEM = text(
    """
    SELECT t.*, business_now() AS now FROM desk_tickets AS t WHERE t.ticket_id = :ticket_id FOR NO KEY UPDATE
    """
)


def call_next(actor: Actor, claim: Claim, *, store_id: UUID) -> TicketStands:
    """Call who is next: whose appointment has come, then the lowest number. Two clerks call two.

    :raises StoreNotFound: none of the actor's. :raises NobodyWaits: there is nobody.
    :raises ClerkIsServing: the clerk has called somebody and not ended it.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_NEXT, {**actor.as_member, "store_id": store_id})
        if row is None:
            why = tx.execute(_WHY_NOT, {**actor.as_member, "store_id": store_id}).one_or_none()
            if why is None:
                raise StoreNotFound(pointer="/store_id")
            if why.serving_id is not None:
                raise ClerkIsServing(ticket_id=str(why.serving_id))
            raise NobodyWaits
        state = next_state(TICKET_TRANSITIONS, TicketState(row.state), TicketAction.CALL, actor.role)
        stands = TicketStands(
            ticket_id=row.ticket_id, store_id=store_id, state=state.value, number=row.number, slot_at=row.slot_at
        )
        tell(tx, row.account_id, stands)
        tx.keep(stands)
        params = {"ticket_id": row.ticket_id, "state": state.value, "clerk_id": actor.account_id}
        try:
            tx.close(_CALLED, params)
        except IntegrityError:  # the same clerk, twice at once
            raise ClerkIsServing(ticket_id="") from None
    return stands


def end_ticket(actor: Actor, claim: Claim, *, ticket_id: UUID, is_there: bool) -> TicketStands:
    """Note that who was called was served, or was not there. Any clerk of the store may.

    :raises DeskTicketNotFound: none of a store of the actor's.
    :raises IllegalTransition: nobody called it, or it has ended.
    """
    action = TicketAction.SERVE if is_there else TicketAction.MISS
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "ticket_id": ticket_id})
        if row is None:
            raise DeskTicketNotFound
        state = next_state(TICKET_TRANSITIONS, TicketState(row.state), action, actor.role)
        stands = TicketStands(
            ticket_id=ticket_id, store_id=row.store_id, state=state.value, number=row.number, slot_at=row.slot_at
        )
        tell(tx, row.account_id, stands)
        tx.keep(stands)
        tx.close(_ENDED, {"ticket_id": ticket_id, "state": state.value})
    return stands


def lapse_ticket(tx: Transaction, ticket_id: UUID) -> None:
    """End what nobody ended: an appointment that was missed, or what its day left open."""
    row = tx.execute(_LOCK_BY_SYSTEM, {"ticket_id": ticket_id}).one()
    if not is_left(TicketState(row.state), day=row.day, slot_at=row.slot_at, now=row.now):
        return
    action = TicketAction.LAPSE if row.state == TicketState.WAITING else TicketAction.MISS
    state = next_state(TICKET_TRANSITIONS, TicketState(row.state), action, Role.SYSTEM)
    stands = TicketStands(
        ticket_id=ticket_id, store_id=row.store_id, state=state.value, number=row.number, slot_at=row.slot_at
    )
    tell(tx, row.account_id, stands)
    tx.close(_ENDED, {"ticket_id": ticket_id, "state": state.value})
