"""Every "why not me?" is answered by what was kept when it was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.states import DispatchMode
from app.core.dispatch.greedy import NearestPolicy
from app.core.dispatch.problem import ALTERNATIVES_MAX
from app.core.orders.states import OrderState
from app.kernel.transaction import transaction
from app.usecases.delivering.join_trips import join_trips
from app.usecases.delivering.trips import claim_trip, give_back_trip
from app.usecases.dispatching.answer_offer import decline_offer
from app.usecases.dispatching.tick import dispatch_zone
from app.wiring import DISPATCH_POLICY
from app.worker.sweeps import forget_old
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, an_order
from tests.factories.rows import change, look, look_one
from tests.support.dispatching import let_offer, offers_of
from tests.support.races import known

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from app.core.dispatch.problem import Policy
    from tests.factories import AnOrder, Person, Shop

METER = 0.009 / 1_000.8  # degrees of latitude


def why(client: FlaskClient, courier: Person, trip_id: object, language: str = "en") -> list[dict[str, Any]]:
    headers = {**courier.headers, "Accept-Language": language}
    answer = client.get(f"/courier/v1/trips/{trip_id}/reasons", headers=headers)
    assert answer.status_code == 200, answer.get_json()
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


def a_shop_that_offers(mode: DispatchMode = DispatchMode.ASSIGN) -> Shop:
    community = a_community()
    let_offer(community.community_id, mode)
    return a_merchant_with_shop(community=community)


def couriers_in_a_row(shop: Shop, count: int, step_m: float) -> list[Person]:
    """Return couriers of the shop's community, each so much farther away than the one before."""
    row = [a_courier(community=shop.community) for _ in range(count)]
    for place, one in enumerate(row):
        change(
            "UPDATE courier_shifts SET lat = lat + :off WHERE courier_id = :id",
            off=place * step_m * METER,
            id=one.account_id,
        )
    return row


@pytest.mark.parametrize("policy", [NearestPolicy(), DISPATCH_POLICY])
def test_each_courier_who_was_weighed_reads_their_own_cost(client: FlaskClient, policy: Policy) -> None:
    shop = a_shop_that_offers()
    row = couriers_in_a_row(shop, ALTERNATIVES_MAX + 3, step_m=100)
    order = an_order(state=OrderState.READY, shop=shop)
    assert dispatch_zone(policy, shop.store_id) == 1

    answers = [why(client, one, order.trip_id)[0] for one in row]

    assert [one["yours"]["rank"] for one in answers] == list(range(1, len(row) + 1))
    assert [one["yours"]["to_shop_m"] for one in answers] == pytest.approx([100 * place for place in range(8)], abs=2)
    costs = [one["yours"]["cost"] for one in answers]
    assert costs == sorted(costs)
    assert costs[-1] > costs[0]
    last = answers[-1]
    assert f"you {last['yours']['cost']:.1f} min and {last['yours']['to_shop_m']} m" in last["words"]
    assert len(look_one("SELECT alternatives FROM dispatch_decisions WHERE trip_id = :id", id=order.trip_id)) == 5


def test_what_was_claimed_out_of_the_hall_says_so_and_when_and_not_who(client: FlaskClient) -> None:
    order = an_order(state=OrderState.READY)
    winner, loser, late = (a_courier() for _ in range(3))
    change("UPDATE courier_shifts SET lat = lat + :off WHERE courier_id = :id", off=300 * METER, id=winner.account_id)
    change("UPDATE courier_shifts SET started_at = business_now() + interval '1 hour' WHERE courier_id = :id",
           id=late.account_id)  # fmt: skip
    claim_trip(winner.actor, a_claim(winner), trip_id=known(order.trip_id))

    [told] = why(client, loser, order.trip_id)
    [own] = why(client, winner, order.trip_id, "zh")
    [absent] = why(client, late, order.trip_id)

    assert (told["policy"], told["chosen"]["to_shop_m"], told["yours"]) == ("grab", 300, None)
    assert told["words"].startswith("Another courier claimed it out of the hall at ")
    assert "抢到" in own["words"]
    assert absent["words"].endswith("You were not on shift then.")
    assert str(winner.account_id) not in str(told)


def test_a_trip_that_was_given_back_and_claimed_again_has_both_answers(client: FlaskClient) -> None:
    order = an_order(state=OrderState.READY, with_courier=True)
    first, second = order.carrier, a_courier()
    give_back_trip(first.actor, a_claim(first), trip_id=known(order.trip_id))
    claim_trip(second.actor, a_claim(second), trip_id=known(order.trip_id))

    newest, oldest = why(client, first, order.trip_id)

    assert oldest["words"].startswith("You claimed it")
    assert newest["words"].endswith("You had given it back or lost it a moment before.")


def test_joined_trips_are_answered_for_under_each(client: FlaskClient) -> None:
    shop = a_shop_that_offers()
    courier = a_courier(community=shop.community)
    orders = [an_order(state=OrderState.READY, shop=shop) for _ in range(2)]
    with transaction() as tx:
        assert join_trips(tx, [known(order.trip_id) for order in orders])
    dispatch_zone(NearestPolicy(), shop.store_id)
    change("UPDATE dispatch_decisions SET policy = 'this' WHERE trip_id = :id", id=orders[0].trip_id)

    first, second = (why(client, courier, order.trip_id) for order in orders)

    assert first == second
    assert [one["policy"] for one in second] == ["this"]


