"""The board of key figures: orders, promises, deposits, new residents and cohorts by week, ``/platform/v1``."""

from datetime import date, timedelta
from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.core.figures.catalog import FIGURES
from app.core.figures.errors import SpanInvalid
from app.kernel.actor import Actor
from app.kernel.transaction import transaction
from app.usecases.reconciling.watch import figures as money_figures
from app.web.door import Door
from app.web.fields import Body, Day, Int, Many, Query
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

DAYS_MAX = 366
WEEKS_MAX = 60
_SUMS = ", ".join(f"coalesce(sum({one.name}), 0)::bigint AS {one.name}" for one in FIGURES if one.is_sum)
_TOTAL = text(f"SELECT {_SUMS} FROM store_days WHERE day BETWEEN :from_on AND :until_on")
_FUNNEL = text(
    """
    WITH born AS MATERIALIZED (
        SELECT party_id AS account_id FROM attributions
        WHERE party_kind = 'resident' AND began_on BETWEEN :from_on AND :until_on
    ),
    bought AS (SELECT b.account_id, count(w.week) AS weeks FROM born AS b
        JOIN resident_weeks AS w ON w.account_id = b.account_id GROUP BY b.account_id)
    SELECT (SELECT count(*) FROM born) AS residents,
        (SELECT count(*) FROM born AS b JOIN accounts AS a ON a.account_id = b.account_id
            WHERE a.verification_level >= 1) AS verified,
        (SELECT count(*) FROM bought) AS bought, (SELECT count(*) FROM bought WHERE weeks > 1) AS bought_again
    """
)
_COHORTS = text(
    """
    WITH born AS MATERIALIZED (
        SELECT party_id AS account_id, CAST(date_trunc('week', began_on) AS date) AS week FROM attributions
        WHERE party_kind = 'resident' AND began_on BETWEEN :from_on AND :until_on
    ),
    size AS (SELECT week, count(*) AS residents FROM born GROUP BY week),
    came AS (
        SELECT b.week, (w.week - b.week) / 7 AS after, count(*) AS residents FROM born AS b
        JOIN resident_weeks AS w ON w.account_id = b.account_id AND w.week >= b.week GROUP BY b.week, after
    )
    SELECT s.week, s.residents, coalesce(jsonb_object_agg(CAST(c.after AS text), c.residents)
        FILTER (WHERE c.after IS NOT NULL), '{}') AS bought_after
    FROM size AS s LEFT JOIN came AS c ON c.week = s.week GROUP BY s.week, s.residents ORDER BY s.week
    """
)


class BoardQuery(Query):
    """Which days, both included; at most a year."""

    from_on = Day(required=True)
    until_on = Day(required=True)


class FunnelOut(Body):
    """Of the residents who began in these days: who is verified, who bought, who bought in more than one week."""

    residents = Int(low=0, high=COUNT_MAX, required=True)
    verified = Int(low=0, high=COUNT_MAX, required=True)
    bought = Int(low=0, high=COUNT_MAX, required=True)
    bought_again = Int(low=0, high=COUNT_MAX, required=True)


class CohortOut(Body):
    """Residents who began in the week of this Monday, and how many of them bought so many weeks after."""

    week = Day(required=True)
    residents = Int(low=1, high=COUNT_MAX, required=True)
    bought_after = fields.Dict(keys=fields.String(), values=Int(low=1, high=COUNT_MAX), required=True)


class KeyFiguresOut(Body):
    """The board. ``on_time_bp`` is the share of deliveries that kept their promise, null without one."""

    figures = fields.Dict(keys=fields.String(), values=Int(low=-COUNT_MAX, high=COUNT_MAX), required=True)
    on_time_bp = Int(low=0, high=10_000, required=True, allow_none=True)
    funnel = fields.Nested(FunnelOut, required=True)
    cohorts = Many(fields.Nested(CohortOut), high=WEEKS_MAX, required=True)
    money = fields.Dict(keys=fields.String(), values=Int(low=-COUNT_MAX, high=COUNT_MAX), required=True)


def add_board(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/board", query=BoardQuery, answer=KeyFiguresOut)
    @policy("board.read", Relation.PLATFORM)
    def read_board_of_figures(_actor: Actor, *, query: dict[str, date]) -> dict[str, Any]:
        """Read the board of key figures of a span of days, from prepared figures."""
        from_on, until_on = query["from_on"], query["until_on"]
        if not from_on <= until_on < from_on + timedelta(days=DAYS_MAX):
            raise SpanInvalid(pointer="/until_on", days_max=DAYS_MAX)
        with transaction() as tx:
            total = dict(tx.execute(_TOTAL, query).one()._mapping)
            funnel = dict(tx.execute(_FUNNEL, query).one()._mapping)
            cohorts = [dict(row._mapping) for row in tx.execute(_COHORTS, query)]
        delivered = total["orders_delivered"]
        return {
            "figures": total,
            "on_time_bp": total["orders_on_time"] * 10_000 // delivered if delivered else None,
            "funnel": funnel,
            "cohorts": cohorts,
            "money": money_figures(),
        }
