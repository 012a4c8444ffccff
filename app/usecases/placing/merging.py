"""Communities become one, or a part of one stands alone; what hangs on them follows by rule.

Addresses, shops, couriers and what is open follow; orders, trips and what is over keep the community that they were
made in, whose row keeps its name. Both communities are told. Who belonged to a store by their community belongs to the
store of the new one, and the days of figures that this changes are made anew. Requests that read the community just
before are caught by a timer that lets everything follow once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.communities.errors import (
    CommunityMerged,
    CommunityNotFound,
    MergeImpossible,
    OutlineInvalid,
    SplitImpossible,
    StoreNotFound,
)
from app.core.communities.models import CommunityChangeKind
from app.core.communities.outlines import RADIUS_M_MAX, Drawn, draw, refuse_overlap
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.ids import new_id
from app.kernel.polygons import Point, joined, remainder
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.kernel.wire import Row
from app.usecases.operating.telling import TELL, Message, telling
from app.usecases.placing.drawing import NOTED, as_kept, lock_community, neighbors, noted

COMMUNITY_SETTLES = "community_settles"
"""Timer: what still came to a community that was merged, or to the part that was taken out of one, follows, too."""
SETTLES_AFTER = timedelta(minutes=5)
TOLD_FOR = timedelta(days=14)
"""So long the residents of both are told."""

_OTHER = text(
    """
    SELECT c.community_id, c.store_id, c.name, c.lat, c.lng, c.outline, c.radius_m, c.merged_into_id,
        s.name AS store_name
    FROM communities AS c JOIN stores AS s ON s.store_id = c.store_id
    WHERE c.community_id = :community_id FOR UPDATE OF c
    """
)
_ABOUT_SPLIT = text(
    """
    SELECT (SELECT name FROM stores WHERE store_id = :store_id) AS store_name,
        EXISTS (SELECT 1 FROM communities AS c WHERE c.street = :street AND c.district = :district AND c.name = :name
            AND c.merged_into_id IS NULL) AS is_taken,
        EXISTS (SELECT 1 FROM campaigns AS g WHERE g.community_id = :community_id AND g.state = 'live'
            AND g.ends_at > business_now())
            OR EXISTS (SELECT 1 FROM approvals AS p WHERE p.state = 'open'
                AND p.body ->> 'community_id' = CAST(CAST(:community_id AS uuid) AS text)) AS has_campaign,
        (SELECT count(*) FROM announcements AS a WHERE a.community_id = :community_id AND a.withdrawn_at IS NULL
            AND a.until_at > business_now()) AS told
    """
)
_BELONG = """
    belonging AS (
        UPDATE attributions AS t SET store_id = :store_id
        WHERE t.rule = 'community' AND t.store_id <> :store_id AND (t.party_kind, t.party_id) IN (
            SELECT 'resident', d.account_id FROM {addresses} AS d WHERE NOT EXISTS (SELECT 1 FROM addresses AS e
                WHERE e.account_id = d.account_id AND e.address_id < d.address_id)
            UNION ALL SELECT 'shop', s.shop_id FROM {shops} AS s
            {couriers})
        RETURNING t.began_on
    ),
    remade AS (
        INSERT INTO figure_dirt (day)
        SELECT CAST(generate_series(min(b.began_on), CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date),
            interval '1 day') AS date) FROM belonging AS b
        ON CONFLICT DO NOTHING
    )"""
_MERGED = """
    gone AS (
        UPDATE communities SET merged_into_id = :into_id, store_id = :store_id
        WHERE community_id = :community_id OR merged_into_id = :community_id
    ),
    doors AS (UPDATE addresses SET community_id = :into_id WHERE community_id = :community_id),
    shops_moved AS (UPDATE shops SET community_id = :into_id WHERE community_id = :community_id),
    couriers_moved AS (UPDATE couriers SET community_id = :into_id WHERE community_id = :community_id),
    applicants AS (
        UPDATE courier_applications SET community_id = :into_id
        WHERE community_id = :community_id AND state = 'submitted'
    ),
    slots AS (
        UPDATE shift_slots SET community_id = :into_id WHERE community_id = :community_id AND ends_at > business_now()
    ),
    areas_left AS (DELETE FROM provider_areas WHERE community_id = :community_id RETURNING provider_id),
    areas AS (
        INSERT INTO provider_areas (provider_id, community_id) SELECT provider_id, :into_id FROM areas_left
        ON CONFLICT DO NOTHING
    ),
    events AS (
        UPDATE activities SET community_id = :into_id
        WHERE community_id = :community_id AND state = 'published' AND store_id = :store_id
    ),
    visits AS (
        UPDATE van_visits SET community_id = :into_id
        WHERE community_id = :community_id AND state = 'planned' AND store_id = :store_id
    ),
    told AS (
        UPDATE announcements SET community_id = :into_id
        WHERE community_id = :community_id AND withdrawn_at IS NULL AND until_at > business_now()
    ),
    offers AS (
        UPDATE campaigns SET community_id = :into_id
        WHERE community_id = :community_id AND state = 'live' AND ends_at > business_now()
    ),
    asked AS (
        UPDATE approvals SET body = jsonb_set(body, '{community_id}', to_jsonb(CAST(CAST(:into_id AS uuid) AS text)))
        WHERE state = 'open' AND body ->> 'community_id' = CAST(CAST(:community_id AS uuid) AS text)
    )"""
_HERE = "(SELECT * FROM {} WHERE community_id IN (:community_id, :into_id))"
_MERGED_BELONG = _BELONG.format(
    addresses=_HERE.format("addresses"),
    shops=_HERE.format("shops"),
    couriers=f"UNION ALL SELECT 'courier', k.courier_id FROM {_HERE.format('couriers')} AS k",
)
_MERGE = closing(
    f"""
    {_MERGED}, {_MERGED_BELONG},
    drawn AS (
        UPDATE communities SET outline = CAST(:outline AS jsonb), radius_m = :radius_m WHERE community_id = :into_id
    ),
    {TELL}, {NOTED}"""
)
_MERGE_AGAIN = closing(f"{_MERGED}, {_MERGED_BELONG}")
_INSIDE = """(SELECT * FROM {} WHERE community_id IN (:community_id, :into_id)
        AND CAST(CAST(:polygon AS text) AS polygon) @> point(lng, lat))"""
_PARTED = f"""
    doors AS (
        UPDATE addresses AS d SET community_id = :into_id
        WHERE d.community_id = :community_id AND CAST(CAST(:polygon AS text) AS polygon) @> point(d.lng, d.lat)
    ),
    shops_moved AS (
        UPDATE shops AS s SET community_id = :into_id
        WHERE s.community_id = :community_id AND CAST(CAST(:polygon AS text) AS polygon) @> point(s.lng, s.lat)
    ),
    areas AS (
        INSERT INTO provider_areas (provider_id, community_id)
        SELECT provider_id, :into_id FROM provider_areas WHERE community_id = :community_id
        ON CONFLICT DO NOTHING
    ),
    {_BELONG.format(addresses=_INSIDE.format("addresses"), shops=_INSIDE.format("shops"), couriers="")}"""
_VISITS = """
    visits AS (
        UPDATE van_visits AS v SET community_id = :into_id
        WHERE v.community_id = :community_id AND v.state = 'planned' AND v.store_id = :store_id
          AND CAST(CAST(:polygon AS text) AS polygon) @> point(v.lng, v.lat)
    )"""
_BORN = """
    born AS (
        INSERT INTO communities (community_id, store_id, name, district, street, lat, lng, outline, radius_m)
        VALUES (:into_id, :store_id, :name, :district, :street, :lat, :lng, CAST(:outline AS jsonb), :radius_m)
        RETURNING community_id
    ),
    rest AS (
        UPDATE communities SET outline = CAST(:rest AS jsonb), radius_m = NULL WHERE community_id = :community_id
    ),
    rates AS (
        INSERT INTO courier_tariffs (community_id, set_at, base_fen, drop_fen, step_fen, floor_fen, night_fen,
            weather_fen, bad_weather_until, set_by_id)
        SELECT b.community_id, t.set_at, t.base_fen, t.drop_fen, t.step_fen, t.floor_fen, t.night_fen, t.weather_fen,
            t.bad_weather_until, t.set_by_id
        FROM born AS b CROSS JOIN (SELECT * FROM courier_tariffs WHERE community_id = :community_id
            ORDER BY set_at DESC LIMIT 1) AS t
    ),
    modes AS (
        INSERT INTO dispatch_modes (community_id, set_at, mode, set_by_id)
        SELECT b.community_id, t.set_at, t.mode, t.set_by_id FROM born AS b CROSS JOIN (SELECT * FROM dispatch_modes
            WHERE community_id = :community_id ORDER BY set_at DESC LIMIT 1) AS t
    ),
    surcharges AS (
        INSERT INTO delivery_surcharges (community_id, set_at, night_fen, weather_fen, floor_fen, set_by_id)
        SELECT b.community_id, t.set_at, t.night_fen, t.weather_fen, t.floor_fen, t.set_by_id
        FROM born AS b CROSS JOIN (SELECT * FROM delivery_surcharges WHERE community_id = :community_id
            ORDER BY set_at DESC LIMIT 1) AS t
    ),
    told AS (
        INSERT INTO announcements (announcement_id, community_id, title, words, from_at, until_at, set_by_id)
        SELECT i.announcement_id, b.community_id, n.title, n.words, n.from_at, n.until_at, n.set_by_id
        FROM born AS b CROSS JOIN (
            SELECT a.*, row_number() OVER (ORDER BY a.announcement_id) AS place FROM announcements AS a
            WHERE a.community_id = :community_id AND a.withdrawn_at IS NULL AND a.until_at > business_now()) AS n
        JOIN unnest(CAST(:copy_ids AS uuid[])) WITH ORDINALITY AS i (announcement_id, place) ON i.place = n.place
    )"""
_SPLIT = closing(f"{_BORN}, {_PARTED}, {_VISITS}, {TELL}, {NOTED}")
_SPLIT_AGAIN = closing(_PARTED)
_SETTLING = text(
    """
    SELECT c.community_id, c.store_id, c.outline, c.merged_into_id, n.store_id AS into_store_id,
        (SELECT h.community_id FROM community_changes AS h WHERE h.kind = 'split' AND h.other_id = c.community_id
         ORDER BY h.change_id DESC LIMIT 1) AS from_id
    FROM communities AS c LEFT JOIN communities AS n ON n.community_id = c.merged_into_id
    WHERE c.community_id = :community_id FOR UPDATE OF c
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityMoved:
    """Which community takes what follows now, and the store of it.

    :ivar is_outline_missing: one of the two that stand after it has no outline, which is to be drawn.
    """

    community_id: UUID
    into_id: UUID
    store_id: UUID
    is_outline_missing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part that is to stand alone: its name, center, and outline; ``store_id`` where another store takes it."""

    name: str
    lat: float
    lng: float
    outline: Sequence[Point] | None
    radius_m: int | None
    store_id: UUID | None


def merge_communities(actor: Actor, claim: Claim, *, community_id: UUID, into_id: UUID, why: str) -> CommunityMoved:
    """Let a community become part of another: what hangs on it and is open follows, its name stays on old orders.

    Outlines that share whole sides become one; else that of the other is taken away, to be drawn anew around both.

    :raises CommunityNotFound: one of them is not there. :raises CommunityMerged: one is part of another already.
    :raises MergeImpossible: they are the same, or so far apart that doors of one would be too far from the other.
    """
    with transaction(claim) as tx:
        row = lock_community(tx, community_id)
        other = tx.execute(_OTHER, {"community_id": into_id}).one_or_none()
        if other is None:
            raise CommunityNotFound(pointer="/into_id")
        if other.merged_into_id is not None:
            raise CommunityMerged(pointer="/into_id")
        if into_id == community_id:
            raise MergeImpossible(pointer="/into_id", reason="itself")
        if distance_m(row.lat, row.lng, other.lat, other.lng) > RADIUS_M_MAX:
            raise MergeImpossible(pointer="/into_id", reason="too_far")
        drawn = _around_both(row, other)
        moved = CommunityMoved(
            community_id=community_id, into_id=into_id, store_id=other.store_id, is_outline_missing=drawn is None
        )
        tx.schedule(Timer(COMMUNITY_SETTLES, community_id, SETTLES_AFTER))
        tx.describe(why=why, details={"into_id": str(into_id)})
        tx.keep(moved)
        before = {
            "store_id": str(row.store_id),
            "into_store_id": str(other.store_id),
            "outline": row.outline,
            "into_outline": other.outline,
            "into_radius_m": other.radius_m,
        }
        note = noted(
            actor, CommunityChangeKind.MERGED, community_id=community_id, other_id=into_id, why=why, details=before
        )
        message = _merged_message(row.name, other.name, other.store_name)
        told = telling(actor, message, {new_id(): into_id}, until_at=row.now + TOLD_FOR)
        tx.close(_MERGE, {**note, **told, **as_kept(drawn), "into_id": into_id, "store_id": other.store_id})
    return moved


def split_community(actor: Actor, claim: Claim, *, community_id: UUID, part: Part, why: str) -> CommunityMoved:
    """Let a part of a community stand alone: the doors and shops inside of its outline move, couriers stay.

    Rates, mode of dispatch, announcements and providers of services go along. A part along the border is cut out of
    the outline; else what is left has none until it is drawn.

    :raises CommunityNotFound: there is none. :raises CommunityMerged: it is part of another.
    :raises OutlineInvalid: the part has no sound outline around its center, or lies too far off.
    :raises OutlineOverlaps: the ground is a third community's. :raises StoreNotFound: there is no such store.
    :raises SplitImpossible: the name is taken in its street, or a campaign of the community runs or is asked for.
    """
    with transaction(claim) as tx:
        row = lock_community(tx, community_id)
        drawn = draw(part.outline, part.radius_m, center=(part.lat, part.lng))
        if drawn is None:
            raise OutlineInvalid(pointer="/outline", reason="corners")
        if distance_m(row.lat, row.lng, part.lat, part.lng) > RADIUS_M_MAX:
            raise OutlineInvalid(pointer="/lat", reason="too_far")
        store_id = row.store_id if part.store_id is None else part.store_id
        place = {"district": row.district, "street": row.street, "name": part.name}
        asked = {"community_id": community_id, "store_id": store_id}
        about = tx.execute(_ABOUT_SPLIT, {**asked, **place}).one()
        if about.store_name is None:
            raise StoreNotFound(pointer="/store_id")
        if about.is_taken:
            raise SplitImpossible(pointer="/name", reason="name_taken")
        if about.has_campaign:
            raise SplitImpossible(reason="campaign")
        refuse_overlap(drawn, neighbors(tx, community_id, (part.lat, part.lng)))
        rest = _without(row, drawn)
        moved = CommunityMoved(
            community_id=community_id, into_id=new_id(), store_id=store_id, is_outline_missing=rest is None
        )
        tx.schedule(Timer(COMMUNITY_SETTLES, moved.into_id, SETTLES_AFTER))
        tx.describe(why=why, details={"into_id": str(moved.into_id)})
        tx.keep(moved)
        pair = {"community_id": community_id, "other_id": moved.into_id}
        before = {"name": row.name, "outline": row.outline, "radius_m": row.radius_m}
        note = noted(actor, CommunityChangeKind.SPLIT, **pair, why=why, details=before)
        kept = {**as_kept(drawn), "polygon": _polygon(drawn.corners), "lat": part.lat, "lng": part.lng}
        kept["rest"] = as_kept(rest)["outline"]
        kept["copy_ids"] = [new_id() for _ in range(about.told)]
        whom = {new_id(): community_id, new_id(): moved.into_id}
        message = _split_message(row.name, part.name, about.store_name)
        told = telling(actor, message, whom, until_at=row.now + TOLD_FOR)
        tx.close(_SPLIT, {**note, **place, **kept, **told, "into_id": moved.into_id, "store_id": store_id})
    return moved


def _around_both(row: Row, other: Row) -> Drawn | None:
    """Return the outline of two communities that become one around the center of ``other``, where both have one."""
    ring = None if row.outline is None or other.outline is None else joined(row.outline, other.outline)
    if ring is None:
        return None
    try:
        return draw(ring, None, center=(other.lat, other.lng))
    except OutlineInvalid:
        return None


def _without(row: Row, part: Drawn) -> Drawn | None:
    """Return the outline of a community without a part of it, where it has one and keeps its center."""
    ring = None if row.outline is None else remainder(row.outline, part.corners)
    if ring is None:
        return None
    try:
        return draw(ring, None, center=(row.lat, row.lng))
    except OutlineInvalid:
        return None


def settle_community(tx: Transaction, community_id: UUID) -> None:
    """Let what came to a community while it was merged or split follow, too."""
    row = tx.execute(_SETTLING, {"community_id": community_id}).one()
    if row.merged_into_id is not None:
        into = {"into_id": row.merged_into_id, "store_id": row.into_store_id}
        tx.close(_MERGE_AGAIN, {"community_id": community_id, **into})
    elif row.from_id is not None and row.outline is not None:
        part: dict[str, Any] = {"into_id": community_id, "store_id": row.store_id, "polygon": _polygon(row.outline)}
        tx.close(_SPLIT_AGAIN, {"community_id": row.from_id, **part})


def _polygon(corners: Sequence[Sequence[float]]) -> str:
    """Return a polygon as PostgreSQL reads it: longitude first."""
    return f"({','.join(f'({lng!r},{lat!r})' for lat, lng in corners)})"


def _merged_message(name: str, into: str, store: str) -> Message:
    return Message(
        title="小区合并",
        words=f"{name}已并入{into}，由{store}服务。地址、店铺和管家随之转入；已下的订单照常进行，仍显示原小区名称。",
        title_en="Two communities are one",
        words_en=f"{name} is a part of {into} now, served by {store}. Addresses, shops and couriers went along; orders "
        "under way go on and keep the old name.",
    )


def _split_message(name: str, part: str, store: str) -> Message:
    return Message(
        title="小区拆分",
        words=f"{name}的一部分自成一个小区：{part}，由{store}服务。其中的地址和店铺随之转入；已下的订单照常进行。",
        title_en="A part of the community stands alone",
        words_en=f"A part of {name} is a community of its own now: {part}, served by {store}. Addresses and shops in "
        "it went along; orders under way go on.",
    )
