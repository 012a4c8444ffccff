"""Community events for a resident: what is held for one's communities, and one's own sign-ups, ``/user/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.activities.rules import CODE_CHARS, PLACE_MAX, TITLE_MAX
from app.core.activities.states import SignupState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.activities.sign_up import FOR_ME, SignupStands, cancel_signup, code_of, sign_up
from app.web.activities import COLUMNS, ActivitiesOut, SignupStandsOut
from app.web.door import Door
from app.web.fields import Body, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy

_HELD = text(
    f"""
    SELECT {COLUMNS} FROM activities AS a
    WHERE a.state = 'published' AND a.until_at > business_now() AND a.activity_id < :before AND {FOR_ME}
    ORDER BY a.activity_id DESC LIMIT :limit
    """
)
_OWN = text(
    """
    SELECT s.signup_id, s.activity_id, s.state, s.signed_up_at, a.title, a.place, a.from_at, a.until_at
    FROM activity_signups AS s JOIN activities AS a ON a.activity_id = s.activity_id
    WHERE s.account_id = :account_id AND s.signup_id < :before ORDER BY s.signup_id DESC LIMIT :limit
    """
)


class OwnSignupOut(SignupStandsOut):
    """One's sign-up; ``code`` is shown at the door as a QR code, while one has a place."""

    title = Text(high=TITLE_MAX, required=True)
    place = Text(high=PLACE_MAX, required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)
    signed_up_at = Instant(required=True)
    code = Text(high=CODE_CHARS, required=True, allow_none=True)


class OwnSignupsOut(Body):
    """A page of them."""

    items = Many(fields.Nested(OwnSignupOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class SignUpIn(Body):
    """Which event."""

    activity_id = Id(required=True)


def add_activities(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/activities", query=PageQuery, answer=ActivitiesOut)
    @policy("activity.read", Relation.OWN)
    def list_activities(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List events that stores hold for the communities of one's addresses and that are not over, newest first."""
        return page(_rows(_HELD, actor, query), limit=query["limit"], key="activity_id")

    @door.get("/activity-signups", query=PageQuery, answer=OwnSignupsOut)
    @policy("activity.read", Relation.OWN)
    def list_own_signups(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List one's sign-ups with the code for the door, newest first."""
        rows = [
            {**row, "code": code_of(row["signup_id"]) if row["state"] == SignupState.CONFIRMED else None}
            for row in _rows(_OWN, actor, query)
        ]
        return page(rows, limit=query["limit"], key="signup_id")

    @door.post("/activity-signups", body=SignUpIn, answer=SignupStandsOut, status=201, once=True)
    @policy("activity.sign_up", Relation.OWN)
    def take_place(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> SignupStands:
        """Take a place at an event, or wait for one when all are taken."""
        return sign_up(actor, claim, activity_id=body["activity_id"])

    @door.post("/activity-signups/<uuid:signup_id>/cancellation", answer=SignupStandsOut, once=True)
    @policy("activity.leave", Relation.OWN)
    def give_place_back(actor: Actor, *, claim: Claim, signup_id: UUID) -> SignupStands:
        """Give one's place to who waits first, or wait no longer."""
        return cancel_signup(actor, claim, signup_id=signup_id)


def _rows(statement: Any, actor: Actor, query: dict[str, Any]) -> list[dict[str, Any]]:
    params = {"account_id": actor.account_id, "before": read_cursor(query["cursor"]), "limit": query["limit"] + 1}
    return [dict(row._mapping) for row in read(statement, params)]
