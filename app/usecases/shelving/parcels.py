"""A parcel gets a slot, is reminded of, collected or overdue, and passed on. The order is locked before its parcel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.core.aftersale.errors import CaseNotFound
from app.core.aftersale.states import CaseAction, CaseState
from app.core.events import ParcelMoved
from app.core.orders.models import Fulfillment
from app.core.orders.repository import LOCK_BY_SYSTEM, LOCK_FOR_STORE, lock_order
from app.core.orders.states import OrderState
from app.core.shelf.errors import NotForShelf, ParcelNotFound, ParcelShelved, ReturnNotFound, SlotTaken
from app.core.shelf.states import PARCEL_TRANSITIONS, ParcelAction, ParcelKind, ParcelState
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.aftersale.cases import LOCK_CASE_FOR_STORE, MOVED_CASE, lock_case, moving
from app.usecases.ordering.finish_order import lapse_collection
from app.usecases.ordering.prepare_order import COLLECT_LAPSES

PARCEL_REMINDS = "parcel_reminds"
"""Timer: a parcel has waited for a day."""
REMIND_AFTER = timedelta(hours=24)
GRACE = timedelta(hours=24)
"""How long a parcel waits after its store opens again."""
_AT_COUNTER = "体验店代收"
"""What a case says of the way that its goods went, before the slot."""
_COMES_BACK = frozenset({CaseState.RETURNING, CaseState.SENT_BACK})

_MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_SHELVED = """
    shelved AS (
        INSERT INTO parcels (parcel_id, store_id, kind, order_id, case_id, slot, state, shelved_by_id, shelved_at)
        VALUES (:parcel_id, :store_id, :kind, :order_id, CAST(:case_id AS uuid), :slot, 'waiting', :clerk_id,
            business_now())
    )"""
_SHELVE = closing(_SHELVED)
_SHELVE_SENT_BACK = closing(f"{_SHELVED}, {MOVED_CASE}")
_LOCK = opening(
    f"""
    SELECT p.parcel_id, p.kind, p.state, p.slot, p.store_id, p.order_id, o.account_id AS whom_id, o.shop_id
    FROM parcels AS p JOIN orders AS o ON o.order_id = p.order_id
    JOIN memberships AS m ON m.organization_id = p.store_id AND {_MEMBER}
    WHERE p.parcel_id = :parcel_id FOR NO KEY UPDATE OF o, p
    """
)
_END = closing(
    """
    ended AS (
        UPDATE parcels SET state = :state, ended_by_id = :clerk_id, ended_at = business_now()
        WHERE parcel_id = :parcel_id
    )"""
)
_OF_ORDER = text(
    """
    UPDATE parcels SET state = :state, ended_at = CASE WHEN :state = 'collected' THEN business_now() END
    WHERE order_id = :order_id AND kind = 'order' AND state = 'waiting'
    RETURNING parcel_id, store_id, slot
    """
)
_REMIND = text(
    """
    UPDATE parcels AS p SET reminded_at = business_now() FROM orders AS o
    WHERE p.parcel_id = :parcel_id AND p.state = 'waiting' AND p.reminded_at IS NULL AND o.order_id = p.order_id
    RETURNING p.store_id, p.slot, o.account_id, o.shop_id
    """
)
_OPENS_AGAIN = text(
    """
    SELECT max(c.until_at) + CAST(:grace AS interval) - business_now() AS waits
    FROM orders AS o JOIN store_closures AS c ON c.store_id = o.store_id
    WHERE o.order_id = :order_id AND c.from_at <= business_now()
      AND c.until_at + CAST(:grace AS interval) > business_now()
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelStands:
    """Where a parcel stands."""

    parcel_id: UUID
    order_id: UUID
    state: str
    slot: str


