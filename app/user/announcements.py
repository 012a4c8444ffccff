"""What the platform tells one's communities, ``/user/v1``."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.web.door import Door
from app.web.fields import Body, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_TOLD = text(
    """
    SELECT n.announcement_id, n.community_id, n.title, n.words, n.title_en, n.words_en, n.from_at,
        n.until_at
    FROM announcements AS n
    WHERE n.announcement_id < :before AND n.withdrawn_at IS NULL
      AND n.from_at <= business_now() AND n.until_at > business_now()
      AND (n.community_id IS NULL OR n.community_id IN (
        SELECT d.community_id FROM addresses AS d WHERE d.account_id = :account_id AND d.removed_at IS NULL))
    ORDER BY n.announcement_id DESC LIMIT :limit
    """
)


class ToldOut(Body):
    """An announcement to a community, or to all (null), in Chinese and, but for older ones, in English."""

    announcement_id = Id(required=True)
    community_id = Id(required=True, allow_none=True)
    title = Text(high=60, required=True)
    words = Text(high=1_000, required=True)
    title_en = Text(high=100, required=True, allow_none=True)
    words_en = Text(high=2_000, required=True, allow_none=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)


class ToldsOut(Body):
    """A page of announcements."""

    items = Many(fields.Nested(ToldOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_announcements(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/announcements", query=PageQuery, answer=ToldsOut)
    @policy("notice.read", Relation.OWN)
    def list_own_announcements(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what the platform tells the communities of one's addresses now, newest first."""
        limit = query["limit"]
        params = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": limit + 1}
        rows = [dict(row._mapping) for row in read(_TOLD, params)]
        return page(rows, limit=limit, key="announcement_id")
