"""Who may take an open trip out of the hall (抢单): the rule of :mod:`app.core.dispatch.hall` as one condition.

The list shows a trip by the same words by which a claim takes it; so nobody is shown what they would be refused, or
refused what they are shown, but for the minute that has passed since.
"""

from itertools import pairwise

from app.core.delivery.states import EXCLUDED, NOT_AGAIN
from app.core.dispatch.hall import LAST_M, NEIGHBORS_AFTER_S, RADIUS_M
from app.kernel.geo import meters_sql

ME = """
    me AS MATERIALIZED (
        SELECT k.courier_id, k.community_id, home.store_id, h.shift_id IS NOT NULL AS is_on_shift,
            CASE WHEN p.courier_id IS NOT NULL THEN p.lat ELSE coalesce(h.lat, CAST(:lat AS float8)) END AS lat,
            CASE WHEN p.courier_id IS NOT NULL THEN p.lng ELSE coalesce(h.lng, CAST(:lng AS float8)) END AS lng
        FROM couriers AS k JOIN communities AS home ON home.community_id = k.community_id
        LEFT JOIN courier_shifts AS h ON h.courier_id = k.courier_id AND h.ended_at IS NULL
        LEFT JOIN courier_positions AS p ON p.courier_id = h.courier_id
            AND p.measured_at >= greatest(h.started_at, coalesce(h.freed_at, h.started_at))
        WHERE k.courier_id = :courier_id
    )
"""
"""The courier ``:courier_id``, and where by the last that is known; off shift at ``:lat``, ``:lng``, or nowhere."""

_WAITED_S = "extract(epoch FROM business_now() - greatest(t.created_at, t.opens_at))"
AWAY_M = meters_sql("me.lat", "me.lng", "t")
"""From ``me`` to the shop of the trip ``t``, meters."""
RADIUS = (
    "CASE "
    + " ".join(
        f"WHEN {_WAITED_S} < {60 * end} THEN {before} + {(after - before) / (60 * (end - begin))}"
        f" * greatest(0, {_WAITED_S} - {60 * begin})"
        for (begin, before), (end, after) in pairwise(RADIUS_M)
    )
    + f" ELSE {LAST_M} END"
)
"""How far from its shop the trip ``t`` is shown now, meters."""
IS_OURS = f"""
    EXISTS (SELECT 1 FROM communities AS its WHERE its.community_id = t.community_id AND its.store_id = me.store_id
        AND (coalesce(its.merged_into_id, its.community_id) = me.community_id OR {_WAITED_S} >= {NEIGHBORS_AFTER_S}))
"""
"""Condition: the trip ``t`` is of the community of ``me``, or by now of all its neighbors'."""
IS_IN_REACH = f"({IS_OURS} AND {AWAY_M} <= {RADIUS})"
"""Condition: the trip ``t`` is for ``me`` by community, time and place. A claim reads its three parts, to say which."""
_REASONS = ", ".join(f"'{reason}'" for reason in NOT_AGAIN)
IS_EXCLUDED = f"""
    EXISTS (SELECT 1 FROM trip_releases AS r WHERE r.trip_id = t.trip_id AND r.courier_id = me.courier_id
        AND r.reason IN ({_REASONS})
        AND r.released_at > business_now() - interval '{int(EXCLUDED.total_seconds())} seconds')
"""
"""Condition: ``me`` gave the trip ``t`` back, or lost it, a moment ago."""
