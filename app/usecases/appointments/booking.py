"""Booking a service: somebody's time is held while it is paid for."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound, SessionEnded
from app.core.appointments.rules import (
    ServiceTerms,
)
from app.core.catalog.models import OfferKind
from app.core.orders.models import Fulfillment
from app.kernel.actor import Actor
from app.kernel.transaction import Claim, opening, transaction
from app.kernel.wire import Row
from app.usecases.appointments.times import book
from app.usecases.ordering.place_checkout import Placed
from app.usecases.ordering.place_single import SKU_FOR_SALE, Single, place_single, refuse_unsold

_SKU = opening(SKU_FOR_SALE)
_ADDRESS = text(
    """
    SELECT a.community_id, c.store_id, a.lat, a.lng, a.door_sealed, t.duration_minutes, t.buffer_minutes, t.lead_minutes
    FROM addresses AS a JOIN communities AS c ON c.community_id = a.community_id
    LEFT JOIN service_terms AS t ON t.sku_id = :sku_id
    WHERE a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    """
)
_MAKE = text(
    """
    INSERT INTO appointments (order_id, shop_id, sku_id, provider_id, state, starts_at, ends_at, buffer_minutes)
    VALUES (:order_id, :shop_id, :sku_id, :provider_id, 'held', :starts_at, :ends_at, :buffer_minutes)
    """
)


def book_service(
    actor: Actor, claim: Claim, *, sku_id: UUID, address_id: UUID, starts_at: datetime, unit_price_fen: int, note: str
) -> Placed:
    """Hold somebody's time for a service at one's address, for the fifteen minutes in which it is to be paid.

    :raises AddressNotFound: it is not the actor's. :raises SlotGone: nobody is free then.
    :raises SkuNotFound, OfferGone, VoucherSold, ShopClosed, LicenseExpired, PriceChanged: it is not sold so.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_SKU, {"sku_id": sku_id, "session_id": actor.session_id})
        if row is not None and not row.is_in_standing:
            raise SessionEnded
        asked = {"sku_id": sku_id, "address_id": address_id, "account_id": actor.account_id}
        address = tx.execute(_ADDRESS, asked).one_or_none()
        if address is None:
            raise AddressNotFound(pointer="/address_id")
        row = refuse_unsold(row, OfferKind.SERVICE, quantity=1, unit_price_fen=unit_price_fen)
        terms = terms_of(address)
        single = Single(
            row=row,
            quantity=1,
            unit_price_fen=unit_price_fen,
            fulfillment=Fulfillment.APPOINTMENT,
            name=row.offer_name,
            note=note,
            address=address,
            is_counted=row.on_hand is not None,
        )
        placed = place_single(tx, actor, single)
        provider_id = book(
            tx,
            order_id=single.order_id,
            shop_id=row.shop_id,
            offer_id=row.offer_id,
            community_id=address.community_id,
            starts_at=starts_at,
            terms=terms,
            now=row.now,
        )
        made = {
            "order_id": single.order_id,
            "shop_id": row.shop_id,
            "sku_id": sku_id,
            "provider_id": provider_id,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=terms.duration_minutes),
            "buffer_minutes": terms.buffer_minutes,
        }
        tx.execute(_MAKE, made)
    return placed


def terms_of(row: Row) -> ServiceTerms:
    """Return the terms in a row that joins ``service_terms``; the usual ones where there are none."""
    if row.duration_minutes is None:
        return ServiceTerms()
    return ServiceTerms(
        duration_minutes=row.duration_minutes, buffer_minutes=row.buffer_minutes, lead_minutes=row.lead_minutes
    )
