"""The service van for residents: when it comes to the communities of one's addresses, ``/user/v1``."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.web.door import Door
from app.web.fields import Body, Int, Many, Query
from app.web.policy import Relation, policy
from app.web.vans import COLUMNS, VanVisitOut

NEXT_MAX = 50
_NEXT = text(
    f"""
    SELECT {COLUMNS} FROM van_visits AS v
    WHERE v.state = 'planned' AND v.until_at > business_now() AND v.community_id IN (
        SELECT d.community_id FROM addresses AS d WHERE d.account_id = :account_id AND d.removed_at IS NULL)
    ORDER BY v.from_at, v.van_visit_id LIMIT :limit
    """
)


class NextQuery(Query):
    """How many of the next visits."""

    limit = Int(low=1, high=NEXT_MAX, load_default=10)


class NextVisitsOut(Body):
    """The next visits, soonest first."""

    items = Many(fields.Nested(VanVisitOut), high=NEXT_MAX, required=True)


def add_van(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/van-visits", query=NextQuery, answer=NextVisitsOut)
    @policy("van_visit.read", Relation.OWN)
    def list_next_visits(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List when a service van comes next to the communities of one's addresses, soonest first."""
        rows = read(_NEXT, {"account_id": actor.account_id, "limit": query["limit"]})
        return {"items": [dict(row._mapping) for row in rows]}
