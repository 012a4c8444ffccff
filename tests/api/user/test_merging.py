from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.core.orders.states import OrderState
from app.usecases.aftersale.replace_line import accept_replacement, offer_replacement
from app.usecases.shopping import merging
from app.usecases.shopping.cart import put_in_cart
from tests.factories import a_claim, a_merchant_with_shop, a_resident, an_offer, an_order
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, assert_problem

if TYPE_CHECKING:
    import pytest
    from flask.testing import FlaskClient

    from tests.factories import Person


def held(client: FlaskClient, person: Person) -> dict[str, int]:
    items = client.get("/user/v1/cart", headers=person.headers).get_json()["items"]
    return {item["sku_id"]: item["quantity"] for item in items}


class TestMerge(Endpoint):
    method = "POST"

    def case(self) -> Case:
        line = {"sku_id": str(an_offer(a_merchant_with_shop()).sku_id), "quantity": 2}
        return Case(a_resident(), "/user/v1/cart/merges", {"lines": [line]})

    def merge(self, client: FlaskClient, person: Person, *lines: tuple[object, int]) -> dict[str, Any]:
        body = {"lines": [{"sku_id": str(sku_id), "quantity": quantity} for sku_id, quantity in lines]}
        answer = client.post("/user/v1/cart/merges", headers=person.headers, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def test_the_cart_holds_no_less_of_anything_and_twice_is_once(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_merchant_with_shop()
        more, less, new = (an_offer(shop).sku_id for _ in range(3))
        put_in_cart(resident.actor, sku_id=more, quantity=5)
        put_in_cart(resident.actor, sku_id=less, quantity=1)

        first = self.merge(client, resident, (more, 2), (less, 3), (new, 4), (new, 1))
        second = self.merge(client, resident, (more, 2), (less, 3), (new, 4), (new, 1))

        assert held(client, resident) == {str(more): 5, str(less): 3, str(new): 4}
        assert [item["quantity"] for item in first["items"]] == [5, 3, 4]
        assert first == second

    def test_what_cannot_come_in_is_said_with_its_reason(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_merchant_with_shop()
        gone, service = an_offer(shop, state="paused").sku_id, an_offer(shop, kind="service").sku_id
        empty, few = an_offer(shop, on_hand=0).sku_id, an_offer(shop, on_hand=2).sku_id
        capped, unknown = an_offer(shop, quantity_max=3).sku_id, a_resident().account_id

        answer = self.merge(client, resident, (gone, 1), (service, 1), (empty, 1), (few, 9), (capped, 9), (unknown, 1))

        assert [(one["sku_id"], one["code"]) for one in answer["left_out"]] == [
            (str(gone), "offer_gone"),
            (str(service), "offer_not_deliverable"),
            (str(empty), "sold_out"),
            (str(unknown), "sku_not_found"),
        ]
        assert held(client, resident) == {str(few): 2, str(capped): 3}

    def test_a_full_cart_takes_no_new_line(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(merging, "LINES_MAX", 3)
        resident, shop = a_resident(), a_merchant_with_shop()
        for _ in range(2):
            put_in_cart(resident.actor, sku_id=an_offer(shop).sku_id, quantity=1)
        fits, lacks = an_offer(shop).sku_id, an_offer(shop).sku_id

        answer = self.merge(client, resident, (fits, 1), (lacks, 1))

        assert [one["code"] for one in answer["left_out"]] == ["cart_too_large"]
        assert len(held(client, resident)) == 3

    def test_lines_beyond_a_cart_and_no_line_are_refused(self, client: FlaskClient) -> None:
        case = self.case()
        line = (case.body or {})["lines"][0]

        for lines in ([], [line] * 201):
            assert_problem(self.send(client, case, body={"lines": lines}), 422, "input_invalid", pointer="/lines")


class TestOrderAgain(Endpoint):
    method = "POST"

    def case(self) -> Case:
        order = an_order(state=OrderState.AWAITING_PAYMENT)
        return Case(order.resident, "/user/v1/cart/reorders", {"order_id": str(order.order_id)})

    def test_anothers_order_looks_as_absent_as_none(self, client: FlaskClient) -> None:
        case, stranger = self.case(), a_resident()

        anothers = self.send(client, case, headers=stranger.headers)
        absent = self.send(client, case, body={"order_id": str(stranger.account_id)}, headers=stranger.headers)

        assert_problem(anothers, 404, "order_not_found", pointer="/order_id")
        assert anothers.data == absent.data
        assert held(client, stranger) == {}

    def test_what_is_still_sold_comes_in_and_the_rest_is_named_with_old_and_new_price(
        self, client: FlaskClient
    ) -> None:
        shop = a_merchant_with_shop()
        stays, goes = an_offer(shop), an_offer(shop)
        order = an_order(state=OrderState.AWAITING_PAYMENT, shop=shop, lines=[(stays, 2), (goes, 1)])
        change("UPDATE skus SET price_fen = 1200 WHERE sku_id = :id", id=stays.sku_id)
        change("UPDATE skus SET removed_at = business_now() WHERE sku_id = :id", id=goes.sku_id)
        body = {"order_id": str(order.order_id)}

        answer = client.post("/user/v1/cart/reorders", headers=order.resident.headers, json=body).get_json()

        [came], [left] = answer["items"], answer["left_out"]
        assert (came["quantity"], came["was_price_fen"], came["price_fen"]) == (2, 1_000, 1_200)
        assert (left["name"], left["code"]) == ("鲜牛奶", "offer_gone")
        assert held(client, order.resident) == {str(stays.sku_id): 2}

    def test_what_came_in_place_of_another_is_not_ordered_beside_it(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        wanted, instead = an_offer(shop), an_offer(shop)
        order = an_order(state=OrderState.PREPARING, shop=shop, lines=[(wanted, 2)])
        offered = offer_replacement(
            shop.owner.actor, a_claim(shop.owner), order_id=order.order_id, line=1, sku_id=instead.sku_id, quantity=2
        )
        resident = order.resident
        accept_replacement(resident.actor, a_claim(resident), replacement_id=offered.replacement_id)

        client.post("/user/v1/cart/reorders", headers=resident.headers, json={"order_id": str(order.order_id)})

        steps = client.get(f"/user/v1/orders/{order.order_id}/timeline", headers=resident.headers).get_json()["items"]
        assert held(client, resident) == {str(wanted.sku_id): 2}
        assert "replaced" in [one["step"] for one in steps]
