"""Visits of a store's staff to shops, and samples that it shows."""

from __future__ import annotations

from app.core.visiting.checklist import CHECKLISTS, VERSION, Answer
from app.usecases.visiting.samples import SampleStands, show_sample
from app.usecases.visiting.shops import ShopVisitStands, record_visit
from tests.factories.people import a_claim, a_store_clerk
from tests.factories.shops import Offer, Shop, a_merchant_with_shop, an_offer


def answers(*failed: str) -> dict[str, Answer]:
    """Return an answer for each point of today's checklist: all is well but for ``failed``."""
    return {point.code: Answer.FAILED if point.code in failed else Answer.PASSED for point in CHECKLISTS[VERSION]}


def a_shop_visit(shop: Shop | None = None, *failed: str, opens_review: bool = False) -> ShopVisitStands:
    shop = shop or a_merchant_with_shop()
    clerk = a_store_clerk(shop.store_id)
    return record_visit(
        clerk.actor,
        a_claim(clerk),
        shop_id=shop.shop_id,
        checklist_version=VERSION,
        answers=answers(*failed),
        note=None,
        opens_review=opens_review,
        lat=shop.lat,
        lng=shop.lng,
    )


def a_sample(shop: Shop | None = None, offer: Offer | None = None) -> SampleStands:
    """Return a sample of an offer of ``shop`` in the store of its community."""
    shop = shop or a_merchant_with_shop()
    clerk = a_store_clerk(shop.store_id)
    offer = offer or an_offer(shop)
    return show_sample(clerk.actor, a_claim(clerk), store_id=shop.store_id, offer_id=offer.offer_id)
