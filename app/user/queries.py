"""What residents read: each query scoped to the asker, each list bounded, one round trip each."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.accounts.errors import AddressNotFound
from app.core.catalog.errors import ShopNotFound
from app.core.catalog.models import ShopState
from app.core.catalog.rules import delivery_fee_fen, is_open_at
from app.core.delivery.checks import HandOverWay
from app.core.delivery.positions import on_grid
from app.core.delivery.states import FOLLOWED
from app.core.ledger import codes
from app.core.orders.errors import CheckoutNotFound, OrderNotFound
from app.core.orders.models import Fulfillment
from app.core.orders.states import FINAL_ORDER_STATES, OrderState
from app.core.payments.errors import PaymentNotFound
from app.core.verification.levels import Level, level_of
from app.core.verification.limits import UNCAPPED_FEN, Period, Strength, cap_fen
from app.kernel.actor import Actor
from app.kernel.geo import box_around, distance_m
from app.kernel.sealing import unseal
from app.kernel.transaction import read, transaction
from app.kernel.wire import Row
from app.usecases.delivering.hand_over import NEIGHBOR_CONTEXT, door_code
from app.usecases.delivering.open_box import locker_code
from app.usecases.ordering.finish_order import collect_code
from app.usecases.people.addresses import DOOR_CONTEXT
from app.usecases.shopping.promising import PromisedQuote
from app.web.orders import COLUMNS, FROM, order_core
from app.web.paging import page, read_cursor
from app.web.replies import in_json
from app.web.reviews import RATING_COLUMNS
from app.web.wishes import SEALED_WISHES, shown_wishes

RADIUS_M_MAX = 5_000
"""No shop delivers further than this."""

_NEAR = text(
    """
    SELECT community_id, name, district, street, store_id, lat, lng, outline FROM communities
    WHERE merged_into_id IS NULL
    ORDER BY CASE WHEN CAST(:lat AS double precision) IS NULL THEN 0
        ELSE point(lng * cosd(:lat), lat) <-> point(:lng * cosd(:lat), :lat) END, name LIMIT :limit
    """
)
_ADDRESSES = text(
    """
    SELECT a.address_id, a.community_id, c.name AS community_name, a.lat, a.lng, a.walk_up_floors, a.door_sealed
    FROM addresses AS a JOIN communities AS c ON c.community_id = a.community_id
    WHERE a.account_id = :account_id AND a.removed_at IS NULL ORDER BY a.address_id DESC LIMIT 100
    """
)
_ADDRESS = text(
    "SELECT lat, lng FROM addresses WHERE address_id = :address_id AND account_id = :account_id AND removed_at IS NULL"
)
_SHOP = f"""
    SELECT shop_id, name, vertical, state, lat, lng, radius_m, minimum_fen, packing_fen, preparation_minutes, hours,
           fee_tiers, paused_until, license_number, license_expires_on, business_now() AS now, {RATING_COLUMNS}
    FROM shops LEFT JOIN shop_ratings AS rated USING (shop_id)