def _own(order: AnOrder, courier: Person) -> None:
    change("UPDATE orders SET account_id = :who WHERE order_id = :id", who=courier.account_id, id=order.order_id)


def _gone(_order: AnOrder, courier: Person) -> None:
    change("UPDATE courier_shifts SET ended_at = business_now() WHERE courier_id = :id", id=courier.account_id)


def _rests(_order: AnOrder, courier: Person) -> None:
    change("UPDATE courier_shifts SET on_break_since = business_now() WHERE courier_id = :id", id=courier.account_id)


def _full(order: AnOrder, courier: Person) -> None:
    other = an_order(state=OrderState.READY, shop=order.shop)
    change(
        "UPDATE courier_shifts SET on_break_since = business_now(), active_trips = 1 WHERE courier_id = :id",
        id=courier.account_id,
    )
    change(
        "UPDATE trips SET state = 'assigned', courier_id = :who, assigned_at = business_now(), order_count = 3 "
        "WHERE trip_id = :id",
        who=courier.account_id,
        id=other.trip_id,
    )
    change("UPDATE deliveries SET state = 'assigned' WHERE trip_id = :id", id=other.trip_id)


@pytest.mark.parametrize(
    "before, fact",
    [
        (_own, "It is your own order."),
        (_gone, "You were not on shift then."),
        (_rests, "You could not have had it then"),
        (_full, "You had 3 orders in hand then."),
    ],
)
def test_who_was_not_weighed_is_told_why_by_what_is_kept(client: FlaskClient, before: Any, fact: str) -> None:
    shop = a_shop_that_offers()
    other, courier = a_courier(community=shop.community), a_courier(community=shop.community)
    order = an_order(state=OrderState.READY, shop=shop)
    before(order, courier)
    dispatch_zone(NearestPolicy(), shop.store_id)

    [told] = why(client, courier, order.trip_id)

    assert [courier_id for _, courier_id, _ in offers_of(known(order.trip_id))] == [other.account_id]
    assert told["yours"] is None
    assert fact in told["words"]


def test_who_declined_is_told_so_of_the_next_decision(client: FlaskClient) -> None:
    shop = a_shop_that_offers()
    courier = a_courier(community=shop.community)
    order = an_order(state=OrderState.READY, shop=shop)
    dispatch_zone(NearestPolicy(), shop.store_id)
    [(trip_offer_id, _, _)] = offers_of(known(order.trip_id))
    decline_offer(courier.actor, a_claim(courier), trip_offer_id=trip_offer_id)
    a_courier(community=shop.community)
    dispatch_zone(NearestPolicy(), shop.store_id)

    newest, oldest = why(client, courier, order.trip_id)

    assert oldest["words"].startswith("The trip was offered to you")
    assert newest["words"].endswith("You had been asked a moment before and had not said yes.")


def test_who_was_being_asked_about_another_trip_is_told_so(client: FlaskClient) -> None:
    shop = a_shop_that_offers()
    asked = a_courier(community=shop.community)
    an_order(state=OrderState.READY, shop=shop)
    dispatch_zone(NearestPolicy(), shop.store_id)
    a_courier(community=shop.community)
    order = an_order(state=OrderState.READY, shop=shop)
    dispatch_zone(NearestPolicy(), shop.store_id)

    [told] = why(client, asked, order.trip_id)

    assert told["words"].endswith("You were being offered another trip then.")


def test_a_decision_keeps_a_few_bytes_for_each_who_was_weighed(client: FlaskClient) -> None:
    shop = a_shop_that_offers()
    couriers_in_a_row(shop, 12, step_m=50)
    an_order(state=OrderState.READY, shop=shop)
    dispatch_zone(NearestPolicy(), shop.store_id)

    [row] = look(
        "SELECT cardinality(d.weighed_ids) AS weighed, pg_column_size(d.weighed_ids) + pg_column_size(d.weighed_costs)"
        " + pg_column_size(d.weighed_to_shop_m) AS bytes FROM dispatch_decisions AS d JOIN trips AS t USING (trip_id)"
        " WHERE t.community_id = :id",
        id=shop.community_id,
    )

    assert row.weighed == 12
    assert row.bytes <= 24 * row.weighed + 3 * 24


def test_what_was_kept_is_forgotten_after_ninety_days_and_not_before(client: FlaskClient) -> None:
    old, new = (an_order(state=OrderState.READY, with_courier=True) for _ in range(2))
    for order, days in ((old, 91), (new, 89)):
        change(
            "UPDATE dispatch_decisions SET decided_at = business_now() - :days * interval '1 day' WHERE trip_id = :id",
            days=days,
            id=order.trip_id,
        )

    forget_old()

    kept = "SELECT count(*) FROM dispatch_decisions WHERE trip_id = :id"
    assert (look_one(kept, id=old.trip_id), look_one(kept, id=new.trip_id)) == (0, 1)
