"""From rows to the pure quote: what cart, shelves and shops say, priced for one address and one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.accounts.errors import AddressNotFound
from app.core.catalog.commission import RULE_OF_SHOP
from app.core.catalog.models import OfferKind, OfferState, ShopState, Vertical
from app.core.catalog.rules import delivery_fee_fen, is_open_at
from app.core.catalog.slots import SlotRule, slot_at
from app.core.delivery.pay import is_night
from app.core.orders import quote as prices
from app.core.orders.errors import CartEmpty, SlotOfNoShop
from app.core.orders.models import Fulfillment
from app.core.orders.quote import Quote, ShopQuote, Terms, Wanted
from app.core.orders.repository import IN_STANDING
from app.core.orders.shared_trip import Counter, SharedTrip, shared_trips, with_shared_trips
from app.core.orders.surcharges import NO_SURCHARGES, SurchargeRates, Surcharges, surcharges_of
from app.core.promotions.rules import Coupon, Part
from app.core.verification.id_numbers import IdNumber
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.errors import Conflict
from app.kernel.geo import distance_m
from app.kernel.polygons import is_inside
from app.kernel.sealing import unseal
from app.kernel.transaction import crowded, opening, read
from app.kernel.wire import Row
from app.usecases.ordering.line_rates import rate_in_force
from app.usecases.privacy.consents import HAS_AGREED
from app.usecases.promoting.coupons import COUPON_COLUMNS, COUPON_JOINS, HELD_COUPONS

_LINES = """
    SELECT {standing} AS is_in_standing, {agreed} AS has_agreed,
           c.sku_id, c.quantity, k.option, k.price_fen, k.packing_fen AS sku_packing_fen, k.quantity_max,
           f.name AS offer_name, f.kind AS offer_kind, f.state AS offer_state, n.on_hand, k.removed_at,
           f.sale_hours, f.preparation_minutes AS offer_preparation_minutes, f.is_age_restricted, f.is_return_excluded,
           k.per_person_max, CASE WHEN k.per_person_max IS NOT NULL THEN {bought} ELSE 0 END AS bought,
           CASE WHEN f.is_age_restricted THEN (
               SELECT i.number_sealed FROM identities AS i WHERE i.account_id = c.account_id) END AS id_number_sealed,
           s.shop_id, s.merchant_id, s.name AS shop_name, s.vertical, s.state AS shop_state, s.lat AS shop_lat,
           s.lng AS shop_lng, s.radius_m, s.minimum_fen, s.packing_fen, s.preparation_minutes, s.commission_bp,
           u.rule_id, u.rate_bp, u.least_fen, u.cap_fen,
           s.hours, s.area, s.fee_tiers, s.discount_tiers, s.paused_until, s.license_expires_on,
           w.preparation_s AS measured_s, w.early_s, w.late_s,
           a.address_id, a.lat AS address_lat, a.lng AS address_lng, a.door_sealed, a.walk_up_floors,
           a.community_id, m.store_id, g.night_fen, g.weather_fen, g.floor_fen,
           coalesce(g.is_bad_weather, false) AS is_bad_weather, {slot}, business_now() AS now{more}
    FROM {lines} AS c
    JOIN skus AS k ON k.sku_id = c.sku_id
    JOIN offers AS f ON f.offer_id = k.offer_id
    JOIN shops AS s ON s.shop_id = k.shop_id
    {rule}{slots}
    LEFT JOIN shop_promises AS w ON w.shop_id = s.shop_id
    LEFT JOIN stock AS n ON n.sku_id = k.sku_id
    LEFT JOIN addresses AS a ON a.address_id = :address_id AND a.account_id = :account_id AND a.removed_at IS NULL
    LEFT JOIN communities AS m ON m.community_id = a.community_id
    LEFT JOIN {surcharges} AS g ON true
    {joins}
    WHERE {where}
    ORDER BY s.shop_id, c.sku_id
