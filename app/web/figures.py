"""Figures of stores: sums against targets, comparison, chart data and files; at the store's and the platform's door."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields
from sqlalchemy import text

from app.core.figures.catalog import FIGURES, NAMES, FigureName
from app.core.figures.errors import SpanInvalid
from app.kernel.actor import Actor, Side
from app.kernel.spreadsheets import XLSX
from app.kernel.transaction import read
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Id, Instant, Int, Many, Query, Text
from app.web.policy import Relation, policy
from app.web.replies import reply
from app.web.tables import TableFormat, file_of
from app.web.views import COUNT_MAX

DAYS_MAX = 366
STORES_MAX = 1_000
ROWS_MAX = 100_000
_WHOSE = {
    Side.STORE: """JOIN memberships AS m ON m.organization_kind = 'store' AND m.organization_id = s.store_id
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))""",
    Side.PLATFORM: "",
}
_SUMS = ", ".join(f"coalesce(sum(d.{name}), 0)::bigint AS {name}" for name in NAMES)


class SpanQuery(Query):
    """Which days, both included; at most a year."""

    from_on = Day(required=True)
    until_on = Day(required=True)
    format = Choice(TableFormat, load_default=TableFormat.JSON.value)


class FigureOut(Body):
    """What a figure is."""

    name = Text(high=50, required=True)
    title_zh = Text(high=50, required=True)
    meaning = Text(high=200, required=True)


class FiguresOut(Body):
    """All figures."""

    items = Many(fields.Nested(FigureOut), high=100, required=True)


class StoreFiguresOut(Body):
    """A store over a span: sums by figure, the target of its months where there is one, and the place among all.

    What is active is counted by day: its sum is of days. ``refreshed_at`` is the oldest of the days.
    """

    store_id = Id(required=True)
    store_name = Text(high=100, required=True)
    figures = fields.Dict(keys=fields.String(), values=Int(low=-COUNT_MAX, high=COUNT_MAX), required=True)
    targets = fields.Dict(keys=fields.String(), values=Int(low=0, high=COUNT_MAX), required=True)
    places = fields.Dict(keys=fields.String(), values=Int(low=1, high=COUNT_MAX), required=True)
    refreshed_at = Instant(required=True, allow_none=True)


class StoresFiguresOut(Body):
    """Stores side by side."""

    items = Many(fields.Nested(StoreFiguresOut), high=STORES_MAX, required=True)


class ChartQuery(Query):
    """Which figure on which days."""

    from_on = Day(required=True)
    until_on = Day(required=True)
    figure = Choice(FigureName, required=True)


class SeriesOut(Body):
    """One line of a chart: a value for each day."""

    store_id = Id(required=True)
    store_name = Text(high=100, required=True)
    values = Many(Int(low=-COUNT_MAX, high=COUNT_MAX), high=DAYS_MAX, required=True)


class ChartOut(Body):
    """Days, and a line for each store."""

    figure = Text(high=50, required=True)
    days = Many(Day(), high=DAYS_MAX, required=True)
    series = Many(fields.Nested(SeriesOut), high=STORES_MAX, required=True)


_EVERY = text(
    f"""
    SELECT s.store_id, s.name AS store_name, min(d.refreshed_at) AS refreshed_at, {_SUMS}
    FROM stores AS s LEFT JOIN store_days AS d ON d.store_id = s.store_id AND d.day BETWEEN :from_on AND :until_on
    GROUP BY s.store_id, s.name ORDER BY s.store_id LIMIT {STORES_MAX}
    """
)


def figures_of(_operator: Actor, from_on: date, until_on: date) -> list[dict[str, Any]]:
    """Return all stores' figures of a span side by side, as an operator sees them, without targets."""
    return _compared(read(_EVERY, {"from_on": from_on, "until_on": until_on}).fetchall(), {})


