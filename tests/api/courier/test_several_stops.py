from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.core.orders.states import OrderState
from app.kernel.transaction import transaction
from app.usecases.delivering.hand_over import door_code, pick_up_code
from app.usecases.delivering.join_trips import join_trips
from app.usecases.delivering.trips import claim_trip
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.ordering.prepare_order import ready_order
from tests.factories import a_claim, a_courier, a_merchant_with_shop, an_order
from tests.factories.people import let_go
from tests.factories.photos import a_photo
from tests.factories.rows import change, look, look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once, known
from tests.support.sandbox_gateway import wait_until
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder, Person, Shop

WAITS_FOR_ME = text(
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
)


class Bundle:
    """Two orders of one shop on one trip, ready on the counter, and a courier who has it."""

    def __init__(self, client: FlaskClient, *, shop: Shop | None = None, is_claimed: bool = True) -> None:
        self.client = client
        self.shop = shop or a_merchant_with_shop()
        self.orders = [an_order(state=OrderState.PREPARING, shop=self.shop) for _ in range(2)]
        first, second = (order.trip_id for order in self.orders)
        assert first is not None
        assert second is not None
        self.trip_id: UUID = first
        with transaction() as tx:
            assert join_trips(tx, [first, second])
        for order in self.orders:
            ready_order(self.shop.owner.actor, a_claim(self.shop.owner), order_id=order.order_id)
        self.courier = a_courier(community=self.shop.community)
        if is_claimed:
            assert self.post(f"trips/{self.trip_id}/claim").status_code == 200

    def post(self, path: str, body: dict[str, object] | None = None, by: Person | None = None) -> TestResponse:
        return self.client.post(f"/courier/v1/{path}", headers=(by or self.courier).once(), json=body)

    def take(self, order: AnOrder) -> TestResponse:
        return self.post(f"deliveries/{order.delivery_id}/pick-up", {"code": pick_up_code(order.order_id)})

    def hand_over(self, order: AnOrder) -> TestResponse:
        return self.post(f"deliveries/{order.delivery_id}/hand-over", {"code": door_code(order.order_id)})

    def stops(self) -> list[tuple[int, str, str]]:
        rows = look(
            "SELECT position, kind, state FROM stops WHERE trip_id = :id ORDER BY position, kind", id=self.trip_id
        )
        return [(row.position, row.kind, row.state) for row in rows if row.state != "canceled"]

    def trip_state(self) -> str:
        return str(look_one("SELECT state FROM trips WHERE trip_id = :id", id=self.trip_id))

    def in_hand(self) -> int:
        shift = "SELECT active_trips FROM courier_shifts WHERE courier_id = :id AND ended_at IS NULL"
        return int(str(look_one(shift, id=self.courier.account_id)))


def test_two_orders_of_a_shop_share_its_counter_and_one_trip_pays_both(client: FlaskClient) -> None:
    bundle = Bundle(client)

    trip = client.get(f"/courier/v1/trips/{bundle.trip_id}", headers=bundle.courier.headers).get_json()

    assert [(stop["kind"], stop["state"]) for stop in trip["stops"] if stop["state"] != "canceled"] == [
        ("pick_up", "waiting"),
        ("drop", "waiting"),
    ]
    assert trip["order_count"] == len(trip["deliveries"]) == 2
    assert trip["pay_fen"] == sum(trip["pay_parts"].values()) == sum(one["pay_fen"] for one in trip["deliveries"])
    assert trip["pay_fen"] >= 600
    assert trip["stops"][0]["geo_uri"].startswith(f"geo:{bundle.shop.lat:.6f},{bundle.shop.lng:.6f}")


