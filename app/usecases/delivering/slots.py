"""Planned shifts: a store publishes them, couriers take them, pass them on, or drop them in time."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.communities.errors import CommunityNotFound
from app.core.delivery.errors import CourierSuspended, SlotNotFound, SlotOverlaps, SlotTaken
from app.core.delivery.slots import SlotState, require_droppable, require_plannable
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

_LOCK_COMMUNITY = opening(
    """
    SELECT c.community_id, business_now() AS now FROM communities AS c
    JOIN memberships AS m ON m.organization_id = c.store_id AND m.organization_kind = 'store'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE c.community_id = :community_id AND c.merged_into_id IS NULL
    """
)
_PUBLISH = closing(
    """
    made AS (
        INSERT INTO shift_slots (slot_id, community_id, starts_at, ends_at, state, published_by)
        SELECT CAST(s.value AS uuid), :community_id, :starts_at, :ends_at, 'open', :account_id
        FROM jsonb_array_elements_text(CAST(:slot_ids AS jsonb)) AS s
    )"""
)
_LOCK_COURIER = opening(
    "SELECT courier_id, community_id, state, business_now() AS now FROM couriers "
    "WHERE courier_id = :courier_id FOR UPDATE"
)
_SLOT = text(
    "SELECT slot_id, community_id, courier_id, state, starts_at, ends_at FROM shift_slots "
    "WHERE slot_id = :slot_id FOR UPDATE"
)
_OVERLAPS = text(
    """
    SELECT 1 FROM shift_slots WHERE courier_id = :courier_id AND state IN ('taken', 'passed') AND slot_id <> :slot_id
        AND starts_at < :ends_at AND ends_at > :starts_at LIMIT 1
    """
)
_SET = closing(
    """
    moved AS (
        UPDATE shift_slots SET state = :state, courier_id = CAST(:courier_id AS uuid) WHERE slot_id = :slot_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsPublished:
    """What publishing answers."""

    community_id: UUID
    slot_ids: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMoved:
    """Where a planned shift stands after an act on it."""

    slot_id: UUID
    state: str


def publish_slots(
    actor: Actor, claim: Claim, *, community_id: UUID, starts_at: datetime, ends_at: datetime, places: int
) -> SlotsPublished:
    """Publish a planned shift with a number of places.

    :raises CommunityNotFound: it is not of the actor's store. :raises SlotWrong: nobody could plan with it.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_COMMUNITY, {"community_id": community_id, **actor.as_member})
        if row is None:
            raise CommunityNotFound(pointer="/community_id")
        require_plannable(row.now, starts_at, ends_at)
        published = SlotsPublished(community_id=community_id, slot_ids=[new_id() for _ in range(places)])
        tx.keep(published)
        tx.close(
            _PUBLISH,
            {
                "community_id": community_id,
                "starts_at": starts_at,
                "ends_at": ends_at,
                "account_id": actor.account_id,
                "slot_ids": orjson.dumps(published.slot_ids).decode(),
            },
        )
    return published


def take_slot(actor: Actor, claim: Claim, *, slot_id: UUID) -> SlotMoved:
    """Take a planned shift that is open, or that another passes on.

    :raises SlotNotFound: there is none in the courier's community. :raises SlotTaken: another was faster.
    :raises SlotOverlaps: one has another at that time. :raises CourierSuspended: one may not work.
    """
    with transaction(claim) as tx:
        courier, slot = _lock(tx, actor, slot_id)
        if courier.state != "active":
            raise CourierSuspended
        is_passed_on = slot.state == SlotState.PASSED and slot.courier_id != actor.account_id
        if not is_passed_on and slot.state != SlotState.OPEN:
            raise SlotTaken(state=slot.state)
        if courier.now >= slot.ends_at:
            raise SlotTaken(state=SlotState.CANCELED.value)
        params = {"courier_id": actor.account_id, "slot_id": slot_id}
        if tx.execute(_OVERLAPS, {**params, "starts_at": slot.starts_at, "ends_at": slot.ends_at}).first():
            raise SlotOverlaps
        return _set(tx, slot_id, SlotState.TAKEN, actor.account_id)


def pass_slot(actor: Actor, claim: Claim, *, slot_id: UUID) -> SlotMoved:
    """Offer one's planned shift to the others; it stays one's own until somebody takes it (换班).

    :raises SlotNotFound: one has none such.
    """
    with transaction(claim) as tx:
        _own(tx, actor, slot_id)
        return _set(tx, slot_id, SlotState.PASSED, actor.account_id)


def drop_slot(actor: Actor, claim: Claim, *, slot_id: UUID) -> SlotMoved:
    """Give a planned shift back, at least two hours before it begins. Nothing is held against who does.

    :raises SlotNotFound: one has none such. :raises SlotTooLate: it begins soon; it may still be passed on.
    """
    with transaction(claim) as tx:
        now, slot = _own(tx, actor, slot_id)
        require_droppable(now, slot.starts_at)
        return _set(tx, slot_id, SlotState.OPEN, None)


def _own(tx: Transaction, actor: Actor, slot_id: UUID) -> tuple[datetime, Row]:
    courier, slot = _lock(tx, actor, slot_id)
    if slot.courier_id != actor.account_id or slot.state not in {SlotState.TAKEN, SlotState.PASSED}:
        raise SlotNotFound
    return courier.now, slot


def _lock(tx: Transaction, actor: Actor, slot_id: UUID) -> tuple[Row, Row]:
    """Lock the courier, then the slot: one who takes two at once takes them one after the other."""
    courier = tx.open_one(_LOCK_COURIER, {"courier_id": actor.account_id})
    slot = None if courier is None else tx.execute(_SLOT, {"slot_id": slot_id}).one_or_none()
    if courier is None or slot is None or slot.community_id != courier.community_id:
        raise SlotNotFound
    return courier, slot


def _set(tx: Transaction, slot_id: UUID, state: SlotState, courier_id: UUID | None) -> SlotMoved:
    moved = SlotMoved(slot_id=slot_id, state=state.value)
    tx.keep(moved)
    tx.close(_SET, {"slot_id": slot_id, "state": state.value, "courier_id": courier_id})
    return moved
