"""Shifts (上线、下线): a courier gets work while on shift, within the limits of fatigue, and not on a break (休息)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.delivery.errors import CourierSuspended, NotOnShift, ShiftBusy, ShiftOver, TooTired
from app.core.delivery.fatigue import A_DAY, IN_A_ROW, in_a_row_since, rested_since, shift_ends_at
from app.core.delivery.models import CourierState
from app.core.delivery.positions import Fix, begin_near
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row

_LOCK_COURIER = opening(
    """
    SELECT k.courier_id, k.state, c.lat, c.lng, business_now() AS now
    FROM couriers AS k JOIN communities AS c ON c.community_id = k.community_id
    WHERE k.courier_id = :courier_id FOR UPDATE OF k
    """
)
_LOCK_SHIFT = opening(
    """
    SELECT shift_id, active_trips, ends_at, wishes_until, in_a_row_since, on_break_since, freed_at,
        business_now() AS now
    FROM courier_shifts WHERE courier_id = :courier_id AND ended_at IS NULL FOR UPDATE
    """
)
_BEFORE = text(
    """
    SELECT h.shift_id, h.ends_at, h.ended_at, h.in_a_row_since, h.on_break_since, coalesce(p.lat, h.lat) AS lat,
        coalesce(p.lng, h.lng) AS lng, coalesce(p.measured_at, h.freed_at, h.started_at) AS seen_at,
        (SELECT coalesce(sum(coalesce(d.ended_at, business_now()) - greatest(d.started_at, y.midnight)), interval '0')
         FROM courier_shifts AS d
         WHERE d.courier_id = :courier_id AND coalesce(d.ended_at, business_now()) > y.midnight) AS worked_today
    FROM (SELECT date_trunc('day', business_now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'
          AS midnight) AS y
    LEFT JOIN LATERAL (
        SELECT * FROM courier_shifts AS s WHERE s.courier_id = :courier_id ORDER BY s.started_at DESC LIMIT 1
    ) AS h ON true
    LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id AND h.ended_at IS NULL
    """
)
_START = closing(
    """
    started AS (
        INSERT INTO courier_shifts (shift_id, courier_id, session_id, lat, lng, started_at, ends_at, wishes_until,
            in_a_row_since)
        VALUES (:shift_id, :courier_id, :session_id, :lat, :lng, business_now(), :ends_at,
            CAST(:wishes_until AS timestamptz), :in_a_row_since)
        RETURNING shift_id
    )""",
    answer="SELECT shift_id FROM started",
)
_STAY = closing(
    """
    stayed AS (
        UPDATE courier_shifts SET session_id = :session_id, ends_at = :ends_at,
            wishes_until = CAST(:wishes_until AS timestamptz)
        WHERE shift_id = :shift_id RETURNING shift_id
    )""",
    answer="SELECT shift_id FROM stayed",
)
_END = closing(
    """
    forgotten AS (DELETE FROM courier_positions WHERE courier_id = :courier_id RETURNING lat, lng, measured_at),
    ended AS (
        UPDATE courier_shifts AS h SET ended_at = business_now(), on_break_since = NULL, (lat, lng, freed_at) = (
            SELECT w.lat, w.lng, w.seen_at
            FROM (SELECT h.lat, h.lng, h.freed_at AS seen_at UNION ALL SELECT lat, lng, measured_at FROM forgotten) AS w
            ORDER BY w.seen_at DESC NULLS LAST LIMIT 1)
        WHERE h.shift_id = :shift_id
    )"""
)
_PAUSE = closing(
    """
    paused AS (
        UPDATE courier_shifts SET on_break_since = coalesce(on_break_since, business_now()) WHERE shift_id = :shift_id
    )"""
)
_RESUME = closing(
    """
    resumed AS (
        UPDATE courier_shifts SET on_break_since = NULL, in_a_row_since = :in_a_row_since, ends_at = :ends_at
        WHERE shift_id = :shift_id
    )"""
)
_OVER = text(
    """
    SELECT courier_id FROM courier_shifts
    WHERE ended_at IS NULL AND active_trips = 0 AND ends_at <= business_now() ORDER BY courier_id LIMIT 500
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftMoved:
    """Where one's shift stands after an act on it; from ``ends_at`` on it takes no new trip."""

    courier_id: UUID
    is_on: bool
    is_on_break: bool = False
    ends_at: datetime | None = None


def start_shift(actor: Actor, claim: Claim, *, lat: float, lng: float, ends_at: datetime | None = None) -> ShiftMoved:
    """Go on shift at a place. Who is on already stays on that shift, and may say anew when to go home.

    The phone that says so last is the one whose positions count. A shift does not move: where one is, positions say.

    :param lat: WGS-84 degrees. :param lng: WGS-84 degrees.
    :param ends_at: from when on one wants no new trip; the limits of fatigue may come first.
    :raises CourierSuspended: the person is no courier, or may not work.
    :raises TooFarFromHome, PositionTooFar: one cannot be there, see :func:`begin_near`.
    :raises TooTired: the hours of the day, or those in a row, are used up.
    :raises ShiftOver: ``ends_at`` has passed.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_COURIER, {"courier_id": actor.account_id})
        if row is None or row.state != CourierState.ACTIVE:
            raise CourierSuspended
        before = tx.execute(_BEFORE, {"courier_id": actor.account_id}).one()
        last = None if before.shift_id is None else Fix(before.lat, before.lng, before.seen_at)
        begin_near(Fix(lat, lng, row.now), home=(row.lat, row.lng), last=last)
        is_on = before.shift_id is not None and before.ended_at is None
        since = (
            before.in_a_row_since or row.now
            if is_on
            else in_a_row_since(row.now, rested_since=before.ended_at, before=before.in_a_row_since)
        )
        if ends_at is not None and ends_at <= row.now:
            raise ShiftOver(pointer="/ends_at")
        until = shift_ends_at(row.now, row_since=since, worked_today=before.worked_today, wished=ends_at)
        if until <= row.now and not is_on:
            _refuse_tired()
        is_on_break = is_on and before.on_break_since is not None
        moved = ShiftMoved(courier_id=actor.account_id, is_on=True, is_on_break=is_on_break, ends_at=until)
        tx.keep(moved)
        params = {"session_id": actor.session_id, "ends_at": until, "wishes_until": ends_at}
        if is_on:
            tx.close(_STAY, {**params, "shift_id": before.shift_id})
        else:
            place = {"courier_id": actor.account_id, "lat": lat, "lng": lng}
            tx.close(_START, {**params, **place, "shift_id": new_id(), "in_a_row_since": since})
    return moved


def _refuse_tired() -> None:
    raise TooTired(
        hours_in_a_row_max=int(IN_A_ROW.longest.total_seconds() // 3600),
        hours_a_day_max=int(A_DAY.longest.total_seconds() // 3600),
    )


def end_shift(actor: Actor, claim: Claim) -> ShiftMoved:
    """Go off shift.

    :raises NotOnShift: there is no shift to end. :raises ShiftBusy: trips are still to be done.
    """
    with transaction(claim) as tx:
        row = _lock_shift(tx, actor.account_id)
        if row.active_trips:
            raise ShiftBusy(active_trips=row.active_trips)
        moved = ShiftMoved(courier_id=actor.account_id, is_on=False)
        tx.keep(moved)
        tx.close(_END, {"shift_id": row.shift_id, "courier_id": actor.account_id})
    return moved


def take_break(actor: Actor, claim: Claim) -> ShiftMoved:
    """Rest: no trip is offered and none can be claimed; what is in hand stays in hand.

    :raises NotOnShift: one is not on shift.
    """
    with transaction(claim) as tx:
        row = _lock_shift(tx, actor.account_id)
        moved = ShiftMoved(courier_id=actor.account_id, is_on=True, is_on_break=True, ends_at=row.ends_at)
        tx.keep(moved)
        tx.close(_PAUSE, {"shift_id": row.shift_id})
    return moved


def end_break(actor: Actor, claim: Claim) -> ShiftMoved:
    """Work again; half an hour of rest, with nothing in hand, begins the hours in a row anew.

    :raises NotOnShift: one is not on shift.
    """
    with transaction(claim) as tx:
        row = _lock_shift(tx, actor.account_id)
        before = tx.execute(_BEFORE, {"courier_id": actor.account_id}).one()
        since = row.in_a_row_since or row.now
        if row.on_break_since is not None:
            rested = rested_since(
                row.now,
                on_break_since=row.on_break_since,
                freed_at=row.freed_at,
                active_trips=row.active_trips,
            )
            since = in_a_row_since(row.now, rested_since=rested, before=row.in_a_row_since)
        until = shift_ends_at(row.now, row_since=since, worked_today=before.worked_today, wished=row.wishes_until)
        moved = ShiftMoved(courier_id=actor.account_id, is_on=True, ends_at=until)
        tx.keep(moved)
        tx.close(_RESUME, {"shift_id": row.shift_id, "in_a_row_since": since, "ends_at": until})
    return moved


def _lock_shift(tx: Transaction, courier_id: UUID) -> Row:
    row = tx.open_one(_LOCK_SHIFT, {"courier_id": courier_id})
    if row is None:
        raise NotOnShift
    return row


def end_shifts_that_are_over() -> int:
    """End shifts whose time has come and that carry nothing; return how many. What is in hand is finished first."""
    with transaction() as tx:
        over = tx.execute(_OVER).fetchall()
    ended = 0
    for one in over:
        with transaction() as tx:
            row = tx.open_one(_LOCK_SHIFT, {"courier_id": one.courier_id})
            if row is not None and not row.active_trips and row.ends_at <= row.now:
                tx.close(_END, {"shift_id": row.shift_id, "courier_id": one.courier_id})
                ended += 1
    return ended
