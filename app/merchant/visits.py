"""What staff of the store found in one's shop, ``/merchant/v1``."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.usecases.shopkeeping.shelf import MEMBER
from app.web.door import Door
from app.web.paging import page, read_cursor
from app.web.policy import Relation, policy
from app.web.shop_visits import COLUMNS, ShopVisitsOut, ShopVisitsQuery

_IS_OWN = text(f"SELECT 1 FROM shops AS s {MEMBER} AND s.shop_id = :shop_id")
_VISITS = text(
    f"""
    SELECT {COLUMNS} FROM shop_visits AS v
    WHERE v.shop_id = :shop_id AND v.shop_visit_id < :before AND (CAST(:state AS text) IS NULL OR v.state = :state)
    ORDER BY v.shop_visit_id DESC LIMIT :limit
    """
)


def add_shop_visits(door: Door) -> None:
    """Add the route to ``door``."""

    @door.get("/shops/<uuid:shop_id>/visits", query=ShopVisitsQuery, answer=ShopVisitsOut)
    @policy("shop_visit.read", Relation.OWN_SHOP)
    def list_shop_visits(actor: Actor, *, shop_id: UUID, query: dict[str, Any]) -> dict[str, Any]:
        """List what staff of the store found in one's shop, newest first."""
        if read(_IS_OWN, {"shop_id": shop_id, **actor.as_member}).first() is None:
            raise ShopNotFound
        limit = query["limit"]
        wanted = {"state": query["state"], "before": read_cursor(query["cursor"]), "limit": limit + 1}
        rows = read(_VISITS, {"shop_id": shop_id, **wanted})
        return page([dict(row._mapping) for row in rows], limit=limit, key="shop_visit_id")
