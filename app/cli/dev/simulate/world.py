"""The neighborhood that an instance needs: community, shops, couriers and residents, written straight into the tables.

The plane of the instance is laid flat on the earth around :data:`ORIGIN`; at these distances that costs less than a
hundredth of a distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from sqlalchemy import insert

from app.cli.demo.seeded import chance, demo_id, price_near
from app.core.accounts.models import PLATFORM_ID, AccountRow, AddressRow, MemberRole, MembershipRow, OrganizationKind
from app.core.catalog.models import MerchantRow, OfferKind, OfferRow, ShopRow, SkuRow, StockRow, Vertical
from app.core.communities.models import CommunityRow, StoreRow
from app.core.delivery.models import CourierRow
from app.core.ledger import Journal, JournalKind, Leg, codes, post_many
from app.core.privacy.models import ASKED_FOR, CURRENT_VERSIONS, ConsentRow
from app.core.stepup.models import PaymentPinRow
from app.core.stepup.pins import TRIES
from app.core.verification.levels import Level
from app.kernel.clock import wall_now
from app.kernel.geo import EARTH_RADIUS_M
from app.kernel.ids import new_id
from app.kernel.sealing import blind_index, seal
from app.usecases.people.addresses import DOOR_CONTEXT
from app.usecases.stepping_up.payment_pin import pin_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.cli.dev.simulate.plan import Basket
    from app.cli.dispatch.instance import Instance, Place
    from app.kernel.db import Base
    from app.kernel.transaction import Transaction

ORIGIN = (39.90, 116.30)
"""Latitude and longitude (WGS-84 degrees) of the plane's origin."""
RESIDENTS_MAX = 200
OPENING_FEN = 100_000_00
"""What each resident has on the e-account."""
SKUS = ((2_800, None), (1_200, 5_000), (600, 5_000))
"""Of each shop: median price in fen, and pieces in stock (None: not counted)."""
GOODS_SHOP_EVERY = 4
"""One shop in so many sells goods that keep instead of food: what cannot be handed over goes back there."""
FEE_TIERS = (
    {"up_to_m": 1_000, "fee_fen": 300},
    {"up_to_m": 3_000, "fee_fen": 500},
    {"up_to_m": 99_999, "fee_fen": 900},
)
COMMISSION_BP = 600
BATCH_ROWS_MAX = 2_000
PIN = "246813"
PLATFORM_PHONE = "+8613500000001"


@dataclass(frozen=True, slots=True)
class Shop:
    """A restaurant of the instance on the platform; its name is the instance's."""

    shop_id: UUID
    phone: str
    place: Place
    is_perishable: bool
    sku_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """A door of the instance: whose it is, and the address there."""

    phone: str
    account_id: UUID
    address_id: UUID


@dataclass(frozen=True, slots=True)
class World:
    """Who and what is there. Shops and couriers (their phones) by name, homes by door."""

    shops: dict[str, Shop]
    homes: dict[Place, Home]
    courier_phones: dict[str, str]
    platform_phone: str = PLATFORM_PHONE


def degrees_of(place: Place) -> tuple[float, float]:
    """Return latitude and longitude of a point on the plane, WGS-84 degrees."""
    lat, lng = ORIGIN
    per_degree_m = math.radians(EARTH_RADIUS_M)
    return lat + place.y / per_degree_m, lng + place.x / (per_degree_m * math.cos(math.radians(lat)))


