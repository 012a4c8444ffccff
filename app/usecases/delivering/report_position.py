"""Where a courier on shift is: the heartbeat of dispatch. Overwrites one row; keeps at most a point a minute."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.errors import NotOnShift, OtherPhone
from app.core.delivery.positions import TRAIL_PAUSE, Fix, believe, pace
from app.kernel.actor import Actor
from app.kernel.transaction import read, transaction
from app.kernel.wire import Row

_SHIFT = text(
    """
    SELECT h.session_id, h.active_trips, p.lat, p.lng, p.measured_at, p.trailed_at,
           clock_timestamp() - p.received_at AS since_last, business_now() AS now
    FROM courier_shifts AS h LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id
    WHERE h.courier_id = :courier_id AND h.ended_at IS NULL
    """
)
_KEEP = """
    INSERT INTO courier_positions (courier_id, lat, lng, measured_at, heard_at, received_at, trailed_at)
    SELECT h.courier_id, :lat, :lng, CAST(:measured_at AS timestamptz), business_now(), clock_timestamp(),
        CAST(:trailed_at AS timestamptz)
    FROM courier_shifts AS h WHERE h.courier_id = :courier_id AND h.ended_at IS NULL
    ON CONFLICT (courier_id) DO UPDATE SET lat = excluded.lat, lng = excluded.lng,
        measured_at = excluded.measured_at, heard_at = excluded.heard_at, received_at = excluded.received_at,
        trailed_at = coalesce(excluded.trailed_at, courier_positions.trailed_at)
    WHERE courier_positions.measured_at <= excluded.measured_at
"""
_OVERWRITE = text(_KEEP)
_OVERWRITE_AND_TRAIL = text(
    f"""
    WITH kept AS ({_KEEP} RETURNING courier_id)
    INSERT INTO courier_trail (courier_id, measured_at, lat, lng)
    SELECT courier_id, :measured_at, :lat, :lng FROM kept ON CONFLICT DO NOTHING
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionKept:
    """What a report answers."""

    courier_id: UUID
    measured_at: datetime
    is_trailed: bool


def report_position(actor: Actor, *, lat: float, lng: float, measured_at: datetime) -> PositionKept:
    """Say where one is. Of reports that cross each other the one measured last stays, by the write's own condition.

    Two statements and no lock; the write leaves neither event nor act, and writes nothing once the shift is over.

    :param measured_at: when the phone measured it.
    :raises NotOnShift: nobody is followed off shift. :raises OtherPhone: another phone went on shift since.
    :raises PositionInFuture, PositionTooOld, PositionTooFar, PositionTooOften: it is not believed, or not wanted yet.
    """
    row = read(_SHIFT, {"courier_id": actor.account_id}).one_or_none()
    if row is None:
        raise NotOnShift
    if row.session_id is not None and row.session_id != actor.session_id:
        raise OtherPhone
    pace(row.since_last)
    last = None if row.lat is None else Fix(row.lat, row.lng, row.measured_at)
    believe(Fix(lat, lng, measured_at), last=last, now=row.now)
    is_trailed = _is_trailed(row, measured_at)
    params = {
        "courier_id": actor.account_id,
        "lat": lat,
        "lng": lng,
        "measured_at": measured_at,
        "trailed_at": measured_at if is_trailed else None,
    }
    with transaction() as tx:
        tx.execute(_OVERWRITE_AND_TRAIL if is_trailed else _OVERWRITE, params)
    return PositionKept(courier_id=actor.account_id, measured_at=measured_at, is_trailed=is_trailed)


def _is_trailed(row: Row, measured_at: datetime) -> bool:
    return row.active_trips > 0 and (row.trailed_at is None or measured_at >= row.trailed_at + TRAIL_PAUSE)