"""
_SHOPS_NEAR = text(
    f"""
    {_SHOP}
    WHERE point(lng, lat) <@ box(point(:lng_min, :lat_min), point(:lng_max, :lat_max))
      AND state IN ('open', 'resting')
      AND license_expires_on >= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
      AND (CAST(:vertical AS text) IS NULL OR vertical = :vertical)
    """
)
_ONE_SHOP = text(
    f"""
    {_SHOP} WHERE shop_id = :shop_id AND (state IN ('open', 'resting') OR state IN ('suspended', 'leaving')
        AND EXISTS (SELECT 1 FROM orders AS o WHERE o.shop_id = shops.shop_id AND o.account_id = :account_id
            AND (o.state <> ALL (CAST(:over AS text[])) OR EXISTS (SELECT 1 FROM after_sale_cases AS c
                WHERE c.order_id = o.order_id AND c.ended_at IS NULL))))
    """
)
"""A shop that the platform closed stays within reach of whom it still owes something: an order, or an answer."""
_PAPERS = text(
    "SELECT kind, number, expires_on FROM papers WHERE shop_id = :shop_id AND state = 'approved' ORDER BY kind"
)
_INVITATIONS = text(
    """
    SELECT i.invitation_id, i.organization_id, i.role, i.state, i.invited_at, i.expires_at
    FROM invitations AS i JOIN accounts AS a ON a.phone_index = i.phone_index
    WHERE a.account_id = :account_id AND i.state = 'open' AND i.expires_at > clock_timestamp()
    ORDER BY i.invitation_id DESC LIMIT 100
    """
)
_CART = text(
    """
    SELECT c.sku_id, c.quantity, c.note, s.shop_id, s.name AS shop_name, f.name, k.option, k.price_fen,
           f.state = 'on_sale' AND k.removed_at IS NULL AS is_on_sale, n.on_hand AS left
    FROM cart_lines AS c
    JOIN skus AS k ON k.sku_id = c.sku_id JOIN offers AS f ON f.offer_id = k.offer_id
    JOIN shops AS s ON s.shop_id = k.shop_id LEFT JOIN stock AS n ON n.sku_id = k.sku_id
    WHERE c.account_id = :account_id ORDER BY s.shop_id, c.added_at, c.sku_id LIMIT 200
    """
)
_IN_S = "business_now() + {} * interval '1 second'"
_CHECKOUT = text(
    f"""
    SELECT c.checkout_id, p.payment_id, c.state, c.total_fen, c.placed_at, c.expires_at,
        (SELECT json_agg(json_build_object('order_id', o.order_id, 'number', o.number, 'shop_id', o.shop_id,
            'total_fen', o.total_fen, 'state', o.state,
            'promised_from_at', {in_json(f"coalesce(o.promised_from_at, {_IN_S.format('o.promise_from_s')})")},
            'promised_at', {in_json(f"coalesce(o.promised_at, {_IN_S.format('o.promise_by_s')})")}) ORDER BY o.order_id)
         FROM orders AS o WHERE o.checkout_id = c.checkout_id) AS orders
    FROM checkouts AS c JOIN payments AS p ON p.checkout_id = c.checkout_id
    WHERE c.checkout_id = :checkout_id AND c.account_id = :account_id
    """
)
_PAYMENT = text(
    """
    SELECT p.payment_id, p.purpose, p.checkout_id, p.method, p.state, p.amount_fen, p.refunded_fen,
           a.attempt_id, a.state AS attempt_state, nullif(a.account_part_fen, 0) AS account_part_fen, a.qr_text,
           a.client_secret
    FROM payments AS p
    LEFT JOIN LATERAL (
        SELECT attempt_id, state, account_part_fen, qr_text, client_secret FROM payment_attempts
        WHERE payment_id = p.payment_id
        ORDER BY attempt_id DESC LIMIT 1) AS a ON true
    WHERE p.payment_id = :payment_id AND p.account_id = :account_id
    """
)
_HAND_OVER = """
    (SELECT json_build_object('way', d.hand_over_way, 'photo_id', d.photo_reference,
        'neighbor', d.neighbor_sealed, 'locker_box', d.locker_box, 'collected_at', d.collected_at)
     FROM deliveries AS d WHERE d.order_id = o.order_id AND d.case_id IS NULL
        AND d.hand_over_way IS NOT NULL) AS hand_over,
    (SELECT l.amount_fen FROM late_compensations AS l WHERE l.order_id = o.order_id) AS late_fen