def write_world(tx: Transaction, instance: Instance, baskets: Sequence[Basket], seed: int) -> World:
    """Write everything that ``instance`` needs into an empty database, and return what to call it by."""
    rows = _Rows(tx)
    store_id, community_id = demo_id(seed, "store"), demo_id(seed, "community")
    lat, lng = ORIGIN
    rows.add(StoreRow, [{"store_id": store_id, "name": "体验店", "district": "仿真区", "lat": lat, "lng": lng}])
    community = {"community_id": community_id, "store_id": store_id, "name": instance.name[:100], "street": "仿真街道"}
    rows.add(CommunityRow, [{**community, "district": "仿真区", "lat": lat, "lng": lng}])
    shops = _write_shops(rows, instance, baskets, seed, community_id)
    homes = _write_homes(rows, baskets, seed, community_id)
    couriers = {duty.name: _phone(7, number) for number, duty in enumerate(instance.duties, start=1)}
    ids = {name: demo_id(seed, "courier", name) for name in couriers}
    rows.add(AccountRow, [_account(ids[name], phone) for name, phone in couriers.items()])
    rows.add(CourierRow, [{"courier_id": courier_id, "community_id": community_id} for courier_id in ids.values()])
    operator_id = demo_id(seed, "operator")
    rows.add(AccountRow, [_account(operator_id, PLATFORM_PHONE)])
    rows.add(MembershipRow, [_membership(operator_id, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.ADMIN)])
    post_many(tx, [_opening(account_id) for account_id in sorted({home.account_id for home in homes.values()})])
    return World(shops=shops, homes=homes, courier_phones=couriers)


