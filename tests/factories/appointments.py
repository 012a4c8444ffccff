"""Services, who does them, and appointments, brought about as they are in life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from app.kernel.clock import SHANGHAI, business_now
from app.kernel.transaction import transaction
from app.usecases.appointments.booking import book_service
from app.usecases.appointments.providers import ProviderSaid, add_provider, set_service_terms
from app.usecases.appointments.visits import check_in, check_in_code, confirm_appointment, set_out
from tests.factories.people import Person, a_claim, a_resident, an_address
from tests.factories.rows import change, look_one
from tests.factories.shops import Offer, Shop, a_merchant_with_shop, an_offer
from tests.factories.vouchers import pay

if TYPE_CHECKING:
    from uuid import UUID

    from app.usecases.ordering.place_checkout import Placed

ALL_WEEK = {str(weekday): [["09:00", "18:00"]] for weekday in range(1, 8)}


@dataclass(frozen=True)
class AService:
    """A service of two hours with half an hour behind it, done by some providers on every day from nine to six."""

    shop: Shop
    offer: Offer
    provider_ids: list[UUID]


@dataclass(frozen=True)
class AVisit:
    """An appointment, with everybody who has to do with it."""

    order_id: UUID
    service: AService
    resident: Person
    starts_at: datetime

    @property
    def owner(self) -> Person:
        return self.service.shop.owner

    @property
    def state(self) -> str:
        return str(look_one("SELECT state FROM appointments WHERE order_id = :id", id=self.order_id))

    @property
    def order_state(self) -> str:
        return str(look_one("SELECT state FROM orders WHERE order_id = :id", id=self.order_id))


def in_days(days: int, clock: str = "10:00") -> datetime:
    """Return a time of day in Shanghai, so many days from today by business time."""
    with transaction() as tx:
        today = business_now(tx).astimezone(SHANGHAI).date()
    return datetime.combine(today + timedelta(days=days), time.fromisoformat(clock), tzinfo=SHANGHAI)


def a_provider(shop: Shop, offer: Offer) -> UUID:
    """Return the id of somebody who does a service of a shop in its community."""
    said = ProviderSaid(name="李师傅", offer_ids=[offer.offer_id], community_ids=[shop.community_id], hours=ALL_WEEK)
    return add_provider(shop.owner.actor, a_claim(shop.owner), shop_id=shop.shop_id, said=said).provider_id


def a_service(*, providers: int = 1, price_fen: int = 20_000) -> AService:
    """Return a service on sale."""
    shop = a_merchant_with_shop(vertical="home_service", commission_bp=1_000)
    offer = an_offer(shop, kind="service", name="保洁", price_fen=price_fen)
    set_service_terms(
        shop.owner.actor,
        a_claim(shop.owner),
        shop_id=shop.shop_id,
        sku_id=offer.sku_id,
        duration_minutes=120,
        buffer_minutes=30,
        lead_minutes=60,
    )
    return AService(shop, offer, [a_provider(shop, offer) for _ in range(providers)])


def a_booking(service: AService, resident: Person, starts_at: datetime, address_id: UUID | None = None) -> Placed:
    """Hold a time; it is not paid yet."""
    return book_service(
        resident.actor,
        a_claim(resident, "book"),
        sku_id=service.offer.sku_id,
        address_id=address_id or an_address(resident, near=service.shop),
        starts_at=starts_at,
        unit_price_fen=service.offer.price_fen,
        note="",
    )


def a_visit(service: AService | None = None, *, starts_at: datetime | None = None, state: str = "confirmed") -> AVisit:
    """Return an appointment in ``state``: held, confirmed, en_route or in_service."""
    service = service or a_service()
    starts_at = starts_at or in_days(3)
    resident = a_resident(balance_fen=1_000_000)
    placed = a_booking(service, resident, starts_at)
    [order] = placed.orders
    visit = AVisit(order.order_id, service, resident, starts_at)
    if state == "held":
        return visit
    pay(resident, placed)
    with transaction() as tx:
        confirm_appointment(tx, visit.order_id)
    owner = visit.owner
    if state in {"en_route", "in_service"}:
        begins = "UPDATE appointments SET starts_at = {} WHERE order_id = :id"
        change(begins.format("business_now()"), id=visit.order_id)  # a provider sets out shortly before
        set_out(owner.actor, a_claim(owner), order_id=visit.order_id)
        change(begins.format(":starts_at"), id=visit.order_id, starts_at=starts_at)
    if state == "in_service":
        come_in(visit)
    return visit


def come_in(visit: AVisit) -> None:
    """Let the provider begin at the resident's door."""
    shop, owner = visit.service.shop, visit.owner
    check_in(
        owner.actor,
        a_claim(owner),
        order_id=visit.order_id,
        code=check_in_code(visit.order_id),
        lat=shop.lat + 0.001,
        lng=shop.lng,
    )
