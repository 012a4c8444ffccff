"""Place a checkout (下单): one order per shop, stock reserved, prices frozen. Two round trips."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.core.accounts.errors import SessionEnded
from app.core.dispatch.estimates import Told
from app.core.events import OrderPlaced
from app.core.orders.errors import DeliverySlotFull, NoteOfNoShop, SoldOut
from app.core.orders.models import Fulfillment
from app.core.orders.quote import Quote, ShopQuote
from app.core.orders.rules import PAYMENT_WINDOW, commission_of, order_number
from app.core.orders.states import CHECKOUT_TRANSITIONS, CheckoutAction, CheckoutState, OrderState
from app.core.orders.wishes import GIFT_CONTEXT, INVOICE_CONTEXT, NO_WISHES, Gift, Invoice, Wishes
from app.core.payments.models import PaymentPurpose
from app.core.payments.states import PaymentState
from app.core.promotions.errors import CouponsGone
from app.kernel.actor import Actor
from app.kernel.errors import LinliError
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.sealing import seal
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Closing, closing, crowded, transaction
from app.usecases.privacy.consents import consent_needed, versions_in_force
from app.usecases.promoting.coupons import COUPON_USED, coupon_of
from app.usecases.shopping.keeping import refuse_changed
from app.usecases.shopping.promising import promises_of, windows_of
from app.usecases.shopping.quoting import (
    LOCK_CART,
    LOCK_CART_WITH_COUPON,
    NO_SLOTS,
    PricedCart,
    Slots,
    is_perishable,
    look_at_cart,
    slot_params,
)

CHECKOUT_EXPIRES = "checkout_expires"
"""Timer: the payment window of a checkout is over."""

_WRITES = """
    made_checkout AS (
        INSERT INTO checkouts (checkout_id, account_id, state, total_fen, placed_at, expires_at)
        VALUES (:checkout_id, :account_id, :checkout_state, :total_fen, business_now(), :expires_at)
    ),
    made_payment AS (
        INSERT INTO payments (payment_id, account_id, purpose, checkout_id, amount_fen, state, created_at)
        VALUES (:payment_id, :account_id, :purpose, :checkout_id, :total_fen, :payment_state, business_now())
    ),
    made_orders AS (
        INSERT INTO orders (order_id, number, checkout_id, account_id, shop_id, merchant_id, community_id, store_id,
            state, fulfillment, is_perishable, goods_fen, packing_fen, delivery_fen, night_fen, weather_fen, floors_fen,
            trip_saving_fen, shared_trip_id, discount_fen, platform_off_fen, promotion_fen, campaign_id, total_fen,
            left_fen, commission_fen, payment_id, note, cutlery_count, invoice_sealed, gift_sealed, address_sealed,
            address_lat, address_lng, walk_up_floors, preparation_minutes, usual_s, promise_from_s, promise_by_s,
            promised_from_at, promised_at, slot_starts_at, slot_ends_at, placed_at)
        SELECT o.order_id, o.number, :checkout_id, :account_id, o.shop_id, o.merchant_id, :community_id, :store_id,
            :order_state, :fulfillment, o.is_perishable, o.goods_fen, o.packing_fen, o.delivery_fen, o.night_fen,
            o.weather_fen, o.floors_fen, o.trip_saving_fen, o.shared_trip_id, o.discount_fen, o.platform_off_fen,
            o.platform_off_fen, CAST(:campaign_id AS uuid), o.total_fen, o.left_fen, o.commission_fen, :payment_id,
            o.note, CAST(:cutlery_count AS bigint), CAST(:invoice_sealed AS text), CAST(:gift_sealed AS text),
            :address_sealed, :address_lat, :address_lng, CAST(:walk_up_floors AS bigint), o.preparation_minutes,
            o.usual_s, o.promise_from_s, o.promise_by_s, o.slot_starts_at, o.slot_ends_at, o.slot_starts_at,
            o.slot_ends_at, business_now()
        FROM jsonb_to_recordset(CAST(:orders AS jsonb)) AS o (order_id uuid, number text, shop_id uuid,
            merchant_id uuid, is_perishable boolean, goods_fen bigint, packing_fen bigint, delivery_fen bigint,
            night_fen bigint, weather_fen bigint, floors_fen bigint, trip_saving_fen bigint, shared_trip_id uuid,
            discount_fen bigint, platform_off_fen bigint, total_fen bigint, left_fen bigint, commission_fen bigint,
            preparation_minutes bigint, usual_s bigint, promise_from_s bigint,
            promise_by_s bigint, slot_starts_at timestamptz, slot_ends_at timestamptz,
            note text)
    ),
    made_lines AS (
        INSERT INTO order_lines (order_id, line, sku_id, name, option, unit_price_fen, quantity, goods_fen,
            packing_fen, discount_fen, platform_off_fen, commission_bp, commission_least_fen, commission_cap_fen,
            commission_rule, refundable_fen, is_counted, note, is_return_excluded)
        SELECT l.order_id, l.line, l.sku_id, l.name, l.option, l.unit_price_fen, l.quantity, l.goods_fen, l.packing_fen,
            l.discount_fen, l.platform_off_fen, l.commission_bp, l.commission_least_fen, l.commission_cap_fen,
            l.commission_rule, l.goods_fen + l.packing_fen - l.discount_fen, l.is_counted, l.note, l.is_return_excluded
        FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS l (order_id uuid, line bigint, sku_id uuid, name text,
            option text, unit_price_fen bigint, quantity bigint, goods_fen bigint, packing_fen bigint,
            discount_fen bigint, platform_off_fen bigint, commission_bp bigint, commission_least_fen bigint,
            commission_cap_fen bigint, commission_rule text, is_counted boolean, note text, is_return_excluded boolean)
    ),
    emptied AS (
        DELETE FROM cart_lines WHERE account_id = :account_id AND sku_id = ANY(CAST(:sku_ids AS uuid[]))
    ),
    taken AS (
        INSERT INTO slot_counters AS c (shop_id, starts_at, taken, capacity)
        SELECT w.shop_id, w.starts_at, 1, w.capacity
        FROM jsonb_to_recordset(CAST(:slots AS jsonb)) AS w (shop_id uuid, starts_at timestamptz, capacity bigint)
        {behind}
        ORDER BY w.shop_id, w.starts_at
        ON CONFLICT (shop_id, starts_at) DO UPDATE SET taken = c.taken + 1, capacity = excluded.capacity
        WHERE c.taken < excluded.capacity
        RETURNING c.shop_id
    ),
    wanted AS (
        SELECT * FROM unnest(CAST(:counted_ids AS uuid[]), CAST(:counted AS bigint[])) AS w (sku_id, quantity)
    ),
    locked_stock AS (
        SELECT n.sku_id FROM stock AS n JOIN wanted AS w ON w.sku_id = n.sku_id
        WHERE (SELECT count(*) FROM taken) >= 0 ORDER BY n.sku_id FOR UPDATE OF n
    ),
    reserved AS (
        UPDATE stock AS n SET on_hand = n.on_hand - w.quantity, reserved = n.reserved + w.quantity
        FROM wanted AS w JOIN locked_stock AS k ON k.sku_id = w.sku_id
        WHERE n.sku_id = w.sku_id AND n.on_hand >= w.quantity
        RETURNING n.sku_id
    )"""


def _place(writes: str, had: str) -> Closing:
    """Return the closing that expects to get every piece, place and coupon it counts on, and tells what it got."""
    return closing(
        writes,
        expecting={"had": f"(SELECT count(*) FROM ({had}) AS h) = :wanted_count"},
        telling=f"(SELECT string_agg(CAST(h.had_id AS text), ' ') FROM ({had}) AS h)",
    )


_HAD = "SELECT sku_id AS had_id FROM reserved UNION ALL SELECT shop_id FROM taken"
_PLACE = crowded(_place(_WRITES.format(behind=""), _HAD))
_PLACE_WITH_COUPON = _place(
    f"{COUPON_USED}, {_WRITES.format(behind='WHERE (SELECT count(*) FROM spent) >= 0')}",
    f"{_HAD} UNION ALL SELECT coupon_id FROM spent",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """One order of the checkout."""

    order_id: UUID
    number: str
    shop_id: UUID
    total_fen: int
    promised_from_at: datetime | None
    promised_at: datetime | None
    """When it comes if it is paid now; None for what is collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What placement answers."""

    checkout_id: UUID
    payment_id: UUID
    state: str
    total_fen: int
    orders: list[PlacedOrder]


def place_checkout(
    actor: Actor,
    claim: Claim,
    *,
    address_id: UUID,
    quote_version: str,
    fulfillment: Fulfillment,
    note: str,
    slots: Slots = NO_SLOTS,
    wishes: Wishes = NO_WISHES,
    is_trip_shared: bool = False,
    coupon_id: UUID | None = None,
) -> Placed:
    """Turn the cart into a checkout to be paid within fifteen minutes.

    Locks the cart's lines, then the coupon and its campaign, where one is named, then the slots by shop, then the stock
    of counted SKUs in SKU order.

    :param quote_version: the version of the quote that the resident saw and agreed to.
    :param is_trip_shared: whether shops that can share a trip do so, as in that quote.
    :raises app.core.orders.errors.QuoteChanged: the cart would now cost or hold something else, or cannot be bought.
    :raises SoldOut, DeliverySlotFull: another resident was faster.
    :raises CouponNotFound, CouponNotUsable, CouponNotApplicable, CouponsGone: the coupon takes nothing off.
    :raises NoteOfNoShop: a note is to a shop that the cart buys nothing from.
    :raises SessionEnded: the session was ended, or the account suspended.
    :raises ConsentNeeded: terms or privacy policy in force are not agreed to.
    """
    state = next_state(CHECKOUT_TRANSITIONS, CheckoutState.OPEN, CheckoutAction.PLACE, actor.role)
    with transaction(claim) as tx:
        asked = {
            "account_id": actor.account_id,
            "address_id": address_id,
            "session_id": actor.session_id,
            **slot_params(slots),
        }
        if coupon_id is None:
            rows = tx.open(LOCK_CART, {**asked, **versions_in_force()})
        else:
            rows = tx.open(LOCK_CART_WITH_COUPON, {**asked, **versions_in_force(), "coupon_id": coupon_id})
        if rows and not rows[0].is_in_standing:
            raise SessionEnded
        if rows and not rows[0].has_agreed:
            raise consent_needed()
        coupon = coupon_of(rows[0]) if rows and coupon_id is not None else None
        cart = look_at_cart(rows, fulfillment, coupon, is_trip_shared=is_trip_shared)
        quote = cart.quote
        if cart.refusals or quote.version != quote_version:
            raise refuse_changed(tx, cart, account_id=actor.account_id, quote_version=quote_version)
        if not wishes.notes.keys() <= cart.shops.keys():
            raise NoteOfNoShop(pointer="/notes")
        checkout_id, payment_id = new_id(), new_id()
        promises = promises_of(cart)
        windows = windows_of(cart, promises)
        shared = _shared_trip_ids(quote)
        orders = [
            {
                **_order_of(shop, cart, promises[shop.shop_id]),
                **shared[shop.shop_id],
                "note": wishes.notes.get(shop.shop_id, note),
            }
            for shop in quote.shops
        ]
        placed = Placed(
            checkout_id=checkout_id,
            payment_id=payment_id,
            state=state.value,
            total_fen=quote.total_fen,
            orders=[
                PlacedOrder(
                    order_id=order["order_id"],
                    number=order["number"],
                    shop_id=order["shop_id"],
                    total_fen=order["total_fen"],
                    promised_from_at=None if (window := windows[order["shop_id"]]) is None else window.earliest_at,
                    promised_at=None if window is None else window.latest_at,
                )
                for order in orders
            ],
        )
        for order in orders:
            tx.record(
                OrderPlaced(
                    order_id=order["order_id"],
                    account_id=actor.account_id,
                    shop_id=order["shop_id"],
                    state=OrderState.AWAITING_PAYMENT,
                )
            )
        tx.schedule(Timer(CHECKOUT_EXPIRES, checkout_id, PAYMENT_WINDOW))
        tx.keep(placed)
        places = [_place_of(shop, cart) for shop in quote.shops if shop.slot_starts_at]
        counted = {line.sku_id: line.quantity for shop in quote.shops for line in shop.lines if line.is_counted}
        tx.close(
            _PLACE if coupon is None else _PLACE_WITH_COUPON,
            {
                "checkout_id": checkout_id,
                "payment_id": payment_id,
                "account_id": actor.account_id,
                "checkout_state": state.value,
                "payment_state": PaymentState.PENDING.value,
                "order_state": OrderState.AWAITING_PAYMENT.value,
                "purpose": PaymentPurpose.CHECKOUT.value,
                "total_fen": quote.total_fen,
                "expires_at": cart.now + PAYMENT_WINDOW,
                "community_id": cart.first.community_id,
                "store_id": cart.first.store_id,
                "fulfillment": fulfillment.value,
                "campaign_id": None if coupon is None else coupon.campaign_id,
                "coupon_id": coupon_id,
                "coupon_off_fen": sum(shop.platform_off_fen for shop in quote.shops),
                **_sealed(wishes),
                "address_sealed": cart.first.door_sealed,
                "address_lat": cart.first.address_lat,
                "address_lng": cart.first.address_lng,
                "walk_up_floors": cart.first.walk_up_floors,
                "orders": orjson.dumps(orders).decode(),
                "lines": orjson.dumps(
                    [
                        line
                        for order, shop in zip(orders, quote.shops, strict=True)
                        for line in _lines_of(order["order_id"], shop, cart.notes)
                    ]
                ).decode(),
                "sku_ids": [line.sku_id for shop in quote.shops for line in shop.lines],
                "counted_ids": list(counted),
                "counted": list(counted.values()),
                "slots": orjson.dumps(places).decode(),
                "wanted_count": len(counted) + len(places) + (coupon_id is not None),
            },
            unmet={"had": lambda told: _too_slow(quote, set(counted), set(map(UUID, told.split())), coupon_id)},
        )
    return placed


def _shared_trip_ids(quote: Quote) -> dict[UUID, dict[str, object]]:
    ids = {shop.trip_with: new_id() for shop in quote.shops if shop.trip_with is not None}
    return {
        shop.shop_id: {
            "trip_saving_fen": shop.trip_saving_fen,
            "shared_trip_id": None if shop.trip_with is None else max(ids[shop.trip_with], ids[shop.shop_id]),
        }
        for shop in quote.shops
    }


def _too_slow(quote: Quote, counted: set[UUID], had: set[UUID], coupon_id: UUID | None) -> LinliError:
    """Return what to say when somebody else took the last of something after the cart was read."""
    if coupon_id is not None and coupon_id not in had:
        return CouponsGone(pointer="/coupon_id")
    for shop in quote.shops:
        if shop.slot_starts_at is not None and shop.shop_id not in had:
            return DeliverySlotFull(shop_id=shop.shop_id, slot_starts_at=shop.slot_starts_at)
    return SoldOut(sku_id=min(counted - had), left=0)


def _place_of(shop: ShopQuote, cart: PricedCart) -> dict[str, Any]:
    capacity = cart.shops[shop.shop_id].capacity
    return {"shop_id": shop.shop_id, "starts_at": shop.slot_starts_at, "capacity": capacity}


def _order_of(shop: ShopQuote, cart: PricedCart, promise: Told | None) -> dict[str, Any]:
    row = cart.shops[shop.shop_id]
    order_id = new_id()
    return {
        "order_id": order_id,
        "number": order_number(order_id, cart.now),
        "shop_id": shop.shop_id,
        "merchant_id": row.merchant_id,
        "is_perishable": is_perishable(row.vertical),
        "goods_fen": shop.goods_fen,
        "packing_fen": shop.packing_fen,
        "delivery_fen": shop.delivery_fen,
        **asdict(shop.surcharges),
        "discount_fen": shop.discount_fen,
        "platform_off_fen": shop.platform_off_fen,
        "total_fen": shop.total_fen,
        "left_fen": sum(line.paid_fen for line in shop.lines),
        "commission_fen": commission_of([(line.sold_fen, shop.commission) for line in shop.lines]),
        "preparation_minutes": shop.preparation_minutes,
        "usual_s": None if promise is None else promise.usual_s,
        "promise_from_s": None if promise is None else promise.from_s,
        "promise_by_s": None if promise is None else promise.by_s,
        "slot_starts_at": shop.slot_starts_at,
        "slot_ends_at": shop.slot_ends_at,
    }


def _sealed(wishes: Wishes) -> dict[str, object]:
    return {
        "cutlery_count": wishes.cutlery_count,
        "invoice_sealed": _seal(wishes.invoice, INVOICE_CONTEXT),
        "gift_sealed": _seal(wishes.gift, GIFT_CONTEXT),
    }


def _seal(wish: Invoice | Gift | None, context: str) -> str | None:
    return None if wish is None else seal(orjson.dumps(wish).decode(), context=context)


def _lines_of(order_id: object, shop: ShopQuote, notes: Mapping[UUID, str]) -> list[dict[str, object]]:
    return [
        {
            "order_id": order_id,
            "line": number,
            "sku_id": line.sku_id,
            "name": line.name,
            "option": line.option,
            "unit_price_fen": line.unit_price_fen,
            "quantity": line.quantity,
            "goods_fen": line.goods_fen,
            "packing_fen": line.packing_fen,
            "discount_fen": line.discount_fen,
            "platform_off_fen": line.platform_off_fen,
            "commission_bp": shop.commission.bp,
            "commission_least_fen": shop.commission.least_fen,
            "commission_cap_fen": shop.commission.cap_fen,
            "commission_rule": shop.commission.rule,
            "is_counted": line.is_counted,
            "note": notes[line.sku_id],
            "is_return_excluded": line.is_return_excluded,
        }
        for number, line in enumerate(shop.lines, start=1)
    ]
