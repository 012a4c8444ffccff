"""What is better with somebody else: of couriers who do not move, are suspended, or whose shift is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.core.delivery.states import DispatchMode
from app.core.dispatch.greedy import NearestPolicy
from app.core.orders.states import OrderState
from app.usecases.delivering.hand_over import deliver, door_code, pick_up, pick_up_code
from app.usecases.delivering.report_position import report_position
from app.usecases.delivering.trips import claim_trip, give_back_trip
from app.usecases.dispatching.answer_offer import accept_offer
from app.usecases.dispatching.take_back import (
    look_after_shifts,
    take_back_from_those_who_come_late,
    take_back_from_those_who_go_elsewhere,
    take_back_from_those_who_stand_still,
)
from app.usecases.dispatching.tick import dispatch_zone
from app.wiring import DISPATCH_POLICY
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, an_order
from tests.factories.people import let_ride, let_wait
from tests.factories.rows import change, look, look_one
from tests.support.dispatching import let_offer, offers_of
from tests.support.races import known

if TYPE_CHECKING:
    from flask import Flask

    from tests.factories import AnOrder, Person
    from tests.support.business_clock import BusinessClock

KM = 0.009  # degrees of latitude


def seen(courier: Person, clock: BusinessClock, lat: float, lng: float) -> None:
    """Let a courier report where they are; wall time has passed since the last report."""
    change(
        "UPDATE courier_positions SET received_at = received_at - interval '5 seconds' WHERE courier_id = :id",
        id=courier.account_id,
    )
    report_position(courier.actor, lat=lat, lng=lng, measured_at=clock.now())


def taken(clock: BusinessClock, *, away_km: float) -> AnOrder:
    """Return an order that a courier took who is so far from the counter."""
    order = an_order(state=OrderState.READY)
    courier = a_courier(community=order.shop.community)
    let_ride(courier)
    seen(courier, clock, order.shop.lat + away_km * KM, order.shop.lng)
    let_wait(order.trip_id)
    claim_trip(courier.actor, a_claim(courier), trip_id=known(order.trip_id))
    return replace(order, courier=courier)


def holder(order: AnOrder) -> object:
    return look_one("SELECT courier_id FROM trips WHERE trip_id = :id", id=order.trip_id)


def reasons(order: AnOrder) -> list[str]:
    return [row.reason for row in look("SELECT reason FROM trip_releases WHERE trip_id = :id", id=order.trip_id)]


def test_one_who_is_heard_and_does_not_move_loses_the_trip(app: Flask, clock: BusinessClock) -> None:
    order = taken(clock, away_km=2)
    let_offer(order.shop.community.community_id, DispatchMode.ASSIGN)
    for _ in range(6):
        clock.ahead(seconds=61)
        seen(order.carrier, clock, order.shop.lat + 2 * KM + 0.0001, order.shop.lng)

    take_back_from_those_who_stand_still()
    other = a_courier(community=order.shop.community)
    dispatch_zone(DISPATCH_POLICY, order.shop.store_id)

    assert reasons(order) == ["still"]
    assert [courier_id for _, courier_id, _ in offers_of(known(order.trip_id))] == [other.account_id]


@pytest.mark.parametrize("away_km, step_km", [(2, 0.15), (0.05, 0)])
def test_one_who_moves_or_waits_at_the_counter_keeps_it(
    app: Flask, clock: BusinessClock, away_km: float, step_km: float
) -> None:
    order = taken(clock, away_km=away_km)
    for minute in range(1, 8):
        clock.ahead(seconds=61)
        seen(order.carrier, clock, order.shop.lat + (away_km - step_km * minute) * KM, order.shop.lng)

    take_back_from_those_who_stand_still()

    assert holder(order) == order.carrier.account_id


def ride(order: AnOrder, clock: BusinessClock, *places_km: float) -> None:
    """Let a minute pass before each of the places north of the counter where the courier is seen."""
    for away_km in places_km:
        clock.ahead(seconds=61)
        seen(order.carrier, clock, order.shop.lat + away_km * KM, order.shop.lng)


def a_second_trip(order: AnOrder, *, at_km: float = 0) -> AnOrder:
    """Return another order of the courier, from a counter so far north."""
    community = order.shop.community
    shop = a_merchant_with_shop(community=community, lat=community.lat + at_km * KM)
    other = an_order(state=OrderState.READY, shop=shop)
    let_wait(other.trip_id)
    claim_trip(order.carrier.actor, a_claim(order.carrier), trip_id=known(other.trip_id))
    return replace(other, courier=order.carrier)


def test_one_who_stands_still_with_two_trips_in_hand_loses_both(app: Flask, clock: BusinessClock) -> None:
    one = taken(clock, away_km=2)
    two = a_second_trip(one, at_km=1)
    ride(one, clock, *[2.0] * 6)

    take_back_from_those_who_stand_still()

    assert (holder(one), holder(two)) == (None, None)


@pytest.mark.parametrize("step", ["at the other counter", "at a door"])
def test_one_who_stands_where_the_other_trip_has_them_keeps_both(app: Flask, clock: BusinessClock, step: str) -> None:
    one = taken(clock, away_km=1)
    two = a_second_trip(one, at_km=1)
    if step == "at a door":
        code = pick_up_code(two.order_id)
        pick_up(one.carrier.actor, a_claim(one.carrier), delivery_id=known(two.delivery_id), code=code)
        clock.ahead(minutes=11)
    ride(one, clock, *[1.1 if step == "at a door" else 1.0] * 8)

    take_back_from_those_who_stand_still()
    take_back_from_those_who_go_elsewhere()

    assert {holder(one), holder(two)} == {one.carrier.account_id}


@pytest.mark.parametrize(
    "places_km, is_taken",
    [
        ((2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4), True),
        ((2.2, 2.0, 2.2, 2.0, 2.2, 2.0, 2.2), True),
        ((1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3), False),
        ((2.2, 2.4, 2.6, 2.3, 1.9, 1.5, 1.1), False),
    ],
)
def test_one_who_rides_and_comes_no_nearer_loses_the_trip(
    app: Flask, clock: BusinessClock, places_km: tuple[float, ...], *, is_taken: bool
) -> None:
    order = taken(clock, away_km=2)
    ride(order, clock, *places_km)

    take_back_from_those_who_stand_still()
    take_back_from_those_who_go_elsewhere()

    assert reasons(order) == (["astray"] if is_taken else [])
    assert (holder(order) is None) is is_taken


def test_one_who_rides_to_the_counter_of_the_other_trip_goes_not_astray(app: Flask, clock: BusinessClock) -> None:
    one = taken(clock, away_km=1)
    two = a_second_trip(one, at_km=2.9)
    ride(one, clock, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4)
    kept = take_back_from_those_who_go_elsewhere()
    ride(one, clock, *[3.2 + 0.2 * minute for minute in range(12)])

    take_back_from_those_who_go_elsewhere()

    assert kept == 0
    assert (holder(one), holder(two)) == (None, None)


def given(clock: BusinessClock, *, away_km: float) -> AnOrder:
    """Return an order that a courier was offered and took, from so far."""
    order = an_order(state=OrderState.READY)
    let_offer(order.shop.community.community_id, DispatchMode.ASSIGN)
    courier = a_courier(community=order.shop.community)
    let_ride(courier)
    seen(courier, clock, order.shop.lat + away_km * KM, order.shop.lng)
    dispatch_zone(NearestPolicy(), order.shop.store_id)
    [(trip_offer_id, _, _)] = offers_of(known(order.trip_id))
    accept_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
    return replace(order, courier=courier)


@pytest.mark.parametrize(
    "minutes, other_km, is_taken",
    [(16, 0.2, True), (16, 1.5, False), (16, None, False), (8, 0.2, False)],
)
def test_one_who_would_come_much_too_late_loses_the_trip_to_one_who_is_nearer(
    app: Flask, clock: BusinessClock, minutes: int, other_km: float | None, *, is_taken: bool
) -> None:
    order = given(clock, away_km=2)  # ten minutes away; after so many minutes still five
    clock.ahead(minutes=minutes - 1)
    ride(order, clock, 1.0)
    other = None
    if other_km is not None:
        other = a_courier(community=order.shop.community)
        let_ride(other)
        seen(other, clock, order.shop.lat - other_km * KM, order.shop.lng)

    take_back_from_those_who_come_late()
    dispatch_zone(NearestPolicy(), order.shop.store_id)

    assert reasons(order) == (["late"] if is_taken else [])
    if is_taken:
        assert other is not None
        assert [courier_id for _, courier_id, _ in offers_of(known(order.trip_id))][-1] == other.account_id


def test_of_what_is_late_nothing_is_taken_that_was_picked_up_or_is_only_claimed_there(
    app: Flask, clock: BusinessClock
) -> None:
    carried, claimed = given(clock, away_km=2), taken(clock, away_km=2)
    actor, code = carried.carrier.actor, pick_up_code(carried.order_id)
    pick_up(actor, a_claim(carried.carrier), delivery_id=known(carried.delivery_id), code=code)
    clock.ahead(minutes=30)
    for order in (carried, claimed):
        seen(order.carrier, clock, order.shop.lat + 1.5 * KM, order.shop.lng)
        let_ride(a_courier(community=order.shop.community))

    take_back_from_those_who_come_late()

    assert (holder(carried), holder(claimed)) == (carried.carrier.account_id, claimed.carrier.account_id)


def test_whoever_lost_or_gave_back_a_trip_is_not_asked_about_it_at_once(app: Flask, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.READY, with_courier=True)
    let_offer(order.shop.community.community_id, DispatchMode.ASSIGN)
    give_back_trip(order.carrier.actor, a_claim(order.carrier), trip_id=known(order.trip_id))

    at_once = dispatch_zone(DISPATCH_POLICY, order.shop.store_id)
    clock.ahead(minutes=6)
    later = dispatch_zone(DISPATCH_POLICY, order.shop.store_id)

    assert (at_once, later) == (0, 1)


def test_a_shift_that_is_over_mid_trip_goes_on_until_nothing_is_in_hand(app: Flask, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.IN_DELIVERY)
    courier = order.carrier
    change("UPDATE courier_shifts SET ends_at = business_now() WHERE courier_id = :id", id=courier.account_id)
    is_on = "SELECT ended_at IS NULL FROM courier_shifts WHERE courier_id = :id"

    clock.ahead(minutes=1)
    look_after_shifts()
    during = look_one(is_on, id=courier.account_id)
    code = door_code(order.order_id)
    deliver(courier.actor, a_claim(courier), delivery_id=known(order.delivery_id), code=code, photo_id=None)
    look_after_shifts()

    assert (during, look_one(is_on, id=courier.account_id)) == (True, False)
    assert order.state is OrderState.DELIVERED


def test_a_courier_suspended_mid_trip_loses_what_waits_and_finishes_what_they_carry(app: Flask) -> None:
    carried = an_order(state=OrderState.IN_DELIVERY)
    courier = carried.carrier
    waiting = an_order(state=OrderState.READY, shop=carried.shop, courier=courier, with_courier=True)
    change("UPDATE couriers SET state = 'suspended' WHERE courier_id = :id", id=courier.account_id)

    look_after_shifts()
    code = door_code(carried.order_id)
    deliver(courier.actor, a_claim(courier), delivery_id=known(carried.delivery_id), code=code, photo_id=None)

    assert (holder(waiting), reasons(waiting)) == (None, ["unable"])
    assert carried.state is OrderState.DELIVERED


def test_a_clock_that_jumps_ahead_ends_offers_and_silence_once_and_harms_nothing(
    app: Flask, clock: BusinessClock
) -> None:
    order = taken(clock, away_km=1)
    clock.ahead(hours=3)
    look_after_shifts()
    lost = holder(order)
    clock.ahead(hours=-3)  # back again: what was decided stays decided
    look_after_shifts()
    courier = a_courier(community=order.shop.community)
    claim_trip(courier.actor, a_claim(courier), trip_id=known(order.trip_id))
    delivery_id, code = known(order.delivery_id), door_code(order.order_id)
    pick_up(courier.actor, a_claim(courier), delivery_id=delivery_id, code=pick_up_code(order.order_id))
    deliver(courier.actor, a_claim(courier), delivery_id=delivery_id, code=code, photo_id=None)

    assert lost is None
    assert order.state is OrderState.DELIVERED
    assert look_one("SELECT count(*) FROM trip_releases WHERE trip_id = :id", id=order.trip_id) == 1


def test_positions_from_before_a_jump_back_are_taken_as_older_and_refused(app: Flask, clock: BusinessClock) -> None:
    home = a_community()
    courier = a_courier(community=home)
    clock.ahead(minutes=30)
    seen(courier, clock, home.lat, home.lng)
    clock.ahead(minutes=-30)

    with pytest.raises(Exception, match="position") as refusal:
        seen(courier, clock, home.lat, home.lng)

    assert getattr(refusal.value, "code", None) == "position_too_old"
    assert timedelta() < clock.now() - look_one(
        "SELECT started_at FROM courier_shifts WHERE courier_id = :id", id=courier.account_id
    )
