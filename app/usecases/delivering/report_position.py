"""Where a courier on shift is: the heartbeat of dispatch. Overwrites one row; keeps at most a point a minute.

What is plainly right is written by one statement, for all who report at that moment: a believable report of the phone
on shift, with no point of the way due. Everything else is read and judged first, one by one. The statement believes
less than the rules do, never more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import SessionEnded
from app.core.delivery.errors import NotOnShift, OtherPhone
from app.core.delivery.positions import (
    AGE_MAX,
    AHEAD_MAX,
    PAUSE_MIN,
    SLACK_M,
    SPEED_M_S_MAX,
    STILL_M,
    TRAIL_PAUSE,
    Fix,
    Still,
    believe,
    pace,
    still_of,
    within_reach,
)
from app.kernel.actor import Actor
from app.kernel.batching import ALONE, Alone, Batcher
from app.kernel.geo import meters_sql
from app.kernel.transaction import read, transaction, write_alone
from app.kernel.wire import Row

BATCH_MAX = 200
LINGER_S = 0.01
"""A crowd comes in at once, see the door; reading what they ask takes it some milliseconds."""


def _is_live(session_id: str, courier_id: str) -> str:
    """Return the condition that the session lives and is the courier's."""
    return f"""EXISTS (SELECT 1 FROM sessions AS s WHERE s.session_id = {session_id} AND s.account_id = {courier_id}
        AND s.side = 'courier' AND s.ended_at IS NULL)"""


_STILL_THERE = f"{meters_sql('p.still_lat', 'p.still_lng', 'r')} <= {STILL_M}"
_PLAINLY = text(
    f"""
    WITH clock AS MATERIALIZED (
        SELECT business_now() AS now, set_config('synchronous_commit', 'off', true) AS is_soon_on_disk
    )
    UPDATE courier_positions AS p SET lat = r.lat, lng = r.lng, measured_at = r.measured_at, heard_at = clock.now,
        received_at = clock_timestamp(),
        still_lat = CASE WHEN {_STILL_THERE} THEN p.still_lat ELSE r.lat END,
        still_lng = CASE WHEN {_STILL_THERE} THEN p.still_lng ELSE r.lng END,
        still_since = CASE WHEN {_STILL_THERE} THEN p.still_since ELSE r.measured_at END
    FROM clock, courier_shifts AS h, unnest(
            CAST(:courier_ids AS uuid[]), CAST(:session_ids AS uuid[]), CAST(:lats AS float8[]),
            CAST(:lngs AS float8[]), CAST(:measured_ats AS timestamptz[])
        ) AS r (courier_id, session_id, lat, lng, measured_at)
    WHERE p.courier_id = r.courier_id AND h.courier_id = r.courier_id AND h.ended_at IS NULL
      AND h.session_id = r.session_id AND {_is_live("r.session_id", "r.courier_id")} AND p.heard_at >= h.started_at
      AND r.measured_at BETWEEN clock.now - interval '{AGE_MAX.total_seconds()} seconds'
          AND clock.now + interval '{AHEAD_MAX.total_seconds()} seconds'
      AND p.measured_at <= r.measured_at
      AND clock_timestamp() - p.received_at >= interval '{PAUSE_MIN.total_seconds()} seconds'
      AND {meters_sql("p.lat", "p.lng", "r")}
          <= 0.9 * ({SLACK_M} + {SPEED_M_S_MAX} * extract(epoch FROM r.measured_at - p.measured_at))
      AND (h.active_trips = 0 OR p.trailed_at > r.measured_at - interval '{TRAIL_PAUSE.total_seconds()} seconds')
    RETURNING p.courier_id
    """
)
_IS_IN_STANDING = _is_live(":session_id", ":courier_id")
_SHIFT = text(
    f"""
    SELECT {_IS_IN_STANDING} AS is_in_standing, h.shift_id, h.session_id, h.active_trips, p.lat, p.lng, p.measured_at,
           h.lat AS from_lat, h.lng AS from_lng, coalesce(h.freed_at, h.started_at) AS from_at,
           p.trailed_at, p.still_lat, p.still_lng, p.still_since,
           clock_timestamp() - p.received_at AS since_last, business_now() AS now
    FROM couriers AS c
    LEFT JOIN courier_shifts AS h ON h.courier_id = c.courier_id AND h.ended_at IS NULL
    LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id
    WHERE c.courier_id = :courier_id
    """
)
_KEEP = """
    INSERT INTO courier_positions (courier_id, lat, lng, measured_at, heard_at, received_at, trailed_at, still_lat,
        still_lng, still_since)
    SELECT h.courier_id, :lat, :lng, CAST(:measured_at AS timestamptz), business_now(), clock_timestamp(),
        CAST(:trailed_at AS timestamptz), :still_lat, :still_lng, CAST(:still_since AS timestamptz)
    FROM courier_shifts AS h WHERE h.courier_id = :courier_id AND h.ended_at IS NULL
    ON CONFLICT (courier_id) DO UPDATE SET lat = excluded.lat, lng = excluded.lng,
        measured_at = excluded.measured_at, heard_at = excluded.heard_at, received_at = excluded.received_at,
        trailed_at = coalesce(excluded.trailed_at, courier_positions.trailed_at), still_lat = excluded.still_lat,
        still_lng = excluded.still_lng, still_since = excluded.still_since
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


@dataclass(frozen=True, slots=True)
class Report:
    """What a courier's phone says."""

    actor: Actor
    lat: float
    lng: float
    measured_at: datetime

    def kept(self, *, is_trailed: bool) -> PositionKept:
        """Return the answer."""
        return PositionKept(courier_id=self.actor.account_id, measured_at=self.measured_at, is_trailed=is_trailed)