def test_it_is_carried_stop_by_stop(client: FlaskClient) -> None:
    bundle = Bundle(client)
    first, second = bundle.orders

    assert bundle.post(f"stops/{first.pick_up_stop_id}/arrival").status_code == 200
    bundle.take(first)
    after_one = bundle.stops()
    bundle.take(second)
    after_both = bundle.stops()
    bundle.hand_over(first)
    half = bundle.trip_state(), bundle.in_hand()
    bundle.hand_over(second)

    assert (after_one[0][2], after_both[0][2]) == ("arrived", "done")
    assert half == ("assigned", 1)
    assert (bundle.trip_state(), bundle.in_hand()) == ("done", 0)
    assert {state for _, _, state in bundle.stops()} == {"done"}
    ended = "SELECT count(*) FROM outbox WHERE kind = 'TripEnded' AND body ->> 'trip_id' = :id"
    assert look_one(ended, id=str(bundle.trip_id)) in {0, 1}


def test_one_that_was_called_off_leaves_the_other_its_stop(client: FlaskClient) -> None:
    bundle = Bundle(client)
    first, second = bundle.orders
    change("UPDATE orders SET shorted_at = business_now(), state = 'preparing' WHERE order_id = :id", id=first.order_id)
    cancel_order(first.resident.actor, a_claim(first.resident), order_id=first.order_id)

    arrived = bundle.post(f"stops/{first.pick_up_stop_id}/arrival").status_code

    assert (arrived, bundle.take(second).status_code, bundle.hand_over(second).status_code) == (200, 200, 200)
    assert (bundle.trip_state(), bundle.in_hand()) == ("done", 0)


class TestPayOfWhatIsLeft:
    def call_off(self, order: AnOrder) -> None:
        change(
            "UPDATE orders SET shorted_at = business_now(), state = 'preparing' WHERE order_id = :id",
            id=order.order_id,
        )
        cancel_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)

    def shown(self, bundle: Bundle) -> dict[str, Any]:
        place = {"lat": f"{bundle.shop.lat:.6f}", "lng": f"{bundle.shop.lng:.6f}"}
        headers = bundle.courier.headers
        page = bundle.client.get("/courier/v1/trips/open", headers=headers, query_string=place).get_json()
        [trip] = [one for one in page["items"] if one["trip_id"] == str(bundle.trip_id)]
        return trip  # type: ignore[no-any-return]

    def test_an_open_trip_pays_for_what_is_left_of_it(self, app: Flask, client: FlaskClient) -> None:
        bundle = Bundle(client, is_claimed=False)
        first, second = bundle.orders
        self.call_off(first)
        run_worker(app)

        shown = self.shown(bundle)

        bundle.post(f"trips/{bundle.trip_id}/claim")
        taken = (bundle.take(second).status_code, bundle.hand_over(second).status_code)
        paid = look_one("SELECT pay_fen FROM deliveries WHERE delivery_id = :id", id=second.delivery_id)
        assert (shown["pay_fen"], shown["order_count"]) == (paid, 1)
        assert sum(shown["pay_parts"].values()) == paid
        assert (taken, bundle.trip_state(), bundle.in_hand()) == ((200, 200), "done", 0)

    def test_one_that_is_given_back_after_an_order_went_does_so_too(self, app: Flask, client: FlaskClient) -> None:
        bundle = Bundle(client)
        first, second = bundle.orders
        taken_for = look_one("SELECT pay_fen FROM trips WHERE trip_id = :id", id=bundle.trip_id)
        self.call_off(first)
        run_worker(app)
        kept = look_one("SELECT pay_fen FROM trips WHERE trip_id = :id", id=bundle.trip_id)
        bundle.post(f"trips/{bundle.trip_id}/give-back")
        let_go(bundle.trip_id)
        run_worker(app)

        shown = self.shown(bundle)

        left = look_one("SELECT pay_fen FROM deliveries WHERE delivery_id = :id", id=second.delivery_id)
        assert kept == taken_for
        assert (shown["pay_fen"], shown["order_count"]) == (left, 1)


def test_what_fails_at_one_door_is_decided_while_the_other_is_delivered(client: FlaskClient) -> None:
    bundle = Bundle(client)
    first, second = bundle.orders
    for order in bundle.orders:
        bundle.take(order)

    proof = str(a_photo(bundle.courier, first.order_id))
    bundle.post(f"deliveries/{first.delivery_id}/failure", {"reason": "absent", "photo_id": proof})
    bundle.hand_over(second)
    waiting = bundle.trip_state()
    bundle.post(f"deliveries/{first.delivery_id}/return")

    assert (waiting, bundle.trip_state(), bundle.in_hand()) == ("assigned", "done", 0)
    assert (first.state, second.state) == (OrderState.RETURNED, OrderState.DELIVERED)