def add_figures(door: Door, side: Side, relation: Relation) -> None:
    """Give a door the figures of one's stores, or of all at the platform."""
    mine = _WHOSE[side]
    sums = text(
        f"""
        SELECT s.store_id, s.name AS store_name, min(d.refreshed_at) AS refreshed_at, {_SUMS}
        FROM stores AS s {mine}
        LEFT JOIN store_days AS d ON d.store_id = s.store_id AND d.day BETWEEN :from_on AND :until_on
        GROUP BY s.store_id, s.name ORDER BY s.store_id LIMIT {STORES_MAX}
        """
    )
    targets = text(
        f"""
        SELECT t.store_id, t.figure, sum(t.target)::bigint AS target FROM store_targets AS t
        JOIN stores AS s ON s.store_id = t.store_id {mine}
        WHERE t.month BETWEEN date_trunc('month', CAST(:from_on AS date)) AND :until_on GROUP BY t.store_id, t.figure
        """
    )
    days = text(
        f"""
        SELECT d.day, s.store_id, s.name AS store_name, {", ".join(f"d.{name}" for name in NAMES)}
        FROM store_days AS d JOIN stores AS s ON s.store_id = d.store_id {mine}
        WHERE d.day BETWEEN :from_on AND :until_on ORDER BY d.day, s.store_id LIMIT {ROWS_MAX}
        """
    )

    @door.get("/figure-names", answer=FiguresOut)
    @policy("figure.read", relation)
    def list_figures(_actor: Actor) -> dict[str, Any]:
        """List the figures of a store's day, and what each is."""
        return {"items": [{"name": one.name, "title_zh": one.title_zh, "meaning": one.meaning} for one in FIGURES]}

    @door.get("/store-figures", query=SpanQuery, answer=StoresFiguresOut, pages=("text/csv", XLSX))
    @policy("figure.read", relation)
    def read_store_figures(actor: Actor, *, query: dict[str, Any]) -> Response:
        """Read figures of stores: sums of a span side by side, or as a file day by day."""
        span = _span(query)
        kind = TableFormat(query["format"])
        if kind is not TableFormat.JSON:
            columns = ("day", "store_id", "store_name", *NAMES)
            rows = read(days, {**actor.as_member, **span}).fetchall()
            return file_of(kind, columns, ([getattr(row, name) for name in columns] for row in rows))
        found = read(sums, {**actor.as_member, **span}).fetchall()
        wanted: dict[UUID, dict[str, int]] = {}
        for row in read(targets, {**actor.as_member, **span}):
            wanted.setdefault(row.store_id, {})[row.figure] = row.target
        return reply({"items": _compared(found, wanted)})

    @door.get("/store-charts", query=ChartQuery, answer=ChartOut)
    @policy("figure.read", relation)
    def read_store_chart(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Read one figure of stores day by day, as lines of a chart: of a thousand stores at most."""
        span = _span(query)
        asked = [span["from_on"] + timedelta(days=n) for n in range((span["until_on"] - span["from_on"]).days + 1)]
        at = {day: place for place, day in enumerate(asked)}
        series: dict[UUID, dict[str, Any]] = {}
        for row in read(days, {**actor.as_member, **span}):
            if row.store_id not in series and len(series) == STORES_MAX:
                continue
            line = series.setdefault(
                row.store_id, {"store_id": row.store_id, "store_name": row.store_name, "values": [0] * len(asked)}
            )
            line["values"][at[row.day]] = getattr(row, query["figure"])
        return {"figure": query["figure"], "days": asked, "series": list(series.values())}


def _span(query: dict[str, Any]) -> dict[str, date]:
    from_on, until_on = query["from_on"], query["until_on"]
    if not from_on <= until_on < from_on + timedelta(days=DAYS_MAX):
        raise SpanInvalid(pointer="/until_on", days_max=DAYS_MAX)
    return {"from_on": from_on, "until_on": until_on}


def _compared(rows: Any, wanted: dict[UUID, dict[str, int]]) -> list[dict[str, Any]]:
    ranked = {name: sorted((getattr(row, name) for row in rows), reverse=True) for name in NAMES}
    return [
        {
            "store_id": row.store_id,
            "store_name": row.store_name,
            "figures": {name: getattr(row, name) for name in NAMES},
            "targets": wanted.get(row.store_id, {}),
            "places": {name: ranked[name].index(getattr(row, name)) + 1 for name in NAMES},
            "refreshed_at": row.refreshed_at,
        }
        for row in rows
    ]
