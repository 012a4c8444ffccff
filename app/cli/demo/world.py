"""The demo world: five experience stores of Beijing with their communities, people, shops and shelves.

Everything follows from a seed; the day only moves the licenses' expiry. Streets, districts and the districts' centers
are real. Everything else is invented: the stores stand at the centers, the communities lie around them, and no
shop, person, license, barcode or price is anybody's.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from random import Random
from uuid import UUID

from app.cli.demo import words
from app.cli.demo.seeded import chance, demo_id
from app.cli.demo.shapes import (
    Address,
    Community,
    Courier,
    Deposit,
    Door,
    Membership,
    Merchant,
    Offer,
    Paper,
    Person,
    Shop,
    Sku,
    Stock,
    Store,
    World,
)
from app.cli.demo.shelves import (
    STOCK_MAX,
    STOCK_MIN,
    VOUCHERS_PER_ORDER_MAX,
    Catalogue,
    fill_shelf,
    make_catalogue,
)
from app.cli.demo.trades import ALL_DAY, RADII_M, TRADES, Trade, discount_tiers, fee_tiers
from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.catalog.models import OfferKind
from app.core.papers.rules import NEEDED, PaperKind, credit_code_check, good_until, organization_check
from app.kernel.geo import EARTH_RADIUS_M

SEED = 1

PIN = "246813"
"""The payment PIN of every resident."""
FIRST_RESIDENT_PHONE = "+8613900000001"
FIRST_MERCHANT_PHONE = "+8613800000001"
"""Owner of a restaurant that never closes, in the first resident's community."""
SECOND_MERCHANT_PHONE = "+8613800000002"
"""Owner of a convenience store that never closes, in the first resident's community."""
FIRST_COURIER_PHONE = "+8613700000001"
"""Registered in the first resident's community."""
FIRST_STORE_PHONE = "+8613600000001"
"""Manager of the store of the first resident's community."""
FIRST_PLATFORM_PHONE = "+8613500000001"
"""The platform's administrator."""

STORES = (("门头沟", "110109"), ("顺义", "110113"), ("通州", "110112"), ("卢沟桥", "110106"), ("四季青", "110108"))
"""Name and district of each store; it stands at the district's center."""

COMMUNITIES_PER_STORE = 10
COURIERS_PER_STORE = 20
RESIDENTS_PER_STORE = 30
COMMUNITY_DISTANCE_M_MAX = 2400
SHOP_OFFSET_M_MAX = 250
DOOR_OFFSET_M_MAX = 120
ALWAYS_OPEN_COUNT = 2
AUTO_ACCEPT_SHARE = 0.25
FIRST_DEPOSIT_FEN = 200_000
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_PREFIXES = {"resident": "139", "merchant": "138", "courier": "137", "store": "136", "platform": "135"}


def build_world(seed: int = SEED, *, today: date) -> World:
    """Return the world of ``seed``. On ``today`` all licenses are good for half a year or more."""
    return _Builder(seed, today).build()