def test_the_whole_trip_is_given_back_until_something_was_picked_up(client: FlaskClient) -> None:
    bundle = Bundle(client)

    given = bundle.post(f"trips/{bundle.trip_id}/give-back")
    let_go(bundle.trip_id)
    bundle.post(f"trips/{bundle.trip_id}/claim")
    bundle.take(bundle.orders[0])
    refused = bundle.post(f"trips/{bundle.trip_id}/give-back")

    assert given.get_json()["state"] == "open"
    assert_problem(refused, 409, "illegal_transition")


def test_what_is_not_free_any_more_is_not_joined(app: Flask) -> None:
    shop = a_merchant_with_shop()
    claimed = an_order(state=OrderState.PREPARING, shop=shop, with_courier=True)
    free = an_order(state=OrderState.PREPARING, shop=shop)
    assert free.trip_id is not None
    assert claimed.trip_id is not None

    with transaction() as tx:
        was_joined = join_trips(tx, [free.trip_id, claimed.trip_id])

    assert not was_joined
    assert look_one("SELECT order_count FROM trips WHERE trip_id = :id", id=free.trip_id) == 1


class TestLoad:
    def a_heavy_order(self, weight_g: int, *, shop: Shop | None = None, is_cold: bool = False) -> AnOrder:
        order = an_order(shop=shop)
        change(
            "UPDATE skus SET weight_g = :weight_g, is_cold = :is_cold WHERE sku_id = :sku_id",
            weight_g=weight_g,
            is_cold=is_cold,
            sku_id=order.offers[0].sku_id,
        )
        from app.usecases.ordering.accept_order import accept_order  # noqa: PLC0415 - below

        accept_order(order.shop.owner.actor, a_claim(order.shop.owner), order_id=order.order_id)
        return order

    def trip_of(self, order: AnOrder) -> object:
        return look_one("SELECT trip_id FROM deliveries WHERE order_id = :id", id=order.order_id)

    @pytest.mark.parametrize("vehicle, is_taken", [("foot", False), ("bicycle", False), ("e_bike", True)])
    def test_a_vehicle_carries_what_it_can(self, client: FlaskClient, vehicle: str, *, is_taken: bool) -> None:
        order, courier = self.a_heavy_order(10_000), a_courier()
        change("UPDATE couriers SET vehicle = :vehicle WHERE courier_id = :id", vehicle=vehicle, id=courier.account_id)

        response = client.post(f"/courier/v1/trips/{self.trip_of(order)}/claim", headers=courier.once())

        if is_taken:
            assert response.status_code == 200
        else:
            assert assert_problem(response, 409, "too_heavy")["weight_g"] == 20_000

    def test_the_weight_in_hand_counts_and_is_let_go(self, client: FlaskClient) -> None:
        one = self.a_heavy_order(10_000)
        two, courier = self.a_heavy_order(10_000, shop=one.shop), a_courier()
        first, second = f"/courier/v1/trips/{self.trip_of(one)}", f"/courier/v1/trips/{self.trip_of(two)}"
        client.post(f"{first}/claim", headers=courier.once())

        refused = client.post(f"{second}/claim", headers=courier.once())
        client.post(f"{first}/give-back", headers=courier.once())
        taken = client.post(f"{second}/claim", headers=courier.once())

        assert_problem(refused, 409, "too_heavy")
        assert taken.status_code == 200

    def test_ice_cream_travels_in_a_cold_box(self, client: FlaskClient) -> None:
        order, courier = self.a_heavy_order(100, is_cold=True), a_courier()
        path = f"/courier/v1/trips/{self.trip_of(order)}/claim"
        refused = client.post(path, headers=courier.once())
        change("UPDATE couriers SET has_cold_box = true WHERE courier_id = :id", id=courier.account_id)

        assert_problem(refused, 409, "cold_box_needed")
        assert client.post(path, headers=courier.once()).status_code == 200