"""
SURCHARGES = """(
        SELECT r.night_fen, r.weather_fen, r.floor_fen, (
            SELECT t.bad_weather_until > business_now() FROM courier_tariffs AS t
            WHERE t.community_id = r.community_id ORDER BY t.set_at DESC LIMIT 1) AS is_bad_weather
        FROM addresses AS x JOIN delivery_surcharges AS r ON r.community_id = x.community_id
        WHERE x.address_id = :address_id ORDER BY r.set_at DESC LIMIT 1)"""
"""Once for a statement: the rates where the address is, and the weather switch, which is that of the couriers' pay."""
_NO_SLOT = "'' AS line_note, CAST(NULL AS timestamptz) AS slot_starts_at"
_SLOT = """c.note AS line_note,
           w_slot.starts_at AS slot_starts_at, y.slot_minutes, y.capacity, y.lead_minutes, y.days_ahead,
           (SELECT q.taken FROM slot_counters AS q
            WHERE q.shop_id = s.shop_id AND q.starts_at = w_slot.starts_at) AS slot_taken"""
_SLOTS = """
    LEFT JOIN unnest(CAST(:slot_shop_ids AS uuid[]), CAST(:slot_starts AS timestamptz[]))
        AS w_slot (shop_id, starts_at) ON w_slot.shop_id = s.shop_id
    LEFT JOIN slot_rules AS y ON y.shop_id = w_slot.shop_id"""
BOUGHT = """(
               SELECT coalesce(sum(l.quantity), 0)::bigint FROM orders AS o JOIN order_lines AS l USING (order_id)
               WHERE o.account_id = c.account_id AND l.sku_id = k.sku_id AND o.state <> 'canceled'
                   AND l.shorted_at IS NULL AND o.placed_at > business_now() - k.per_person_days * interval '1 day')"""


Slots = Mapping[UUID, datetime]
"""Shop → when the slot begins that is wished for; shops that are not named deliver as soon as they can."""
NO_SLOTS: Slots = MappingProxyType({})


def lines_of(
    *,
    lines: str,
    where: str,
    standing: str = "true",
    agreed: str = "true",
    more: str = "",
    joins: str = "",
    with_slots: bool = False,
) -> str:
    """Return the ``SELECT`` of lines with all that their price is made of, for ``:address_id``.

    :param lines: a table or query of ``account_id``, ``sku_id`` and ``quantity``, known as ``c``.
    :param more: further columns, each after a comma. :param joins: what they are of.
    :param with_slots: whether the statement is asked with :func:`slot_params`.
    """
    return _LINES.format(
        lines=lines,
        where=where,
        standing=standing,
        agreed=agreed,
        more=more,
        joins=joins,
        bought=BOUGHT,
        rule=RULE_OF_SHOP,
        surcharges=SURCHARGES,
        slot=_SLOT if with_slots else _NO_SLOT,
        slots=_SLOTS if with_slots else "",
    )


def slot_params(slots: Slots) -> dict[str, object]:
    """Return the parameters that name the slots that are wished for."""
    return {"slot_shop_ids": list(slots), "slot_starts": list(slots.values())}


