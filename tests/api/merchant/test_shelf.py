from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.orders.states import OrderState
from tests.factories import a_merchant_with_shop, a_resident, an_offer, an_order
from tests.factories.rows import look
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Shop


class TestSetOpening(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "shop_not_found"
    other_body = {"is_open": True}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/opening", {"is_open": False})

    def is_open(self, client: FlaskClient, shop: Shop) -> bool:
        return bool(client.get(f"/user/v1/shops/{shop.shop_id}", headers=a_resident().headers).get_json()["is_open"])

    @pytest.mark.parametrize(
        "body", [{"is_open": False}, {"is_open": True, "pause_minutes": 30}, {"is_open": True, "hours": {}}]
    )
    def test_a_shop_that_rests_pauses_or_has_no_hours_is_closed(
        self, client: FlaskClient, body: dict[str, object]
    ) -> None:
        shop = a_merchant_with_shop()
        assert self.is_open(client, shop)

        client.put(f"/merchant/v1/shops/{shop.shop_id}/opening", headers=shop.owner.once(), json=body)

        assert not self.is_open(client, shop)

    @pytest.mark.parametrize(
        "hours",
        [{"1": [["10:00", "09:00"]]}, {"1": [["08:00", "12:00"], ["11:00", "13:00"]]}, {"7": [["24:00", "24:00"]]}],
    )
    def test_hours_out_of_order_are_refused(self, client: FlaskClient, hours: object) -> None:
        response = self.send(client, self.case(), body={"is_open": True, "hours": hours})

        assert_problem(response, 422, "hours_invalid", pointer="/hours")

    @pytest.mark.parametrize(
        "hours", [{"8": []}, {"1": "all day"}, {"1": [["8:00", "9:00"]]}, {"1": [["08:00"]]}, {"1": [[8, 9]]}, [], 1]
    )
    def test_hours_in_no_known_form_are_refused(self, client: FlaskClient, hours: object) -> None:
        response = self.send(client, self.case(), body={"is_open": True, "hours": hours})

        assert_problem(response, 422, "input_invalid", pointer="/hours")

    def test_a_suspended_shop_does_not_open_itself(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop(state="suspended")
        case = Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/opening", {"is_open": True})

        response = self.send(client, case)

        assert_problem(response, 409, "shop_not_yours_to_open")


class TestListOffers(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        an_offer(shop, state="paused")
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/offers")

    def test_paused_ones_are_shown_to_the_shop(self, client: FlaskClient) -> None:
        page = self.send(client, self.case()).get_json()

        assert [offer["state"] for offer in page["items"]] == ["paused"]


class TestCreateOffer(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "shop_not_found"
    other_body = {"price_fen": 2}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        body = {"kind": "goods", "name": "矿泉水", "category": "饮料", "price_fen": 200, "on_hand": 24}
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/offers", body)

    def test_it_is_on_the_shelf_with_its_price_and_stock(self, client: FlaskClient) -> None:
        case = self.case()
        made = self.send(client, case).get_json()

        [offer] = client.get(case.path, headers=case.person.headers).get_json()["items"]

        assert offer["offer_id"] == made["offer_id"]
        [sku] = offer["skus"]
        assert (sku["sku_id"], sku["price_fen"], sku["left"]) == (made["sku_id"], 200, 24)

    @pytest.mark.parametrize(
        "field, value",
        [("price_fen", 0), ("price_fen", -1), ("price_fen", 1.0), ("price_fen", 10_000_001), ("on_hand", -1),
         ("on_hand", 2**63), ("barcode", "123"), ("barcode", "692015288477x"), ("kind", "weapon"), ("name", ""),
         ("name", "   "), ("name", "水" * 101), ("name", "a\u0000b"), ("category", None)],
    )  # fmt: skip
    def test_a_value_out_of_its_bounds_is_refused_by_name(self, client: FlaskClient, field: str, value: object) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, body={**(case.body or {}), field: value})

        assert_problem(response, 422, "input_invalid", pointer=f"/{field}")
        assert row_counts() == before


class TestUpdateOffer(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "offer_not_found"
    other_body = {"name": "纯牛奶"}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        path = f"/merchant/v1/shops/{shop.shop_id}/offers/{an_offer(shop).offer_id}"
        return Case(shop.owner, path, {"state": "paused"})

    def test_ones_own_shop_does_not_reach_anothers_offer(self, client: FlaskClient) -> None:
        shop, anothers = a_merchant_with_shop(), an_offer(a_merchant_with_shop())
        path = f"/merchant/v1/shops/{shop.shop_id}/offers/{anothers.offer_id}"

        response = self.send(client, Case(shop.owner, path, {"state": "removed"}))

        assert_problem(response, 404, "offer_not_found")
        [row] = look("SELECT state FROM offers WHERE offer_id = :id", id=anothers.offer_id)
        assert row.state == "on_sale"

    def test_ones_own_offer_is_not_found_under_another_shop(self, client: FlaskClient) -> None:
        case, other = self.case(), a_merchant_with_shop()
        offer_id = case.path.rpartition("/")[2]

        response = self.send(client, case, path=f"/merchant/v1/shops/{other.shop_id}/offers/{offer_id}")

        assert_problem(response, 404, "offer_not_found")

    def test_what_was_removed_does_not_come_back(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case, body={"state": "removed"})

        response = self.send(client, case, body={"state": "on_sale"})

        assert_problem(response, 404, "offer_not_found")


class TestUpdateSku(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "sku_not_found"
    other_body = {"price_fen": 1_300}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        path = f"/merchant/v1/shops/{shop.shop_id}/skus/{an_offer(shop, on_hand=3).sku_id}"
        return Case(shop.owner, path, {"price_fen": 1_200})

    def test_counting_the_shelf_leaves_what_orders_have_reserved(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.AWAITING_ACCEPT)
        sku_id = order.offers[0].sku_id
        case = Case(order.shop.owner, f"/merchant/v1/shops/{order.shop.shop_id}/skus/{sku_id}", {"on_hand": 5})

        self.send(client, case)

        [stock] = look("SELECT received, on_hand, reserved, sold FROM stock WHERE sku_id = :id", id=sku_id)
        assert tuple(stock) == (7, 5, 2, 0)


class TestBalances(Endpoint):
    def case(self) -> Case:
        return Case(a_merchant_with_shop().owner, "/merchant/v1/balances")

    def test_a_merchant_that_earned_nothing_has_nothing(self, client: FlaskClient) -> None:
        [balance] = self.send(client, self.case()).get_json()["items"]

        assert (balance["pending_fen"], balance["available_fen"]) == (0, 0)
