"""Races for places in a slot, with real threads and real commits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from app.usecases.ordering.cancel_checkout import cancel_checkout
from tests.factories import a_claim, a_resident, an_offer
from tests.factories.rows import look
from tests.factories.slots import NINE, SLOT, a_shop_with_slots, placed_for_slot, taken
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from tests.support.business_clock import BusinessClock


def test_of_forty_residents_who_want_the_last_place_one_gets_it(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop = a_shop_with_slots(capacity=3)
    offer = an_offer(shop, on_hand=100)
    for _ in range(2):
        placed_for_slot(shop, offer=offer)

    outcomes = at_once(app, [partial(placed_for_slot, shop, offer=offer) for _ in range(40)])

    assert sum(outcome.is_done for outcome in outcomes) == 1
    assert {outcome.refusal for outcome in outcomes if not outcome.is_done} <= {"delivery_slot_full"}
    assert taken(shop) == 3
    [stock] = look("SELECT on_hand, reserved FROM stock WHERE sku_id = :id", id=offer.sku_id)
    assert (stock.on_hand, stock.reserved) == (97, 3)


def test_places_that_are_given_back_and_taken_at_once_always_add_up(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop = a_shop_with_slots(capacity=8)
    offer = an_offer(shop, on_hand=100)
    leaving = [
        (resident, placed_for_slot(shop, resident=resident, offer=offer))
        for resident in [a_resident() for _ in range(8)]
    ]
    acts: list[Callable[[], Any]] = [
        *(partial(placed_for_slot, shop, offer=offer) for _ in range(12)),
        *(
            partial(cancel_checkout, resident.actor, a_claim(resident), checkout_id=placed.checkout_id)
            for resident, placed in leaving
        ),
    ]

    outcomes = at_once(app, acts)

    assert all(outcome.is_done for outcome in outcomes[12:])
    won = sum(outcome.is_done for outcome in outcomes[:12])
    assert taken(shop) == won <= 8
    [held] = look(
        "SELECT count(*) AS held FROM orders WHERE shop_id = :id AND slot_starts_at = :at AND state <> 'canceled'",
        id=shop.shop_id,
        at=SLOT,
    )
    assert held.held == won
