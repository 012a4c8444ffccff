from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.core.delivery.errors import OwnOrder
from app.core.delivery.states import FailureReason
from app.core.orders.states import OrderState
from app.kernel.actor import Side
from app.usecases.delivering.hand_over import door_code, pick_up_code
from app.usecases.delivering.trips import claim_trip
from tests.factories import a_community, a_courier, a_merchant_with_shop, a_resident, an_order, idempotent
from tests.factories.orders import RICH_FEN
from tests.factories.people import a_claim
from tests.factories.photos import a_photo
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import AnOrder
    from tests.support.business_clock import BusinessClock


def on_delivery(order: AnOrder, act: str, body: Mapping[str, object] | None = None) -> Case:
    return Case(order.carrier, f"/courier/v1/deliveries/{order.delivery_id}/{act}", body)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10_000:04d}"


class TestBeginShift(OnceWithBody):
    method = "PUT"
    other_body = {"lat": 40}

    def case(self) -> Case:
        courier = a_courier(community=a_community((39.9, 116.4)), on_shift=False)
        return Case(courier, "/courier/v1/shift", {"lat": 39.9, "lng": 116.4})

    @pytest.mark.parametrize("lat", [91, -90.5, "39.9", None, True, [39.9], 1e400])
    def test_a_place_is_on_the_globe(self, client: FlaskClient, lat: object) -> None:
        response = self.send(client, self.case(), body={"lat": lat, "lng": 116.4})

        assert response.status_code == 422

    def test_a_courier_that_was_suspended_gets_no_shift(self, client: FlaskClient) -> None:
        case = self.case()
        change("UPDATE couriers SET state = 'suspended' WHERE courier_id = :id", id=case.person.account_id)

        response = self.send(client, case)

        assert_problem(response, 403, "courier_suspended")


class TestFinishShift(Once):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/shift/end")

    def test_there_is_nothing_to_end(self, client: FlaskClient) -> None:
        response = self.send(client, Case(a_courier(on_shift=False), "/courier/v1/shift/end"))

        assert_problem(response, 409, "not_on_shift")

    def test_with_a_trip_in_hand_one_does_not_go_home(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)

        response = self.send(client, Case(order.carrier, "/courier/v1/shift/end"))

        assert assert_problem(response, 409, "shift_busy")["active_trips"] == 1