"""
_HAND_OVER += f", {SEALED_WISHES}"
_ORDERS = text(
    f"""
    SELECT {COLUMNS}, {_HAND_OVER} {FROM}
    WHERE o.account_id = :account_id AND o.order_id < :before AND (CAST(:state AS text) IS NULL OR o.state = :state)
    ORDER BY o.order_id DESC LIMIT :limit
    """
)
_ORDER = text(f"SELECT {COLUMNS}, {_HAND_OVER} {FROM} WHERE o.order_id = :order_id AND o.account_id = :account_id")

_COURIER = text(
    """
    SELECT o.order_id, p.lat, p.lng, p.measured_at FROM orders AS o
    LEFT JOIN deliveries AS d ON d.order_id = o.order_id AND d.case_id IS NULL
        AND d.state = ANY (CAST(:followed AS text[]))
    LEFT JOIN trips AS t ON t.trip_id = d.trip_id
    LEFT JOIN courier_positions AS p ON p.courier_id = t.courier_id
    WHERE o.order_id = :order_id AND o.account_id = :account_id
    """
)
_VERIFICATION = text(
    """
    SELECT a.verification_level,
        (SELECT json_agg(json_build_object('channel', c.channel, 'state', c.state) ORDER BY c.check_id)
         FROM identity_checks AS c WHERE c.account_id = a.account_id) AS checks,
        coalesce((SELECT used_fen FROM limit_counters AS l WHERE l.account_id = a.account_id
            AND l.period = to_char(business_now() AT TIME ZONE 'Asia/Shanghai', 'YYYY')), 0) AS year_used_fen
    FROM accounts AS a WHERE a.account_id = :account_id
    """
)


def communities(*, lat: float | None, lng: float | None, limit: int) -> dict[str, Any]:
    """Return communities, nearest first when a place is given."""
    rows = read(_NEAR, {"lat": lat, "lng": lng, "limit": limit})
    return {"items": [dict(row._mapping) for row in rows]}


def addresses(actor: Actor) -> dict[str, Any]:
    """Return one's addresses, newest first."""
    rows = read(_ADDRESSES, {"account_id": actor.account_id}).fetchall()
    return {"items": [_address(row) for row in rows]}


def _address(row: Row) -> dict[str, Any]:
    return {
        "address_id": row.address_id,
        "community_id": row.community_id,
        "community_name": row.community_name,
        "lat": row.lat,
        "lng": row.lng,
        "walk_up_floors": row.walk_up_floors,
        **orjson.loads(unseal(row.door_sealed, context=DOOR_CONTEXT)),
    }


def shops_near(
    actor: Actor, *, address_id: UUID, vertical: str | None, is_open: bool | None, limit: int
) -> dict[str, Any]:
    """Return shops that deliver to an address, nearest first, open or closed, with fee and minimum."""
    with transaction() as tx:
        place = tx.execute(_ADDRESS, {"address_id": address_id, "account_id": actor.account_id}).one_or_none()
        if place is None:
            raise AddressNotFound(pointer="/address_id")
        lat_min, lng_min, lat_max, lng_max = box_around(place.lat, place.lng, RADIUS_M_MAX)
        rows = tx.execute(
            _SHOPS_NEAR,
            {"lat_min": lat_min, "lng_min": lng_min, "lat_max": lat_max, "lng_max": lng_max, "vertical": vertical},
        ).fetchall()
    shown = [_shop(row, distance_m(row.lat, row.lng, place.lat, place.lng)) for row in rows]
    within = [shop for shop, row in zip(shown, rows, strict=True) if shop["distance_m"] <= row.radius_m]
    wanted = [shop for shop in within if is_open is None or shop["is_open"] is is_open]
    return {"items": sorted(wanted, key=lambda shop: (shop["distance_m"], str(shop["shop_id"])))[:limit]}