# Two placements of one person cannot both find the cap unreached: each needs the cart's line of the SKU, which the
# first removes. A line put in anew waits for that, and whoever sees it sees the first's order too.
_WHERE = "c.account_id = :account_id"
READ_CART = text(lines_of(lines="cart_lines", where=_WHERE, with_slots=True))
READ_CART_TO_SHOW = text(lines_of(lines="cart_lines", where=_WHERE, with_slots=True, more=HELD_COUPONS))
READ_CART_WITH_COUPON = text(
    lines_of(lines="cart_lines", where=_WHERE, with_slots=True, more=COUPON_COLUMNS + HELD_COUPONS, joins=COUPON_JOINS)
)
"""Both with the coupons that are held, from which the best is named."""
LOCK_CART = crowded(
    opening(
        lines_of(lines="cart_lines", where=_WHERE, standing=IN_STANDING, agreed=HAS_AGREED, with_slots=True)
        + "FOR UPDATE OF c"
    )
)
LOCK_CART_WITH_COUPON = opening(
    lines_of(
        lines="cart_lines",
        where=_WHERE,
        standing=IN_STANDING,
        agreed=HAS_AGREED,
        with_slots=True,
        more=COUPON_COLUMNS,
        joins=COUPON_JOINS,
    )
    + "FOR UPDATE OF c"
)
"""All are asked with :func:`slot_params`, too; those with a coupon with ``:coupon_id``."""


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A quote with the rows it was made from, by shop, and the address it was made for.

    :ivar notes: SKU → what was noted to it. :ivar trips: shops that can share a trip, whether or not that was taken.
    :ivar refusals: why it cannot be bought as it is; none for a cart that can.
    """

    quote: Quote
    shops: dict[UUID, Row]
    first: Row
    fulfillment: Fulfillment
    refusals: list[Conflict] = field(default_factory=list)
    notes: dict[UUID, str] = field(default_factory=dict)
    trips: list[SharedTrip] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """Business time of the quote."""
        moment: datetime = self.first.now
        return moment


def look_at_cart(
    rows: Sequence[Row], fulfillment: Fulfillment, coupon: Coupon | None = None, *, is_trip_shared: bool = False
) -> PricedCart:
    """Price the rows of :data:`READ_CART`, and say beside it what stands against buying them.

    :param is_trip_shared: whether shops that can share a trip do so.

    :raises CartEmpty: there are none.
    :raises AddressNotFound: the address is not the asker's.
    :raises CouponNotUsable, CouponNotApplicable: the coupon takes nothing off a cart that could be bought.
    """
    if not rows:
        raise CartEmpty
    first = rows[0]
    if first.address_id is None:
        raise AddressNotFound(pointer="/address_id")
    shops = {row.shop_id: row for row in rows}
    terms = {shop_id: terms_of(row, fulfillment) for shop_id, row in shops.items()}
    wanted = [wanted_of(row) for row in rows]
    refusals = list(prices.refusals_of(wanted, terms, first.now))
    quote = prices.price_cart(wanted, terms)
    if coupon is not None and not refusals:
        parts = [_part_of(part, shops[part.shop_id]) for part in quote.shops]
        offs = coupon.offs(parts, community_id=first.community_id, now=first.now)
        quote = prices.price_cart(wanted, terms, offs)
    trips = shared_trips(quote, {shop_id: _counter_of(row) for shop_id, row in shops.items()})
    return PricedCart(
        with_shared_trips(quote, trips) if is_trip_shared else quote,
        shops,
        first,
        fulfillment,
        refusals,
        {row.sku_id: row.line_note for row in rows},
        trips,
    )


def _counter_of(row: Row) -> Counter:
    ready_s = 60 * row.preparation_minutes if row.measured_s is None else row.measured_s
    return Counter(lat=row.shop_lat, lng=row.shop_lng, ready_s=ready_s)


def parts_of(cart: PricedCart) -> list[Part]:
    """Return what coupons look at: each shop's goods behind its own discount."""
    return [_part_of(part, cart.shops[part.shop_id]) for part in cart.quote.shops]


def _part_of(part: ShopQuote, row: Row) -> Part:
    own_fen = part.discount_fen - part.platform_off_fen
    return Part(shop_id=part.shop_id, vertical=row.vertical, payable_fen=part.goods_fen - own_fen)


def price_cart(
    rows: Sequence[Row],
    fulfillment: Fulfillment,
    slots: Slots = NO_SLOTS,
    coupon: Coupon | None = None,
    *,
    is_trip_shared: bool = False,
) -> PricedCart:
    """As :func:`look_at_cart`, of a cart that can be bought.

    :raises SlotOfNoShop: a slot is for a shop that the cart buys nothing from.
    :raises app.kernel.errors.Conflict: a line or a shop cannot be served; see :func:`app.core.orders.quote.quote_cart`.
    """
    cart = look_at_cart(rows, fulfillment, coupon, is_trip_shared=is_trip_shared)
    if not slots.keys() <= cart.shops.keys():
        raise SlotOfNoShop(pointer="/slots")
    for refusal in cart.refusals:
        raise refusal
    return cart


def quote_checkout(
    actor: Actor,
    *,
    address_id: UUID,
    fulfillment: Fulfillment,
    slots: Slots = NO_SLOTS,
    is_trip_shared: bool = False,
) -> Quote:
    """Say what the cart costs to this address now; promises nothing, changes nothing."""
    asked = {"account_id": actor.account_id, "address_id": address_id, **slot_params(slots)}
    rows = read(READ_CART, asked).fetchall()
    return price_cart(rows, fulfillment, slots, is_trip_shared=is_trip_shared).quote


