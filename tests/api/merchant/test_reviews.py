from __future__ import annotations

from typing import TYPE_CHECKING

from tests.factories.reviews import a_completed_order, a_reviewed_order
from tests.support.ladder import Case, OnceOwned, OnceWithBody, Owned, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestListShopReviews(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_reviewed_order().shop
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/reviews")

    def test_a_shop_sees_which_order_a_review_is_of_and_not_whose(self, client: FlaskClient) -> None:
        order = a_reviewed_order()
        path = f"/merchant/v1/shops/{order.shop.shop_id}/reviews"

        [item] = client.get(path, headers=order.shop.owner.headers).get_json()["items"]

        assert item["order_id"] == str(order.order_id)
        assert "account_id" not in item


class TestReply(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "review_not_found"
    other_body = {"words": "欢迎再来"}

    def case(self) -> Case:
        order = a_reviewed_order()
        return Case(order.shop.owner, f"/merchant/v1/orders/{order.order_id}/review-reply", {"words": "谢谢您"})

    def test_once_and_everybody_reads_it(self, client: FlaskClient) -> None:
        order = a_reviewed_order()
        path, owner = f"/merchant/v1/orders/{order.order_id}/review-reply", order.shop.owner

        first = client.post(path, headers=owner.once(), json={"words": "谢谢您"})
        second = client.post(path, headers=owner.once(), json={"words": "再谢"})

        assert first.status_code == 201
        assert_problem(second, 409, "reply_given")
        read = client.get(f"/user/v1/shops/{order.shop.shop_id}/reviews", headers=order.resident.headers).get_json()
        assert [item["reply"] for item in read["items"]] == ["谢谢您"]

    def test_an_order_without_a_review_has_nothing_to_reply_to(self, client: FlaskClient) -> None:
        order = a_completed_order()
        path = f"/merchant/v1/orders/{order.order_id}/review-reply"

        assert_problem(
            client.post(path, headers=order.shop.owner.once(), json={"words": "谢"}), 404, "review_not_found"
        )
