"""Streets and communities are taken in from lists, in sets; the same list again changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text

from app.core.communities.imports import Place, Street
from app.kernel.transaction import transaction

BATCH = 2_000

_STREETS = text(
    """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x (street_code text, name text, district_code text,
            district text, city text, province text)
    ),
    put AS (
        INSERT INTO streets AS t (street_code, name, district_code, district, city, province)
        SELECT street_code, name, district_code, district, city, province FROM given WHERE NOT :is_dry
        ON CONFLICT (street_code) DO UPDATE SET name = excluded.name, district_code = excluded.district_code,
            district = excluded.district, city = excluded.city, province = excluded.province
        WHERE (t.name, t.district_code, t.district, t.city, t.province) IS DISTINCT FROM
            (excluded.name, excluded.district_code, excluded.district, excluded.city, excluded.province)
        RETURNING xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) AS new_count, count(*) FILTER (WHERE NOT is_new) AS changed_count,
        NULL AS refused
    FROM put
    """
)
_COMMUNITIES = text(
    """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x (community_id uuid, store_id uuid,
            street_code text, name text, lat double precision, lng double precision)
    ),
    judged AS (
        SELECT g.*, t.name AS street, t.district, CASE WHEN s.store_id IS NULL THEN '没有这个体验店'
            WHEN t.street_code IS NULL THEN '没有这个街道，请先导入街道'
            WHEN c.merged_into_id IS NOT NULL THEN '该小区已并入另一小区'
            WHEN c.store_id <> g.store_id THEN '该小区属于另一体验店' END AS why
        FROM given AS g LEFT JOIN stores AS s ON s.store_id = g.store_id
        LEFT JOIN streets AS t ON t.street_code = g.street_code
        LEFT JOIN communities AS c ON c.community_id = g.community_id
    ),
    put AS (
        INSERT INTO communities AS c (community_id, store_id, name, district, street, lat, lng)
        SELECT community_id, store_id, name, district, street, lat, lng FROM judged WHERE why IS NULL AND NOT :is_dry
        ON CONFLICT (community_id) DO UPDATE SET district = excluded.district, street = excluded.street,
            lat = excluded.lat, lng = excluded.lng
        WHERE (c.district, c.street, c.lat, c.lng) IS DISTINCT FROM
            (excluded.district, excluded.street, excluded.lat, excluded.lng)
        RETURNING xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) AS new_count, count(*) FILTER (WHERE NOT is_new) AS changed_count,
        (SELECT jsonb_object_agg(community_id, why) FROM judged WHERE why IS NOT NULL) AS refused
    FROM put
    """
)


@dataclass(slots=True)
class TakenIn:
    """What became of a list; ``refused`` says why by the id of the community."""

    new_count: int = 0
    changed_count: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)


def put_streets(streets: Sequence[Street], *, is_dry: bool = False) -> TakenIn:
    """Make streets known, or say again what they are called and lie in; each code once."""
    return _put(_STREETS, [asdict(one) for one in streets], is_dry=is_dry)


def put_communities(places: Sequence[Place], *, is_dry: bool = False) -> TakenIn:
    """Add communities to catchments, or correct where they lie; each id once.

    Refused is what names a store or street that is unknown, or a community that belongs to another store:
    a catchment does not change by an import.
    """
    return _put(_COMMUNITIES, [asdict(one) for one in places], is_dry=is_dry)


def _put(statement: TextClause, rows: Sequence[Mapping[str, Any]], *, is_dry: bool) -> TakenIn:
    taken = TakenIn()
    for start in range(0, len(rows), BATCH):
        part = orjson.dumps(rows[start : start + BATCH]).decode()
        with transaction() as tx:
            row = tx.execute(statement, {"rows": part, "is_dry": is_dry}).one()
        taken.new_count += row.new_count
        taken.changed_count += row.changed_count
        taken.refused |= {UUID(key): why for key, why in (row.refused or {}).items()}
    return taken
