"""What store staff read: only of stores that they are members of."""

from typing import Any

from sqlalchemy import text

from app.kernel.actor import Actor
from app.kernel.transaction import transaction
from app.web.orders import COLUMNS, FROM, order_core
from app.web.paging import page, read_cursor

_MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id"
_COMMUNITIES = text(
    f"""
    SELECT c.community_id, c.name, c.district, c.street, c.store_id, c.lat, c.lng FROM communities AS c
    JOIN memberships AS m ON m.organization_id = c.store_id AND {_MEMBER} ORDER BY c.name LIMIT 500
    """
)
_SHELF = text(
    f"""
    SELECT {COLUMNS} {FROM} JOIN memberships AS m ON m.organization_id = o.store_id AND {_MEMBER}
    WHERE o.fulfillment = 'store_pickup' AND o.order_id < :before AND o.paid_at IS NOT NULL
      AND (CAST(:state AS text) IS NULL OR o.state = :state)
    ORDER BY o.order_id DESC LIMIT :limit
    """
)


def communities(actor: Actor) -> dict[str, Any]:
    """Return the communities of one's stores' catchments."""
    with transaction() as tx:
        return {"items": [dict(row._mapping) for row in tx.execute(_COMMUNITIES, {"account_id": actor.account_id})]}


def shelf(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of orders that are collected at one's stores, newest first."""
    params = {"account_id": actor.account_id, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    with transaction() as tx:
        rows = tx.execute(_SHELF, params).fetchall()
    return page([{**order_core(row), "store_id": row.store_id} for row in rows], limit=limit, key="order_id")
