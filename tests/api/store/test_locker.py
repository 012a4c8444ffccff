"""What lies in the store's locker is handed out to whoever names its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from app.usecases.delivering.hand_over import deliver
from app.usecases.delivering.open_box import locker_code
from tests.factories import a_claim, a_store_clerk, an_order
from tests.support.ladder import Case, OnceOwned, OnceWithBody, assert_problem
from tests.support.races import known

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import AnOrder


def in_the_locker() -> AnOrder:
    order = an_order(state=OrderState.IN_DELIVERY)
    courier = order.carrier
    deliver(
        courier.actor,
        a_claim(courier),
        delivery_id=known(order.delivery_id),
        code=None,
        photo_id=None,
        locker_box="B-7",
    )
    return order


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


class TestOpenLockerBox(OnceWithBody, OnceOwned):
    method = "POST"
    absent_code = "order_not_found"
    other_body = {"code": "000000"}

    def case(self) -> Case:
        order = in_the_locker()
        path = f"/store/v1/orders/{order.order_id}/locker-box"
        return Case(a_store_clerk(order.shop.store_id), path, {"code": locker_code(order.order_id)})

    def test_the_resident_is_shown_the_code_until_it_is_fetched(self, client: FlaskClient) -> None:
        order = in_the_locker()
        clerk, path = a_store_clerk(order.shop.store_id), f"/user/v1/orders/{order.order_id}"
        code = client.get(path, headers=order.resident.headers).get_json()["hand_over"]["locker_code"]

        opened = client.post(
            f"/store/v1/orders/{order.order_id}/locker-box", headers=clerk.once(), json={"code": code}
        ).get_json()

        shown = client.get(path, headers=order.resident.headers).get_json()["hand_over"]
        assert opened["locker_box"] == "B-7"
        assert (shown["locker_box"], shown["locker_code"]) == ("B-7", None)

    def test_a_wrong_code_counts_and_five_lock(self, client: FlaskClient) -> None:
        order = in_the_locker()
        clerk, path = a_store_clerk(order.shop.store_id), f"/store/v1/orders/{order.order_id}/locker-box"
        code = locker_code(order.order_id)
        answers = [client.post(path, headers=clerk.once(), json={"code": wrong(code)}) for _ in range(5)]

        right = client.post(path, headers=clerk.once(), json={"code": code})

        assert [answer.get_json()["code"] for answer in answers] == ["wrong_code"] * 5
        assert_problem(right, right.status_code, "code_locked")

    def test_what_was_handed_over_at_the_door_is_in_no_box(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERED)
        clerk = a_store_clerk(order.shop.store_id)

        response = client.post(
            f"/store/v1/orders/{order.order_id}/locker-box",
            headers=clerk.once(),
            json={"code": locker_code(order.order_id)},
        )

        assert_problem(response, 409, "not_in_locker")
