"""Who may take what out of the hall: the list and the claim say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.states import DispatchMode
from app.core.dispatch.greedy import NearestPolicy
from app.core.dispatch.hall import LAST_M, radius_m
from app.core.orders.states import OrderState
from app.usecases.delivering.trips import give_back_trip
from app.usecases.dispatching.answer_offer import accept_offer, decline_offer
from app.usecases.dispatching.tick import dispatch_zone
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.people import let_go, let_wait
from tests.factories.rows import change, look_one
from tests.support.dispatching import let_offer, offers_of
from tests.support.ladder import assert_problem
from tests.support.races import known

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import AnOrder, Community, Person
    from tests.support.business_clock import BusinessClock

KM = 0.009  # degrees of latitude, 1,000.8 m


def an_open_order(**more: Any) -> AnOrder:
    return an_order(state=OrderState.PREPARING, **more)


def a_neighbor_of(community: Community) -> Community:
    """Return another community of the same store, where the first one is."""
    other = a_community((community.lat, community.lng))
    change(
        "UPDATE communities SET store_id = :store_id WHERE community_id = :id",
        store_id=community.store_id,
        id=other.community_id,
    )
    return other


def stand(courier: Person, order: AnOrder, *, away_km: float) -> None:
    change(
        "UPDATE courier_shifts SET lat = :lat, lng = :lng WHERE courier_id = :id",
        id=courier.account_id,
        lat=order.shop.lat + away_km * KM,
        lng=order.shop.lng,
    )


def sees(client: FlaskClient, courier: Person, order: AnOrder, *, away_km: float = 0) -> bool:
    place = {"lat": f"{order.shop.lat + away_km * KM:.6f}", "lng": f"{order.shop.lng:.6f}"}
    page = client.get("/courier/v1/trips/open", headers=courier.headers, query_string=place).get_json()
    return str(order.trip_id) in {trip["trip_id"] for trip in page["items"]}


def claim(client: FlaskClient, courier: Person, order: AnOrder) -> Any:
    return client.post(f"/courier/v1/trips/{order.trip_id}/claim", headers=courier.once())


@pytest.mark.parametrize(
    "minutes, away_km, radius",
    [(0, 0.9, 1_000), (0, 1.1, None), (2, 1.9, 2_000), (2, 2.1, None), (9, 2.9, 3_000), (9, 3.1, None), (10, 19, 1)],
)
def test_the_circle_grows_by_the_minute_and_list_and_claim_agree(
    client: FlaskClient, minutes: float, away_km: float, radius: int | None
) -> None:
    order, courier = an_open_order(), a_courier()
    stand(courier, order, away_km=away_km)
    let_wait(order.trip_id, minutes=minutes)

    is_seen = sees(client, courier, order)
    answer = claim(client, courier, order)

    assert is_seen is (radius is not None)
    if radius is None:
        told = assert_problem(answer, 409, "trip_out_of_reach")
        assert told["distance_m"] == pytest.approx(away_km * 1_000.8, abs=5)
        assert told["distance_m_max"] == pytest.approx(radius_m(60 * minutes), abs=25)
    else:
        assert answer.status_code == 200, answer.get_json()


def test_the_rule_in_words_and_the_rule_in_the_database_are_one(client: FlaskClient) -> None:
    order, courier = an_open_order(), a_courier()
    stand(courier, order, away_km=25)
    told = []
    for minutes in (0, 1, 3, 4, 7, 10, 60):
        change("UPDATE trips SET created_at = business_now() WHERE trip_id = :id", id=order.trip_id)
        let_wait(order.trip_id, minutes=minutes)
        answer = assert_problem(claim(client, courier, order), 409, "trip_out_of_reach")
        told.append((minutes, answer["distance_m_max"]))

    for minutes, distance_m_max in told:
        assert distance_m_max == pytest.approx(radius_m(60 * minutes), abs=25)
    assert told[-1][1] == LAST_M
    assert not sees(client, courier, order)


def test_neighbors_come_after_three_minutes_and_other_zones_never(client: FlaskClient) -> None:
    order = an_open_order()
    neighbor = a_courier(community=a_neighbor_of(order.shop.community))
    foreign = a_courier(community=a_community((order.shop.lat, order.shop.lng)))

    before = sees(client, neighbor, order)
    refused = claim(client, neighbor, order)
    let_wait(order.trip_id, minutes=3)
    after = sees(client, neighbor, order)
    let_wait(order.trip_id, minutes=60)
    never = sees(client, foreign, order)

    assert assert_problem(refused, 409, "trip_elsewhere")["minutes"] == 3
    assert (before, after, never) == (False, True, False)
    assert_problem(claim(client, foreign, order), 409, "trip_elsewhere")
    assert claim(client, neighbor, order).status_code == 200


def test_where_one_is_counts_and_not_where_one_says_to_be(client: FlaskClient) -> None:
    order = an_open_order()
    far, at_home = a_courier(), a_courier(on_shift=False)
    stand(far, order, away_km=2)

    assert not sees(client, far, order, away_km=0)
    assert sees(client, at_home, order, away_km=0.5)
    assert not sees(client, at_home, order, away_km=1.5)
    assert_problem(claim(client, at_home, order), 409, "not_on_shift")


def test_an_order_for_later_waits_from_when_it_is_shown(client: FlaskClient) -> None:
    order, courier = an_open_order(), a_courier()
    stand(courier, order, away_km=2)
    let_wait(order.trip_id, minutes=120)
    change("UPDATE trips SET opens_at = business_now() WHERE trip_id = :id", id=order.trip_id)

    assert not sees(client, courier, order)
    assert_problem(claim(client, courier, order), 409, "trip_out_of_reach")


def test_whoever_gave_a_trip_back_or_lost_it_leaves_it_to_others_for_a_while(client: FlaskClient) -> None:
    order = an_order(state=OrderState.READY, with_courier=True)
    courier, other = order.carrier, a_courier()
    give_back_trip(courier.actor, a_claim(courier), trip_id=known(order.trip_id))

    assert (sees(client, courier, order), sees(client, other, order)) == (False, True)
    assert assert_problem(claim(client, courier, order), 409, "trip_given_up")["minutes"] == 5
    let_go(order.trip_id)
    assert sees(client, courier, order)
    assert claim(client, courier, order).status_code == 200


def test_two_out_of_the_hall_are_enough_and_an_offer_comes_on_top(client: FlaskClient) -> None:
    shop, resident = a_merchant_with_shop(), a_resident(balance_fen=RICH_FEN)
    orders = [an_order(state=OrderState.PREPARING, shop=shop, resident=resident)]
    asked, other = a_courier(), a_courier()
    let_offer(shop.community_id, DispatchMode.BOTH)
    dispatch_zone(NearestPolicy(), shop.store_id)
    [(trip_offer_id, courier_id, _)] = offers_of(known(orders[0].trip_id))
    courier = asked if courier_id == asked.account_id else other
    accept_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
    orders += [an_order(state=OrderState.PREPARING, shop=shop, resident=resident) for _ in range(5)]

    answers = [claim(client, courier, order) for order in orders[1:3]]
    only = other if courier is asked else asked
    answers += [claim(client, only, order) for order in orders[3:]]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 409]
    assert assert_problem(answers[-1], 409, "too_many_grabs")["grabs_max"] == 2
    grabbed = "SELECT count(*) FROM trips WHERE courier_id = :id AND is_grabbed"
    assert look_one(grabbed, id=courier.account_id) == 2


def test_what_the_operator_pinned_to_somebody_is_theirs_from_anywhere(client: FlaskClient) -> None:
    order, courier = an_open_order(), a_courier()
    stand(courier, order, away_km=8)
    change("UPDATE trips SET pinned_to_id = :who WHERE trip_id = :id", who=courier.account_id, id=order.trip_id)

    assert claim(client, courier, order).status_code == 200


def test_what_nobody_takes_out_of_the_hall_is_offered_again(clock: BusinessClock, client: FlaskClient) -> None:
    order = an_open_order()
    let_offer(order.shop.community_id, DispatchMode.BOTH)
    for _ in range(3):
        courier = a_courier(community=order.shop.community)
        assert dispatch_zone(NearestPolicy(), order.shop.store_id) == 1
        [trip_offer_id] = [one for one, _, state in offers_of(known(order.trip_id)) if state == "live"]
        asked = look_one("SELECT courier_id FROM trip_offers WHERE trip_offer_id = :id", id=trip_offer_id)
        who = next(one for one in (courier,) if one.account_id == asked)
        decline_offer(who.actor, a_claim(who), trip_offer_id=trip_offer_id)
        change("UPDATE courier_shifts SET on_break_since = business_now() WHERE courier_id = :id", id=who.account_id)
    a_courier(community=order.shop.community)

    left_to_the_hall = dispatch_zone(NearestPolicy(), order.shop.store_id)
    clock.ahead(minutes=10, seconds=1)

    assert left_to_the_hall == 0
    assert dispatch_zone(NearestPolicy(), order.shop.store_id) == 1
