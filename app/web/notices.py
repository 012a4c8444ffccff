"""Security notices, the same at every door: what changed in what protects one's account."""

from typing import Any

from marshmallow import fields

from app.core.notices.models import NoticeKind
from app.kernel.actor import Actor
from app.usecases.people.notices import notices_of
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Many, Text
from app.web.paging import PageQuery, page, read_cursor
from app.web.policy import Relation, policy


class SecurityNoticeOut(Body):
    """What changed, and when. A text message went to the phone, too."""

    notice_id = Id(required=True)
    kind = Choice(NoticeKind, required=True)
    noticed_at = Instant(required=True)


class SecurityNoticesOut(Body):
    """A page of notices, newest first."""

    items = Many(fields.Nested(SecurityNoticeOut), high=100, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


def add_notices(door: Door) -> None:
    """Add the route of one's notices to ``door``."""

    @door.get("/security-notices", query=PageQuery, answer=SecurityNoticesOut)
    @policy("notice.read", Relation.OWN)
    def list_security_notices(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what one was told about the security of one's account."""
        limit = query["limit"]
        rows = notices_of(actor, before=read_cursor(query["cursor"]), limit=limit + 1)
        return page(rows, limit=limit, key="notice_id")