def report_position(actor: Actor, *, lat: float, lng: float, measured_at: datetime) -> PositionKept:
    """Say where one is. Of reports that cross each other the one measured last stays, by the write's own condition.

    The first of a shift is judged from where the shift began.

    One statement for most reports, in a crowd one for many of them, three more for the others, and no lock; a report
    leaves neither event nor act, and writes nothing once the shift is over.

    :param measured_at: when the phone measured it.
    :raises SessionEnded: the session was ended, or the person is no courier.
    :raises NotOnShift: nobody is followed off shift. :raises OtherPhone: another phone went on shift since.
    :raises PositionInFuture, PositionTooOld, PositionTooFar, PositionTooOften: it is not believed, or not wanted yet.
    """
    return _REPORTS.ask(Report(actor, lat, lng, measured_at))


def keep_plain(reports: Sequence[Report]) -> list[PositionKept | Alone]:
    """Write what is plainly right, at most one report of each courier; leave the others alone."""
    first = {report.actor.account_id: report for report in reversed(reports)}
    some = first.values()
    params: dict[str, object] = {
        "courier_ids": list(first),
        "session_ids": [report.actor.session_id for report in some],
        "lats": [report.lat for report in some],
        "lngs": [report.lng for report in some],
        "measured_ats": [report.measured_at for report in some],
    }
    kept = {row.courier_id for row in write_alone(_PLAINLY, params)}
    is_kept = (first[one.actor.account_id] is one and one.actor.account_id in kept for one in reports)
    return [one.kept(is_trailed=False) if yes else ALONE for one, yes in zip(reports, is_kept, strict=True)]


def _keep_alone(report: Report) -> PositionKept:
    """Write one report, by the rules where it is not plainly right."""
    [plain] = keep_plain([report])
    return _judged(report) if isinstance(plain, Alone) else plain


def _judged(report: Report) -> PositionKept:
    actor, lat, lng, measured_at = report.actor, report.lat, report.lng, report.measured_at
    asker: dict[str, object] = {"courier_id": actor.account_id, "session_id": actor.session_id}
    row = read(_SHIFT, asker).one_or_none()
    if row is None or not row.is_in_standing:
        raise SessionEnded  # or what the door finds when it looks
    if row.shift_id is None:
        raise NotOnShift
    if row.session_id is not None and row.session_id != actor.session_id:
        raise OtherPhone
    pace(row.since_last)
    fix = Fix(lat, lng, measured_at)
    believe(fix, last=None if row.lat is None else Fix(row.lat, row.lng, row.measured_at), now=row.now)
    if row.lat is None:
        within_reach(fix, of=Fix(row.from_lat, row.from_lng, row.from_at))
    is_trailed = _is_trailed(row, measured_at)
    before = None if row.still_since is None else Still(row.still_lat, row.still_lng, row.still_since)
    still = still_of(fix, before=before)
    params: dict[str, object] = {**asker, "lat": lat, "lng": lng, "measured_at": measured_at}
    params |= {"trailed_at": measured_at if is_trailed else None}
    params |= {"still_lat": still.lat, "still_lng": still.lng, "still_since": still.since}
    with transaction() as tx:
        tx.execute(_OVERWRITE_AND_TRAIL if is_trailed else _OVERWRITE, params)
    return report.kept(is_trailed=is_trailed)


def _is_trailed(row: Row, measured_at: datetime) -> bool:
    return row.active_trips > 0 and (row.trailed_at is None or measured_at >= row.trailed_at + TRAIL_PAUSE)


_REPORTS: Batcher[Report, PositionKept] = Batcher(keep_plain, alone=_keep_alone, most=BATCH_MAX, linger_s=LINGER_S)
