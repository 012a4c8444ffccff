"""Operators see why a trip went to whom, and pin, move and split trips by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.delivery.states import DispatchMode
from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.delivering.join_trips import join_trips
from app.usecases.delivering.trips import claim_trip
from app.usecases.dispatching.tick import dispatch_zone
from app.wiring import DISPATCH_POLICY
from tests.factories import a_claim, a_community, a_courier, a_merchant_with_shop, a_resident, an_operator, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import look, look_one
from tests.support.dispatching import let_offer, offers_of
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem
from tests.support.races import known

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder, Community


@pytest.fixture
def community(app: object) -> Community:
    place = a_community()
    let_offer(place.community_id, DispatchMode.ASSIGN)
    return place


def path_of(trip_id: UUID | None, act: str) -> str:
    return f"/platform/v1/dispatch/trips/{trip_id}/{act}"


def waiting(community: Community, count: int = 1) -> list[AnOrder]:
    shop, resident = a_merchant_with_shop(community=community), a_resident(balance_fen=RICH_FEN)
    return [an_order(state=OrderState.READY, shop=shop, resident=resident) for _ in range(count)]


def act(
    client: FlaskClient, trip_id: UUID | None, what: str, body: dict[str, Any], method: str = "POST"
) -> TestResponse:
    return client.open(path_of(trip_id, what), method=method, headers=an_operator().once(), json=body)


class TestReadDecisions(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), path_of(an_order(state=OrderState.READY).trip_id, "decisions"))

    def test_a_trip_that_is_not_there_has_none(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "trip_not_found")

    def test_each_candidate_stands_with_costs_and_words(self, client: FlaskClient, community: Community) -> None:
        [order] = waiting(community)
        couriers = {str(a_courier(community=community).account_id) for _ in range(2)}
        dispatch_zone(DISPATCH_POLICY, community.store_id)

        told = client.get(path_of(order.trip_id, "decisions"), headers=an_operator().headers).get_json()

        [decision] = told["decisions"]
        assert {one["courier_id"] for one in decision["candidates"]} == couriers
        assert [one["is_chosen"] for one in decision["candidates"]].count(True) == 1
        assert (decision["offer_state"], decision["policy"]) == ("live", "batch")
        for one in decision["candidates"]:
            assert f"{one['cost']:.1f} min" in one["words"]

    def test_who_lost_it_and_why_is_told(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        act(client, order.trip_id, "move", {"courier_id": None})

        told = client.get(path_of(order.trip_id, "decisions"), headers=an_operator().headers).get_json()

        assert [(one["courier_id"], one["reason"]) for one in told["releases"]] == [
            (str(order.carrier.account_id), "by_operator")
        ]


class TestPutPin(OnceWithBody):
    method = "PUT"
    other_body = {"courier_id": None}

    def case(self) -> Case:
        order = an_order(state=OrderState.READY)
        courier = a_courier(community=order.shop.community)
        return Case(an_operator(), path_of(order.trip_id, "pin"), {"courier_id": str(courier.account_id)})

    def test_a_pinned_trip_is_offered_to_that_courier_alone(self, client: FlaskClient, community: Community) -> None:
        [order] = waiting(community)
        others = [a_courier(community=community) for _ in range(3)]
        wanted = others[1]

        act(client, order.trip_id, "pin", {"courier_id": str(wanted.account_id)}, "PUT")
        dispatch_zone(DISPATCH_POLICY, community.store_id)

        assert [courier_id for _, courier_id, _ in offers_of(known(order.trip_id))] == [wanted.account_id]

    def test_nobody_else_can_claim_it_and_without_the_pin_anybody_can(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY)
        wanted, fast = (a_courier(community=order.shop.community) for _ in range(2))
        act(client, order.trip_id, "pin", {"courier_id": str(wanted.account_id)}, "PUT")
        claim = f"/courier/v1/trips/{order.trip_id}/claim"

        refused = client.post(claim, headers=fast.once())
        act(client, order.trip_id, "pin", {"courier_id": None}, "PUT")
        taken = client.post(claim, headers=fast.once())

        assert_problem(refused, 409, "trip_taken")
        assert taken.status_code == 200

    def test_a_courier_of_another_zone_and_one_who_is_none_are_refused(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY)
        for nobody in (a_courier(community=a_community()).account_id, a_resident().account_id):
            answer = act(client, order.trip_id, "pin", {"courier_id": str(nobody)}, "PUT")

            assert_problem(answer, 404, "courier_not_found")

    def test_what_is_under_way_is_not_pinned(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)

        answer = act(client, order.trip_id, "pin", {"courier_id": None}, "PUT")

        assert_problem(answer, 409, "trip_taken")


class TestMoveTrip(OnceWithBody):
    method = "POST"
    other_body = {"courier_id": None}

    def case(self) -> Case:
        order = an_order(state=OrderState.READY, with_courier=True)
        courier = a_courier(community=order.shop.community)
        return Case(an_operator(), path_of(order.trip_id, "move"), {"courier_id": str(courier.account_id)})

    def test_it_is_taken_without_a_mark_for_the_other(self, client: FlaskClient, community: Community) -> None:
        [order] = waiting(community)
        old, new = (a_courier(community=community) for _ in range(2))
        act(client, order.trip_id, "pin", {"courier_id": str(old.account_id)}, "PUT")
        dispatch_zone(DISPATCH_POLICY, community.store_id)
        [(trip_offer_id, _, _)] = offers_of(known(order.trip_id))
        client.post(f"/courier/v1/trip-offers/{trip_offer_id}/acceptance", headers=old.once())

        act(client, order.trip_id, "move", {"courier_id": str(new.account_id)})
        dispatch_zone(DISPATCH_POLICY, community.store_id)

        assert [one[1:] for one in offers_of(known(order.trip_id))] == [
            (old.account_id, "accepted"),
            (new.account_id, "live"),
        ]
        assert look_one("SELECT active_trips FROM courier_shifts WHERE courier_id = :id", id=old.account_id) == 0

    def test_what_was_picked_up_stays(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        answer = act(client, order.trip_id, "move", {"courier_id": None})

        assert_problem(answer, 409, "illegal_transition")
        assert (
            look_one("SELECT courier_id FROM trips WHERE trip_id = :id", id=order.trip_id) == order.carrier.account_id
        )


class TestSplitTrip(OnceWithBody):
    status = 201
    method = "POST"
    other_body = {"delivery_ids": [str(new_id())]}

    def case(self) -> Case:
        first, second = self.joined()
        return Case(an_operator(), path_of(first.trip_id, "split"), {"delivery_ids": [str(second.delivery_id)]})

    def joined(self) -> list[AnOrder]:
        shop = a_merchant_with_shop()
        orders = [an_order(state=OrderState.READY, shop=shop) for _ in range(2)]
        with transaction() as tx:
            assert join_trips(tx, [known(order.trip_id) for order in orders])
        return orders

    def test_both_are_whole_trips_that_stay_apart(self, client: FlaskClient) -> None:
        first, second = self.joined()
        let_offer(first.shop.community.community_id, DispatchMode.ASSIGN)
        before = look_one("SELECT fee_fen FROM trips WHERE trip_id = :id", id=first.trip_id)

        made = act(client, first.trip_id, "split", {"delivery_ids": [str(second.delivery_id)]}).get_json()
        couriers = [a_courier(community=first.shop.community) for _ in range(2)]
        dispatch_zone(DISPATCH_POLICY, first.shop.store_id)

        rows = look(
            "SELECT t.trip_id, t.fee_fen, t.pay_fen, t.order_count, sum(d.pay_fen)::bigint AS shares,"
            " (SELECT count(*) FROM stops AS p WHERE p.trip_id = t.trip_id AND p.state = 'waiting') AS stops"
            " FROM trips AS t JOIN deliveries AS d USING (trip_id) WHERE t.trip_id = ANY(CAST(:ids AS uuid[]))"
            " GROUP BY t.trip_id",
            ids=[first.trip_id, made["new_trip_id"]],
        )
        assert sorted((row.order_count, row.stops) for row in rows) == [(1, 2), (1, 2)]
        assert sum(row.fee_fen for row in rows) == before
        assert all(row.shares == row.pay_fen >= row.fee_fen for row in rows)
        offered = look(
            "SELECT courier_id FROM trip_offers WHERE trip_id = ANY(CAST(:ids AS uuid[]))",
            ids=[first.trip_id, made["new_trip_id"]],
        )
        assert {row.courier_id for row in offered} == {one.account_id for one in couriers}

    def test_one_is_left_and_only_its_own_are_taken(self, client: FlaskClient) -> None:
        first, second = self.joined()
        both = [str(first.delivery_id), str(second.delivery_id)]
        strange = [str(an_order(state=OrderState.READY).delivery_id)]

        for ids in (both, strange):
            answer = act(client, first.trip_id, "split", {"delivery_ids": ids})
            assert_problem(answer, 409, "cannot_split")

    def test_what_somebody_has_is_not_split(self, client: FlaskClient) -> None:
        first, second = self.joined()
        courier = a_courier(community=first.shop.community)
        claim_trip(courier.actor, a_claim(courier), trip_id=known(first.trip_id))

        answer = act(client, first.trip_id, "split", {"delivery_ids": [str(second.delivery_id)]})

        assert_problem(answer, 409, "trip_taken")
