"""The demo world's things. A thing named after a table has that table's columns, but for what is sealed at load."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.core.accounts.models import MemberRole, OrganizationKind
from app.core.catalog.models import OfferKind, Vertical
from app.core.papers.rules import PaperKind

Hours = dict[str, list[list[str]]]
Tiers = list[dict[str, int]]


@dataclass(frozen=True, slots=True)
class Store:
    """An experience store (体验店)."""

    store_id: UUID
    name: str
    district: str
    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Community:
    """A community (小区), its place made up around the store."""

    community_id: UUID
    store_id: UUID
    name: str
    district: str
    street: str
    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Person:
    """An account: phone in E.164, name in the clear."""

    account_id: UUID
    phone: str
    name: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's role somewhere."""

    account_id: UUID
    organization_kind: OrganizationKind
    organization_id: UUID
    role: MemberRole


@dataclass(frozen=True, slots=True)
class Door:
    """The sealed part of an address."""

    contact_name: str
    contact_phone: str
    building: str
    unit: str
    floor: str
    door: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a resident receives."""

    address_id: UUID
    account_id: UUID
    community_id: UUID
    lat: float
    lng: float
    door: Door


@dataclass(frozen=True, slots=True)
class Courier:
    """A courier (管家), off shift."""

    courier_id: UUID
    community_id: UUID


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant (商户) with one or two shops."""

    merchant_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop with its terms; amounts in fen, distances in meters."""

    shop_id: UUID
    merchant_id: UUID
    community_id: UUID
    name: str
    vertical: Vertical
    lat: float
    lng: float
    radius_m: int
    minimum_fen: int
    packing_fen: int
    preparation_minutes: int
    is_auto_accept: bool
    commission_bp: int
    hours: Hours
    fee_tiers: Tiers
    discount_tiers: Tiers
    license_number: str
    license_expires_on: date
    phone: str


@dataclass(frozen=True, slots=True)
class Paper:
    """An approved paper (证照) of a shop."""

    paper_id: UUID
    shop_id: UUID
    kind: PaperKind
    number: str
    expires_on: date | None
    submitted_by_id: UUID
    decided_by_id: UUID


@dataclass(frozen=True, slots=True)
class Offer:
    """What a shop sells."""

    offer_id: UUID
    shop_id: UUID
    kind: OfferKind
    name: str
    category: str
    position: int


@dataclass(frozen=True, slots=True)
class Sku:
    """One buyable form of an offer."""

    sku_id: UUID
    offer_id: UUID
    shop_id: UUID
    option: str
    price_fen: int
    barcode: str | None
    quantity_max: int


@dataclass(frozen=True, slots=True)
class Stock:
    """Counted pieces of a SKU, all on the shelf."""

    sku_id: UUID
    received: int
    on_hand: int


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a resident begins with on the e-account, fen."""

    account_id: UUID
    amount_fen: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything that ``linli demo load`` writes."""

    stores: tuple[Store, ...]
    communities: tuple[Community, ...]
    people: tuple[Person, ...]
    memberships: tuple[Membership, ...]
    addresses: tuple[Address, ...]
    couriers: tuple[Courier, ...]
    merchants: tuple[Merchant, ...]
    shops: tuple[Shop, ...]
    papers: tuple[Paper, ...]
    offers: tuple[Offer, ...]
    skus: tuple[Sku, ...]
    stock: tuple[Stock, ...]
    deposits: tuple[Deposit, ...]
