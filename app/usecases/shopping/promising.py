"""When each part of a cart would come: told with its price, and frozen when it is placed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.dispatch.estimates import Told, Window, told, window_of
from app.core.dispatch.promise import Spread
from app.core.orders.agreed import version_of
from app.core.orders.models import Fulfillment
from app.core.orders.quote import Quote
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.usecases.shopping.keeping import keep_quote
from app.usecases.shopping.quoting import READ_CART, PricedCart, price_cart


@dataclass(frozen=True, slots=True)
class PromisedQuote:
    """A quote, and from when until when each shop's part comes, if it is paid now; None for what is collected."""

    quote: Quote
    version: str
    windows: dict[UUID, Window | None]


def promises_of(cart: PricedCart) -> dict[UUID, Told | None]:
    """Return by shop what its order is promised by: of the prepared row of the shop, and the way to the door."""
    if cart.fulfillment is not Fulfillment.DELIVERY:
        return dict.fromkeys(cart.shops)
    return {part.shop_id: _told(cart, part.shop_id, part.distance_m) for part in cart.quote.shops}


def quote_with_promises(actor: Actor, *, address_id: UUID, fulfillment: Fulfillment) -> PromisedQuote:
    """Say what the cart costs to this address now, and when it would come; binds nobody, and is kept for a while."""
    rows = read(READ_CART, {"account_id": actor.account_id, "address_id": address_id}).fetchall()
    cart = price_cart(rows, fulfillment)
    agreed = cart.quote.agreed
    version = version_of(agreed)
    keep_quote(actor.account_id, version, agreed)
    return PromisedQuote(cart.quote, version, windows_of(cart.now, promises_of(cart)))


def windows_of(now: datetime, promises: Mapping[UUID, Told | None]) -> dict[UUID, Window | None]:
    """Return by shop from when until when it comes if it is paid ``now``."""
    return {shop: None if promise is None else window_of(now, promise) for shop, promise in promises.items()}


def _told(cart: PricedCart, shop_id: UUID, distance_m: int) -> Told:
    row = cart.shops[shop_id]
    if row.measured_s is None:
        return told(60 * row.preparation_minutes, distance_m, None)
    return told(row.measured_s, distance_m, Spread(early_s=row.early_s, late_s=row.late_s))