class _Rows:
    """Writes rows in batches."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add(self, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(rows), BATCH_ROWS_MAX):
            self._tx.connection.execute(insert(model), rows[start : start + BATCH_ROWS_MAX])


def _write_shops(
    rows: _Rows, instance: Instance, baskets: Sequence[Basket], seed: int, community_id: UUID
) -> dict[str, Shop]:
    errands = [errand for basket in baskets for errand in basket.errands]
    radius_m = math.ceil(
        max(instance.restaurants[errand.wish.restaurant].distance_m(errand.door) for errand in errands) * 1.02 + 100
    )
    shops: dict[str, Shop] = {}
    for number, (name, place) in enumerate(instance.restaurants.items(), start=1):
        is_perishable = number % GOODS_SHOP_EVERY != 0
        skus = tuple(demo_id(seed, "sku", name, position) for position in range(len(SKUS)))
        shops[name] = Shop(demo_id(seed, "shop", name), _phone(8, number), place, is_perishable, skus)
    merchants = {name: demo_id(seed, "merchant", name) for name in shops}
    owners = {name: demo_id(seed, "owner", name) for name in shops}
    minutes: dict[str, list[int]] = {name: [] for name in shops}
    for errand in errands:
        minutes[errand.wish.restaurant].append(errand.wish.ready_minute - errand.wish.placed_minute)
    terms = {
        "community_id": community_id,
        "radius_m": radius_m,
        "minimum_fen": 0,
        "packing_fen": 100,
        "commission_bp": COMMISSION_BP,
        "hours": {str(day): [["00:00", "24:00"]] for day in range(1, 8)},
        "fee_tiers": list(FEE_TIERS),
        "license_number": "SIMULATION",
        "license_expires_on": date(2099, 12, 31),
    }
    rows.add(AccountRow, [_account(owners[name], shop.phone) for name, shop in shops.items()])
    rows.add(MerchantRow, [{"merchant_id": merchant_id, "name": name} for name, merchant_id in merchants.items()])
    rows.add(
        MembershipRow,
        [
            _membership(owners[name], OrganizationKind.MERCHANT, merchant_id, MemberRole.OWNER)
            for name, merchant_id in merchants.items()
        ],
    )
    rows.add(
        ShopRow,
        [
            {
                **terms,
                "shop_id": shop.shop_id,
                "merchant_id": merchants[name],
                "name": name,
                "vertical": (Vertical.FOOD if shop.is_perishable else Vertical.RETAIL).value,
                "preparation_minutes": round(median(minutes[name] or [15])),
                **dict(zip(("lat", "lng"), degrees_of(shop.place), strict=True)),
            }
            for name, shop in shops.items()
        ],
    )
    _write_shelves(rows, shops, seed)
    return shops


def _write_shelves(rows: _Rows, shops: dict[str, Shop], seed: int) -> None:
    offers: list[dict[str, Any]] = []
    skus: list[dict[str, Any]] = []
    stock: list[dict[str, Any]] = []
    for name, shop in shops.items():
        random = chance(seed, "shelf", name)
        for position, (sku_id, (price_fen, pieces)) in enumerate(zip(shop.sku_ids, SKUS, strict=True)):
            offer_id = demo_id(seed, "offer", name, position)
            kind = OfferKind.DISH if shop.is_perishable else OfferKind.GOODS
            offer = {"offer_id": offer_id, "shop_id": shop.shop_id, "kind": kind.value, "category": "all"}
            offers.append({**offer, "name": f"{name}-{position + 1}", "position": position})
            price = {"price_fen": price_near(random, price_fen), "packing_fen": 50}
            skus.append({"sku_id": sku_id, "offer_id": offer_id, "shop_id": shop.shop_id, **price})
            if pieces is not None:
                stock.append({"sku_id": sku_id, "received": pieces, "on_hand": pieces})
    rows.add(OfferRow, offers)
    rows.add(SkuRow, skus)
    rows.add(StockRow, stock)


def _write_homes(rows: _Rows, baskets: Sequence[Basket], seed: int, community_id: UUID) -> dict[Place, Home]:
    doors = list(dict.fromkeys(basket.door for basket in baskets))
    people = [(demo_id(seed, "resident", n), _phone(9, n)) for n in range(1, min(len(doors), RESIDENTS_MAX) + 1)]
    homes: dict[Place, Home] = {}
    addresses = []
    for number, door in enumerate(doors):
        account_id, phone = people[number % len(people)]
        home = homes[door] = Home(phone, account_id, demo_id(seed, "address", number))
        said = {"contact_name": "居民", "contact_phone": phone, "building": str(number + 1), "unit": "", "floor": ""}
        lat, lng = degrees_of(door)
        addresses.append(
            {
                "address_id": home.address_id,
                "account_id": account_id,
                "community_id": community_id,
                "lat": lat,
                "lng": lng,
                "door_sealed": seal(orjson.dumps({**said, "door": "101"}).decode(), context=DOOR_CONTEXT),
            }
        )
    rows.add(AccountRow, [_account(account_id, phone) for account_id, phone in people])
    rows.add(ConsentRow, [said for account_id, _ in people for said in _agreed(account_id)])
    rows.add(
        PaymentPinRow,
        [
            {"account_id": account_id, "digest": pin_digest(account_id, PIN), "tries_left": TRIES}
            for account_id, _ in people
        ],
    )
    rows.add(AddressRow, addresses)
    return homes


def _account(account_id: UUID, phone: str) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "phone_sealed": seal(phone, context="accounts.phone"),
        "phone_index": blind_index(phone, context="accounts.phone"),
        "verification_level": Level.THREE,
    }


def _agreed(account_id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "consent_id": new_id(),
            "account_id": account_id,
            "purpose": purpose.value,
            "version": CURRENT_VERSIONS[purpose],
            "is_given": True,
            "said_at": wall_now(),
        }
        for purpose in sorted(ASKED_FOR)
    ]


def _membership(account_id: UUID, kind: OrganizationKind, organization_id: UUID, role: MemberRole) -> dict[str, Any]:
    where = {"organization_kind": kind.value, "organization_id": organization_id}
    return {"account_id": account_id, **where, "role": role.value}


def _opening(account_id: UUID) -> Journal:
    legs = (Leg(codes.BANK_SETTLEMENT, -OPENING_FEN), Leg(codes.e_account(account_id), OPENING_FEN))
    return Journal(key=f"opening:{account_id}", kind=JournalKind.OPENING, legs=legs, ref=str(account_id))


def _phone(series: int, number: int) -> str:
    """Return a mainland mobile number; ``series`` keeps the sides apart."""
    return f"+8613{series}{number:08d}"
