"""The policy that is wired: whom it offers what, through the tables, and whom it leaves alone for now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from app.usecases.dispatching.answer_offer import accept_offer, decline_offer
from app.usecases.dispatching.tick import dispatch_zone
from app.wiring import DISPATCH_POLICY
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import change, look
from tests.support.dispatching import let_offer, offers_of
from tests.support.races import known

if TYPE_CHECKING:
    from flask import Flask

    from tests.factories import AnOrder, Community, Person
    from tests.support.business_clock import BusinessClock


OF_ORDERS = "SELECT DISTINCT trip_id FROM deliveries WHERE order_id = ANY(CAST(:ids AS uuid[]))"


@pytest.fixture
def community(app: Flask) -> Community:
    place = a_community()
    let_offer(place.community_id)
    return place


def ready_orders(community: Community, count: int) -> list[AnOrder]:
    shop, resident = a_merchant_with_shop(community=community), a_resident(balance_fen=RICH_FEN)
    return [an_order(state=OrderState.READY, shop=shop, resident=resident) for _ in range(count)]


def stand(courier: Person, *, lat: float) -> None:
    """Let a courier who reports no positions be on shift elsewhere."""
    change("UPDATE courier_shifts SET lat = :lat WHERE courier_id = :id", lat=lat, id=courier.account_id)


def test_what_is_ready_is_offered_at_once_with_the_costs_of_all_who_could(community: Community) -> None:
    [order] = ready_orders(community, 1)
    couriers = [a_courier(community=community) for _ in range(3)]

    made = dispatch_zone(DISPATCH_POLICY, community.store_id)

    [(_, chosen, state)] = offers_of(known(order.trip_id))
    [decision] = look("SELECT * FROM dispatch_decisions WHERE trip_id = :id", id=order.trip_id)
    assert (made, state) == (1, "live")
    assert (decision.policy, decision.candidate_count) == ("batch", 3)
    assert {one["courier_id"] for one in decision.alternatives} == {str(one.account_id) for one in couriers}
    assert [one["courier_id"] for one in decision.alternatives if one["is_chosen"]] == [str(chosen)]
    assert decision.alternatives[0].keys() == {
        "courier_id", "cost", "to_shop_m", "free_in_s", "owed_orders", "is_chosen",
    }  # fmt: skip


def test_nobody_is_called_to_a_counter_where_nothing_waits_yet(community: Community, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop(community=community)
    order = an_order(state=OrderState.PREPARING, shop=shop, resident=a_resident(balance_fen=RICH_FEN))
    a_courier(community=community)

    early = dispatch_zone(DISPATCH_POLICY, community.store_id)
    [row] = look(
        "SELECT ceil(extract(epoch FROM expected_ready_at - business_now())) AS s FROM trips WHERE trip_id = :id",
        id=order.trip_id,
    )
    clock.ahead(seconds=int(row.s) - 120)
    in_time = dispatch_zone(DISPATCH_POLICY, community.store_id)

    assert (early, in_time) == (0, 1)


def test_what_goes_together_is_offered_as_one_trip(community: Community) -> None:
    first, second = ready_orders(community, 2)
    courier = a_courier(community=community)

    made = dispatch_zone(DISPATCH_POLICY, community.store_id)

    trips = {row.trip_id for row in look(OF_ORDERS, ids=[first.order_id, second.order_id])}
    [trip_id] = trips
    [(trip_offer_id, offered_to, _)] = offers_of(trip_id)
    assert (made, offered_to) == (1, courier.account_id)
    assert accept_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id).trip_id == trip_id


def test_what_was_joined_stays_one_trip_when_it_is_declined(community: Community) -> None:
    first, second = ready_orders(community, 2)
    courier = a_courier(community=community)
    dispatch_zone(DISPATCH_POLICY, community.store_id)
    [trip_id] = {row.trip_id for row in look(OF_ORDERS, ids=[first.order_id, second.order_id])}
    [(trip_offer_id, _, _)] = offers_of(trip_id)
    decline_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
    other = a_courier(community=community)

    made = dispatch_zone(DISPATCH_POLICY, community.store_id)

    assert made == 1
    assert [whose for _, whose, state in offers_of(trip_id) if state == "live"] == [other.account_id]


def test_one_on_the_way_is_offered_more_from_the_same_shop(community: Community, clock: BusinessClock) -> None:
    shop, resident = a_merchant_with_shop(community=community), a_resident(balance_fen=RICH_FEN)
    courier = a_courier(community=community)
    stand(courier, lat=community.lat + 0.009)
    first = an_order(state=OrderState.READY, shop=shop, resident=resident)
    dispatch_zone(DISPATCH_POLICY, community.store_id)
    [(trip_offer_id, _, _)] = offers_of(known(first.trip_id))
    accept_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
    elsewhere = ready_orders(community, 1)[0]

    not_there = dispatch_zone(DISPATCH_POLICY, community.store_id)
    more = an_order(state=OrderState.READY, shop=shop, resident=resident)
    clock.ahead(seconds=60 * 4)  # the courier is nearly there
    stand(courier, lat=community.lat + 0.001)
    there = dispatch_zone(DISPATCH_POLICY, community.store_id)

    assert (not_there, there) == (0, 1)
    assert offers_of(known(elsewhere.trip_id)) == []
    assert [state for _, _, state in offers_of(known(more.trip_id))] == ["live"]


def test_a_courier_far_from_the_shop_is_asked_when_the_order_has_waited(
    community: Community, clock: BusinessClock
) -> None:
    ready_orders(community, 1)
    far = a_courier(community=community)
    stand(far, lat=community.lat + 0.026)  # 2.9 km

    at_once = dispatch_zone(DISPATCH_POLICY, community.store_id)
    clock.ahead(seconds=80)
    still = dispatch_zone(DISPATCH_POLICY, community.store_id)
    clock.ahead(seconds=80 * 3)
    later = dispatch_zone(DISPATCH_POLICY, community.store_id)

    assert (at_once, still, later) == (0, 0, 1)


def test_nobody_is_called_to_what_is_ready_after_the_shift(community: Community) -> None:
    ready_orders(community, 1)
    going = a_courier(community=community)
    ends = "UPDATE courier_shifts SET ends_at = business_now() + CAST(:left AS interval) WHERE courier_id = :id"

    change(ends, left="1 minute", id=going.account_id)
    too_late = dispatch_zone(DISPATCH_POLICY, community.store_id)
    change(ends, left="30 minutes", id=going.account_id)
    in_time = dispatch_zone(DISPATCH_POLICY, community.store_id)

    assert (too_late, in_time) == (0, 1)
