"""Routes of community events at the store that holds them, ``/store/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.activities.rules import CODE_CHARS
from app.core.activities.states import ActivityState, SignupState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.activities.hold import ActivityStands, cancel_activity, publish_activity
from app.usecases.activities.sign_up import SignupStands, check_in
from app.web.activities import COLUMNS, ActivitiesOut, ActivityAbout, SignupStandsOut
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Many, Pattern, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_MINE = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_ACTIVITIES = text(
    f"""
    SELECT {COLUMNS} FROM activities AS a JOIN memberships AS m ON m.organization_id = a.store_id AND {_MINE}
    WHERE a.activity_id < :before AND (CAST(:state AS text) IS NULL OR a.state = :state)
    ORDER BY a.activity_id DESC LIMIT :limit
    """
)
_SIGNUPS = text(
    f"""
    SELECT s.signup_id, s.activity_id, s.state, s.signed_up_at, s.checked_in_at FROM activity_signups AS s
    JOIN activities AS a ON a.activity_id = s.activity_id
    JOIN memberships AS m ON m.organization_id = a.store_id AND {_MINE}
    WHERE (CAST(:activity_id AS uuid) IS NULL OR s.activity_id = :activity_id) AND s.signup_id < :before
      AND (CAST(:state AS text) IS NULL OR s.state = :state)
    ORDER BY s.signup_id DESC LIMIT :limit
    """
)


class OwnActivitiesQuery(PageQuery):
    """Events of one's stores, newest first."""

    state = Choice(ActivityState, load_default=None)


class SignupsQuery(PageQuery):
    """Sign-ups for events of one's stores, newest first."""

    activity_id = Id(load_default=None)
    state = Choice(SignupState, load_default=None)


class ActivityStandsOut(Body):
    """Where an event stands."""

    activity_id = Id(required=True)
    store_id = Id(required=True)
    state = Choice(ActivityState, required=True)


class ListedOut(SignupStandsOut):
    """A sign-up; who it is, the door sees."""

    signed_up_at = Instant(required=True)
    checked_in_at = Instant(required=True, allow_none=True)


class ListedsOut(Body):
    """A page of sign-ups."""

    items = Many(fields.Nested(ListedOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class CheckInIn(Body):
    """The code that was scanned."""

    code = Pattern(rf"[0-9a-f]{{{CODE_CHARS}}}", high=CODE_CHARS, required=True)


def add_held_activities(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/activities", query=OwnActivitiesQuery, answer=ActivitiesOut)
    @policy("activity.read", Relation.OWN_STORE)
    def list_held_activities(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List community events of one's stores, newest first."""
        return _listed(_ACTIVITIES, actor, query, key="activity_id", state=query["state"])

    @door.post("/activities", body=ActivityAbout, answer=ActivityStandsOut, status=201, once=True)
    @policy("activity.write", Relation.OWN_STORE)
    def publish_one(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> ActivityStands:
        """Publish a community event that residents sign up for."""
        return publish_activity(actor, claim, **body)

    @door.post("/activities/<uuid:activity_id>/cancellation", answer=ActivityStandsOut, once=True)
    @policy("activity.write", Relation.OWN_STORE)
    def call_off(actor: Actor, *, claim: Claim, activity_id: UUID) -> ActivityStands:
        """Cancel an event before it begins; each who signed up is told."""
        return cancel_activity(actor, claim, activity_id=activity_id)

    @door.get("/activity-signups", query=SignupsQuery, answer=ListedsOut)
    @policy("activity.read", Relation.OWN_STORE)
    def list_signups(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List sign-ups for events of one's stores, newest first."""
        wanted = {"state": query["state"], "activity_id": query["activity_id"]}
        return _listed(_SIGNUPS, actor, query, key="signup_id", **wanted)

    @door.post("/activity-check-ins", body=CheckInIn, answer=SignupStandsOut, once=True)
    @policy("activity.check_in", Relation.OWN_STORE)
    def let_in(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> SignupStands:
        """Let in who shows the code of a place; a code is good once."""
        return check_in(actor, claim, code=body["code"])


def _listed(statement: Any, actor: Actor, query: dict[str, Any], *, key: str, **wanted: object) -> dict[str, Any]:
    limit = query["limit"]
    params = {**actor.as_member, **wanted, "before": read_cursor(query["cursor"]), "limit": limit + 1}
    return page([dict(row._mapping) for row in read(statement, params)], limit=limit, key=key)