def is_perishable(vertical: str) -> bool:
    """Say whether what a shop of ``vertical`` sells cannot be carried back: food."""
    return vertical == Vertical.FOOD


def wanted_of(row: Row) -> Wanted:
    """Return what a line of :func:`lines_of` wants."""
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
        is_on_sale=row.offer_state == OfferState.ON_SALE and row.removed_at is None,
        is_deliverable=row.offer_kind in {OfferKind.GOODS, OfferKind.DISH},
        is_in_hours=row.sale_hours is None or is_open_at(row.sale_hours, None, row.slot_starts_at or row.now),
        is_refused_by_age=row.is_age_restricted and not is_adult(row.id_number_sealed, row.now),
        is_return_excluded=row.is_return_excluded,
        preparation_minutes=row.offer_preparation_minutes,
        per_person_max=row.per_person_max,
        bought=row.bought,
    )


def is_adult(number_sealed: str | None, now: datetime) -> bool:
    """Say whether who was verified with this ID number is of age; who was not verified is not known to be."""
    return number_sealed is not None and _is_adult_on(number_sealed, now.astimezone(SHANGHAI).date())


@lru_cache(maxsize=1_024)
def _is_adult_on(number_sealed: str, today: date) -> bool:
    return IdNumber.read(unseal(number_sealed, context="identities.number"), today=today).is_adult(today)


def terms_of(row: Row, fulfillment: Fulfillment) -> Terms:
    """Return the terms of the shop of a line of :func:`lines_of`."""
    is_delivered = fulfillment is Fulfillment.DELIVERY
    meters = distance_m(row.shop_lat, row.shop_lng, row.address_lat, row.address_lng) if is_delivered else 0
    is_scheduled = row.slot_starts_at is not None
    return Terms(
        shop_id=row.shop_id,
        name=row.shop_name,
        is_open=row.shop_state == ShopState.OPEN and (is_scheduled or is_open_at(row.hours, row.paused_until, row.now)),
        is_delivered=is_delivered,
        distance_m=meters,
        radius_m=row.radius_m,
        minimum_fen=row.minimum_fen,
        packing_fen=row.packing_fen,
        delivery_fen=delivery_fee_fen(row.fee_tiers, meters) if is_delivered else 0,
        discount_tiers=row.discount_tiers,
        preparation_minutes=row.preparation_minutes,
        commission=rate_in_force(row),
        license_expires_on=row.license_expires_on,
        is_inside=row.area is None or is_inside(row.area, row.address_lat, row.address_lng),
        surcharges=surcharges_for(row) if is_delivered else NO_SURCHARGES,
        **(_slot_of(row) if is_scheduled else {}),
    )


def _slot_of(row: Row) -> dict[str, Any]:
    wished = {"slot_starts_at": row.slot_starts_at}
    if row.slot_minutes is None or (row.paused_until is not None and row.slot_starts_at < row.paused_until):
        return wished
    rule = SlotRule(
        slot_minutes=row.slot_minutes,
        capacity=row.capacity,
        lead_minutes=row.lead_minutes,
        days_ahead=row.days_ahead,
    )
    slot = slot_at(row.hours, rule, row.now, row.slot_starts_at)
    if slot is None:
        return wished
    return {**wished, "slot_ends_at": slot.ends_at, "is_slot_full": (row.slot_taken or 0) >= rule.capacity}


def surcharges_for(row: Row) -> Surcharges:
    """Return what the way to the address of a row costs beyond its distance, now or at its slot."""
    if row.night_fen is None:
        return NO_SURCHARGES
    rates = SurchargeRates(night_fen=row.night_fen, weather_fen=row.weather_fen, floor_fen=row.floor_fen)
    return surcharges_of(
        rates,
        is_night=is_night(row.slot_starts_at or row.now),
        is_bad_weather=row.is_bad_weather,
        walk_up_floors=row.walk_up_floors,
    )