class TestOpenTrips(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/trips/open", query={"lat": "39.9", "lng": "116.4"})

    def test_the_hall_shows_the_trip_but_not_the_door(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)
        query = {"lat": f"{order.shop.lat:.6f}", "lng": f"{order.shop.lng:.6f}"}

        page = client.get("/courier/v1/trips/open", headers=a_courier().headers, query_string=query).get_json()

        [trip] = page["items"]
        assert (trip["trip_id"], trip["pay_fen"]) == (str(order.trip_id), 300)
        assert "drop" not in trip
        assert "502" not in str(trip["shop_names"])


class TestListTrips(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/trips")

    def test_ones_own_trip_names_the_door(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        an_order(state=OrderState.READY, with_courier=True)

        page = client.get("/courier/v1/trips", headers=order.carrier.headers).get_json()

        assert [trip["trip_id"] for trip in page["items"]] == [str(order.trip_id)]
        assert page["items"][0]["deliveries"][0]["drop"]["door"] == "502"


class TestReadTrip(Owned):
    absent_code = "trip_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.READY, with_courier=True)
        return Case(order.carrier, f"/courier/v1/trips/{order.trip_id}")

    def test_half_an_hour_after_delivery_door_and_note_are_forgotten(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.DELIVERED)
        change("UPDATE orders SET note = 'Gate code 1949' WHERE order_id = :id", id=order.order_id)
        path = f"/courier/v1/trips/{order.trip_id}"
        before = client.get(path, headers=order.carrier.headers).get_json()
        clock.ahead(minutes=31)

        after = client.get(path, headers=order.carrier.headers).get_json()

        assert before["deliveries"][0]["drop"] is not None
        assert before["deliveries"][0]["note"] == "Gate code 1949"
        assert after["deliveries"][0]["drop"] is None
        assert not after["deliveries"][0]["note"]


class TestClaim(Once):
    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        return Case(a_courier(), f"/courier/v1/trips/{order.trip_id}/claim")

    def test_a_trip_that_is_not_there_cannot_be_claimed(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, path=case.absent_path)

        assert_problem(response, 404, "trip_not_found")

    def test_the_second_courier_is_too_late(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        late = a_courier()
        before = row_counts()

        response = self.send(client, case, headers=late.once())

        assert_problem(response, 409, "trip_taken")
        assert row_counts() == before

    def test_nobody_carries_what_they_ordered_themselves(self, app: Flask) -> None:
        order = an_order(state=OrderState.PREPARING)
        same = replace(order.resident.actor, side=Side.COURIER)
        assert order.trip_id is not None

        with app.app_context(), pytest.raises(OwnOrder):
            claim_trip(same, a_claim(order.resident), trip_id=order.trip_id)

    def test_without_a_shift_there_is_no_work(self, client: FlaskClient) -> None:
        response = self.send(client, self.case(), headers=a_courier(on_shift=False).once())

        assert_problem(response, 409, "not_on_shift")

    def test_the_fourth_trip_is_one_too_many(self, client: FlaskClient) -> None:
        courier, shop, resident = a_courier(), a_merchant_with_shop(), a_resident(balance_fen=RICH_FEN)
        for _ in range(3):
            an_order(shop=shop, resident=resident, state=OrderState.PREPARING, courier=courier, with_courier=True)
            change("UPDATE trips SET is_grabbed = false WHERE courier_id = :id", id=courier.account_id)  # by offers
        fourth = an_order(shop=shop, resident=resident, state=OrderState.PREPARING)

        response = self.send(client, Case(courier, f"/courier/v1/trips/{fourth.trip_id}/claim"))

        assert assert_problem(response, 409, "too_many_trips")["trips_max"] == 3


class TestGiveBack(OnceOwned):
    absent_code = "trip_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.READY, with_courier=True)
        return Case(order.carrier, f"/courier/v1/trips/{order.trip_id}/give-back")

    def test_another_may_take_it_then(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        self.send(client, Case(order.carrier, f"/courier/v1/trips/{order.trip_id}/give-back"))

        claimed = client.post(f"/courier/v1/trips/{order.trip_id}/claim", headers=a_courier().once())

        assert claimed.get_json()["state"] == "assigned"

    def test_what_was_picked_up_is_not_given_back(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        response = self.send(client, Case(order.carrier, f"/courier/v1/trips/{order.trip_id}/give-back"))

        assert_problem(response, 409, "illegal_transition")


class TestArrive(OnceOwned):
    absent_code = "stop_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.READY, with_courier=True)
        return Case(order.carrier, f"/courier/v1/stops/{order.pick_up_stop_id}/arrival")

    def test_one_is_not_at_the_door_before_the_shop(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)

        response = self.send(client, Case(order.carrier, f"/courier/v1/stops/{order.drop_stop_id}/arrival"))

        assert_problem(response, 409, "illegal_transition")


class TestTake(OnceWithBody, OnceOwned):
    absent_code = "delivery_not_found"
    other_body = {"code": "0000"}

    def case(self) -> Case:
        order = an_order(state=OrderState.READY, with_courier=True)
        code = pick_up_code(order.order_id)
        self.other_body = {"code": wrong(code)}
        return on_delivery(order, "pick-up", {"code": code})

    def test_a_wrong_code_counts_and_five_lock(self, client: FlaskClient) -> None:
        case = self.case()
        body = {"code": wrong(str((case.body or {})["code"]))}

        tries = [self.send(client, case, body=body) for _ in range(5)]
        locked = self.send(client, case)

        assert [assert_problem(answer, 409, "wrong_code")["tries_left"] for answer in tries] == [4, 3, 2, 1, 0]
        assert_problem(locked, 409, "code_locked")

    def test_what_is_not_ready_stays_on_the_stove(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING, with_courier=True)

        response = self.send(client, on_delivery(order, "pick-up", {"code": pick_up_code(order.order_id)}))

        assert_problem(response, 409, "not_ready")


class TestHandOver(OnceWithBody, OnceOwned):
    absent_code = "delivery_not_found"
    other_body = {"photo_id": "01890000-0000-7000-8000-000000000001"}

    def case(self) -> Case:
        order = an_order(state=OrderState.IN_DELIVERY)
        return on_delivery(order, "hand-over", {"code": door_code(order.order_id)})

    def test_a_photo_serves_where_nobody_opens(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        body = {"photo_id": str(a_photo(order.carrier, order.order_id))}

        moved = self.send(client, on_delivery(order, "hand-over", body)).get_json()

        assert (moved["state"], moved["order_state"]) == ("delivered", "delivered")

    def test_neither_code_nor_photo_is_no_delivery(self, client: FlaskClient) -> None:
        response = self.send(client, on_delivery(an_order(state=OrderState.IN_DELIVERY), "hand-over", {}))

        assert_problem(response, 422, "input_invalid")

    def test_the_shops_code_does_not_open_the_door(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        response = self.send(client, on_delivery(order, "hand-over", {"code": wrong(door_code(order.order_id))}))

        assert_problem(response, 409, "wrong_code", pointer="/code")
        assert order.state is OrderState.IN_DELIVERY


class TestFail(OnceWithBody, OnceOwned):
    absent_code = "delivery_not_found"
    other_body = {"reason": "refused"}

    def case(self) -> Case:
        return on_delivery(an_order(state=OrderState.IN_DELIVERY), "failure", {"reason": "absent"})

    def test_what_was_delivered_did_not_fail(self, client: FlaskClient) -> None:
        response = self.send(client, on_delivery(an_order(state=OrderState.DELIVERED), "failure", {"reason": "absent"}))

        assert_problem(response, 409, "illegal_transition")

    def test_one_that_is_left_undecided_for_a_day_is_closed(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.DELIVERY_FAILED)
        clock.ahead(hours=25)

        run_worker(app)

        assert order.state is OrderState.RETURNED


class TestReattempt(OnceOwned):
    absent_code = "delivery_not_found"

    def case(self) -> Case:
        return on_delivery(an_order(state=OrderState.DELIVERY_FAILED), "reattempt")

    def test_it_is_tried_again_twice_at_most(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERY_FAILED)
        for _ in range(2):
            self.send(client, on_delivery(order, "reattempt"))
            client.post(on_delivery(order, "failure").path, headers=order.carrier.once(), json={"reason": "absent"})

        response = self.send(client, on_delivery(order, "reattempt"))

        assert assert_problem(response, 409, "reattempts_used")["reattempts_max"] == 2


class TestBringBack(OnceOwned):
    absent_code = "delivery_not_found"

    def case(self) -> Case:
        return on_delivery(an_order(state=OrderState.DELIVERY_FAILED), "return")

    @pytest.mark.parametrize(
        "reason, refund_fen, courier_fen",
        [(FailureReason.ABSENT, 2_000, 300), (FailureReason.UNSAFE, 2_300, 300)],
    )
    def test_whose_fault_it_was_decides_who_pays_the_way(
        self, client: FlaskClient, reason: FailureReason, refund_fen: int, courier_fen: int
    ) -> None:
        order = an_order(state=OrderState.DELIVERY_FAILED, reason=reason)

        moved = self.send(client, on_delivery(order, "return")).get_json()

        earned = client.get("/courier/v1/earnings", headers=order.carrier.headers).get_json()
        assert (moved["state"], moved["refund_fen"]) == ("returned", refund_fen)
        assert earned["pending_fen"] == courier_fen

    def test_food_is_not_carried_back(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERY_FAILED, shop=a_merchant_with_shop(vertical="food"))

        response = self.send(client, on_delivery(order, "return"))

        assert_problem(response, 409, "cannot_return")


class TestThrowAway(OnceOwned):
    absent_code = "delivery_not_found"

    def case(self) -> Case:
        food = a_merchant_with_shop(vertical="food")
        return on_delivery(an_order(state=OrderState.DELIVERY_FAILED, shop=food), "disposal")

    @pytest.mark.parametrize(
        "reason, refund_fen, courier_fen",
        [
            (FailureReason.ABSENT, 0, 300),
            (FailureReason.UNSAFE, 2_300, 300),
            (FailureReason.DAMAGED, 2_300, 0),
            (FailureReason.LOST, 2_300, 0),
        ],
    )
    def test_whose_fault_it_was_decides_who_is_paid(
        self, client: FlaskClient, reason: FailureReason, refund_fen: int, courier_fen: int
    ) -> None:
        food = a_merchant_with_shop(vertical="food")
        order = an_order(state=OrderState.DELIVERY_FAILED, shop=food, reason=reason)

        moved = self.send(client, on_delivery(order, "disposal")).get_json()

        earned = client.get("/courier/v1/earnings", headers=order.carrier.headers).get_json()
        [shops] = client.get("/merchant/v1/balances", headers=food.owner.headers).get_json()["items"]
        assert (moved["state"], moved["refund_fen"]) == ("completed", refund_fen)
        assert (earned["pending_fen"], shops["pending_fen"]) == (courier_fen, 1_900)

    def test_what_keeps_is_carried_back(self, client: FlaskClient) -> None:
        response = self.send(client, on_delivery(an_order(state=OrderState.DELIVERY_FAILED), "disposal"))

        assert_problem(response, 409, "cannot_dispose")


class TestEarnings(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/earnings")


class TestSomebodyElsesDelivery:
    @pytest.mark.parametrize(
        "act, body",
        [("pick-up", {"code": "1234"}), ("hand-over", {"code": "1234"}), ("failure", {"reason": "absent"}),
         ("reattempt", None), ("return", None), ("disposal", None)],
    )  # fmt: skip
    def test_a_right_code_does_not_help_a_courier_who_has_not_the_trip(
        self, client: FlaskClient, act: str, body: dict[str, str] | None
    ) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        response = client.post(
            f"/courier/v1/deliveries/{order.delivery_id}/{act}",
            headers={**a_courier().headers, **idempotent()},
            json=body,
        )

        assert_problem(response, 404, "delivery_not_found")
        assert order.state is OrderState.IN_DELIVERY