def shelve_order(actor: Actor, claim: Claim, *, order_id: UUID, slot: str) -> ParcelStands:
    """Put an order that is ready into a slot, where it waits for its resident.

    :raises OrderNotFound: none of the store's. :raises NotForShelf: it is not to be collected here, or not now.
    :raises ParcelShelved: it stands in a slot. :raises SlotTaken: another does.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_STORE, {"order_id": order_id, **actor.as_member})
        if order.fulfillment is not Fulfillment.STORE_PICKUP or order.state is not OrderState.READY:
            raise NotForShelf
        assert order.store_id is not None, "what is collected at a store names it"
        stands = ParcelStands(parcel_id=new_id(), order_id=order_id, state=ParcelState.WAITING.value, slot=slot)
        tx.schedule(Timer(PARCEL_REMINDS, stands.parcel_id, REMIND_AFTER))
        _shelve(tx, actor, stands, ParcelKind.ORDER, store_id=order.store_id, whom_id=order.account_id,
                shop_id=order.shop_id)  # fmt: skip
    return stands


def hand_in_return(actor: Actor, claim: Claim, *, case_id: UUID, slot: str) -> ParcelStands:
    """Take goods that a resident brings back for their shop, and put them into a slot: they are sent back with that.

    :raises ReturnNotFound: no case of an order of the store's catchment. :raises NotForShelf: nothing comes back.
    :raises ParcelShelved, SlotTaken: as :func:`shelve_order`.
    """
    with transaction(claim) as tx:
        try:
            case = lock_case(tx, LOCK_CASE_FOR_STORE, {**actor.as_member, "case_id": case_id})
        except CaseNotFound:
            raise ReturnNotFound from None
        order = case.order
        if case.state not in _COMES_BACK:
            raise NotForShelf
        assert order.store_id is not None, "an order's shop has a store"
        stands = ParcelStands(parcel_id=new_id(), order_id=order.order_id, state=ParcelState.WAITING.value, slot=slot)
        moved: dict[str, object] = {}
        if case.state is CaseState.RETURNING:
            sent_back = case.next(CaseAction.SEND_BACK, actor.role)
            moved = moving(tx, case, sent_back, return_reference=f"{_AT_COUNTER} {slot}")
        _shelve(tx, actor, stands, ParcelKind.RETURN, store_id=order.store_id, whom_id=order.account_id,
                shop_id=order.shop_id, case_id=case_id, moved=moved)  # fmt: skip
    return stands


def pass_parcel_on(actor: Actor, claim: Claim, *, parcel_id: UUID, is_disposed: bool = False) -> ParcelStands:
    """Give a parcel to its shop, or dispose of what nobody collected; its slot is free again.

    :raises ParcelNotFound: none of the actor's. :raises IllegalTransition: it waits for its resident, or is gone.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "parcel_id": parcel_id})
        if row is None:
            raise ParcelNotFound
        on = ParcelAction.PASS_ON
        if row.kind == ParcelKind.RETURN and row.state == ParcelState.WAITING:
            on = ParcelAction.PASS_ON_RETURN
        action = ParcelAction.DISPOSE if is_disposed else on
        state = next_state(PARCEL_TRANSITIONS, ParcelState(row.state), action, actor.role)
        stands = ParcelStands(parcel_id=parcel_id, order_id=row.order_id, state=state.value, slot=row.slot)
        tx.record(_told(stands, store_id=row.store_id, whom_id=row.whom_id, shop_id=row.shop_id))
        tx.keep(stands)
        tx.close(_END, {"parcel_id": parcel_id, "state": state.value, "clerk_id": actor.account_id})
    return stands


def clear_shelf(tx: Transaction, body: Mapping[str, Any]) -> None:
    """React to an order that ended: its parcel was collected, or it ended otherwise and has to go."""
    is_collected = body["state"] == OrderState.COMPLETED
    _end_parcel(tx, UUID(body["order_id"]), ParcelAction.COLLECT if is_collected else ParcelAction.LAPSE)


def remind_of_parcel(tx: Transaction, parcel_id: UUID) -> None:
    """Tell a resident, once, that a parcel has waited for a day."""
    row = tx.execute(_REMIND, {"parcel_id": parcel_id}).one_or_none()
    if row is not None:
        tx.record(
            ParcelMoved(
                parcel_id=parcel_id, state="reminded", store_id=row.store_id, account_id=row.account_id,
                shop_id=row.shop_id,
            )
        )  # fmt: skip


def lapse_at_store(tx: Transaction, order_id: UUID) -> None:
    """End an order that nobody collected in time; while its store is closed, and a day after, it waits on."""
    waits = tx.execute(_OPENS_AGAIN, {"order_id": order_id, "grace": GRACE}).scalar_one()
    if waits is not None:
        tx.schedule(Timer(COLLECT_LAPSES, order_id, waits))
        return
    lapse_collection(tx, order_id)
    if lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id}).state is not OrderState.READY:
        _end_parcel(tx, order_id, ParcelAction.LAPSE)


def _end_parcel(tx: Transaction, order_id: UUID, action: ParcelAction) -> None:
    state = next_state(PARCEL_TRANSITIONS, ParcelState.WAITING, action, Role.SYSTEM)
    tx.execute(_OF_ORDER, {"order_id": order_id, "state": state.value})


def _shelve(  # what a parcel is made of
    tx: Transaction,
    actor: Actor,
    stands: ParcelStands,
    kind: ParcelKind,
    *,
    store_id: UUID,
    whom_id: UUID,
    shop_id: UUID,
    case_id: UUID | None = None,
    moved: Mapping[str, object] | None = None,
) -> None:
    tx.record(_told(stands, store_id=store_id, whom_id=whom_id, shop_id=shop_id))
    tx.describe(whom_id=whom_id)
    tx.keep(stands)
    try:
        tx.close(
            _SHELVE_SENT_BACK if moved else _SHELVE,
            {
                **(moved or {}),
                "parcel_id": stands.parcel_id,
                "store_id": store_id,
                "kind": kind.value,
                "order_id": stands.order_id,
                "case_id": case_id,
                "slot": stands.slot,
                "clerk_id": actor.account_id,
            },
        )
    except IntegrityError as error:
        if "uq_parcels_slot" in str(error.orig):
            raise SlotTaken(pointer="/slot") from None
        raise ParcelShelved from None


def _told(stands: ParcelStands, *, store_id: UUID, whom_id: UUID, shop_id: UUID) -> ParcelMoved:
    return ParcelMoved(
        parcel_id=stands.parcel_id, state=stands.state, store_id=store_id, account_id=whom_id, shop_id=shop_id
    )
