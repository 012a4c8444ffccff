"""What search says of an offer at an address now is what checkout says: there and open, closed until, or not there."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.core.catalog.errors import SkuNotFound
from app.core.orders.models import Fulfillment
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import read
from app.usecases.shopping.cart import empty_cart, put_in_cart
from app.usecases.shopping.quoting import READ_CART, look_at_cart, slot_params
from app.web.finding import results
from app.web.finding_schemas import OwnOfferSearchQuery
from tests.factories import a_community, a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.rows import change
from tests.support.races import a_seed

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask

    from tests.factories import Offer, Person
    from tests.support.business_clock import BusinessClock

EVERY_DAY = {str(day): [["07:00", "12:00"], ["13:30", "22:00"]] for day in range(1, 8)}
BREAKFAST = {str(day): [["06:00", "10:00"]] for day in range(1, 7)}
HOURS = [
    EVERY_DAY,
    BREAKFAST,
    {**EVERY_DAY, "holiday": []},
    {**BREAKFAST, "holiday": [["10:00", "24:00"]], "2026-10-02": [["00:00", "03:00"]]},
    {"2026-10-08": [["08:00", "20:00"]]},
]
EVES = [datetime(2026, 9, 29, tzinfo=SHANGHAI), datetime(2026, 2, 14, tzinfo=SHANGHAI)]
"""Before the days of the National Day and of the Spring Festival."""
CLOSED, ABSENT = {"shop_closed", "offer_not_now"}, {"outside_area", "license_expired", "offer_gone", "sold_out"}
SEEN = CLOSED | {"sold", "outside_area"}
STREETS_MAX = 5
"""One street of a hundred sells nothing at any of its moments; another is built then."""


def a_street(random_: random.Random) -> tuple[list[Offer], Person, list[UUID]]:
    """Return offers of shops of all kinds of terms, and a resident with addresses among them."""
    community, offers = a_community(), []
    for _ in range(16):
        lat, lng = community.lat + random_.uniform(-0.01, 0.01), community.lng + random_.uniform(-0.01, 0.01)
        side = random_.uniform(0.002, 0.01)
        corner = [lat + side, lng - side], [lat + side, lng + side], [lat - side, lng]
        shop = a_merchant_with_shop(
            community=community,
            lat=lat,
            lng=lng,
            radius_m=random_.choice([600, 2_500]),
            area=random_.choice([None, corner]),
            hours=random_.choice([EVERY_DAY, EVERY_DAY, *HOURS]),
            license_expires_on=random_.choice([date(2099, 1, 1), date(2099, 1, 1), date(2026, 10, 3)]),
            paused_until=random_.choice([None, None, None, None, EVES[0] + timedelta(days=random_.uniform(0, 8))]),
            state=random_.choice(["open"] * 9 + ["resting"]),
        )
        for _ in range(3):
            on_hand, sale_hours = (
                random_.choice([None, None, None, 5, 0]),
                random_.choice([None, None, None, EVERY_DAY, *HOURS]),
            )
            state = random_.choice(["on_sale"] * 5 + ["paused"])
            offers += [an_offer(shop, on_hand=on_hand, state=state, offer={"sale_hours": sale_hours})]
    for gone in random_.sample(offers, 3):
        change("UPDATE skus SET removed_at = now() WHERE sku_id = :id", id=gone.sku_id)
    resident = a_resident()
    addresses = [an_address(resident, near=community, lat_off=random_.uniform(-0.01, 0.01)) for _ in range(4)]
    return offers, resident, addresses


def found_by(resident: Person, address_id: UUID, **query: Any) -> dict[UUID, dict[str, Any]]:
    """Return all that search finds at an address, by its offer."""
    asked = OwnOfferSearchQuery().load({"address_id": str(address_id), "limit": "50", **query})
    found, cursor = [], None
    while True:
        page = results(resident.actor, {**asked, "cursor": cursor}, is_of_shops=False)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return {item["offer_id"]: item for item in found}


def refusals_of(resident: Person, address_id: UUID, offer: Offer) -> set[str]:
    """Return the codes of all reasons for which checkout refuses one piece."""
    empty_cart(resident.actor)
    try:
        put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=1)
    except SkuNotFound:
        return {"offer_gone"}
    asked = {"account_id": resident.account_id, "address_id": address_id, **slot_params({})}
    return {refusal.code for refusal in look_at_cart(read(READ_CART, asked).fetchall(), Fulfillment.DELIVERY).refusals}


def test_search_says_what_checkout_says_at_every_hour(app: Flask, clock: BusinessClock) -> None:
    random_ = random.Random(a_seed())
    seen: Counter[str] = Counter()

    for _ in range(STREETS_MAX):
        offers, resident, addresses = a_street(random_)
        for _ in range(18):
            clock.at(random_.choice(EVES) + timedelta(hours=random_.uniform(0, 24 * 9)))
            address_id = random_.choice(addresses)
            found = found_by(resident, address_id)
            still_open = found_by(resident, address_id, only_open="true")

            for offer in offers:
                codes = refusals_of(resident, address_id, offer)
                seen.update(codes or {"sold"})
                assert codes <= CLOSED | ABSENT
                assert (offer.offer_id in still_open) == (not codes)
                assert (offer.offer_id in found) == (not codes & ABSENT)
                if offer.offer_id in found:
                    assert found[offer.offer_id]["is_open"] == (not codes)
        if seen.keys() >= SEEN:
            break
    assert seen.keys() >= SEEN


def test_at_the_moment_that_search_names_checkout_takes_the_order_and_not_before(
    app: Flask, clock: BusinessClock
) -> None:
    random_ = random.Random(a_seed())
    offers, resident, addresses = a_street(random_)
    tried = 0

    for number in range(1, 60 * STREETS_MAX):  # at many a moment everything is open
        if number % 60 == 0:  # on many a street, always
            offers, resident, addresses = a_street(random_)
        moment = random_.choice(EVES) + timedelta(hours=random_.uniform(0, 24 * 5))
        clock.at(moment)
        closed = [item for item in found_by(resident, addresses[0]).values() if item["opens_at"] is not None]

        for item in random_.sample(closed, min(4, len(closed))):
            offer = next(offer for offer in offers if offer.offer_id == item["offer_id"])
            clock.at(item["opens_at"])
            at_last = refusals_of(resident, addresses[0], offer)
            clock.at(moment + (item["opens_at"] - moment) * random_.random() * 0.99)
            before = refusals_of(resident, addresses[0], offer)
            tried += 1
            assert at_last <= {"license_expired"}
            assert before & CLOSED
        clock.at(moment)
        if tried >= 12:
            break
    assert tried >= 12
