"""Visits of stores' staff to shops at the operator's desk: what is in review waits in the queue, ``/platform/v1``."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.visiting.rules import OUTCOME_MAX
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, read
from app.usecases.visiting.shops import ShopVisitStands, close_visit
from app.web.door import Door
from app.web.fields import Body, Text
from app.web.paging import page, read_cursor
from app.web.policy import Relation, policy
from app.web.shop_visits import COLUMNS, ShopVisitsOut, ShopVisitsQuery, ShopVisitStandsOut

_VISITS = text(
    f"""
    SELECT {COLUMNS} FROM shop_visits AS v
    WHERE v.shop_visit_id < :before AND (CAST(:state AS text) IS NULL OR v.state = :state)
    ORDER BY v.shop_visit_id DESC LIMIT :limit
    """
)


class ClosureIn(Body):
    """What came of it."""

    outcome = Text(high=OUTCOME_MAX, required=True)


def add_shop_visits(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/shop-visits", query=ShopVisitsQuery, answer=ShopVisitsOut)
    @policy("shop_visit.read", Relation.PLATFORM)
    def list_shop_visits(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List visits of stores' staff to shops, newest first."""
        limit = query["limit"]
        wanted = {"state": query["state"], "before": read_cursor(query["cursor"]), "limit": limit + 1}
        return page([dict(row._mapping) for row in read(_VISITS, wanted)], limit=limit, key="shop_visit_id")

    @door.post("/shop-visits/<uuid:shop_visit_id>/closure", body=ClosureIn, answer=ShopVisitStandsOut, once=True)
    @policy("shop_visit.close", Relation.PLATFORM)
    def close_one(actor: Actor, *, claim: Claim, shop_visit_id: UUID, body: dict[str, Any]) -> ShopVisitStands:
        """Say what came of the findings of a visit, and close it."""
        return close_visit(actor, claim, shop_visit_id=shop_visit_id, outcome=body["outcome"])
