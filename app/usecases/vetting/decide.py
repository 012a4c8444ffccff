"""A store decides about who wants to deliver in its catchment, and about who does."""

from dataclasses import dataclass
from uuid import UUID

from app.core.delivery.errors import ApplicationNotFound, CourierNotFound, OwnApplication
from app.core.delivery.models import CourierState, Vehicle
from app.core.delivery.states import APPLICATION_TRANSITIONS, ApplicationAction, ApplicationState
from app.kernel.actor import Actor
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, closing, opening, transaction
from app.usecases.vetting.apply import ApplicationMoved

_MEMBER = """
    JOIN memberships AS m ON m.organization_id = c.store_id AND m.organization_kind = 'store'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_LOCK_APPLICATION = opening(
    f"""
    SELECT p.application_id, p.account_id AS applicant_id, p.community_id, p.vehicle, p.state
    FROM courier_applications AS p JOIN communities AS c ON c.community_id = p.community_id {_MEMBER}
    WHERE p.application_id = :application_id FOR UPDATE OF p
    """
)
_DECIDED = """
decided AS (
    UPDATE courier_applications SET state = :state, reason = CAST(:reason AS text), decided_at = business_now(),
        decided_by_id = :clerk_id
    WHERE application_id = :application_id
)"""
_REFUSE = closing(_DECIDED)
_APPROVE = closing(
    f"""{_DECIDED},
    made AS (
        INSERT INTO couriers (courier_id, community_id, vehicle) VALUES (:applicant_id, :community_id, :vehicle)
        ON CONFLICT (courier_id) DO NOTHING
    )"""
)
_LOCK_COURIER = opening(
    f"""
    SELECT k.courier_id FROM couriers AS k JOIN communities AS c ON c.community_id = k.community_id {_MEMBER}
    WHERE k.courier_id = :courier_id FOR UPDATE OF k
    """
)
_SET_STATE = closing("changed AS (UPDATE couriers SET state = :state WHERE courier_id = :courier_id)")


_EQUIP = closing(
    "equipped AS (UPDATE couriers SET vehicle = :vehicle, has_cold_box = :has_cold_box WHERE courier_id = :courier_id)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EquipmentSet:
    """What noting a courier's equipment answers."""

    courier_id: UUID
    vehicle: str
    has_cold_box: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierMoved:
    """Whether a courier may work."""

    courier_id: UUID
    state: str


def decide_application(
    actor: Actor, claim: Claim, *, application_id: UUID, is_approved: bool, reason: str | None
) -> ApplicationMoved:
    """Approve or refuse an application to the actor's store; who is approved may sign in as a courier at once.

    :raises ApplicationNotFound: there is none to the store. :raises OwnApplication: nobody vets themselves.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_APPLICATION, {"application_id": application_id, **actor.as_member})
        if row is None:
            raise ApplicationNotFound
        if row.applicant_id == actor.account_id:
            raise OwnApplication
        action = ApplicationAction.APPROVE if is_approved else ApplicationAction.REFUSE
        target = next_state(APPLICATION_TRANSITIONS, ApplicationState(row.state), action, actor.role)
        moved = ApplicationMoved(application_id=application_id, state=target.value)
        tx.describe(whom_id=row.applicant_id)
        tx.keep(moved)
        params = {
            "application_id": application_id,
            "state": target.value,
            "reason": reason,
            "clerk_id": actor.account_id,
            "applicant_id": row.applicant_id,
            "community_id": row.community_id,
            "vehicle": row.vehicle,
        }
        tx.close(_APPROVE if is_approved else _REFUSE, params)
    return moved


def set_equipment(
    actor: Actor, claim: Claim, *, courier_id: UUID, vehicle: Vehicle, has_cold_box: bool
) -> EquipmentSet:
    """Note what a courier of the actor's store goes by; it bounds the weight of the next trips.

    :raises CourierNotFound: there is none in the store's catchment.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_COURIER, {"courier_id": courier_id, **actor.as_member}) is None:
            raise CourierNotFound
        moved = EquipmentSet(courier_id=courier_id, vehicle=vehicle.value, has_cold_box=has_cold_box)
        tx.describe(whom_id=courier_id)
        tx.keep(moved)
        tx.close(_EQUIP, {"courier_id": courier_id, "vehicle": vehicle.value, "has_cold_box": has_cold_box})
    return moved


def set_courier_state(actor: Actor, claim: Claim, *, courier_id: UUID, state: CourierState) -> CourierMoved:
    """Suspend a courier of the actor's store, or let them work again.

    A suspended courier gets no new work and finishes what is in hand.

    :raises CourierNotFound: there is none in the store's catchment.
    """
    with transaction(claim) as tx:
        if tx.open_one(_LOCK_COURIER, {"courier_id": courier_id, **actor.as_member}) is None:
            raise CourierNotFound
        moved = CourierMoved(courier_id=courier_id, state=state.value)
        tx.describe(whom_id=courier_id)
        tx.keep(moved)
        tx.close(_SET_STATE, {"courier_id": courier_id, "state": state.value})
    return moved
