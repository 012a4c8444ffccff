"""What operators see of a zone of dispatch: the catchment of one store, now and over the last week."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.communities.errors import CommunityNotFound, StoreNotFound
from app.core.delivery.fairness import gini
from app.core.delivery.pay import Tariff
from app.core.delivery.positions import SILENCE_MAX
from app.kernel.transaction import read, transaction

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
    SELECT s.hours, (SELECT count(*) FROM trips AS t WHERE t.courier_id = s.courier_id AND t.state = 'done'
            AND t.ended_at > business_now() - interval '7 days') AS trips
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


def zone(*, store_id: UUID) -> dict[str, Any]:
    """Return the state of a zone.

    :raises StoreNotFound: there is no such store.
    """
    with transaction() as tx:
        row = tx.execute(_ZONE, {"store_id": store_id, "silence_max": SILENCE_MAX}).one()
        if not row.is_known:
            raise StoreNotFound
        paces = [one.trips / one.hours for one in tx.execute(_PACE, {"store_id": store_id}) if one.hours > 0]
    seen = {name: value for name, value in row._mapping.items() if name != "is_known"}
    return {"store_id": store_id, **seen, "gini": gini(paces)}
