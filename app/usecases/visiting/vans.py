"""A store plans visits of its service van, moves and cancels them; the community is told by an announcement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.communities.errors import CommunityNotFound, StoreNotFound
from app.core.visiting.errors import VanBusy, VanVisitBegun, VanVisitInvalid, VanVisitNotFound
from app.core.visiting.rules import AHEAD_MAX, FROM_CENTER_M_MAX, LENGTH_MAX, is_possible, spoken, spoken_en
from app.core.visiting.states import VAN_VISIT_TRANSITIONS, VanService, VanVisitAction, VanVisitState
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.operating.telling import TELL, Message, telling

TOLD_FOR_MIN = timedelta(days=1)
"""A notice about a visit is told until the visit would have ended, and for a day at least."""

_MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_STORE = opening(
    f"""
    SELECT s.store_id, business_now() AS now, c.community_id, c.lat, c.lng
    FROM stores AS s JOIN memberships AS m ON m.organization_id = s.store_id AND {_MEMBER}
    LEFT JOIN communities AS c ON c.community_id = :community_id AND c.store_id = s.store_id
        AND c.merged_into_id IS NULL
    WHERE s.store_id = :store_id FOR NO KEY UPDATE OF s
    """
)
_LOCK = opening(
    f"""
    SELECT v.van_visit_id, v.store_id, v.community_id, v.place, v.lat, v.lng, v.services, v.from_at, v.until_at,
        v.state, c.lat AS community_lat, c.lng AS community_lng, business_now() AS now
    FROM van_visits AS v JOIN stores AS s ON s.store_id = v.store_id
    JOIN memberships AS m ON m.organization_id = v.store_id AND {_MEMBER}
    JOIN communities AS c ON c.community_id = v.community_id
    WHERE v.van_visit_id = :van_visit_id FOR NO KEY UPDATE OF s, v
    """
)
_ELSEWHERE = text(
    """
    SELECT van_visit_id FROM van_visits
    WHERE store_id = :store_id AND state = 'planned' AND from_at < :until_at AND until_at > :from_at
      AND van_visit_id <> :van_visit_id
    ORDER BY from_at LIMIT 1
    """
)
_PLAN = closing(
    """
    planned AS (
        INSERT INTO van_visits (van_visit_id, store_id, community_id, place, lat, lng, services, from_at, until_at,
            state, planned_by_id, planned_at)
        VALUES (:van_visit_id, :store_id, :community_id, :place, :lat, :lng, CAST(:services AS text[]), :from_at,
            :until_at, :state, :clerk_id, business_now())
    )"""
)
_MOVE = closing(
    f"""
    moved AS (
        UPDATE van_visits SET place = :place, lat = :lat, lng = :lng, from_at = :from_at, until_at = :until_at,
            moved_at = business_now(), state = :state
        WHERE van_visit_id = :van_visit_id
    ),
    {TELL}"""
)
_CANCEL = closing(f"canceled AS (UPDATE van_visits SET state = :state WHERE van_visit_id = :van_visit_id), {TELL}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the van stands, and from when to when."""

    place: str
    lat: float
    lng: float
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VanVisitStands:
    """Where a visit stands."""

    van_visit_id: UUID
    store_id: UUID
    community_id: UUID
    from_at: datetime
    until_at: datetime
    state: str


