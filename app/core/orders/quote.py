"""The price of a cart: a pure function of lines, shops' terms, place and time. What checkout charges is this.

Refuses early; what it returns is frozen into the order and never computed again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from app.core.orders.errors import (
    BelowMinimum,
    LicenseExpired,
    OfferGone,
    OfferNotDeliverable,
    OutsideArea,
    QuantityOverCap,
    ShopClosed,
    SoldOut,
)
from app.core.orders.rules import Rate
from app.kernel.clock import SHANGHAI
from app.kernel.money import split_fen

LINES_MAX = 50
"""Lines in one cart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A cart line with what the shelf says of it now.

    :param left: pieces on hand, or None for unlimited.
    """

    sku_id: UUID
    shop_id: UUID
    name: str
    option: str
    quantity: int
    unit_price_fen: int
    packing_fen: int
    quantity_max: int
    left: int | None
    is_on_sale: bool
    is_deliverable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A shop's terms as they stand for this address now.

    :param distance_m: from shop to door, meters; 0 for pick-up at the store.
    :param delivery_fen: fee of the tier that reaches the door; 0 for pick-up.
    :param off_fen: discount by goods amount: a function given as the tiers, already ordered.
    """

    shop_id: UUID
    name: str
    is_open: bool
    is_delivered: bool
    distance_m: int
    radius_m: int
    minimum_fen: int
    packing_fen: int
    delivery_fen: int
    discount_tiers: Sequence[Mapping[str, Any]]
    preparation_minutes: int
    commission: Rate
    license_expires_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine:
    """A line with its share of packing and discount, fen."""

    sku_id: UUID
    name: str
    option: str
    unit_price_fen: int
    quantity: int
    goods_fen: int
    packing_fen: int
    discount_fen: int
    is_counted: bool

    @property
    def paid_fen(self) -> int:
        """What the resident pays for the line, fen."""
        return self.goods_fen + self.packing_fen - self.discount_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopQuote:
    """What one shop's part costs, fen. ``total = goods + packing + delivery - discount``."""

    shop_id: UUID
    shop_name: str
    lines: tuple[QuotedLine, ...]
    goods_fen: int
    packing_fen: int
    delivery_fen: int
    discount_fen: int
    distance_m: int
    preparation_minutes: int
    commission: Rate

    @property
    def total_fen(self) -> int:
        """What the resident pays to this shop's order, fen."""
        return self.goods_fen + self.packing_fen + self.delivery_fen - self.discount_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The whole cart, shop by shop."""

    shops: tuple[ShopQuote, ...]

    @property
    def total_fen(self) -> int:
        """What one payment has to bring, fen."""
        return sum(shop.total_fen for shop in self.shops)

    @property
    def version(self) -> str:
        """Digest of everything that the price is made of; 32 hex digits. Another price has another version."""
        return hashlib.sha256(orjson.dumps(self)).hexdigest()[:32]


def quote_cart(wanted: Sequence[Wanted], terms: Mapping[UUID, Terms], now: datetime) -> Quote:
    """Price ``wanted``, grouped by shop in the order of ``terms``.

    :raises OfferGone, QuantityOverCap, SoldOut: a line cannot be bought.
    :raises ShopClosed, LicenseExpired, OutsideArea, BelowMinimum: a shop cannot serve.
    """
    by_shop: dict[UUID, list[Wanted]] = {shop_id: [] for shop_id in terms}
    for line in wanted:
        by_shop[line.shop_id].append(line)
    return Quote(shops=tuple(_quote_shop(terms[shop_id], lines, now) for shop_id, lines in by_shop.items() if lines))


def _quote_shop(terms: Terms, lines: Sequence[Wanted], now: datetime) -> ShopQuote:
    _refuse_shop(terms, now)
    for line in lines:
        _refuse_line(line)
    goods = [line.unit_price_fen * line.quantity for line in lines]
    goods_fen = sum(goods)
    if goods_fen < terms.minimum_fen:
        raise BelowMinimum(shop_id=terms.shop_id, minimum_fen=terms.minimum_fen, goods_fen=goods_fen)
    off_fen = _discount(terms.discount_tiers, goods_fen)
    discounts = split_fen(off_fen, goods)
    shop_packing = split_fen(terms.packing_fen, goods)
    quoted = tuple(
        QuotedLine(
            sku_id=line.sku_id,
            name=line.name,
            option=line.option,
            unit_price_fen=line.unit_price_fen,
            quantity=line.quantity,
            goods_fen=goods_of_line,
            packing_fen=line.packing_fen * line.quantity + packing_share,
            discount_fen=discount,
            is_counted=line.left is not None,
        )
        for line, goods_of_line, packing_share, discount in zip(lines, goods, shop_packing, discounts, strict=True)
    )
    return ShopQuote(
        shop_id=terms.shop_id,
        shop_name=terms.name,
        lines=quoted,
        goods_fen=goods_fen,
        packing_fen=sum(line.packing_fen for line in quoted),
        delivery_fen=terms.delivery_fen,
        discount_fen=off_fen,
        distance_m=terms.distance_m,
        preparation_minutes=terms.preparation_minutes,
        commission=terms.commission,
    )


def _refuse_shop(terms: Terms, now: datetime) -> None:
    if not terms.is_open:
        raise ShopClosed(shop_id=terms.shop_id)
    if terms.license_expires_on < now.astimezone(SHANGHAI).date():
        raise LicenseExpired(shop_id=terms.shop_id)
    if terms.is_delivered and terms.distance_m > terms.radius_m:
        raise OutsideArea(shop_id=terms.shop_id, distance_m=terms.distance_m, radius_m=terms.radius_m)


def _refuse_line(line: Wanted) -> None:
    if not line.is_on_sale:
        raise OfferGone(sku_id=line.sku_id)
    if not line.is_deliverable:
        raise OfferNotDeliverable(sku_id=line.sku_id)
    if line.quantity > line.quantity_max:
        raise QuantityOverCap(sku_id=line.sku_id, quantity_max=line.quantity_max)
    if line.left is not None and line.quantity > line.left:
        raise SoldOut(sku_id=line.sku_id, left=line.left)


def _discount(tiers: Sequence[Mapping[str, Any]], goods_fen: int) -> int:
    """Return what the shop takes off (满减): the best tier that the goods reach; a fen is always left to pay."""
    off = max((int(tier["off_fen"]) for tier in tiers if goods_fen >= tier["from_fen"]), default=0)
    return min(off, goods_fen - 1)
