"""Routes of the calendar of a store's service van, ``/store/v1``."""

from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import text

from app.core.visiting.states import VanService, VanVisitState
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.visiting.vans import Standing, VanVisitStands, cancel_visit, move_visit, plan_visit
from app.web.door import Door
from app.web.fields import Body, Choice, Id, Instant, Many, Text
from app.web.paging import LIMIT_MAX, PageQuery, page, read_cursor
from app.web.policy import Relation, policy
from app.web.vans import COLUMNS, SERVICES_MAX, StandingIn, VanVisitOut

_VISITS = text(
    f"""
    SELECT {COLUMNS} FROM van_visits AS v JOIN memberships AS m ON m.organization_id = v.store_id
        AND m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE v.van_visit_id < :before AND (CAST(:state AS text) IS NULL OR v.state = :state)
    ORDER BY v.van_visit_id DESC LIMIT :limit
    """
)


class VanVisitIn(StandingIn):
    """A visit to a community of the store's catchment."""

    store_id = Id(required=True)
    community_id = Id(required=True)
    services = Many(Choice(VanService), low=1, high=SERVICES_MAX, required=True)


class VanVisitsQuery(PageQuery):
    """Visits of one's stores' vans, newest first."""

    state = Choice(VanVisitState, load_default=None)


class VanVisitsOut(Body):
    """A page of them."""

    items = Many(fields.Nested(VanVisitOut), high=LIMIT_MAX, required=True)
    next_cursor = Text(high=64, required=True, allow_none=True)


class VanVisitStandsOut(Body):
    """Where a visit stands."""

    van_visit_id = Id(required=True)
    store_id = Id(required=True)
    community_id = Id(required=True)
    from_at = Instant(required=True)
    until_at = Instant(required=True)
    state = Choice(VanVisitState, required=True)


def add_van(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/van-visits", query=VanVisitsQuery, answer=VanVisitsOut)
    @policy("van_visit.read", Relation.OWN_STORE)
    def list_planned_visits(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List visits of the service vans of one's stores, newest first."""
        limit = query["limit"]
        params = {
            **actor.as_member,
            "state": query["state"],
            "before": read_cursor(query["cursor"]),
            "limit": limit + 1,
        }
        return page([dict(row._mapping) for row in read(_VISITS, params)], limit=limit, key="van_visit_id")

    @door.post("/van-visits", body=VanVisitIn, answer=VanVisitStandsOut, status=201, once=True)
    @policy("van_visit.write", Relation.OWN_STORE)
    def plan_one(actor: Actor, *, claim: Claim, body: dict[str, Any]) -> VanVisitStands:
        """Plan a visit of the van to a community; it stands at one place at a time."""
        about = {name: body.pop(name) for name in ("store_id", "community_id")}
        services = [VanService(name) for name in dict.fromkeys(body.pop("services"))]
        return plan_visit(actor, claim, **about, services=services, standing=Standing(**body))

    @door.post("/van-visits/<uuid:van_visit_id>/move", body=StandingIn, answer=VanVisitStandsOut, once=True)
    @policy("van_visit.write", Relation.OWN_STORE)
    def move_one(actor: Actor, *, claim: Claim, van_visit_id: UUID, body: dict[str, Any]) -> VanVisitStands:
        """Move a visit that has not begun; its community is told."""
        return move_visit(actor, claim, van_visit_id=van_visit_id, standing=Standing(**body))

    @door.post("/van-visits/<uuid:van_visit_id>/cancellation", answer=VanVisitStandsOut, once=True)
    @policy("van_visit.write", Relation.OWN_STORE)
    def cancel_one(actor: Actor, *, claim: Claim, van_visit_id: UUID) -> VanVisitStands:
        """Cancel a visit that has not begun; its community is told."""
        return cancel_visit(actor, claim, van_visit_id=van_visit_id)
