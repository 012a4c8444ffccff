"""Shifts (上线、下线): a courier gets work while on shift."""

from dataclasses import dataclass
from uuid import UUID

from app.core.delivery.errors import CourierSuspended, NotOnShift, ShiftBusy
from app.core.delivery.models import CourierState
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, closing, opening, transaction

_LOCK_COURIER = opening("SELECT courier_id, state FROM couriers WHERE courier_id = :courier_id FOR UPDATE")
_LOCK_SHIFT = opening(
    "SELECT shift_id, active_trips FROM courier_shifts WHERE courier_id = :courier_id AND ended_at IS NULL FOR UPDATE"
)
_START = closing(
    """
    started AS (
        INSERT INTO courier_shifts (shift_id, courier_id, session_id, lat, lng, started_at)
        VALUES (:shift_id, :courier_id, :session_id, :lat, :lng, business_now())
        ON CONFLICT (courier_id) WHERE ended_at IS NULL DO UPDATE
            SET lat = excluded.lat, lng = excluded.lng, session_id = excluded.session_id
        RETURNING shift_id
    )""",
    answer="SELECT shift_id FROM started",
)
_END = closing(
    """
    ended AS (UPDATE courier_shifts SET ended_at = business_now() WHERE shift_id = :shift_id),
    forgotten AS (DELETE FROM courier_positions WHERE courier_id = :courier_id)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftMoved:
    """What starting or ending a shift answers."""

    courier_id: UUID
    is_on: bool


def start_shift(actor: Actor, claim: Claim, *, lat: float, lng: float) -> ShiftMoved:
    """Go on shift at a place; one who is on already only moves there.

    The phone that says so last is the one whose positions count.

    :param lat: WGS-84 degrees. :param lng: WGS-84 degrees.
    :raises CourierSuspended: the person is no courier, or may not work.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_COURIER, {"courier_id": actor.account_id})
        if row is None or row.state != CourierState.ACTIVE:
            raise CourierSuspended
        moved = ShiftMoved(courier_id=actor.account_id, is_on=True)
        tx.keep(moved)
        params = {"courier_id": actor.account_id, "session_id": actor.session_id, "lat": lat, "lng": lng}
        tx.close(_START, {**params, "shift_id": new_id()})
    return moved


def end_shift(actor: Actor, claim: Claim) -> ShiftMoved:
    """Go off shift.

    :raises NotOnShift: there is no shift to end. :raises ShiftBusy: trips are still to be done.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_SHIFT, {"courier_id": actor.account_id})
        if row is None:
            raise NotOnShift
        if row.active_trips:
            raise ShiftBusy(active_trips=row.active_trips)
        moved = ShiftMoved(courier_id=actor.account_id, is_on=False)
        tx.keep(moved)
        tx.close(_END, {"shift_id": row.shift_id, "courier_id": actor.account_id})
    return moved
