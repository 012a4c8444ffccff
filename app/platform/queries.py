"""What operators read. Membership of the platform is looked up with every read: a removed role counts at once."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import NoMembership
from app.core.accounts.models import PLATFORM_ID
from app.core.orders.errors import OrderNotFound
from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.clock import wall_now
from app.kernel.transaction import Transaction, transaction
from app.web.orders import COLUMNS, FROM, leave_orders_read, order_core
from app.web.paging import page, read_cursor

_IS_MEMBER = text(
    """
    SELECT 1 FROM memberships AS m JOIN sessions AS s ON s.account_id = m.account_id AND s.session_id = :session_id
    WHERE m.account_id = :account_id AND m.organization_kind = 'platform' AND m.organization_id = :platform_id
      AND s.ended_at IS NULL
    """
)
_ORDERS = text(
    f"""
    SELECT {COLUMNS} {FROM}
    WHERE o.order_id < :before AND (CAST(:state AS text) IS NULL OR o.state = :state)
      AND (CAST(:shop_id AS uuid) IS NULL OR o.shop_id = :shop_id)
    ORDER BY o.order_id DESC LIMIT :limit
    """
)
_ORDER = text(f"SELECT {COLUMNS} {FROM} WHERE o.order_id = :order_id")
_PARTIES = {
    "merchant": text(
        """
        SELECT merchant_id AS party_id, name, 'active' AS state,
            (SELECT count(*) FROM orders AS o WHERE o.merchant_id = p.merchant_id) AS order_count
        FROM merchants AS p WHERE merchant_id < :before ORDER BY merchant_id DESC LIMIT :limit
        """
    ),
    "courier": text(
        """
        SELECT courier_id AS party_id, '' AS name, state,
            (SELECT count(*) FROM trips AS t WHERE t.courier_id = p.courier_id AND t.state = 'done') AS order_count
        FROM couriers AS p WHERE courier_id < :before ORDER BY courier_id DESC LIMIT :limit
        """
    ),
    "store": text(
        """
        SELECT store_id AS party_id, name, 'active' AS state,
            (SELECT count(*) FROM orders AS o WHERE o.store_id = p.store_id AND o.fulfillment = 'store_pickup')
                AS order_count
        FROM stores AS p WHERE store_id < :before ORDER BY store_id DESC LIMIT :limit
        """
    ),
}
_APPROVALS = text(
    """
    SELECT approval_id, kind, state, body, why, requested_by, requested_at, expires_at, decided_by, decided_at
    FROM approvals WHERE approval_id < :before AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY approval_id DESC LIMIT :limit
    """
)
_STAFF = text(
    """
    SELECT account_id, role, created_at FROM memberships
    WHERE organization_kind = 'platform' AND account_id < :before ORDER BY account_id DESC LIMIT :limit
    """
)
_TRIAL = text("SELECT kind, accounts, posted_fen AS balance_fen, held_fen FROM ledger.trial_balance ORDER BY kind")


def require_member(tx: Transaction, actor: Actor) -> None:
    """Hold that the asker is a member of the platform, in a session that has not ended."""
    params = {"account_id": actor.account_id, "session_id": actor.session_id, "platform_id": PLATFORM_ID}
    if tx.execute(_IS_MEMBER, params).first() is None:
        raise NoMembership


def orders(actor: Actor, *, limit: int, cursor: str | None, state: str | None, shop_id: UUID | None) -> dict[str, Any]:
    """Return a page of all orders, newest first; with their notes, so that it is an act."""
    params = {"before": read_cursor(cursor), "state": state, "shop_id": shop_id, "limit": limit + 1}
    with transaction() as tx:
        require_member(tx, actor)
        rows = tx.execute(_ORDERS, params).fetchall()
        shown = page([_order(row) for row in rows], limit=limit, key="order_id")
        leave_orders_read(tx, actor, shown)
    return shown


def order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Return any order; with its note, so that it is an act."""
    with transaction() as tx:
        require_member(tx, actor)
        row = tx.execute(_ORDER, {"order_id": order_id}).one_or_none()
        if row is None:
            raise OrderNotFound
        audit.record(tx, actor, "order.read", subject_kind="order", subject_id=order_id, whom_id=row.account_id)
    return _order(row)


def _order(row: Any) -> dict[str, Any]:
    parties = {name: getattr(row, name) for name in ("account_id", "merchant_id", "community_id", "store_id")}
    return {**order_core(row), **parties}


def parties(actor: Actor, *, kind: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of merchants, couriers or stores, newest first."""
    with transaction() as tx:
        require_member(tx, actor)
        rows = tx.execute(_PARTIES[kind], {"before": read_cursor(cursor), "limit": limit + 1}).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="party_id")


def approvals(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of requests that another person has to decide about, newest first."""
    with transaction() as tx:
        require_member(tx, actor)
        params = {"before": read_cursor(cursor), "state": state, "limit": limit + 1}
        rows = tx.execute(_APPROVALS, params).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="approval_id")


def staff(actor: Actor, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of the platform's members."""
    with transaction() as tx:
        require_member(tx, actor)
        rows = tx.execute(_STAFF, {"before": read_cursor(cursor), "limit": limit + 1}).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="account_id")


def books(actor: Actor) -> dict[str, Any]:
    """Return the trial balance."""
    with transaction() as tx:
        require_member(tx, actor)
        items = [dict(row._mapping) for row in tx.execute(_TRIAL)]
    return {"items": items, "total_fen": sum(item["balance_fen"] for item in items)}


def prove(actor: Actor) -> dict[str, Any]:
    """Prove the books now."""
    with transaction() as tx:
        require_member(tx, actor)
        proof = ledger.prove(tx)
    counts = [(field.name, getattr(proof, field.name)) for field in fields(proof) if field.name != "findings"]
    findings = [{"check": name, "count": count} for name, count in counts if count]
    return {"is_sound": proof.is_sound, "findings": findings, "proven_at": wall_now()}
