from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from app.usecases.delivering.hand_over import door_code, pick_up_code
from tests.factories import a_courier, an_order
from tests.factories.people import let_go, let_ride
from tests.factories.photos import a_photo
from tests.factories.rows import look, look_one
from tests.support.ladder import assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder, Person


def post(client: FlaskClient, person: Person, path: str, body: dict[str, object] | None = None) -> TestResponse:
    return client.post(f"/courier/v1/{path}", headers=person.once(), json=body)


def be_at(client: FlaskClient, order: AnOrder, *, lat_off: float) -> None:
    """Let the order's courier be seen north of the shop."""
    body = {"lat": order.shop.lat + lat_off, "lng": order.shop.lng, "measured_at": look_one("SELECT business_now()")}
    body["measured_at"] = body["measured_at"].isoformat()
    let_ride(order.carrier)
    response = client.put("/courier/v1/position", headers=order.carrier.headers, json=body)
    assert response.status_code == 200, response.get_json()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10_000:04d}"


class TestCodes:
    def test_giving_a_trip_back_renews_no_try(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        courier, code = order.carrier, pick_up_code(order.order_id)
        path = f"deliveries/{order.delivery_id}/pick-up"
        for _ in range(3):
            post(client, courier, path, {"code": wrong(code)})

        post(client, courier, f"trips/{order.trip_id}/give-back")
        let_go(order.trip_id)
        post(client, courier, f"trips/{order.trip_id}/claim")
        answers = [post(client, courier, path, {"code": wrong(code)}) for _ in range(3)]

        assert [assert_problem(answer, 409, "wrong_code")["tries_left"] for answer in answers[:2]] == [1, 0]
        assert_problem(answers[2], 409, "code_locked")

    def test_the_next_courier_does_not_pay_for_the_guesses_of_the_last(self, client: FlaskClient) -> None:
        order, other = an_order(state=OrderState.READY, with_courier=True), a_courier()
        code, path = pick_up_code(order.order_id), f"deliveries/{order.delivery_id}/pick-up"
        for _ in range(5):
            post(client, order.carrier, path, {"code": wrong(code)})
        post(client, order.carrier, f"trips/{order.trip_id}/give-back")
        post(client, other, f"trips/{order.trip_id}/claim")

        assert post(client, other, path, {"code": code}).status_code == 200


class TestCounter:
    def test_pieces_that_were_counted_have_to_be_the_orders(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        photo_id = a_photo(order.carrier, order.order_id)
        path = f"deliveries/{order.delivery_id}/pick-up"
        body = {"code": pick_up_code(order.order_id), "photo_id": str(photo_id)}

        refused = post(client, order.carrier, path, {**body, "item_count": 3})
        taken = post(client, order.carrier, path, {**body, "item_count": 2})

        assert assert_problem(refused, 409, "items_differ", pointer="/item_count")["item_count"] == 2
        assert taken.status_code == 200
        kept = "SELECT counted_items || pick_up_photo_reference FROM deliveries WHERE delivery_id = :id"
        assert look_one(kept, id=order.delivery_id) == f"2{photo_id}"

    def test_far_from_the_shop_the_code_serves_and_the_distance_is_kept(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        be_at(client, order, lat_off=0.02)

        taken = post(
            client, order.carrier, f"deliveries/{order.delivery_id}/pick-up", {"code": pick_up_code(order.order_id)}
        )

        trip = client.get(f"/courier/v1/trips/{order.trip_id}", headers=order.carrier.headers).get_json()
        assert taken.status_code == 200
        assert 2_200 < trip["stops"][0]["done_distance_m"] < 2_250


class TestDoor:
    def test_without_a_code_one_does_not_deliver_from_afar(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        path = f"deliveries/{order.delivery_id}/hand-over"
        be_at(client, order, lat_off=0.02)

        refused = post(client, order.carrier, path, {"photo_id": str(a_photo(order.carrier, order.order_id))})
        by_code = post(client, order.carrier, path, {"code": door_code(order.order_id)})

        assert assert_problem(refused, 409, "not_near")["distance_m_max"] == 500
        assert by_code.status_code == 200

    def test_a_neighbor_may_take_it_and_is_kept_sealed(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        post(client, order.carrier, f"deliveries/{order.delivery_id}/hand-over", {"neighbor": "501 李阿姨"})

        [row] = look(
            "SELECT state, hand_over_way, neighbor_sealed FROM deliveries WHERE delivery_id = :id", id=order.delivery_id
        )
        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        assert (row.state, row.hand_over_way) == ("delivered", "neighbor")
        assert "李阿姨" not in row.neighbor_sealed
        assert shown["hand_over"]["neighbor"] == "501 李阿姨"

    def test_the_resident_is_told_which_box_it_lies_in(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        post(client, order.carrier, f"deliveries/{order.delivery_id}/hand-over", {"locker_box": "A-12"})

        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        assert (shown["hand_over"]["way"], shown["hand_over"]["locker_box"]) == ("locker", "A-12")

    def test_two_ways_at_once_are_none(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        response = post(
            client,
            order.carrier,
            f"deliveries/{order.delivery_id}/hand-over",
            {"neighbor": "501", "locker_box": "A-12"},
        )

        assert_problem(response, 422, "input_invalid")


class TestFailure:
    def refund_of(self, client: FlaskClient, order: AnOrder, proof: dict[str, object]) -> int:
        post(client, order.carrier, f"deliveries/{order.delivery_id}/failure", {"reason": "absent", **proof})
        returned = post(client, order.carrier, f"deliveries/{order.delivery_id}/return").get_json()
        return int(returned["refund_fen"])

    def test_on_the_couriers_word_alone_the_resident_pays_nothing(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        assert self.refund_of(client, order, {}) == 2_300

    def test_with_a_photo_the_way_is_the_residents(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)

        assert self.refund_of(client, order, {"photo_id": str(a_photo(order.carrier, order.order_id))}) == 2_000

    def test_who_was_seen_at_the_door_needs_no_photo(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        be_at(client, order, lat_off=0.001)

        assert self.refund_of(client, order, {}) == 2_000
