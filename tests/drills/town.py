"""A town for long walks: shops of all verticals, residents, couriers, staff, and a gateway in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from app.core.payments.ports import GatewayUnknown
from app.usecases.appointments.providers import set_service_terms
from app.usecases.paying.attempts import ask_gateway
from app.usecases.settling.settle import settle_due
from app.usecases.vouchers.issue import set_voucher_terms
from tests.factories import (
    a_claim,
    a_community,
    a_courier,
    a_merchant_with_shop,
    a_resident,
    a_store_clerk,
    an_address,
    an_offer,
    an_operator,
)
from tests.factories.appointments import a_provider
from tests.factories.promotions import a_campaign, a_coupon
from tests.factories.rows import look
from tests.support.patience import try_jobs
from tests.support.till import Till
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from flask import Flask

    from app.core.payments.ports import PaymentGateway
    from tests.factories import Offer, Person, Shop
    from tests.support.business_clock import BusinessClock

BALANCES_FEN = (900_000, 400_000, 60_000)
DOZEN = 12


@dataclass(frozen=True)
class Act:
    """A use case with everything but the claim."""

    who: Person
    run: Callable[..., Any]


@dataclass
class Town:
    """Everybody and everything of one walk."""

    app: Flask
    clock: BusinessClock
    till: Till = field(default_factory=Till)

    def __post_init__(self) -> None:
        self.clock.back()
        run_worker(self.app)
        self.app.extensions["linli_gateway"] = self.till
        self.community = community = a_community()
        self.food = a_merchant_with_shop(community=community, vertical="food", packing_fen=33, commission_bp=777)
        tiers = [{"from_fen": 1_500, "off_fen": 211}]
        self.retail = a_merchant_with_shop(community=community, discount_tiers=tiers, preparation_minutes=5)
        self.leisure = a_merchant_with_shop(community=community, vertical="leisure", commission_bp=1_234)
        self.home = a_merchant_with_shop(community=community, vertical="home_service", commission_bp=1_000)
        self.shops = {shop.shop_id: shop for shop in (self.food, self.retail, self.leisure, self.home)}
        self.goods: dict[UUID, list[Offer]] = {
            shop.shop_id: [an_offer(shop, price_fen=fen, on_hand=stock) for fen, stock in shelf]
            for shop, shelf in (
                (self.food, ((999, DOZEN), (1_501, None), (1, 40))),
                (self.retail, ((2_049, DOZEN), (777, None), (350, 40))),
            )
        }
        self.cards = [self._card(uses, fen, stock) for uses, fen, stock in ((1, 5_000, 6), (10, 9_999, None))]
        self.service = an_offer(self.home, kind="service", name="保洁", price_fen=20_000)
        owner = self.home.owner
        terms: dict[str, Any] = {"duration_minutes": 120, "buffer_minutes": 30, "lead_minutes": 60}
        named: dict[str, Any] = {"shop_id": self.home.shop_id, "sku_id": self.service.sku_id}
        set_service_terms(owner.actor, a_claim(owner), **named, **terms)
        self.provider_ids = [a_provider(self.home, self.service) for _ in range(2)]
        self.residents = [a_resident(balance_fen=fen) for fen in BALANCES_FEN]
        self.addresses = {who.account_id: an_address(who, near=community) for who in self.residents}
        self.people = {who.account_id: who for who in self.residents}
        self.couriers = [a_courier(community=community) for _ in range(2)]
        self.clerk, self.operator = a_store_clerk(community.store_id), an_operator()
        long = self.clock.now() + timedelta(days=3_000)
        many: dict[str, Any] = {"ends_at": long, "per_person_max": 10, "issued_max": 10**6, "budget_fen": 10**9}
        self.campaign_ids = [
            a_campaign(off_fen=333, **many),
            a_campaign(minimum_fen=500, benefit="percent", percent_bp=1_111, **many),
        ]
        self.parties = [shop.merchant_id for shop in self.shops.values()] + [one.account_id for one in self.couriers]

    def give_coupon(self, who: Person) -> None:
        """Let a resident claim a coupon of one of the town's campaigns."""
        a_coupon(who, self.campaign_ids[who.account_id.int % 2])

    def _card(self, uses: int, price_fen: int, on_hand: int | None) -> Offer:
        offer, owner = an_offer(self.leisure, kind="voucher", price_fen=price_fen, on_hand=on_hand), self.leisure.owner
        named = {"shop_id": self.leisure.shop_id, "sku_id": offer.sku_id}
        set_voucher_terms(owner.actor, a_claim(owner), uses=uses, valid_days=90, **named)
        return offer

    def shop(self, row: Any) -> Shop:
        """Return the shop of a row."""
        return self.shops[row.shop_id]

    def work(self, *, is_moody: bool = False) -> None:
        """Let the worker do all that is due, jobs and statements too; moody, the gateway loses every reply."""
        self.till.is_moody = is_moody
        run_worker(self.app)
        for row in look("SELECT attempt_id FROM payment_attempts WHERE state IN ('requested', 'unknown')"):
            _without_luck(partial(ask_gateway, cast("PaymentGateway", self.till), row.attempt_id))
        try_jobs(self.app)
        settle_due(only=self.parties)
        run_worker(self.app)
        self.till.is_moody = False


def _without_luck(act: Callable[[], None]) -> None:
    try:
        act()
    except GatewayUnknown:
        return
