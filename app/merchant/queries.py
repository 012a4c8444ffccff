"""What merchants read: only of shops whose merchant they are members of."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.catalog.errors import ShopNotFound
from app.core.delivery.checks import FRESH_S
from app.core.dispatch.travel import SPEED_M_MIN
from app.core.orders.errors import OrderNotFound
from app.core.orders.states import OrderState
from app.core.papers.rules import NEEDED
from app.core.privacy.visibility import Field, Shown, Viewer, mask_name, mask_phone, phase_of, shown
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.kernel.wire import Row
from app.usecases.delivering.hand_over import pick_up_code
from app.usecases.people.addresses import DOOR_CONTEXT
from app.web.orders import COLUMNS, FROM, order_core
from app.web.paging import page, read_cursor
from app.web.papers import COLUMNS as PAPER_COLUMNS
from app.web.wishes import SEALED_WISHES, shown_wishes

_MEMBER = """
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
"""
_SHOPS = text(
    f"""
    SELECT s.shop_id, s.merchant_id, s.name, s.vertical, s.state, s.is_auto_accept FROM shops AS s {_MEMBER}
    ORDER BY s.shop_id LIMIT 500
    """
)
_IS_MEMBER = text(f"SELECT 1 FROM shops AS s {_MEMBER} WHERE s.shop_id = :shop_id")
_CONTACT = f"{SEALED_WISHES}, o.address_sealed, o.paid_at IS NOT NULL AS is_paid, business_now() AS now"
_ORDERS = text(
    f"""
    SELECT {COLUMNS}, {_CONTACT}, c.name AS community_name {FROM}
    JOIN communities AS c ON c.community_id = o.community_id {_MEMBER}
    WHERE o.shop_id = :shop_id AND o.order_id < :before AND o.state <> 'awaiting_payment' AND o.paid_at IS NOT NULL
      AND (CAST(:state AS text) IS NULL OR o.state = :state)
    ORDER BY o.order_id DESC LIMIT :limit
    """
)
_ORDER = text(
    f"""
    SELECT {COLUMNS}, {_CONTACT}, c.name AS community_name {FROM}
    JOIN communities AS c ON c.community_id = o.community_id {_MEMBER}
    WHERE o.order_id = :order_id AND o.paid_at IS NOT NULL
    """
)
_SHOP_PAPERS = text(f"SELECT s.vertical, s.license_expires_on FROM shops AS s {_MEMBER} WHERE s.shop_id = :shop_id")
_PAPERS = text(f"SELECT {PAPER_COLUMNS} FROM papers AS p WHERE p.shop_id = :shop_id ORDER BY p.paper_id DESC LIMIT 200")
_BALANCES = text(
    """
    SELECT h.merchant_id, h.name, coalesce(p.posted_fen, 0) AS pending_fen,
           coalesce(a.available_fen, 0) AS available_fen
    FROM merchants AS h
    JOIN memberships AS m ON m.organization_id = h.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    LEFT JOIN ledger.balance AS p ON p.code = 'merchant_pending:' || h.merchant_id
    LEFT JOIN ledger.balance AS a ON a.code = 'merchant_available:' || h.merchant_id
    ORDER BY h.merchant_id LIMIT 100
    """
)


def shops(actor: Actor) -> dict[str, Any]:
    """Return the shops that one may act for."""
    return {"items": [dict(row._mapping) for row in read(_SHOPS, actor.as_member)]}


def orders(actor: Actor, *, shop_id: UUID, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of a shop's paid orders, newest first.

    :raises ShopNotFound: there is no such shop, or it is another's.
    """
    params = {
        "shop_id": shop_id,
        **actor.as_member,
        "before": read_cursor(cursor),
        "state": state,
        "limit": limit + 1,
    }
    with transaction() as tx:
        rows = tx.execute(_ORDERS, params).fetchall()
        if not rows and tx.execute(_IS_MEMBER, params).first() is None:
            raise ShopNotFound
    return page([_order(row) for row in rows], limit=limit, key="order_id")


def order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Return an order of one's shop."""
    row = read(_ORDER, {"order_id": order_id, **actor.as_member}).one_or_none()
    if row is None:
        raise OrderNotFound
    return _order(row)


