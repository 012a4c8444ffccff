"""Dispatch with everything that can go wrong: two workers, a worker that dies, couriers who vanish, late answers."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from app.kernel.transaction import transaction
from app.usecases.delivering.report_position import report_position
from app.usecases.delivering.trips import claim_trip
from app.usecases.dispatching.answer_offer import accept_offer, decline_offer, expire_offer
from app.usecases.dispatching.take_back import take_back_from_silent
from app.usecases.dispatching.tick import dispatch_zone
from app.usecases.ordering.cancel_order import cancel_order
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import look, look_one
from tests.support.dispatching import InterruptedPolicy, let_offer, offers_of
from tests.support.races import at_once, known

if TYPE_CHECKING:
    from flask import Flask

    from tests.factories import AnOrder, Community, Person
    from tests.support.business_clock import BusinessClock


@pytest.fixture
def community(app: Flask) -> Community:
    place = a_community()
    let_offer(place.community_id)
    return place


def orders_in(community: Community, count: int) -> list[AnOrder]:
    shop, resident = a_merchant_with_shop(community=community), a_resident(balance_fen=RICH_FEN)
    return [an_order(state=OrderState.PREPARING, shop=shop, resident=resident) for _ in range(count)]


def live_offers(community: Community) -> list[tuple[object, object]]:
    rows = look(
        "SELECT f.trip_id, f.courier_id FROM trip_offers AS f JOIN trips AS t USING (trip_id) "
        "WHERE t.community_id = :id AND f.state = 'live'",
        id=community.community_id,
    )
    return [(row.trip_id, row.courier_id) for row in rows]


def test_two_workers_at_once_offer_each_trip_once(app: Flask, community: Community) -> None:
    orders = orders_in(community, 4)
    for _ in range(6):
        a_courier(community=community)

    made = at_once(app, [partial(dispatch_zone, InterruptedPolicy(), community.store_id) for _ in range(8)])

    offers = live_offers(community)
    assert sum(known(one.answer) for one in made) == 4
    assert {trip_id for trip_id, _ in offers} == {order.trip_id for order in orders}
    assert len({courier_id for _, courier_id in offers}) == 4


def test_while_one_worker_decides_the_other_leaves_the_zone_alone(app: Flask, community: Community) -> None:
    orders_in(community, 1)
    a_courier(community=community)
    other: list[int] = []

    def second_worker() -> None:
        other.extend(
            known(one.answer) for one in at_once(app, [partial(dispatch_zone, InterruptedPolicy(), community.store_id)])
        )

    made = dispatch_zone(InterruptedPolicy(second_worker), community.store_id)

    assert (made, other) == (1, [0])


def test_a_worker_that_dies_between_deciding_and_writing_leaves_nothing(app: Flask, community: Community) -> None:
    [order] = orders_in(community, 1)
    a_courier(community=community)

    def die() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        dispatch_zone(InterruptedPolicy(die), community.store_id)

    assert offers_of(known(order.trip_id)) == []
    assert dispatch_zone(InterruptedPolicy(), community.store_id) == 1


def test_a_trip_that_was_claimed_or_canceled_while_dispatch_decided_is_let_be(app: Flask, community: Community) -> None:
    claimed, canceled, left = orders_in(community, 3)
    for _ in range(3):
        a_courier(community=community)
    fast = a_courier()

    def meanwhile() -> None:
        done = at_once(
            app,
            [
                partial(claim_trip, fast.actor, a_claim(fast), trip_id=known(claimed.trip_id)),
                partial(cancel_order, canceled.resident.actor, a_claim(canceled.resident), order_id=canceled.order_id),
            ],
        )
        assert all(one.is_done for one in done)

    made = dispatch_zone(InterruptedPolicy(meanwhile), community.store_id)

    assert made == 1
    assert [trip_id for trip_id, _ in live_offers(community)] == [left.trip_id]


def test_of_acceptance_and_cancellation_one_wins(app: Flask) -> None:
    for _ in range(4):
        community = a_community()
        let_offer(community.community_id)
        [order] = orders_in(community, 1)
        courier = a_courier(community=community)
        dispatch_zone(InterruptedPolicy(), community.store_id)
        [(trip_offer_id, courier_id, _)] = offers_of(known(order.trip_id))
        assert courier_id == courier.account_id

        accepted, canceled = at_once(
            app,
            [
                partial(accept_offer, courier.actor, a_claim(courier), trip_offer_id=trip_offer_id),
                partial(cancel_order, order.resident.actor, a_claim(order.resident), order_id=order.order_id),
            ],
        )

        # a cancellation within its two minutes is good after the acceptance, too; never the other way round
        assert canceled.is_done
        assert accepted.is_done or accepted.refusal == "trip_offer_over"
        assert look_one("SELECT state FROM trips WHERE trip_id = :id", id=order.trip_id) == "canceled"
        busy = "SELECT active_trips FROM courier_shifts WHERE courier_id = :id"
        assert look_one(busy, id=courier.account_id) == 0
        with transaction() as tx:
            expire_offer(tx, trip_offer_id)


def test_an_offer_is_answered_once(app: Flask, community: Community) -> None:
    [order] = orders_in(community, 1)
    courier = a_courier(community=community)
    dispatch_zone(InterruptedPolicy(), community.store_id)
    [(trip_offer_id, _, _)] = offers_of(known(order.trip_id))

    answers = at_once(
        app,
        [
            partial(answer, courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
            for answer in (accept_offer, decline_offer) * 4
        ],
    )

    assert Counter(one.refusal for one in answers) == {None: 1, "trip_offer_over": 7}


def test_couriers_who_vanish_with_accepted_trips_keep_nobody_waiting(
    app: Flask, community: Community, clock: BusinessClock
) -> None:
    orders = orders_in(community, 3)
    vanishing = [a_courier(community=community) for _ in range(3)]
    for courier in vanishing:
        report_position(courier.actor, lat=community.lat, lng=community.lng, measured_at=clock.now())
    dispatch_zone(InterruptedPolicy(), community.store_id)
    for order in orders:
        [(trip_offer_id, courier_id, _)] = offers_of(known(order.trip_id))
        courier = next(one for one in vanishing if one.account_id == courier_id)
        accept_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
    clock.ahead(seconds=91)

    take_back_from_silent()
    ready = [a_courier(community=community) for _ in range(3)]
    policy = InterruptedPolicy()
    made = dispatch_zone(policy, community.store_id)

    assert made == 3
    assert policy.seen == [{courier.account_id for courier in ready}]
    assert _hands(vanishing) == [0, 0, 0]


def test_what_was_picked_up_stays_with_a_courier_who_falls_silent(app: Flask, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.IN_DELIVERY)
    courier = order.carrier
    report_position(courier.actor, lat=order.shop.lat, lng=order.shop.lng, measured_at=clock.now())
    clock.ahead(minutes=10)

    take_back_from_silent()

    assert look_one("SELECT courier_id FROM trips WHERE trip_id = :id", id=order.trip_id) == courier.account_id


def test_after_three_offers_without_a_yes_the_hall_has_the_trip(app: Flask, community: Community) -> None:
    orders_in(community, 1)
    made = []
    for _ in range(4):
        courier = a_courier(community=community)
        made.append(dispatch_zone(InterruptedPolicy(), community.store_id))
        for trip_id, courier_id in live_offers(community):
            assert courier_id == courier.account_id
            [trip_offer_id] = [one for one, _, state in offers_of(trip_id) if state == "live"]  # type: ignore[arg-type]
            decline_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)

    assert made == [1, 1, 1, 0]


def _hands(couriers: list[Person]) -> list[int]:
    ids = [courier.account_id for courier in couriers]
    rows = look("SELECT active_trips FROM courier_shifts WHERE courier_id = ANY(CAST(:ids AS uuid[]))", ids=ids)
    return [row.active_trips for row in rows]
