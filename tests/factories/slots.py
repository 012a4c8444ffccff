"""Shops that take orders for later, and orders for a slot."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.core.catalog.slot_models import SlotRuleRow
from app.core.orders.models import Fulfillment
from app.kernel.clock import SHANGHAI
from app.usecases.ordering.place_checkout import Placed, place_checkout
from app.usecases.shopping.cart import put_in_cart
from app.usecases.shopping.quoting import quote_checkout
from tests.factories.people import a_claim, a_resident, an_address
from tests.factories.rows import look_one, write
from tests.factories.shops import Offer, Shop, a_merchant_with_shop, an_offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.factories.people import Person

NINE = datetime(2031, 3, 3, 9, tzinfo=SHANGHAI)
"""A Monday, when tests about slots play."""
SLOT = NINE + timedelta(hours=5)


def a_shop_with_slots(*, capacity: int = 1, lead_minutes: int = 30, days_ahead: int = 1) -> Shop:
    """Return a shop that is open from nine to ten in the evening and delivers in slots of an hour."""
    shop = a_merchant_with_shop(hours={str(day): [["09:00", "22:00"]] for day in range(1, 8)})
    write(
        SlotRuleRow,
        shop_id=shop.shop_id,
        slot_minutes=60,
        capacity=capacity,
        lead_minutes=lead_minutes,
        days_ahead=days_ahead,
    )
    return shop


def placed_for_slot(
    shop: Shop, *, starts_at: datetime = SLOT, resident: Person | None = None, offer: Offer | None = None
) -> Placed:
    """Return a checkout of one piece for a slot."""
    resident = resident or a_resident(balance_fen=1_000_000)
    return quoted_for_slot(shop, resident, offer or an_offer(shop, on_hand=9), starts_at=starts_at)()


def quoted_for_slot(shop: Shop, resident: Person, offer: Offer, *, starts_at: datetime) -> Callable[[], Placed]:
    """Return what places one piece for a slot, as it was quoted just now."""
    address_id, slots = an_address(resident, near=shop), {shop.shop_id: starts_at}
    put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=1)
    way = Fulfillment.DELIVERY
    quote = quote_checkout(resident.actor, address_id=address_id, fulfillment=way, slots=slots)
    return partial(
        place_checkout,
        resident.actor,
        a_claim(resident),
        address_id=address_id,
        quote_version=quote.version,
        fulfillment=way,
        note="",
        slots=slots,
    )


def taken(shop: Shop, starts_at: datetime = SLOT) -> int:
    """Return how many places of a slot are taken."""
    return int(
        look_one(
            "SELECT coalesce(sum(taken), 0)::bigint FROM slot_counters WHERE shop_id = :id AND starts_at = :at",
            id=shop.shop_id,
            at=starts_at,
        )
    )