@dataclass(slots=True)
class _Builder:
    """The world while it grows; phone numbers are dealt out in the order of asking."""

    seed: int
    today: date
    catalogue: Catalogue = field(init=False)
    stores: list[Store] = field(default_factory=list)
    communities: list[Community] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    couriers: list[Courier] = field(default_factory=list)
    merchants: list[Merchant] = field(default_factory=list)
    shops: list[Shop] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    skus: list[Sku] = field(default_factory=list)
    stock: list[Stock] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    _numbers: dict[str, Iterator[int]] = field(default_factory=lambda: {side: count(1) for side in _PREFIXES})

    def __post_init__(self) -> None:
        self.catalogue = make_catalogue(self.seed)

    def build(self) -> World:
        for role in (MemberRole.ADMIN, MemberRole.FINANCE, MemberRole.SUPPORT):
            self._staff("platform", OrganizationKind.PLATFORM, PLATFORM_ID, role)
        for name, district_code in STORES:
            self._neighborhood(name, district_code)
        return World(
            stores=tuple(self.stores),
            communities=tuple(self.communities),
            people=tuple(self.people),
            memberships=tuple(self.memberships),
            addresses=tuple(self.addresses),
            couriers=tuple(self.couriers),
            merchants=tuple(self.merchants),
            shops=tuple(self.shops),
            papers=tuple(self.papers),
            offers=tuple(self.offers),
            skus=tuple(self.skus),
            stock=tuple(self.stock),
            deposits=tuple(self.deposits),
        )

    def _neighborhood(self, name: str, district_code: str) -> None:
        """Add one store with everything that hangs on it."""
        center = words.centers()[district_code]
        store = Store(
            demo_id(self.seed, "store", name),
            f"{name}体验店",
            center.district,
            round(center.lat, 6),
            round(center.lng, 6),
        )
        self.stores.append(store)
        for role in (MemberRole.MANAGER, MemberRole.CLERK):
            self._staff("store", OrganizationKind.STORE, store.store_id, role)
        communities = [
            self._community(store, words.streets()[district_code], number) for number in range(COMMUNITIES_PER_STORE)
        ]
        self.communities += communities
        for number in range(COURIERS_PER_STORE):
            courier = self._person("courier")
            self.couriers.append(
                Courier(courier.account_id, communities[number % len(communities)].community_id),
            )
        for number in range(RESIDENTS_PER_STORE):
            self._resident(communities, number)
        self._shops(store, communities, district_code)

    def _community(self, store: Store, streets: list[str], number: int) -> Community:
        """Return one of the communities, spread evenly over the disc around the store."""
        street = streets[number % len(streets)]
        stem = street.removesuffix("街道").removesuffix("地区").removesuffix("镇")
        random = chance(self.seed, "community", store.name, number)
        away_m = COMMUNITY_DISTANCE_M_MAX * math.sqrt((number + 0.5) / COMMUNITIES_PER_STORE)
        lat, lng = _moved(store.lat, store.lng, away_m, number * _GOLDEN_ANGLE + random.uniform(-0.2, 0.2))
        return Community(
            community_id=demo_id(self.seed, "community", store.name, number),
            store_id=store.store_id,
            name=stem + words.COMMUNITY_ENDINGS[number],
            district=store.district,
            street=street,
            lat=lat,
            lng=lng,
        )

    def _person(self, side: str) -> Person:
        phone = f"+86{_PREFIXES[side]}{next(self._numbers[side]):08d}"
        random = chance(self.seed, "person", phone)
        name = random.choice(words.SURNAMES) + random.choice(words.GIVEN_NAMES)
        person = Person(demo_id(self.seed, "account", phone), phone, name)
        self.people.append(person)
        return person

    def _staff(self, side: str, kind: OrganizationKind, organization_id: UUID, role: MemberRole) -> Person:
        person = self._person(side)
        self.memberships.append(Membership(person.account_id, kind, organization_id, role))
        return person

    def _resident(self, communities: list[Community], number: int) -> None:
        """Add a resident with a home, for every fifth also a second address, and with money on the e-account."""
        person = self._person("resident")
        is_first = person.phone == FIRST_RESIDENT_PHONE
        homes = [number] if number % 5 else [number, number + 1]
        for home in homes[:1] if is_first else homes:
            self.addresses.append(self._address(person, communities[home % len(communities)], len(self.addresses)))
        random = chance(self.seed, "deposit", person.phone)
        amount_fen = FIRST_DEPOSIT_FEN if is_first else random.randrange(20_000, 150_000, 1_000)
        self.deposits.append(Deposit(person.account_id, amount_fen))

    def _address(self, person: Person, community: Community, number: int) -> Address:
        random = chance(self.seed, "address", person.phone, community.name)
        lat, lng = _near(random, community.lat, community.lng, DOOR_OFFSET_M_MAX)
        floor = random.randint(1, 18)
        door = Door(
            contact_name=person.name,
            contact_phone=person.phone,
            building=f"{random.randint(1, 24)}号楼",
            unit=f"{random.randint(1, 4)}单元",
            floor=f"{floor}层",
            door=f"{floor}{random.randint(1, 4):02d}",
        )
        return Address(demo_id(self.seed, "address", number), person.account_id, community.community_id, lat, lng, door)

    def _shops(self, store: Store, communities: list[Community], district_code: str) -> None:
        """Add the shops around ``store``: one of each trade in turn, dealt out to the communities.

        The first two stand in the first community. Every other convenience store is a branch of the one before.
        """
        names = list(words.TRADE_NAMES)
        chance(self.seed, "trade names", store.name).shuffle(names)
        turns = [(trade, turn) for turn in range(max(trade.count for trade in TRADES)) for trade in TRADES]
        convenience: tuple[Merchant, Person] | None = None
        for number, (trade, turn) in enumerate((trade, turn) for trade, turn in turns if turn < trade.count):
            if trade.key == "convenience" and turn and turn % 2 == 0 and convenience:
                merchant, owner = convenience
            else:
                merchant, owner = self._merchant(store, names.pop() + trade.endings[turn % len(trade.endings)])
            if trade.key == "convenience":
                convenience = merchant, owner
            place = 0 if number < ALWAYS_OPEN_COUNT else number * 3 % len(communities)
            shop = self._shop(trade, merchant, owner, communities[place], license_place=district_code)
            self.shops.append(shop)
            self._shelf(trade, shop)

    def _merchant(self, store: Store, name: str) -> tuple[Merchant, Person]:
        """Add a merchant with its owner; every third has a clerk too."""
        merchant = Merchant(demo_id(self.seed, "merchant", store.name, name), name)
        self.merchants.append(merchant)
        owner = self._staff("merchant", OrganizationKind.MERCHANT, merchant.merchant_id, MemberRole.OWNER)
        if len(self.merchants) % 3 == 0:
            self._staff("merchant", OrganizationKind.MERCHANT, merchant.merchant_id, MemberRole.CLERK)
        return merchant, owner

    def _shop(
        self, trade: Trade, merchant: Merchant, owner: Person, community: Community, *, license_place: str
    ) -> Shop:
        number = len(self.shops) + 1
        shop_id = demo_id(self.seed, "shop", number)
        random = chance(self.seed, "shop", number)
        is_first = owner.phone in {FIRST_MERCHANT_PHONE, SECOND_MERCHANT_PHONE}
        lat, lng = _near(random, community.lat, community.lng, SHOP_OFFSET_M_MAX)
        radius_m = RADII_M[-1] if is_first else random.choice(RADII_M)
        papers = self._papers(trade, shop_id, owner, license_place, number)
        last_day = good_until(trade.vertical, {paper.kind: paper.expires_on for paper in papers})
        assert last_day is not None, "a shop of the demo has all its papers"
        return Shop(
            shop_id=shop_id,
            merchant_id=merchant.merchant_id,
            community_id=community.community_id,
            name=f"{merchant.name}（{community.name}店）",
            vertical=trade.vertical,
            lat=lat,
            lng=lng,
            radius_m=radius_m,
            minimum_fen=random.choice(trade.minimums_fen),
            packing_fen=random.choice(trade.packings_fen),
            preparation_minutes=random.choice(trade.preparations_minutes),
            is_auto_accept=not is_first and trade.is_delivering and random.random() < AUTO_ACCEPT_SHARE,
            commission_bp=trade.commission_bp,
            hours=ALL_DAY if is_first else random.choice(trade.hours),
            fee_tiers=fee_tiers(trade, random, radius_m),
            discount_tiers=discount_tiers(trade, random),
            license_number=papers[-1].number,
            license_expires_on=last_day,
            phone=owner.phone,
        )

    def _papers(self, trade: Trade, shop_id: UUID, owner: Person, license_place: str, number: int) -> list[Paper]:
        """Add the papers that a shop needs, good for half a year or more, and return them.

        No organization has a code with ``DEM`` in it, and no food license is of the kind 9.
        """
        random = chance(self.seed, "papers", number)
        body = f"DEM{number:05d}"
        code = f"91{license_place}{body}{organization_check(body)}"
        numbers = {
            PaperKind.BUSINESS_LICENSE: code + credit_code_check(code),
            PaperKind.FOOD_LICENSE: f"JY9{license_place}{number:06d}0",
        }
        papers = []
        for kind in NEEDED[trade.vertical]:
            last_day = self.today + timedelta(days=random.randint(180, 1800))
            is_endless = kind is not NEEDED[trade.vertical][-1]
            papers.append(
                Paper(
                    paper_id=demo_id(self.seed, "paper", shop_id, kind),
                    shop_id=shop_id,
                    kind=kind,
                    number=numbers[kind],
                    expires_on=None if is_endless else last_day,
                    submitted_by_id=owner.account_id,
                    decided_by_id=self.people[0].account_id,
                )
            )
        self.papers.extend(papers)
        return papers

    def _shelf(self, trade: Trade, shop: Shop) -> None:
        random = chance(self.seed, "shelf", shop.shop_id)
        for position, listing in enumerate(fill_shelf(trade.key, random, self.catalogue)):
            offer_id = demo_id(self.seed, "offer", shop.shop_id, position)
            self.offers.append(
                Offer(offer_id, shop.shop_id, listing.kind, listing.name, listing.category, position),
            )
            for form in listing.forms:
                sku_id = demo_id(self.seed, "sku", offer_id, form.option)
                quantity_max = VOUCHERS_PER_ORDER_MAX if listing.kind is OfferKind.VOUCHER else 99
                self.skus.append(
                    Sku(sku_id, offer_id, shop.shop_id, form.option, form.price_fen, form.barcode, quantity_max),
                )
                if listing.kind is OfferKind.GOODS:
                    received = random.randint(STOCK_MIN, STOCK_MAX)
                    self.stock.append(Stock(sku_id, received=received, on_hand=received))


def _near(random: Random, lat: float, lng: float, distance_m_max: float) -> tuple[float, float]:
    return _moved(lat, lng, distance_m_max * math.sqrt(random.random()), random.uniform(0, math.tau))


def _moved(lat: float, lng: float, distance_m: float, bearing: float) -> tuple[float, float]:
    """Return the place ``distance_m`` away, ``bearing`` radians clockwise from north, to about 10 cm."""
    north = math.degrees(distance_m * math.cos(bearing) / EARTH_RADIUS_M)
    east = math.degrees(distance_m * math.sin(bearing) / EARTH_RADIUS_M / math.cos(math.radians(lat)))
    return round(lat + north, 6), round(lng + east, 6)
