"""Routes of the operator's desk: the queue, switches, announcements, exports, ``/platform/v1``."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response, stream_with_context
from marshmallow import fields
from sqlalchemy import text

from app.core.operating.models import ExportedTable, ExportState
from app.core.operating.queue import WAITING, WorkKind
from app.core.operating.switches import Feature
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.platform.schemas import Why
from app.usecases.operating.exports import ExportAsked, ask_export, export_pieces, export_progress
from app.usecases.operating.steering import Announced, FeatureSet, announce, set_feature, withdraw_announcement
from app.usecases.operating.telling import Message
from app.usecases.operating.work import SEEN, WorkAssigned, assign_work, seen_params
from app.web.door import Door
from app.web.fields import Body, Choice, Day, Flag, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, CursorInvalid, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

_WORK = text(
    f"""
    SELECT q.kind, q.subject_id, q.since, q.due_at, q.due_at <= business_now() AS is_overdue, i.assigned_to_id,
        i.escalated_at
    FROM ({WAITING}) AS q LEFT JOIN work_items AS i ON i.kind = q.kind AND i.subject_id = q.subject_id
    WHERE {SEEN} AND (CAST(:kind AS text) IS NULL OR q.kind = :kind)
      AND (NOT :is_mine OR i.assigned_to_id = :account_id)
      AND (CAST(:after_due_at AS timestamptz) IS NULL OR (i.escalated_at IS NULL, q.due_at, q.subject_id) >
        (CAST(:after_is_calm AS boolean), CAST(:after_due_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY (i.escalated_at IS NULL), q.due_at, q.subject_id LIMIT :limit
    """
)
_COUNTS = text(
    f"""
    SELECT q.kind, count(*) AS waiting, count(*) FILTER (WHERE q.due_at <= business_now()) AS overdue,
        count(i.assigned_to_id) AS assigned, count(i.escalated_at) AS escalated, min(q.since) AS oldest_at
    FROM ({WAITING}) AS q LEFT JOIN work_items AS i ON i.kind = q.kind AND i.subject_id = q.subject_id
    WHERE {SEEN} GROUP BY q.kind ORDER BY q.kind
    """
)
_FEATURES = text(
    """
    SELECT change_id, feature, is_on, why, set_by_id, set_at FROM feature_changes
    WHERE change_id < :before ORDER BY change_id DESC LIMIT :limit
    """
)
_ANNOUNCEMENTS = text(
    """
    SELECT announcement_id, community_id, title, words, title_en, words_en, from_at, until_at, withdrawn_at
    FROM announcements
    WHERE announcement_id < :before ORDER BY announcement_id DESC LIMIT :limit
    """
)
_PLACE = struct.Struct(">?q16s")
"""A place in the queue, in a cursor: whether it is not escalated, microseconds at which it is due, its id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class WorkQuery(PageQuery):
    """What waits, the escalated first, then by when it is due."""

    kind = Choice(WorkKind, load_default=None)
    is_mine = Flag(load_default=False)


class WorkOut(Body):
    """Something that waits: its own routes end it."""

    kind = Choice(WorkKind, required=True)
    subject_id = Id(required=True)
    since = Instant(required=True)
    due_at = Instant(required=True)
    is_overdue = Flag(required=True)
    assigned_to_id = Id(required=True, allow_none=True)
    escalated_at = Instant(required=True, allow_none=True)


class WorksOut(Body):
    """A page of the queue."""

    items = Many(fields.Nested(WorkOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class WorkCountOut(Body):
    """How much of a kind waits."""

    kind = Choice(WorkKind, required=True)
    waiting = Int(low=0, high=COUNT_MAX, required=True)
    overdue = Int(low=0, high=COUNT_MAX, required=True)
    assigned = Int(low=0, high=COUNT_MAX, required=True)
    escalated = Int(low=0, high=COUNT_MAX, required=True)
    oldest_at = Instant(required=True)


class WorkCountsOut(Body):
    """How much waits, by kind."""

    items = Many(fields.Nested(WorkCountOut), high=100, required=True)


class AssignmentIn(Body):
    """Who is to look after it; null lets it go."""

    kind = Choice(WorkKind, required=True)
    assigned_to_id = Id(load_default=None, allow_none=True)


class WorkAssignedOut(Body):
    """Who looks after it."""

    subject_id = Id(required=True)
    kind = Choice(WorkKind, required=True)
    assigned_to_id = Id(required=True, allow_none=True)


class FeatureIn(Body):
    """Whether it is on, and why: a reference such as a case number."""

    feature = Choice(Feature, required=True)
    is_on = Flag(required=True)
    why = Why()


class FeatureSetOut(Body):
    """Where a switch stands."""

    change_id = Id(required=True)
    feature = Choice(Feature, required=True)
    is_on = Flag(required=True)


class FeatureChangeOut(FeatureSetOut):
    """A switch that was set."""

    why = Text(high=64, required=True)
    set_by_id = Id(required=True)
    set_at = Instant(required=True)


class FeatureChangesOut(Body):
    """Switches that were set, newest first; a feature without one is on."""

    items = Many(fields.Nested(FeatureChangeOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class AnnouncementIn(Body):
    """What is told in Chinese and in English, to one community or to all."""

    community_id = Id(load_default=None, allow_none=True)
    title = Text(high=60, required=True)
    words = Text(high=1_000, required=True)
    title_en = Text(high=100, required=True)
    words_en = Text(high=2_000, required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)


class AnnouncedOut(Body):
    """An announcement."""

    announcement_id = Id(required=True)
    state = Text(high=20, required=True)


class AnnouncementOut(AnnouncementIn):
    """An announcement, and whether it was withdrawn."""

    announcement_id = Id(required=True)
    community_id = Id(required=True, allow_none=True)
    title_en = Text(high=100, required=True, allow_none=True)
    words_en = Text(high=2_000, required=True, allow_none=True)
    withdrawn_at = Instant(required=True, allow_none=True)


class AnnouncementsOut(Body):
    """A page of announcements."""

    items = Many(fields.Nested(AnnouncementOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class ExportIn(Body):
    """Which table, of which days."""

    what = Choice(ExportedTable, required=True)
    from_on = Day(required=True)
    until_on = Day(required=True)


class ExportAskedOut(Body):
    """An export that is to be made."""

    export_id = Id(required=True)
    state = Choice(ExportState, required=True)


class ExportOut(ExportAskedOut):
    """How far an export is."""

    what = Choice(ExportedTable, required=True)
    from_on = Day(required=True)
    until_on = Day(required=True)
    rows_done = Int(low=0, high=COUNT_MAX, required=True)
    rows_total = Int(low=0, high=COUNT_MAX, required=True)
    pieces = Int(low=0, high=COUNT_MAX, required=True)
    requested_at = Instant(required=True)
    expires_at = Instant(required=True)


def add_operating(door: Door) -> None:
    """Add the routes to ``door``."""
    _add_queue(door)
    _add_steering(door)
    _add_exports(door)


def _cursor(item: dict[str, Any]) -> str:
    microseconds = (item["due_at"] - _EPOCH) // _MICROSECOND
    place = _PLACE.pack(item["escalated_at"] is None, microseconds, item["subject_id"].bytes)
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _place(cursor: str | None) -> dict[str, object]:
    """Return the place in the queue that a page begins after.

    :raises CursorInvalid: it was not made by :func:`_cursor`.
    """
    if cursor is None:
        return {"after_is_calm": None, "after_due_at": None, "after_id": None}
    try:
        is_calm, microseconds, subject_id = _PLACE.unpack(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        due_at = _EPOCH + microseconds * _MICROSECOND
    except (ValueError, binascii.Error, struct.error, OverflowError):
        raise CursorInvalid(pointer="/cursor") from None
    return {"after_is_calm": is_calm, "after_due_at": due_at, "after_id": UUID(bytes=subject_id)}


def _add_queue(door: Door) -> None:
    @door.get("/queue", query=WorkQuery, answer=WorksOut)
    @policy("work.read", Relation.PLATFORM)
    def list_work(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what waits for one's role: what was escalated first, then by when it is due."""
        asked = {"kind": query["kind"], "is_mine": query["is_mine"]}
        params = {**asked, "account_id": actor.account_id, "limit": query["limit"] + 1, **_place(query["cursor"])}
        rows = [dict(row._mapping) for row in read(_WORK, {**params, **seen_params()})]
        more, items = len(rows) > query["limit"], rows[: query["limit"]]
        return {"items": items, "next_cursor": _cursor(items[-1]) if more else None}

    @door.get("/queue-counts", answer=WorkCountsOut)
    @policy("work.read", Relation.PLATFORM)
    def count_work(actor: Actor) -> dict[str, Any]:
        """Count what waits for one's role, by kind."""
        rows = read(_COUNTS, {"account_id": actor.account_id, **seen_params()})
        return {"items": [dict(row._mapping) for row in rows]}

    @door.put("/queue/<uuid:subject_id>/assignment", body=AssignmentIn, answer=WorkAssignedOut, once=True)
    @policy("work.assign", Relation.PLATFORM)
    def put_assignment(actor: Actor, *, claim: Claim, subject_id: UUID, body: dict[str, Any]) -> WorkAssigned:
        """Take something that waits, give it to somebody, or let it go."""
        return assign_work(
            actor, claim, kind=WorkKind(body["kind"]), subject_id=subject_id, assigned_to_id=body["assigned_to_id"]
        )


def _add_steering(door: Door) -> None:
    @door.get("/feature-changes", query=PageQuery, answer=FeatureChangesOut)
    @policy("feature.read", Relation.PLATFORM)
    def list_feature_changes(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List switches that were set, newest first."""
        rows = read(_FEATURES, {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1})
        return page([dict(row._mapping) for row in rows], limit=query["limit"], key="change_id")

    @door.post("/feature-changes", body=FeatureIn, answer=FeatureSetOut, status=201, once=True)
    @policy("feature.write", Relation.PLATFORM)
    def change_feature(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> FeatureSet:
        """Switch a feature on or off, everywhere, with the next request."""
        return set_feature(actor, claim, feature=Feature(body["feature"]), is_on=body["is_on"], why=body["why"])

    @door.get("/announcements", query=PageQuery, answer=AnnouncementsOut)
    @policy("announcement.read", Relation.PLATFORM)
    def list_announcements(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List announcements, newest first."""
        rows = read(_ANNOUNCEMENTS, {"before": read_cursor(query["cursor"]), "limit": query["limit"] + 1})
        return page([dict(row._mapping) for row in rows], limit=query["limit"], key="announcement_id")

    @door.post("/announcements", body=AnnouncementIn, answer=AnnouncedOut, status=201, once=True)
    @policy("announcement.write", Relation.PLATFORM)
    def add_announcement(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> Announced:
        """Tell a community something, or all of them."""
        message = Message(**{name: body.pop(name) for name in ("title", "words", "title_en", "words_en")})
        return announce(actor, claim, message=message, **body)

    @door.post("/announcements/<uuid:announcement_id>/withdrawal", answer=AnnouncedOut, once=True)
    @policy("announcement.write", Relation.PLATFORM)
    def withdraw(actor: Actor, *, claim: Claim, announcement_id: UUID) -> Announced:
        """Stop telling it."""
        return withdraw_announcement(actor, claim, announcement_id=announcement_id)


def _add_exports(door: Door) -> None:
    @door.post("/table-exports", body=ExportIn, answer=ExportAskedOut, status=201, once=True)
    @policy("export.ask", Relation.PLATFORM)
    def ask_table_export(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ExportAsked:
        """Ask for a table's rows of a span of days, as gzipped CSV."""
        what = ExportedTable(body["what"])
        return ask_export(actor, claim, what=what, from_on=body["from_on"], until_on=body["until_on"])

    @door.get("/table-exports/<uuid:export_id>", answer=ExportOut)
    @policy("export.ask", Relation.OWN)
    def read_table_export(actor: Actor, *, export_id: UUID) -> dict[str, Any]:
        """Read how far an export is."""
        return export_progress(actor, export_id=export_id)

    @door.get("/table-exports/<uuid:export_id>/file", pages=("application/gzip",))
    @policy("export.ask", Relation.OWN)
    def read_table_export_file(actor: Actor, *, export_id: UUID) -> Response:
        """Download an export that is ready."""
        pieces = export_pieces(actor, export_id=export_id)
        response = Response(stream_with_context(pieces), mimetype="application/gzip")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Disposition"] = f'attachment; filename="{export_id}.csv.gz"'
        return response
