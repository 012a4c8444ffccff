"""What store staff read: only of stores that they are members of."""

from typing import Any

from sqlalchemy import text

from app.kernel import audit
from app.kernel.actor import Actor
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.usecases.verifying.check_identity import NAME_CONTEXT, NUMBER_CONTEXT
from app.usecases.verifying.face_to_face import FACE_WINDOW
from app.web.orders import COLUMNS, FROM, leave_orders_read, order_core
from app.web.paging import page, read_cursor

_MEMBER = "m.organization_kind = 'store' AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))"
_COMMUNITIES = text(
    f"""
    SELECT c.community_id, c.name, c.district, c.street, c.store_id, c.lat, c.lng, c.outline FROM communities AS c
    JOIN memberships AS m ON m.organization_id = c.store_id AND {_MEMBER}
    WHERE c.merged_into_id IS NULL ORDER BY c.name LIMIT 500
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

_FACE_CHECK = text(
    """
    SELECT f.account_id, i.name_sealed, i.number_sealed FROM face_checks AS f
    JOIN identities AS i ON i.account_id = f.account_id
    WHERE f.face_check_id = :face_check_id AND f.clerk_id = :clerk_id AND f.state = 'open'
      AND f.opened_at > business_now() - :window
    """
)


_APPLICATIONS = text(
    f"""
    SELECT p.application_id, p.account_id, p.community_id, p.vehicle, p.state, p.submitted_at, p.decided_at,
        a.verification_level,
        coalesce((SELECT max(r.percent) FROM training_records AS r WHERE r.account_id = p.account_id), 0)
            AS training_percent
    FROM courier_applications AS p JOIN communities AS c ON c.community_id = p.community_id
    JOIN memberships AS m ON m.organization_id = c.store_id AND {_MEMBER}
    JOIN accounts AS a ON a.account_id = p.account_id
    WHERE p.application_id < :before AND (CAST(:state AS text) IS NULL OR p.state = :state)
    ORDER BY p.application_id DESC LIMIT :limit
    """
)


def applications(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of applications to one's stores, newest first."""
    params = {**actor.as_member, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    rows = read(_APPLICATIONS, params).fetchall()
    return page([dict(row._mapping) for row in rows], limit=limit, key="application_id")


def communities(actor: Actor) -> dict[str, Any]:
    """Return the communities of one's stores' catchments."""
    return {"items": [dict(row._mapping) for row in read(_COMMUNITIES, actor.as_member)]}


def shelf(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of orders that are collected at one's stores, newest first; with notes, so that it is an act."""
    params = {**actor.as_member, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    with transaction() as tx:
        rows = tx.execute(_SHELF, params).fetchall()
        shown = page([{**order_core(row), "store_id": row.store_id} for row in rows], limit=limit, key="order_id")
        leave_orders_read(tx, actor, shown)
    return shown


def face_check(actor: Actor, moved: dict[str, Any]) -> dict[str, Any]:
    """Return whose ID card it should be, to the clerk who scanned, while it is open; each look is an act."""
    face_check_id = moved["verification_id"]
    params = {"face_check_id": face_check_id, "clerk_id": actor.account_id, "window": FACE_WINDOW}
    with transaction() as tx:
        row = tx.execute(_FACE_CHECK, params).one_or_none()
        if row is None:
            return {**moved, "name": None, "id_number": None}
        audit.record(
            tx, actor, "identity.read", subject_kind="face_check", subject_id=face_check_id, whom_id=row.account_id
        )
    return {
        **moved,
        "name": unseal(row.name_sealed, context=NAME_CONTEXT),
        "id_number": unseal(row.number_sealed, context=NUMBER_CONTEXT),
    }