def shop(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """Return one shop; distance and fee are those of its own door."""
    row = read(_ONE_SHOP, _reach(actor, shop_id)).one_or_none()
    if row is None:
        raise ShopNotFound
    return _shop(row, 0)


def _reach(actor: Actor, shop_id: UUID) -> dict[str, object]:
    over = [state.value for state in FINAL_ORDER_STATES]
    return {"shop_id": shop_id, "account_id": actor.account_id, "over": over}


def papers(actor: Actor, *, shop_id: UUID) -> dict[str, Any]:
    """Return the approved papers of a shop that is on the platform.

    :raises ShopNotFound: there is none.
    """
    if read(_ONE_SHOP, _reach(actor, shop_id)).one_or_none() is None:
        raise ShopNotFound
    return {"items": [dict(row._mapping) for row in read(_PAPERS, {"shop_id": shop_id})]}


def _shop(row: Row, meters: int) -> dict[str, Any]:
    return {
        "shop_id": row.shop_id,
        "name": row.name,
        "vertical": row.vertical,
        "is_open": row.state == ShopState.OPEN and is_open_at(row.hours, row.paused_until, row.now),
        "distance_m": meters,
        "delivery_fen": delivery_fee_fen(row.fee_tiers, meters),
        "minimum_fen": row.minimum_fen,
        "packing_fen": row.packing_fen,
        "preparation_minutes": row.preparation_minutes,
        "license_number": row.license_number,
        "review_count": row.review_count,
        "rating_hundredths": row.rating_hundredths,
    }


def cart(actor: Actor) -> dict[str, Any]:
    """Return the cart."""
    items = [dict(row._mapping) for row in read(_CART, {"account_id": actor.account_id})]
    return {"items": items, "goods_fen": sum(item["price_fen"] * item["quantity"] for item in items)}


def shown_quote(promised: PromisedQuote) -> dict[str, Any]:
    """Return a quote as residents see it: when it comes, and without what the platform takes."""
    quote, windows = promised.quote, promised.windows
    return {
        "quote_version": promised.version,
        "total_fen": quote.total_fen,
        "is_trip_shared": promised.is_trip_shared,
        "best_coupon": promised.best,
        "shared_trips": [{"shop_ids": one.shop_ids, "saving_fen": one.saving_fen} for one in promised.trips],
        "shops": [
            {
                "shop_id": part.shop_id,
                "shop_name": part.shop_name,
                "distance_m": part.distance_m,
                "preparation_minutes": part.preparation_minutes,
                "goods_fen": part.goods_fen,
                "packing_fen": part.packing_fen,
                "delivery_fen": part.delivery_fen,
                "delivery_parts": part.delivery_parts,
                "discount_fen": part.discount_fen,
                "platform_off_fen": part.platform_off_fen,
                "total_fen": part.total_fen,
                "promised_from_at": None if (window := windows[part.shop_id]) is None else window.earliest_at,
                "promised_at": None if window is None else window.latest_at,
                "slot_starts_at": part.slot_starts_at,
                "slot_ends_at": part.slot_ends_at,
                "lines": [
                    {
                        "sku_id": line.sku_id,
                        "name": line.name,
                        "option": line.option,
                        "unit_price_fen": line.unit_price_fen,
                        "quantity": line.quantity,
                        "goods_fen": line.goods_fen,
                        "packing_fen": line.packing_fen,
                        "discount_fen": line.discount_fen,
                    }
                    for line in part.lines
                ],
            }
            for part in quote.shops
        ],
    }


def checkout(actor: Actor, *, checkout_id: UUID) -> dict[str, Any]:
    """Return one's checkout as it stands."""
    row = read(_CHECKOUT, {"checkout_id": checkout_id, "account_id": actor.account_id}).one_or_none()
    if row is None:
        raise CheckoutNotFound
    return dict(row._mapping)


def payment(actor: Actor, *, payment_id: UUID) -> dict[str, Any]:
    """Return one's payment with its latest attempt."""
    row = read(_PAYMENT, {"payment_id": payment_id, "account_id": actor.account_id}).one_or_none()
    if row is None:
        raise PaymentNotFound
    return dict(row._mapping)


def paid_at_once(started: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payment of a checkout that no gateway was asked for, as it is answered."""
    of_attempts = dict.fromkeys(("attempt_id", "attempt_state", "account_part_fen", "qr_text", "client_secret"))
    return {**started, "purpose": "checkout", "refunded_fen": 0, **of_attempts}


def orders(actor: Actor, *, limit: int, cursor: str | None, state: str | None) -> dict[str, Any]:
    """Return a page of one's orders, newest first."""
    params = {"account_id": actor.account_id, "before": read_cursor(cursor), "state": state, "limit": limit + 1}
    rows = read(_ORDERS, params).fetchall()
    return page([_order(row) for row in rows], limit=limit, key="order_id")


def order(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Return one's order."""
    row = read(_ORDER, {"order_id": order_id, "account_id": actor.account_id}).one_or_none()
    if row is None:
        raise OrderNotFound
    return _order(row)


def courier_place(actor: Actor, *, order_id: UUID) -> dict[str, Any]:
    """Return about where who carries one's order is, while it is carried; nothing before and after.

    :raises OrderNotFound: there is no such order of the actor's.
    """
    followed = [state.value for state in FOLLOWED]
    asked = {"order_id": order_id, "account_id": actor.account_id, "followed": followed}
    row = read(_COURIER, asked).one_or_none()
    if row is None:
        raise OrderNotFound
    if row.lat is None:
        return {"place": None}
    return {"place": {"lat": on_grid(row.lat), "lng": on_grid(row.lng), "measured_at": row.measured_at}}


def _order(row: Row) -> dict[str, Any]:
    is_under_way = OrderState(row.state) not in FINAL_ORDER_STATES | {OrderState.AWAITING_PAYMENT, OrderState.DELIVERED}
    is_delivered = row.fulfillment == Fulfillment.DELIVERY
    is_collected = row.fulfillment in {Fulfillment.STORE_PICKUP, Fulfillment.SHOP_PICKUP}
    return {
        **order_core(row),
        "checkout_id": row.checkout_id,
        "door_code": door_code(row.order_id) if is_under_way and is_delivered else None,
        "collect_code": collect_code(row.order_id) if is_under_way and is_collected else None,
        "hand_over": None if row.hand_over is None else _hand_over(row.order_id, row.hand_over),
        "late_fen": row.late_fen,
        **shown_wishes(row),
    }


def _hand_over(order_id: UUID, hand_over: dict[str, Any]) -> dict[str, Any]:
    sealed = hand_over["neighbor"]
    waits = hand_over["way"] == HandOverWay.LOCKER and hand_over.pop("collected_at") is None
    hand_over.pop("collected_at", None)
    hand_over["locker_code"] = locker_code(order_id) if waits else None
    return {**hand_over, "neighbor": None if sealed is None else unseal(sealed, context=NEIGHBOR_CONTEXT)}


def account(actor: Actor) -> dict[str, Any]:
    """Return the balance of one's e-account."""
    with transaction() as tx:
        balance = ledger.balance(tx, codes.e_account(actor.account_id))
        level = level_of(tx, actor.account_id)
    return {
        "account_id": actor.account_id,
        "verification_level": int(level),
        "balance_fen": balance.posted_fen,
        "held_fen": balance.held_fen,
        "available_fen": balance.available_fen,
    }


def statement(actor: Actor, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of one's e-account's entries, newest first."""
    before = None if cursor is None else int(cursor)
    with transaction() as tx:
        lines = ledger.statement(tx, codes.e_account(actor.account_id), before_seq=before, limit=limit + 1)
    shown = lines[:limit]
    return {
        "items": [
            {
                "seq": line.seq,
                "kind": line.kind,
                "reference": line.ref,
                "amount_fen": line.amount_fen,
                "balance_fen": line.balance_fen,
                "posted_at": line.posted_at,
            }
            for line in shown
        ],
        "next_cursor": str(shown[-1].seq) if len(lines) > limit else None,
    }


def verification(actor: Actor) -> dict[str, Any]:
    """Return one's level, the state of its checks, and the caps that go with it."""
    row = read(_VERIFICATION, {"account_id": actor.account_id}).one()
    level = Level(row.verification_level)
    caps = {period: cap_fen(level, Strength.SIGNED, period) for period in (Period.LIFETIME, Period.YEAR)}
    return {
        "level": int(level),
        "checks": row.checks or [],
        "lifetime_fen_max": None if caps[Period.LIFETIME] == UNCAPPED_FEN else caps[Period.LIFETIME],
        "year_fen_max": None if caps[Period.YEAR] == UNCAPPED_FEN else caps[Period.YEAR],
        "year_used_fen": row.year_used_fen,
    }


def invitations(actor: Actor) -> dict[str, Any]:
    """Return open invitations to one's phone."""
    return {"items": [dict(row._mapping) for row in read(_INVITATIONS, {"account_id": actor.account_id})]}
