"""When each part of a cart would come: told with its price, and frozen when it is placed."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.core.dispatch.estimates import Told, Window, told, window_of
from app.core.dispatch.promise import Spread
from app.core.orders.agreed import version_of
from app.core.orders.models import Fulfillment
from app.core.orders.quote import Quote, ShopQuote
from app.core.orders.shared_trip import SharedTrip
from app.core.promotions.rules import BestCoupon, best_coupon
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.usecases.promoting.coupons import coupon_of, held_of
from app.usecases.shopping.keeping import keep_quote
from app.usecases.shopping.quoting import (
    NO_SLOTS,
    READ_CART_TO_SHOW,
    READ_CART_WITH_COUPON,
    PricedCart,
    Slots,
    parts_of,
    price_cart,
    slot_params,
)


@dataclass(frozen=True, slots=True)
class PromisedQuote:
    """A quote, and from when until when each shop's part comes, if it is paid now; None for what is collected.

    :ivar best: of the coupons that are held, the one that takes most off.
    :ivar trips: shops that can share a trip; ``is_trip_shared`` says whether the quote is for that.
    """

    quote: Quote
    version: str
    windows: dict[UUID, Window | None]
    trips: list[SharedTrip]
    is_trip_shared: bool
    best: BestCoupon | None = None


def promises_of(cart: PricedCart) -> dict[UUID, Told | None]:
    """Return by shop what its order is promised by: of the prepared row of the shop, and the way to the door.

    What shares a trip comes when the later of both would.
    """
    if cart.fulfillment is not Fulfillment.DELIVERY:
        return dict.fromkeys(cart.shops)
    alone = {part.shop_id: _told(cart, part.shop_id, part.distance_m) for part in cart.quote.shops}
    return {
        part.shop_id: alone[part.shop_id]
        if part.trip_with is None
        else max(alone[part.shop_id], alone[part.trip_with], key=lambda one: one.by_s)
        for part in cart.quote.shops
    }


def quote_with_promises(
    actor: Actor,
    *,
    address_id: UUID,
    fulfillment: Fulfillment,
    slots: Slots = NO_SLOTS,
    is_trip_shared: bool = False,
    coupon_id: UUID | None = None,
) -> PromisedQuote:
    """Say what the cart costs to this address now, and when it would come; binds nobody, and is kept for a while."""
    asked = {"account_id": actor.account_id, "address_id": address_id, **slot_params(slots)}
    if coupon_id is None:
        rows = read(READ_CART_TO_SHOW, asked).fetchall()
        cart = price_cart(rows, fulfillment, slots, is_trip_shared=is_trip_shared)
    else:
        rows = read(READ_CART_WITH_COUPON, {**asked, "coupon_id": coupon_id}).fetchall()
        coupon = coupon_of(rows[0]) if rows else None
        cart = price_cart(rows, fulfillment, slots, coupon, is_trip_shared=is_trip_shared)
    agreed = cart.quote.agreed
    version = version_of(agreed)
    keep_quote(actor.account_id, version, agreed)
    best = best_coupon(held_of(rows), parts_of(cart), community_id=cart.first.community_id, now=cart.now)
    return PromisedQuote(cart.quote, version, windows_of(cart, promises_of(cart)), cart.trips, is_trip_shared, best)


def windows_of(cart: PricedCart, promises: Mapping[UUID, Told | None]) -> dict[UUID, Window | None]:
    """Return by shop from when until when it comes or may be collected: in its slot, or as promised if paid now."""
    slots = {part.shop_id: _slot(part) for part in cart.quote.shops}
    return {
        shop: slots[shop] or (None if promise is None else window_of(cart.now, promise))
        for shop, promise in promises.items()
    }


def _slot(part: ShopQuote) -> Window | None:
    if part.slot_starts_at is None or part.slot_ends_at is None:
        return None
    return Window(earliest_at=part.slot_starts_at, latest_at=part.slot_ends_at)


def _told(cart: PricedCart, shop_id: UUID, distance_m: int) -> Told:
    row = cart.shops[shop_id]
    if row.measured_s is None:
        return told(60 * row.preparation_minutes, distance_m, None)
    return told(row.measured_s, distance_m, Spread(early_s=row.early_s, late_s=row.late_s))
