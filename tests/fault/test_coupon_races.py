"""Races for coupons and budgets, with real threads and real commits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.kernel import wire
from app.kernel.transaction import transaction
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.promoting.campaigns import stop_campaign
from app.usecases.promoting.coupons import claim_coupon, give_back
from tests.factories import (
    a_claim,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_operator,
)
from tests.factories.promotions import a_campaign, a_coupon
from tests.factories.rows import look, look_one
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask


def test_of_sixty_claims_for_ten_coupons_ten_are_had(app: Flask) -> None:
    campaign_id = a_campaign(issued_max=10)
    people = [a_resident() for _ in range(60)]

    outcomes = at_once(
        app, [partial(claim_coupon, one.actor, a_claim(one, "coupon"), campaign_id=campaign_id) for one in people]
    )

    assert sum(outcome.is_done for outcome in outcomes) == 10
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} == {"coupons_gone"}
    assert look_one("SELECT count(*) FROM coupons WHERE campaign_id = :id", id=campaign_id) == 10
    assert look_one("SELECT issued FROM campaigns WHERE campaign_id = :id", id=campaign_id) == 10


def test_one_person_who_claims_forty_times_at_once_has_two_where_two_are_allowed(app: Flask) -> None:
    campaign_id, person = a_campaign(per_person_max=2), a_resident()
    claim = partial(claim_coupon, person.actor, campaign_id=campaign_id)

    outcomes = at_once(app, [partial(claim, a_claim(person, "coupon")) for _ in range(40)])

    had = sum(outcome.is_done for outcome in outcomes)
    assert 1 <= had <= 2
    assert look_one("SELECT count(*) FROM coupons WHERE campaign_id = :id", id=campaign_id) == had
    assert look_one("SELECT issued FROM campaigns WHERE campaign_id = :id", id=campaign_id) == had


def test_a_budget_for_five_pays_for_five_of_thirty_who_place_at_once(app: Flask) -> None:
    campaign_id, shop = a_campaign(budget_fen=2_500), a_merchant_with_shop()
    offer = an_offer(shop, on_hand=100)
    acts = []
    for _ in range(30):
        resident = a_resident()
        coupon_id, address_id = a_coupon(resident, campaign_id), an_address(resident, near=shop)
        acts.append(partial(a_placed_checkout, resident, address_id, [(offer, 2)], coupon_id=coupon_id))

    outcomes = at_once(app, acts)

    assert sum(outcome.is_done for outcome in outcomes) == 5
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} == {"coupons_gone"}
    assert look_one("SELECT left_fen FROM campaigns WHERE campaign_id = :id", id=campaign_id) == 0
    [stock] = look("SELECT on_hand, reserved FROM stock WHERE sku_id = :id", id=offer.sku_id)
    assert (stock.on_hand, stock.reserved) == (90, 10)


def test_what_is_canceled_and_placed_at_once_never_costs_more_than_the_budget(app: Flask) -> None:
    campaign_id, shop = a_campaign(budget_fen=4_000), a_merchant_with_shop()
    offer = an_offer(shop, on_hand=100)
    people = [a_resident() for _ in range(16)]
    places = [
        partial(a_placed_checkout, one, an_address(one, near=shop), [(offer, 2)], coupon_id=a_coupon(one, campaign_id))
        for one in people
    ]
    held, acts = [(one, place().checkout_id) for one, place in zip(people, places[:8], strict=False)], places[8:]
    cancels = [partial(cancel_checkout, one.actor, a_claim(one), checkout_id=checkout) for one, checkout in held]

    at_once(app, [*cancels, *acts])
    run_worker(app)

    taken = look_one(
        "SELECT coalesce(sum(platform_off_fen), 0)::bigint FROM orders WHERE campaign_id = :id AND state <> 'canceled'",
        id=campaign_id,
    )
    assert look_one("SELECT left_fen FROM campaigns WHERE campaign_id = :id", id=campaign_id) == 4_000 - taken
    used = look_one("SELECT count(*) FROM coupons WHERE campaign_id = :id AND state = 'used'", id=campaign_id)
    assert used * 500 == taken <= 4_000


def left_fen(campaign_id: UUID) -> int:
    fen: int = look_one("SELECT left_fen FROM campaigns WHERE campaign_id = :id", id=campaign_id)
    return fen


def test_of_a_thousand_claims_as_many_win_as_there_are_coupons(app: Flask) -> None:
    campaign_id = a_campaign(issued_max=100)
    residents = [a_resident() for _ in range(250)]
    acts = [
        partial(claim_coupon, resident.actor, a_claim(resident), campaign_id=campaign_id)
        for resident in residents
        for _ in range(4)
    ]

    outcomes = at_once(app, acts)

    assert sum(outcome.is_done for outcome in outcomes) == 100
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} <= {"coupons_gone", "coupons_claimed"}
    held = look_one(
        "SELECT count(DISTINCT account_id) || '/' || count(*) FROM coupons WHERE campaign_id = :id", id=campaign_id
    )
    assert held == "100/100"


def test_one_coupon_is_used_once_however_often_it_is_tried(app: Flask) -> None:
    shop, resident = a_merchant_with_shop(), a_resident()
    offers = [an_offer(shop, on_hand=100) for _ in range(8)]
    address_id = an_address(resident, near=shop)
    campaign_id = a_campaign()
    coupon_id = a_coupon(resident, campaign_id)

    outcomes = at_once(
        app, [partial(a_placed_checkout, resident, address_id, [(offer, 2)], coupon_id=coupon_id) for offer in offers]
    )

    assert sum(outcome.is_done for outcome in outcomes) == 1
    assert left_fen(campaign_id) == 99_500


def test_a_canceled_checkout_gives_coupon_and_budget_back_once(app: Flask) -> None:
    shop, resident = a_merchant_with_shop(), a_resident()
    campaign_id = a_campaign()
    coupon_id = a_coupon(resident, campaign_id)
    offer = an_offer(shop, on_hand=100)
    placed = a_placed_checkout(resident, an_address(resident, near=shop), [(offer, 2)], coupon_id=coupon_id)
    [order] = placed.orders
    cancel_checkout(resident.actor, a_claim(resident), checkout_id=placed.checkout_id)

    def given() -> None:
        with transaction() as tx:
            give_back(tx, order.order_id)

    at_once(app, [given for _ in range(16)])

    assert left_fen(campaign_id) == 100_000
    assert look_one("SELECT state FROM coupons WHERE coupon_id = :id", id=coupon_id) == "held"


def test_a_stop_ends_it_for_everybody_who_comes_after(app: Flask) -> None:
    shop, resident, operator = a_merchant_with_shop(), a_resident(), an_operator()
    campaign_id = a_campaign()
    coupon_id = a_coupon(resident, campaign_id)
    address_id, offer = an_address(resident, near=shop), an_offer(shop, on_hand=100)
    stop_campaign(operator.actor, a_claim(operator), campaign_id=campaign_id, why="wrong template")

    [outcome] = at_once(app, [partial(a_placed_checkout, resident, address_id, [(offer, 2)], coupon_id=coupon_id)])

    assert outcome.refusal == "coupon_not_usable"
    assert left_fen(campaign_id) == 100_000


def test_placing_with_a_coupon_takes_as_many_round_trips_as_without(app: Flask) -> None:
    counts = []
    for with_coupon in (False, True):
        shop, resident = a_merchant_with_shop(), a_resident()
        address_id, offer = an_address(resident, near=shop), an_offer(shop, on_hand=100)
        coupon_id = a_coupon(resident, a_campaign()) if with_coupon else None
        seen: list[str] = []
        wire.observers.append(seen.append)
        try:
            a_placed_checkout(resident, address_id, [(offer, 2)], coupon_id=coupon_id)
        finally:
            wire.observers.remove(seen.append)
        counts.append(len(seen))

    assert counts[0] == counts[1]
