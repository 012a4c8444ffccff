"""The price of a cart: a pure function of lines, shops' terms, place and time. What checkout charges is this.

What it returns is frozen into the order and never computed again. A cart that cannot be served is refused by the first
reason; :func:`refusals_of` gives them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from app.core.orders.agreed import LINES, Agreed, version_of
from app.core.orders.errors import (
    AdultsOnly,
    BelowMinimum,
    DeliverySlotFull,
    DeliverySlotGone,
    LicenseExpired,
    OfferGone,
    OfferNotDeliverable,
    OfferNotNow,
    OutsideArea,
    QuantityOverCap,
    ShopClosed,
    SoldOut,
)
from app.core.orders.rules import Rate
from app.core.orders.surcharges import NO_SURCHARGES, Surcharges
from app.kernel.clock import SHANGHAI, as_text
from app.kernel.errors import Conflict
from app.kernel.money import split_fen

LINES_MAX = 200
"""Lines in one cart."""
NOTHING_OFF: Mapping[UUID, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A cart line with what the shelf says of it now.

    :param left: pieces on hand, or None for unlimited.
    :param is_in_hours: whether the offer is sold at this hour. :param is_refused_by_age: for adults only, and the one
        who asks is not known to be one.
    :param per_person_max: pieces that one person may buy in the offer's time, or None; ``bought`` they have already.
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
    is_in_hours: bool = True
    is_refused_by_age: bool = False
    is_return_excluded: bool = False
    preparation_minutes: int = 0
    per_person_max: int | None = None
    bought: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A shop's terms as they stand for this address now.

    :param distance_m: from shop to door, meters; 0 for pick-up at the store.
    :param is_inside: whether the door lies in the polygon that the shop delivers within, if it has one.
    :param delivery_fen: fee of the tier that reaches the door; 0 for pick-up, as ``surcharges`` then are.
    :param slot_starts_at: of the slot that is wished for, None for as soon as possible; ``slot_ends_at`` is None where
        the shop does not offer it. Then ``is_open`` is about the shop, not about its hours.
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
    is_inside: bool = True
    surcharges: Surcharges = NO_SURCHARGES
    slot_starts_at: datetime | None = None
    slot_ends_at: datetime | None = None
    is_slot_full: bool = False

    @property
    def fee_fen(self) -> int:
        """Return the whole delivery fee, fen."""
        return self.delivery_fen + self.surcharges.total_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine:
    """A line with its share of packing and discount, fen. ``platform_off_fen`` is a part of ``discount_fen``."""

    sku_id: UUID
    name: str
    option: str
    unit_price_fen: int
    quantity: int
    goods_fen: int
    packing_fen: int
    discount_fen: int
    is_counted: bool
    is_return_excluded: bool = False
    platform_off_fen: int = 0

    @property
    def sold_fen(self) -> int:
        """What the shop sells the line for, fen: what the resident pays and what the platform adds."""
        return self.paid_fen + self.platform_off_fen

    @property
    def paid_fen(self) -> int:
        """What the resident pays for the line, fen."""
        return self.goods_fen + self.packing_fen - self.discount_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopQuote:
    """What one shop's part costs, fen. ``total = goods + packing + delivery - discount``.

    ``surcharges`` are a part of ``delivery_fen``; the rest of it is for the distance. Where two shops share a trip,
    ``trip_saving_fen`` is taken off before; see :mod:`app.core.orders.shared_trip`. ``platform_off_fen`` is a part of
    ``discount_fen``, borne by the platform; the rest of it is the shop's own.
    """

    shop_id: UUID
    shop_name: str
    lines: tuple[QuotedLine, ...]
    goods_fen: int
    packing_fen: int
    delivery_fen: int
    surcharges: Surcharges
    discount_fen: int
    distance_m: int
    preparation_minutes: int
    commission: Rate
    slot_starts_at: datetime | None = None
    slot_ends_at: datetime | None = None
    trip_saving_fen: int = 0
    trip_with: UUID | None = None
    platform_off_fen: int = 0

    @property
    def total_fen(self) -> int:
        """What the resident pays to this shop's order, fen."""
        return self.goods_fen + self.packing_fen + self.delivery_fen - self.discount_fen

    @property
    def delivery_parts(self) -> dict[str, int]:
        """What the delivery fee is made of, fen; ``trip_saving_fen`` is taken off the rest."""
        more = self.surcharges
        return {
            "distance_fen": self.delivery_fen + self.trip_saving_fen - more.total_fen,
            "night_fen": more.night_fen,
            "weather_fen": more.weather_fen,
            "floors_fen": more.floors_fen,
            "trip_saving_fen": self.trip_saving_fen,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The whole cart, shop by shop."""

    shops: tuple[ShopQuote, ...]

    @property
    def total_fen(self) -> int:
        """What one payment has to bring, fen."""
        return sum(shop.total_fen for shop in self.shops)

    @property
    def agreed(self) -> Agreed:
        """What one agrees to who names this quote. Sums that follow from it are no part of it."""
        return {str(shop.shop_id): _agreed_shop(shop) for shop in self.shops}

    @property
    def version(self) -> str:
        """Digest of :attr:`agreed`, 32 hex digits: another price has another version."""
        return version_of(self.agreed)


def _agreed_shop(shop: ShopQuote) -> dict[str, Any]:
    return {
        "shop_name": shop.shop_name,
        "packing_fen": shop.packing_fen,
        **shop.delivery_parts,
        "discount_fen": shop.discount_fen,
        "distance_m": shop.distance_m,
        "preparation_minutes": shop.preparation_minutes,
        "slot_starts_at": None if shop.slot_starts_at is None else as_text(shop.slot_starts_at),
        LINES: {
            str(line.sku_id): {
                "name": line.name,
                "option": line.option,
                "unit_price_fen": line.unit_price_fen,
                "quantity": line.quantity,
                "is_return_excluded": line.is_return_excluded,
            }
            for line in shop.lines
        },
    }


def quote_cart(wanted: Sequence[Wanted], terms: Mapping[UUID, Terms], now: datetime) -> Quote:
    """Price ``wanted``, grouped by shop in the order of ``terms``.

    :raises OfferGone, QuantityOverCap, SoldOut: a line cannot be bought.
    :raises ShopClosed, LicenseExpired, OutsideArea, BelowMinimum: a shop cannot serve.
    """
    for refusal in refusals_of(wanted, terms, now):
        raise refusal
    return price_cart(wanted, terms)


def refusals_of(wanted: Sequence[Wanted], terms: Mapping[UUID, Terms], now: datetime) -> Iterator[Conflict]:
    """Yield every reason why ``wanted`` cannot be bought ``now``, shop by shop."""
    for shop_id, lines in _by_shop(wanted, terms):
        yield from _refuse_shop(terms[shop_id], now)
        yield from _refuse_slot(terms[shop_id], _preparation_minutes(terms[shop_id], lines), now)
        for line in lines:
            yield from _refuse_line(line)
        yield from _refuse_minimum(terms[shop_id], lines)


def price_cart(
    wanted: Sequence[Wanted], terms: Mapping[UUID, Terms], platform_offs: Mapping[UUID, int] = NOTHING_OFF
) -> Quote:
    """Price ``wanted`` by the same rule whether or not it can be served.

    :param platform_offs: shop → what the platform takes off its goods, fen, less than they cost.
    """
    return Quote(
        shops=tuple(
            _quote_shop(terms[shop_id], lines, platform_offs.get(shop_id, 0))
            for shop_id, lines in _by_shop(wanted, terms)
        )
    )


def _by_shop(wanted: Sequence[Wanted], terms: Mapping[UUID, Terms]) -> Iterator[tuple[UUID, list[Wanted]]]:
    by_shop: dict[UUID, list[Wanted]] = {shop_id: [] for shop_id in terms}
    for line in wanted:
        by_shop[line.shop_id].append(line)
    return ((shop_id, lines) for shop_id, lines in by_shop.items() if lines)


def _quote_shop(terms: Terms, lines: Sequence[Wanted], platform_off_fen: int) -> ShopQuote:
    goods = [line.unit_price_fen * line.quantity for line in lines]
    goods_fen = sum(goods)
    off_fen = discount_fen(terms.discount_tiers, goods_fen)
    own = split_fen(off_fen, goods)
    platform = split_fen(platform_off_fen, [at - off for at, off in zip(goods, own, strict=True)])
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
            discount_fen=own_off + platform_off,
            is_counted=line.left is not None,
            is_return_excluded=line.is_return_excluded,
            platform_off_fen=platform_off,
        )
        for line, goods_of_line, packing_share, own_off, platform_off in zip(
            lines, goods, shop_packing, own, platform, strict=True
        )
    )
    return ShopQuote(
        shop_id=terms.shop_id,
        shop_name=terms.name,
        lines=quoted,
        goods_fen=goods_fen,
        packing_fen=sum(line.packing_fen for line in quoted),
        delivery_fen=terms.fee_fen,
        surcharges=terms.surcharges,
        discount_fen=off_fen + platform_off_fen,
        distance_m=terms.distance_m,
        preparation_minutes=_preparation_minutes(terms, lines),
        commission=terms.commission,
        slot_starts_at=terms.slot_starts_at,
        slot_ends_at=terms.slot_ends_at,
        platform_off_fen=platform_off_fen,
    )


def _preparation_minutes(terms: Terms, lines: Sequence[Wanted]) -> int:
    return max(terms.preparation_minutes, *(line.preparation_minutes for line in lines))


def _refuse_shop(terms: Terms, now: datetime) -> Iterator[Conflict]:
    if not terms.is_open:
        yield ShopClosed(shop_id=terms.shop_id)
    if terms.license_expires_on < (terms.slot_starts_at or now).astimezone(SHANGHAI).date():
        yield LicenseExpired(shop_id=terms.shop_id)
    if terms.is_delivered and (terms.distance_m > terms.radius_m or not terms.is_inside):
        yield OutsideArea(shop_id=terms.shop_id, distance_m=terms.distance_m, radius_m=terms.radius_m)


def _refuse_line(line: Wanted) -> Iterator[Conflict]:
    if not line.is_on_sale:
        yield OfferGone(sku_id=line.sku_id, offer_name=line.name)
    if not line.is_deliverable:
        yield OfferNotDeliverable(sku_id=line.sku_id)
    if not line.is_in_hours:
        yield OfferNotNow(sku_id=line.sku_id, offer_name=line.name)
    if line.is_refused_by_age:
        yield AdultsOnly(sku_id=line.sku_id, offer_name=line.name)
    if line.quantity > line.quantity_max:
        yield QuantityOverCap(sku_id=line.sku_id, quantity_max=line.quantity_max)
    if line.per_person_max is not None and line.bought + line.quantity > line.per_person_max:
        yield QuantityOverCap(sku_id=line.sku_id, quantity_max=max(0, line.per_person_max - line.bought))
    if line.left is not None and line.quantity > line.left:
        yield SoldOut(sku_id=line.sku_id, left=line.left)


def _refuse_slot(terms: Terms, preparation_minutes: int, now: datetime) -> Iterator[Conflict]:
    if terms.slot_starts_at is None:
        return
    if terms.slot_ends_at is None or terms.slot_starts_at < now + timedelta(minutes=preparation_minutes):
        yield DeliverySlotGone(shop_id=terms.shop_id, slot_starts_at=terms.slot_starts_at)
    elif terms.is_slot_full:
        yield DeliverySlotFull(shop_id=terms.shop_id, slot_starts_at=terms.slot_starts_at)


def _refuse_minimum(terms: Terms, lines: Sequence[Wanted]) -> Iterator[Conflict]:
    goods_fen = sum(line.unit_price_fen * line.quantity for line in lines)
    if goods_fen < terms.minimum_fen:
        yield BelowMinimum(shop_id=terms.shop_id, minimum_fen=terms.minimum_fen, goods_fen=goods_fen)


class Charges(Protocol):
    """What a shop's part costs beside its goods, as far as its total goes; :class:`Terms` says it."""

    @property
    def minimum_fen(self) -> int:
        """Least that the goods cost."""

    @property
    def packing_fen(self) -> int:
        """Of the whole part."""

    @property
    def fee_fen(self) -> int:
        """The whole delivery fee."""

    @property
    def discount_tiers(self) -> Sequence[Mapping[str, Any]]:
        """Discount by goods amount."""


def total_fen(terms: Charges, *, goods_fen: int, line_packing_fen: int) -> int:
    """Return what a shop's part costs in all, fen, as its quote says it; for comparing many parts quickly."""
    packing_fen = terms.packing_fen + line_packing_fen
    return goods_fen + packing_fen + terms.fee_fen - discount_fen(terms.discount_tiers, goods_fen)


def discount_fen(tiers: Sequence[Mapping[str, Any]], goods_fen: int) -> int:
    """Return what the shop takes off (满减): the best tier that the goods reach; a fen is always left to pay."""
    off = max((int(tier["off_fen"]) for tier in tiers if goods_fen >= tier["from_fen"]), default=0)
    return min(off, goods_fen - 1)
