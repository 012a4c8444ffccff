"""Routes of audit flags at the operator's desk: what is open waits in the queue, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.operating.flags import FlagFinding, FlagRule
from app.core.operating.models import FLAG_NOTE_MAX
from app.core.operating.states import AuditFlagState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.operating.flags import AuditFlagStands, resolve_flag
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Int, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.views import COUNT_MAX

_FLAGS = text(
    """
    SELECT flag_id, rule, account_id, since_at, act_count, state, found_at, finding, note, resolved_by_id, resolved_at
    FROM audit_flags WHERE flag_id < :before AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY flag_id DESC LIMIT :limit
    """
)


class AuditFlagsQuery(PageQuery):
    """Flags, newest first."""

    state = Choice(AuditFlagState, load_default=None)


class AuditFlagOut(Body):
    """Acts that a rule flagged: whose, in the hour from ``since_at`` on, how many; and what came of it.

    A log that is not sound is nobody's act; it counts what the proof found.
    """

    flag_id = Id(required=True)
    rule = Choice(FlagRule, required=True)
    account_id = Id(required=True, allow_none=True)
    since_at = Instant(required=True, allow_none=True)
    act_count = Int(low=1, high=COUNT_MAX, required=True)
    state = Choice(AuditFlagState, required=True)
    found_at = Instant(required=True)
    finding = Choice(FlagFinding, required=True, allow_none=True)
    note = Text(high=FLAG_NOTE_MAX, required=True, allow_none=True)
    resolved_by_id = Id(required=True, allow_none=True)
    resolved_at = Instant(required=True, allow_none=True)


class AuditFlagsOut(Body):
    """A page of flags."""

    items = Many(fields.Nested(AuditFlagOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class FlagResolutionIn(Body):
    """What came of looking into it."""

    finding = Choice(FlagFinding, required=True)
    note = Text(high=FLAG_NOTE_MAX, required=True)


class AuditFlagStandsOut(Body):
    """Where a flag stands."""

    flag_id = Id(required=True)
    state = Choice(AuditFlagState, required=True)
    finding = Choice(FlagFinding, required=True)


def add_audit_flags(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/audit-flags", query=AuditFlagsQuery, answer=AuditFlagsOut)
    @policy("audit_flag.read", Relation.PLATFORM)
    def list_audit_flags(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List acts that somebody is to look into, or did, newest first."""
        limit = query["limit"]
        wanted = {"state": query["state"], "before": read_cursor(query["cursor"]), "limit": limit + 1}
        return page([dict(row._mapping) for row in read(_FLAGS, wanted)], limit=limit, key="flag_id")

    @door.post("/audit-flags/<uuid:flag_id>/resolution", body=FlagResolutionIn, answer=AuditFlagStandsOut, once=True)
    @policy("audit_flag.resolve", Relation.PLATFORM)
    def resolve_audit_flag(actor: Actor, *, claim: Claim, flag_id: UUID, body: dict[str, Any]) -> AuditFlagStands:
        """Say what came of looking into flagged acts; nobody does so about their own."""
        return resolve_flag(actor, claim, flag_id=flag_id, finding=FlagFinding(body["finding"]), note=body["note"])