_ARRIVALS = text(
    f"""
    SELECT o.order_id, o.number, o.state AS order_state, d.state AS delivery_state, k.vehicle, t.expected_ready_at,
        p.arrived_at, p.lat, p.lng, seen.lat AS seen_lat, seen.lng AS seen_lng, business_now() AS now
    FROM shops AS s {_MEMBER}
    JOIN orders AS o ON o.shop_id = s.shop_id AND o.state IN ('preparing', 'ready')
    JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
        AND d.state IN ('open', 'offered', 'assigned', 'at_pickup')
    JOIN trips AS t ON t.trip_id = d.trip_id
    JOIN stops AS p ON p.stop_id = d.pick_up_stop_id
    LEFT JOIN couriers AS k ON k.courier_id = t.courier_id
    LEFT JOIN courier_positions AS seen ON seen.courier_id = t.courier_id
        AND seen.heard_at > business_now() - interval '{FRESH_S} seconds'
    WHERE s.shop_id = :shop_id ORDER BY t.expected_ready_at, o.order_id LIMIT 100
    """
)


def arrivals(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """Return who comes when for what a shop prepares: not who they are, nor where.

    The time is the way by the speed of the constants, not of the fastest; null when nobody is under way or seen.

    :raises ShopNotFound: there is no such shop, or it is another's.
    """
    params = {"shop_id": shop_id, **actor.as_member}
    with transaction() as tx:
        rows = tx.execute(_ARRIVALS, params).fetchall()
        if not rows and tx.execute(_IS_MEMBER, params).first() is None:
            raise ShopNotFound
    return {"items": [_arrival(row) for row in rows]}


def _arrival(row: Row) -> dict[str, Any]:
    away = None if row.seen_lat is None else distance_m(row.seen_lat, row.seen_lng, row.lat, row.lng)
    is_there = row.arrived_at is not None
    minutes = None if away is None or is_there else away / SPEED_M_MIN
    return {
        "order_id": row.order_id,
        "number": row.number,
        "order_state": row.order_state,
        "delivery_state": row.delivery_state,
        "vehicle": row.vehicle,
        "expected_ready_at": row.expected_ready_at,
        "is_there": is_there,
        "arrives_at": None if minutes is None else row.now + timedelta(minutes=minutes),
    }


def papers(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """Return a shop's papers, the newest two hundred.

    :raises ShopNotFound: there is no such shop, or it is another's.
    """
    shop = read(_SHOP_PAPERS, {"shop_id": shop_id, **actor.as_member}).one_or_none()
    if shop is None:
        raise ShopNotFound
    items = [dict(row._mapping) for row in read(_PAPERS, {"shop_id": shop_id})]
    needed = [kind.value for kind in NEEDED[shop.vertical]]
    return {"license_expires_on": shop.license_expires_on, "needed": needed, "items": items}


def balances(actor: Actor) -> dict[str, Any]:
    """Return what one's merchants have earned."""
    return {"items": [dict(row._mapping) for row in read(_BALANCES, actor.as_member)]}


def _order(row: Row) -> dict[str, Any]:
    is_here = row.state in {OrderState.PREPARING, OrderState.READY}
    return {
        **order_core(row),
        "pick_up_code": pick_up_code(row.order_id) if is_here else None,
        "community_name": row.community_name,
        **_contact(row),
        **shown_wishes(row),
    }


def _contact(row: Row) -> dict[str, Any]:
    """Return whom the order is for, masked, for as long as the table says."""
    phase = phase_of(is_paid=row.is_paid, over_at=row.delivered_at or row.ended_at, now=row.now)
    nothing = {"masked_name": None, "masked_phone": None}
    if row.address_sealed is None or shown(Field.CONTACT_PHONE, Viewer.MERCHANT, phase) is not Shown.MASKED:
        return nothing
    door = orjson.loads(unseal(row.address_sealed, context=DOOR_CONTEXT))
    return {"masked_name": mask_name(door["contact_name"]), "masked_phone": mask_phone(door["contact_phone"])}