def plan_visit(
    actor: Actor,
    claim: Claim,
    *,
    store_id: UUID,
    community_id: UUID,
    services: Sequence[VanService],
    standing: Standing,
) -> VanVisitStands:
    """Plan a visit of the store's van to a community of its catchment.

    :raises StoreNotFound: none of the actor's. :raises CommunityNotFound: none of its catchment.
    :raises VanVisitInvalid: its time or place is not possible. :raises VanBusy: the van is elsewhere then.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_STORE, {**actor.as_member, "store_id": store_id, "community_id": community_id})
        if row is None:
            raise StoreNotFound
        if row.community_id is None:
            raise CommunityNotFound(pointer="/community_id")
        stands = VanVisitStands(
            van_visit_id=new_id(),
            store_id=store_id,
            community_id=community_id,
            from_at=standing.from_at,
            until_at=standing.until_at,
            state=VanVisitState.PLANNED.value,
        )
        _refuse_impossible(standing, center=(row.lat, row.lng), now=row.now)
        _refuse_elsewhere(tx, stands)
        tx.keep(stands)
        about = {"services": [one.value for one in services], "clerk_id": actor.account_id}
        tx.close(
            _PLAN, {**_columns(stands), **about, "place": standing.place, "lat": standing.lat, "lng": standing.lng}
        )
    return stands


def move_visit(actor: Actor, claim: Claim, *, van_visit_id: UUID, standing: Standing) -> VanVisitStands:
    """Move a visit that has not begun to another time or place; its community is told.

    :raises VanVisitNotFound: none of the actor's store. :raises IllegalTransition: it was canceled.
    :raises VanVisitBegun: it is too late. :raises VanVisitInvalid: the time or place is not possible.
    :raises VanBusy: the van is elsewhere then.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "van_visit_id": van_visit_id})
        if row is None:
            raise VanVisitNotFound
        before = _stands(row)
        next_state(VAN_VISIT_TRANSITIONS, VanVisitState(before.state), VanVisitAction.MOVE, actor.role)
        if row.now >= before.from_at:
            raise VanVisitBegun
        stands = replace(before, from_at=standing.from_at, until_at=standing.until_at)
        _refuse_impossible(standing, center=(row.community_lat, row.community_lng), now=row.now)
        _refuse_elsewhere(tx, stands)
        tx.keep(stands)
        place = {"place": standing.place, "lat": standing.lat, "lng": standing.lng}
        was, now = (before.from_at, before.until_at), (stands.from_at, stands.until_at)
        message = Message(
            title="服务车改期",
            words=f"原定{spoken(*was)}的服务车改为{spoken(*now)}，地点：{standing.place}。",
            title_en="The service van comes at another time",
            words_en=f"The van that was to come {spoken_en(*was)} comes {spoken_en(*now)}, to {standing.place}.",
        )
        tx.close(_MOVE, {**_columns(stands), **place, **_told(actor, stands, message, row.now)})
    return stands


def cancel_visit(actor: Actor, claim: Claim, *, van_visit_id: UUID) -> VanVisitStands:
    """Cancel a visit that has not begun; its community is told.

    :raises VanVisitNotFound: none of the actor's store. :raises IllegalTransition: it was canceled before.
    :raises VanVisitBegun: it is too late.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK, {**actor.as_member, "van_visit_id": van_visit_id})
        if row is None:
            raise VanVisitNotFound
        before = _stands(row)
        state = next_state(VAN_VISIT_TRANSITIONS, VanVisitState(before.state), VanVisitAction.CANCEL, actor.role)
        if row.now >= before.from_at:
            raise VanVisitBegun
        stands = replace(before, state=state.value)
        tx.keep(stands)
        was = before.from_at, before.until_at
        message = Message(
            title="服务车取消",
            words=f"原定{spoken(*was)}到{row.place}的服务车取消。",
            title_en="The service van does not come",
            words_en=f"The van that was to come {spoken_en(*was)}, to {row.place}, does not come.",
        )
        tx.close(_CANCEL, {**_columns(stands), **_told(actor, stands, message, row.now)})
    return stands


def _stands(row: Row) -> VanVisitStands:
    return VanVisitStands(
        van_visit_id=row.van_visit_id,
        store_id=row.store_id,
        community_id=row.community_id,
        from_at=row.from_at,
        until_at=row.until_at,
        state=row.state,
    )


def _columns(stands: VanVisitStands) -> dict[str, object]:
    return {name: getattr(stands, name) for name in VanVisitStands.__slots__}


def _place(standing: Standing) -> dict[str, object]:
    return {"place": standing.place, "lat": standing.lat, "lng": standing.lng}


def _refuse_impossible(standing: Standing, *, center: tuple[float, float], now: datetime) -> None:
    limits = {
        "ahead_days_max": AHEAD_MAX.days,
        "length_hours_max": LENGTH_MAX.seconds // 3_600,
        "distance_km_max": FROM_CENTER_M_MAX // 1_000,
    }
    if not is_possible(from_at=standing.from_at, until_at=standing.until_at, now=now):
        raise VanVisitInvalid(pointer="/from_at", **limits)
    if distance_m(standing.lat, standing.lng, *center) > FROM_CENTER_M_MAX:
        raise VanVisitInvalid(pointer="/lat", **limits)


def _refuse_elsewhere(tx: Transaction, stands: VanVisitStands) -> None:
    found = tx.execute(_ELSEWHERE, _columns(stands)).one_or_none()
    if found is not None:
        raise VanBusy(pointer="/from_at", van_visit_id=found.van_visit_id)


def _told(actor: Actor, stands: VanVisitStands, message: Message, now: datetime) -> Mapping[str, object]:
    until = max(stands.until_at, now + TOLD_FOR_MIN)
    return telling(actor, message, {new_id(): stands.community_id}, until_at=until)
