"""What operators see of a zone of dispatch: the catchment of one store, now and over the last week."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.communities.errors import CommunityNotFound, StoreNotFound
from app.core.delivery.fairness import gini
from app.core.delivery.pay import Tariff
from app.core.delivery.positions import SILENCE_MAX
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.geo import geo_uri
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.platform.queries import require_member
from app.usecases.delivering.incidents import NOTE_CONTEXT
from app.web.paging import page, read_cursor

_ZONE = text(
    """
    WITH zone AS (SELECT community_id FROM communities WHERE store_id = :store_id),
    open_now AS (
        SELECT t.created_at, EXISTS (SELECT 1 FROM deliveries AS d WHERE d.trip_id = t.trip_id
            AND d.state = 'offered') AS is_offered
        FROM trips AS t JOIN zone ON zone.community_id = t.community_id WHERE t.state = 'open'
    ),
    on_shift AS (
        SELECT h.active_trips, p.heard_at < business_now() - :silence_max AS is_silent
        FROM couriers AS k JOIN zone ON zone.community_id = k.community_id
        JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
        LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id AND p.heard_at >= h.started_at
    ),
    delivered AS (
        SELECT o.delivered_at <= o.promised_at AS is_kept FROM orders AS o JOIN zone USING (community_id)
        WHERE o.delivered_at > business_now() - interval '7 days'
    )
    SELECT (SELECT count(*) FROM open_now WHERE NOT is_offered) AS open_trips,
        (SELECT count(*) FROM open_now WHERE is_offered) AS offered_trips,
        (SELECT min(created_at) FROM open_now) AS oldest_open_at,
        (SELECT count(*) FROM on_shift) AS couriers_on_shift,
        (SELECT count(*) FROM on_shift WHERE is_silent) AS couriers_silent,
        (SELECT coalesce(sum(active_trips), 0)::bigint FROM on_shift) AS active_trips,
        (SELECT count(*) FROM delivered) AS delivered_count,
        (SELECT count(*) FROM delivered WHERE is_kept) AS delivered_by_promise_count,
        EXISTS (SELECT 1 FROM stores WHERE store_id = :store_id) AS is_known
    """
)
_PACE = text(
    """
    SELECT s.hours, (SELECT coalesce(sum(t.order_count), 0)::bigint FROM trips AS t
        WHERE t.courier_id = s.courier_id AND t.state = 'done'
            AND t.ended_at > business_now() - interval '7 days') AS orders
    FROM (
        SELECT h.courier_id, extract(epoch FROM sum(coalesce(h.ended_at, business_now())
            - greatest(h.started_at, business_now() - interval '7 days')))::double precision / 3600 AS hours
        FROM courier_shifts AS h JOIN couriers AS k ON k.courier_id = h.courier_id
        JOIN communities AS c ON c.community_id = k.community_id AND c.store_id = :store_id
        WHERE coalesce(h.ended_at, business_now()) > business_now() - interval '7 days'
        GROUP BY h.courier_id
    ) AS s
    """
)


_TARIFF = text(
    """
    SELECT c.community_id, f.base_fen, f.drop_fen, f.step_fen, f.floor_fen, f.night_fen, f.weather_fen,
        f.bad_weather_until
    FROM communities AS c LEFT JOIN LATERAL (
        SELECT * FROM courier_tariffs AS f WHERE f.community_id = c.community_id ORDER BY f.set_at DESC LIMIT 1
    ) AS f ON true
    WHERE c.community_id = :community_id
    """
)


def tariff(*, community_id: UUID) -> dict[str, Any]:
    """Return what trips of a community pay: what was set last, or the usual rates.

    :raises CommunityNotFound: there is none.
    """
    row = read(_TARIFF, {"community_id": community_id}).one_or_none()
    if row is None:
        raise CommunityNotFound
    shown = dict(row._mapping)
    return shown | asdict(Tariff()) if row.base_fen is None else shown


_TASKS = text(
    """
    SELECT t.trip_id, t.community_id, t.state, t.courier_id, t.order_count, t.pay_fen, t.expected_ready_at,
        t.created_at, (SELECT min(o.promised_at) FROM deliveries AS d JOIN orders AS o ON o.order_id = d.order_id
            WHERE d.trip_id = t.trip_id AND d.case_id IS NULL) AS promised_at,
        (SELECT min(d.state) FROM deliveries AS d
         WHERE d.trip_id = t.trip_id AND d.state <> 'canceled') AS delivery_state
    FROM communities AS c JOIN trips AS t ON t.community_id = c.community_id
    WHERE c.store_id = :store_id AND t.state IN ('open', 'assigned') ORDER BY t.created_at, t.trip_id LIMIT 200
    """
)
_ON_SHIFT = text(
    """
    SELECT h.courier_id, k.vehicle, h.active_trips, h.active_weight_g, h.on_break_since IS NOT NULL AS is_on_break,
        h.ends_at, coalesce(p.heard_at < business_now() - :silence_max, false) AS is_silent,
        EXISTS (SELECT 1 FROM incidents AS i WHERE i.courier_id = h.courier_id AND i.is_sos AND i.state <> 'closed')
            AS needs_help
    FROM communities AS c JOIN couriers AS k ON k.community_id = c.community_id
    JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
    LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id AND p.heard_at >= h.started_at
    WHERE c.store_id = :store_id ORDER BY h.courier_id LIMIT 500
    """
)


def board(*, store_id: UUID) -> dict[str, Any]:
    """Return the trips of a zone that are under way or wait, and its couriers on shift with what they carry."""
    tasks = read(_TASKS, {"store_id": store_id}).fetchall()
    couriers = read(_ON_SHIFT, {"store_id": store_id, "silence_max": SILENCE_MAX}).fetchall()
    return {"tasks": [dict(row._mapping) for row in tasks], "couriers": [dict(row._mapping) for row in couriers]}


_INCIDENTS = text(
    """
    SELECT incident_id, courier_id, store_id, trip_id, kind, is_sos, state, lat, lng, note_sealed, opened_at
    FROM incidents WHERE state <> 'closed' ORDER BY is_sos DESC, incident_id LIMIT :limit
    """
)
_APPEALS = text(
    """
    SELECT rating_id, order_id, courier_id, stars, marks, appeal, appealed_at FROM courier_ratings
    WHERE state = 'appealed' AND rating_id < :before ORDER BY rating_id DESC LIMIT :limit
    """
)


def incidents(actor: Actor, *, limit: int) -> dict[str, Any]:
    """Return cases that are not closed, calls for help first; with what couriers wrote, so that it is an act."""
    with transaction() as tx:
        require_member(tx, actor)
        rows = tx.execute(_INCIDENTS, {"limit": limit}).fetchall()
        if rows:
            seen = {"incident_ids": [str(row.incident_id) for row in rows]}
            audit.record(tx, actor, "incident.read", subject_kind="incident", details=seen)
    return {
        "items": [
            {
                **{name: value for name, value in row._mapping.items() if name not in {"lat", "lng", "note_sealed"}},
                "note": None if row.note_sealed is None else unseal(row.note_sealed, context=NOTE_CONTEXT),
                "geo_uri": None if None in {row.lat, row.lng} else geo_uri(row.lat, row.lng),
            }
            for row in rows
        ]
    }


def appeals(*, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of ratings that wait for a decision."""
    rows = read(_APPEALS, {"before": read_cursor(cursor), "limit": limit + 1}).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="rating_id")


def zone(*, store_id: UUID) -> dict[str, Any]:
    """Return the state of a zone.

    :raises StoreNotFound: there is no such store.
    """
    with transaction() as tx:
        row = tx.execute(_ZONE, {"store_id": store_id, "silence_max": SILENCE_MAX}).one()
        if not row.is_known:
            raise StoreNotFound
        paces = [one.orders / one.hours for one in tx.execute(_PACE, {"store_id": store_id}) if one.hours > 0]
    seen = {name: value for name, value in row._mapping.items() if name != "is_known"}
    return {"store_id": store_id, **seen, "gini": gini(paces)}