class TestOrdersInHand:
    def test_trips_of_several_orders_are_taken_up_to_three_orders(self, client: FlaskClient) -> None:
        bundle = Bundle(client)
        other = Bundle(client, shop=bundle.shop, is_claimed=False)

        refused = bundle.post(f"trips/{other.trip_id}/claim")
        bundle.take(bundle.orders[0])
        bundle.hand_over(bundle.orders[0])
        taken = bundle.post(f"trips/{other.trip_id}/claim")

        assert assert_problem(refused, 409, "too_many_orders")["orders_max"] == 3
        assert taken.status_code == 200

    def test_of_trips_claimed_at_once_one_has_what_one_carries(self, app: Flask, client: FlaskClient) -> None:
        first = Bundle(client, is_claimed=False)
        before = an_order(state=OrderState.PREPARING, shop=first.shop)
        assert first.post(f"trips/{before.trip_id}/claim").status_code == 200
        trips = [first.trip_id, *(Bundle(client, shop=first.shop, is_claimed=False).trip_id for _ in range(2))]
        courier = first.courier

        outcomes = at_once(app, [partial(claim_trip, courier.actor, a_claim(courier), trip_id=one) for one in trips])

        had = "SELECT sum(order_count) FROM trips WHERE courier_id = :id AND state = 'assigned'"
        assert look_one(had, id=courier.account_id) == 3
        refusals = {outcome.refusal for outcome in outcomes if not outcome.is_done}
        assert sum(outcome.is_done for outcome in outcomes) == 1
        assert refusals <= {"too_many_orders", "too_many_grabs"}

    @pytest.mark.parametrize(
        "held_orders, is_grabbed, refusal",
        [(2, False, "too_many_orders"), (1, True, "too_many_grabs"), (1, False, None)],
    )
    def test_a_claim_that_waits_for_another_counts_what_the_other_took(
        self, app: Flask, client: FlaskClient, held_orders: int, refusal: str | None, *, is_grabbed: bool
    ) -> None:
        """The claim begins while another session holds the shift, and goes on when that one has taken a trip."""
        first = Bundle(client, is_claimed=False)
        one, two = (an_order(state=OrderState.PREPARING, shop=first.shop).trip_id for _ in range(2))
        wanted = an_order(state=OrderState.PREPARING, shop=first.shop)
        courier = first.courier
        assert first.post(f"trips/{one}/claim").status_code == 200
        taken = first.trip_id if held_orders == 2 else two
        give = """
            WITH its AS (UPDATE deliveries SET state = 'assigned' WHERE trip_id = :trip_id),
            trip AS (
                UPDATE trips SET state = 'assigned', courier_id = :id, assigned_at = business_now(),
                    is_grabbed = :is_grabbed WHERE trip_id = :trip_id
            )
            UPDATE courier_shifts SET active_trips = active_trips + 1 WHERE courier_id = :id
        """

        with ThreadPoolExecutor(1) as other:
            with transaction() as tx:
                tx.execute(text(give), {"trip_id": taken, "id": courier.account_id, "is_grabbed": is_grabbed})
                waiting = other.submit(self.refusal_of, app, courier, wanted)
                wait_until(lambda: bool(tx.execute(WAITS_FOR_ME).scalar_one()))
            outcome = waiting.result(timeout=10)

        assert outcome == refusal

    @staticmethod
    def refusal_of(app: Flask, courier: Person, order: AnOrder) -> str | None:
        [outcome] = at_once(app, [partial(claim_trip, courier.actor, a_claim(courier), trip_id=known(order.trip_id))])
        return outcome.refusal

    def test_who_has_called_for_help_takes_nothing(self, client: FlaskClient) -> None:
        bundle = Bundle(client, is_claimed=False)
        called = bundle.post("incidents", {"kind": "accident", "is_sos": True, "note": "摔倒了"})

        refused = bundle.post(f"trips/{bundle.trip_id}/claim")

        assert called.status_code == 201
        assert_problem(refused, 409, "help_called")
