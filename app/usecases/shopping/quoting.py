"""From rows to the pure quote: what cart, shelves and shops say, priced for one address and one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.commission import RULE_OF_SHOP, SHOP_RATE
from app.core.catalog.models import OfferKind, OfferState, ShopState, Vertical
from app.core.catalog.rules import delivery_fee_fen, is_open_at
from app.core.orders.errors import CartEmpty
from app.core.orders.models import Fulfillment
from app.core.orders.quote import Quote, Terms, Wanted, quote_cart
from app.core.orders.repository import IN_STANDING
from app.core.orders.rules import Rate
from app.kernel.actor import Actor
from app.kernel.geo import distance_m
from app.kernel.transaction import opening, read
from app.kernel.wire import Row
from app.usecases.privacy.consents import HAS_AGREED

_CART = """
    SELECT {standing} AS is_in_standing, {agreed} AS has_agreed,
           c.sku_id, c.quantity, k.option, k.price_fen, k.packing_fen AS sku_packing_fen, k.quantity_max,
           f.name AS offer_name, f.kind AS offer_kind, f.state AS offer_state, n.on_hand,
           s.shop_id, s.merchant_id, s.name AS shop_name, s.vertical, s.state AS shop_state, s.lat AS shop_lat,
           s.lng AS shop_lng, s.radius_m, s.minimum_fen, s.packing_fen, s.preparation_minutes, s.commission_bp,
           u.rule_id, u.rate_bp, u.least_fen, u.cap_fen,
           s.hours, s.fee_tiers, s.discount_tiers, s.paused_until, s.license_expires_on,
           w.preparation_s AS measured_s, w.early_s, w.late_s,
           a.address_id, a.lat AS address_lat, a.lng AS address_lng, a.door_sealed, a.walk_up_floors,
           a.community_id, m.store_id, business_now() AS now
    FROM cart_lines AS c
    JOIN skus AS k ON k.sku_id = c.sku_id
    JOIN offers AS f ON f.offer_id = k.offer_id
    JOIN shops AS s ON s.shop_id = k.shop_id
    {rule}
    LEFT JOIN shop_promises AS w ON w.shop_id = s.shop_id
    LEFT JOIN stock AS n ON n.sku_id = k.sku_id
    LEFT JOIN addresses AS a ON a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    LEFT JOIN communities AS m ON m.community_id = a.community_id
    WHERE c.account_id = :account_id
    ORDER BY s.shop_id, c.sku_id
"""
READ_CART = text(_CART.format(standing="true", agreed="true", rule=RULE_OF_SHOP))
LOCK_CART = opening(_CART.format(standing=IN_STANDING, agreed=HAS_AGREED, rule=RULE_OF_SHOP) + "FOR UPDATE OF c")


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A quote with the rows it was made from, by shop, and the address it was made for."""

    quote: Quote
    shops: dict[UUID, Row]
    first: Row
    fulfillment: Fulfillment

    @property
    def now(self) -> datetime:
        """Business time of the quote."""
        moment: datetime = self.first.now
        return moment


def price_cart(rows: Sequence[Row], fulfillment: Fulfillment) -> PricedCart:
    """Price the rows of :data:`READ_CART`.

    :raises CartEmpty: there are none.
    :raises AddressNotFound: the address is not the asker's.
    :raises app.kernel.errors.Conflict: a line or a shop cannot be served; see :func:`app.core.orders.quote.quote_cart`.
    """
    if not rows:
        raise CartEmpty
    first = rows[0]
    if first.address_id is None:
        raise AddressNotFound(pointer="/address_id")
    shops = {row.shop_id: row for row in rows}
    terms = {shop_id: _terms_of(row, fulfillment) for shop_id, row in shops.items()}
    quote = quote_cart([_wanted_of(row) for row in rows], terms, first.now)
    return PricedCart(quote, shops, first, fulfillment)


def quote_checkout(actor: Actor, *, address_id: UUID, fulfillment: Fulfillment) -> Quote:
    """Say what the cart costs to this address now; promises nothing, changes nothing."""
    rows = read(READ_CART, {"account_id": actor.account_id, "address_id": address_id}).fetchall()
    return price_cart(rows, fulfillment).quote


def is_perishable(vertical: str) -> bool:
    """Say whether what a shop of ``vertical`` sells cannot be carried back: food."""
    return vertical == Vertical.FOOD


def _wanted_of(row: Row) -> Wanted:
    return Wanted(
        sku_id=row.sku_id,
        shop_id=row.shop_id,
        name=row.offer_name,
        option=row.option,
        quantity=row.quantity,
        unit_price_fen=row.price_fen,
        packing_fen=row.sku_packing_fen,
        quantity_max=row.quantity_max,
        left=row.on_hand,
        is_on_sale=row.offer_state == OfferState.ON_SALE,
        is_deliverable=row.offer_kind in {OfferKind.GOODS, OfferKind.DISH},
    )


def _terms_of(row: Row, fulfillment: Fulfillment) -> Terms:
    is_delivered = fulfillment is Fulfillment.DELIVERY
    meters = distance_m(row.shop_lat, row.shop_lng, row.address_lat, row.address_lng) if is_delivered else 0
    return Terms(
        shop_id=row.shop_id,
        name=row.shop_name,
        is_open=row.shop_state == ShopState.OPEN and is_open_at(row.hours, row.paused_until, row.now),
        is_delivered=is_delivered,
        distance_m=meters,
        radius_m=row.radius_m,
        minimum_fen=row.minimum_fen,
        packing_fen=row.packing_fen,
        delivery_fen=delivery_fee_fen(row.fee_tiers, meters) if is_delivered else 0,
        discount_tiers=row.discount_tiers,
        preparation_minutes=row.preparation_minutes,
        commission=_rate_of(row),
        license_expires_on=row.license_expires_on,
    )


def _rate_of(row: Row) -> Rate:
    """Return the rule in force, or the shop's own rate where there is none."""
    if row.rule_id is None:
        return Rate(rule=SHOP_RATE, bp=row.commission_bp)
    return Rate(rule=str(row.rule_id), bp=row.rate_bp, least_fen=row.least_fen, cap_fen=row.cap_fen)
