"""A courier reports an incident or calls for help; the platform takes the case and closes it.

The place is kept with the report alone, and goes when the case is closed.
"""

from dataclasses import dataclass
from uuid import UUID

from app.core.accounts.models import PLATFORM_ID
from app.core.delivery.errors import CourierNotFound, IncidentNotFound, TooManyIncidents
from app.core.delivery.incidents import INCIDENTS_A_DAY_MAX, IncidentKind
from app.core.delivery.states import INCIDENT_TRANSITIONS, IncidentAction, IncidentState
from app.core.events import IncidentMoved, IncidentReported
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.sealing import seal
from app.kernel.transaction import Claim, closing, opening, transaction

NOTE_CONTEXT = "incidents.note"

_LOCK_COURIER = opening(
    """
    SELECT k.courier_id, c.store_id, seen.lat, seen.lng,
        (SELECT count(*) FROM incidents AS i WHERE i.courier_id = k.courier_id AND NOT i.is_sos
            AND i.opened_at > business_now() - interval '24 hours') AS lately,
        (SELECT t.trip_id FROM trips AS t WHERE t.courier_id = k.courier_id AND t.state = 'assigned'
         ORDER BY t.assigned_at DESC LIMIT 1) AS trip_id
    FROM couriers AS k JOIN communities AS c ON c.community_id = k.community_id
    LEFT JOIN courier_positions AS seen ON seen.courier_id = k.courier_id
    WHERE k.courier_id = :courier_id FOR UPDATE OF k
    """
)
_REPORT = closing(
    """
    opened AS (
        INSERT INTO incidents (incident_id, courier_id, store_id, trip_id, kind, is_sos, lat, lng, note_sealed, state,
            opened_at)
        VALUES (:incident_id, :courier_id, :store_id, CAST(:trip_id AS uuid), :kind, :is_sos,
            CAST(:lat AS double precision), CAST(:lng AS double precision), CAST(:note_sealed AS text), :state,
            business_now())
    )"""
)
_LOCK = opening(
    "SELECT incident_id, courier_id, store_id, state FROM incidents WHERE incident_id = :incident_id FOR UPDATE"
)
_TAKE = closing(
    """
    taken AS (
        UPDATE incidents SET state = :state, taken_by = :by, taken_at = business_now() WHERE incident_id = :incident_id
    )"""
)
_CLOSE = closing(
    """
    closed AS (
        UPDATE incidents SET state = :state, closed_by = :by, closed_at = business_now(), outcome = :outcome,
            lat = NULL, lng = NULL
        WHERE incident_id = :incident_id
    )"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStands:
    """Where a case stands after an act on it."""

    incident_id: UUID
    state: str
    is_sos: bool = False


def report_incident(
    actor: Actor,
    claim: Claim,
    *,
    kind: IncidentKind,
    is_sos: bool,
    lat: float | None,
    lng: float | None,
    note: str | None,
) -> IncidentStands:
    """Open a case. A call for help works off shift, too, and as often as it is needed.

    :param lat: WGS-84 degrees; without, the place where one was seen last. :param lng: likewise.
    :raises TooManyIncidents: too many ordinary reports in a day.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_COURIER, {"courier_id": actor.account_id})
        if row is None:
            raise CourierNotFound
        if not is_sos and row.lately >= INCIDENTS_A_DAY_MAX:
            raise TooManyIncidents(incidents_max=INCIDENTS_A_DAY_MAX)
        stands = IncidentStands(incident_id=new_id(), state=IncidentState.OPEN.value, is_sos=is_sos)
        tx.record(
            IncidentReported(
                courier_id=actor.account_id,
                store_id=row.store_id,
                platform_id=PLATFORM_ID,
                incident_id=stands.incident_id,
                state=stands.state,
                is_sos=is_sos,
            )
        )
        tx.keep(stands)
        tx.close(
            _REPORT,
            {
                "incident_id": stands.incident_id,
                "courier_id": actor.account_id,
                "store_id": row.store_id,
                "trip_id": row.trip_id,
                "kind": kind.value,
                "is_sos": is_sos,
                "lat": row.lat if lat is None else lat,
                "lng": row.lng if lng is None else lng,
                "note_sealed": None if note is None else seal(note, context=NOTE_CONTEXT),
                "state": stands.state,
            },
        )
    return stands


def take_incident(actor: Actor, claim: Claim, *, incident_id: UUID) -> IncidentStands:
    """Say that one looks after a case.

    :raises IncidentNotFound: there is none.
    """
    return _move(actor, claim, incident_id, IncidentAction.TAKE, outcome=None)


def close_incident(actor: Actor, claim: Claim, *, incident_id: UUID, outcome: str) -> IncidentStands:
    """Close a case with what came of it; its place is forgotten.

    :raises IncidentNotFound: there is none.
    """
    return _move(actor, claim, incident_id, IncidentAction.CLOSE, outcome=outcome)


def _move(
    actor: Actor, claim: Claim, incident_id: UUID, action: IncidentAction, *, outcome: str | None
) -> IncidentStands:
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {"incident_id": incident_id})
        if row is None:
            raise IncidentNotFound
        target = next_state(INCIDENT_TRANSITIONS, IncidentState(row.state), action, actor.role)
        tx.record(
            IncidentMoved(
                courier_id=row.courier_id,
                store_id=row.store_id,
                platform_id=PLATFORM_ID,
                incident_id=incident_id,
                state=target.value,
            )
        )
        stands = IncidentStands(incident_id=incident_id, state=target.value)
        tx.describe(whom_id=row.courier_id)
        tx.keep(stands)
        params: dict[str, object] = {"incident_id": incident_id, "state": target.value, "by": actor.account_id}
        if action is IncidentAction.CLOSE:
            tx.close(_CLOSE, {**params, "outcome": outcome})
        else:
            tx.close(_TAKE, params)
    return stands
