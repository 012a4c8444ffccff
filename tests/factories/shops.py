"""Merchants, shops and what they sell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from app.core.accounts.models import MemberRole, OrganizationKind
from app.core.catalog.models import MerchantRow, OfferRow, ShopRow, SkuRow, StockRow
from app.core.papers.models import PaperRow
from app.core.papers.rules import PaperKind
from app.core.papers.states import PaperState
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from tests.factories.people import Person, a_member
from tests.factories.places import Community, a_community
from tests.factories.rows import change, look_one, write

if TYPE_CHECKING:
    from uuid import UUID

ALWAYS = {str(weekday): [["00:00", "24:00"]] for weekday in range(1, 8)}


@dataclass(frozen=True)
class Shop:
    """A shop that is open around the clock, with its owner signed in."""

    shop_id: UUID
    merchant_id: UUID
    community: Community
    lat: float
    lng: float
    owner: Person

    @property
    def community_id(self) -> UUID:
        return self.community.community_id

    @property
    def store_id(self) -> UUID:
        return self.community.store_id


@dataclass(frozen=True)
class Offer:
    """An offer with its one SKU."""

    offer_id: UUID
    sku_id: UUID
    shop_id: UUID
    price_fen: int


def a_merchant_with_shop(*, community: Community | None = None, **overrides: Any) -> Shop:
    """Return a shop of a new merchant; ``overrides`` are columns of ``shops``."""
    community = community or a_community()
    merchant_id, shop_id = new_id(), new_id()
    write(MerchantRow, merchant_id=merchant_id, name="惠民商户")
    columns: dict[str, Any] = {
        "name": "惠民小店",
        "vertical": "retail",
        "lat": community.lat,
        "lng": community.lng,
        "radius_m": 3_000,
        "minimum_fen": 0,
        "packing_fen": 0,
        "preparation_minutes": 15,
        "commission_bp": 500,
        "hours": ALWAYS,
        "fee_tiers": [{"up_to_m": 1_000, "fee_fen": 300}, {"up_to_m": 3_000, "fee_fen": 500}],
        "license_number": "JY11108210000001",
        "license_expires_on": date(2099, 12, 31),
        **overrides,
    }
    write(ShopRow, shop_id=shop_id, merchant_id=merchant_id, community_id=community.community_id, **columns)
    owner = a_member(Side.MERCHANT, OrganizationKind.MERCHANT, merchant_id, MemberRole.OWNER)
    return Shop(shop_id, merchant_id, community, columns["lat"], columns["lng"], owner)


CREDIT_CODE = "91330100799655058B"
FOOD_NUMBER = "JY11108210000001"


def a_paper(
    shop: Shop,
    *,
    kind: PaperKind = PaperKind.BUSINESS_LICENSE,
    state: PaperState = PaperState.SUBMITTED,
    expires_on: date | None = None,
    number: str = CREDIT_CODE,
) -> UUID:
    """Return the id of a paper that the shop's owner handed in; one that waited is withdrawn."""
    change(
        "UPDATE papers SET state = 'withdrawn' WHERE shop_id = :id AND kind = :kind AND state = :state",
        id=shop.shop_id,
        kind=kind.value,
        state=state.value,
    )
    paper_id, now = new_id(), wall_now()
    write(
        PaperRow,
        paper_id=paper_id,
        shop_id=shop.shop_id,
        kind=kind.value,
        number=number,
        expires_on=expires_on,
        photo_reference="photo-1",
        state=state.value,
        submitted_by_id=shop.owner.account_id,
        submitted_at=now,
    )
    return paper_id


def an_offer(
    shop: Shop,
    *,
    price_fen: int = 1_000,
    on_hand: int | None = None,
    packing_fen: int = 0,
    quantity_max: int = 99,
    kind: str = "goods",
    name: str = "鲜牛奶",
    state: str = "on_sale",
    offer: dict[str, Any] | None = None,
    sku: dict[str, Any] | None = None,
) -> Offer:
    """Return an offer with one SKU; ``on_hand`` None means unlimited; ``offer`` and ``sku`` are further columns."""
    made = Offer(new_id(), new_id(), shop.shop_id, price_fen)
    position = look_one("SELECT count(*) + 1 FROM offers WHERE shop_id = :shop_id", shop_id=shop.shop_id)
    write(
        OfferRow,
        offer_id=made.offer_id,
        shop_id=shop.shop_id,
        kind=kind,
        name=name,
        category="日用",
        position=position,
        state=state,
        **(offer or {}),
    )
    write(
        SkuRow,
        sku_id=made.sku_id,
        offer_id=made.offer_id,
        shop_id=shop.shop_id,
        price_fen=price_fen,
        packing_fen=packing_fen,
        quantity_max=quantity_max,
        **(sku or {}),
    )
    if on_hand is not None:
        write(StockRow, sku_id=made.sku_id, received=on_hand, on_hand=on_hand)
    return made
