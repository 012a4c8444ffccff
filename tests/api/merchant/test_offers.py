from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.catalog.content import Content, ContentUnit, unit_price_fen
from app.core.orders.models import Fulfillment
from app.core.verification.models import IdentityRow
from app.kernel.clock import wall_now
from app.kernel.sealing import blind_index, seal
from app.usecases.ordering.place_checkout import place_checkout
from app.usecases.shopping.cart import put_in_cart
from app.usecases.shopping.quoting import quote_checkout
from tests.factories import (
    a_claim,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.people import an_id_number
from tests.factories.rows import change, look, look_one, write
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem, row_counts
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person, Shop

COLA = "6901028075831"
NEVER = {"1": [["00:00", "00:01"]]}


def shelf_of(client: FlaskClient, shop: Shop) -> list[dict[str, Any]]:
    path = f"/merchant/v1/shops/{shop.shop_id}/offers"
    items: list[dict[str, Any]] = client.get(path, headers=shop.owner.headers).get_json()["items"]
    return items


def put(client: FlaskClient, shop: Shop, path: str, body: dict[str, Any]) -> Any:
    return client.put(f"/merchant/v1/shops/{shop.shop_id}/{path}", headers=shop.owner.once(), json=body)


class TestCreateFullOffer(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "shop_not_found"
    other_body = {"price_fen": 2}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        body = {
            "kind": "goods", "name": "可乐", "category": "饮料", "price_fen": 1_800, "barcode": COLA, "brand": "某牌",
            "category_code": "retail.drinks.soft", "content": {"amount": 330, "unit": "ml", "count": 6},
            "options": [{"kind": "spec", "value": "6 罐装"}, {"kind": "flavor", "value": "无糖"}],
            "attributes": {"flavor": "无糖"}, "sale_hours": {"1": [["08:00", "20:00"]]}, "preparation_minutes": 3,
            "per_person_max": 4, "per_person_days": 7, "on_hand": 24,
        }  # fmt: skip
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/offers", body)

    def test_it_says_all_that_was_said_with_the_price_of_a_unit(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        [offer] = client.get(case.path, headers=case.person.headers).get_json()["items"]
        [sku] = offer["skus"]

        assert offer["category_code"] == "retail.drinks.soft"
        assert offer["sale_hours"] == {"1": [["08:00", "20:00"]]}
        assert sku["option"] == "6 罐装 无糖"
        assert sku["unit_price_fen"] == unit_price_fen(1_800, Content(330, ContentUnit.MILLILITER, 6)) == 91
        assert (sku["per_person_max"], sku["per_person_days"], sku["left"]) == (4, 7, 24)

    def test_two_shops_with_one_barcode_have_one_standard_product(self, client: FlaskClient) -> None:
        cases = [self.case(), self.case()]
        for case in cases:
            self.send(client, case)

        pages = [client.get(case.path, headers=case.person.headers).get_json() for case in cases]
        products = {page["items"][0]["skus"][0]["standard_product_id"] for page in pages}

        assert len(products) == 1
        assert None not in products

    def test_a_number_that_the_shop_gave_itself_ties_to_nothing(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case, body={**(case.body or {}), "barcode": "2012345678903"})

        [offer] = client.get(case.path, headers=case.person.headers).get_json()["items"]

        assert offer["skus"][0]["barcode"] == "2012345678903"
        assert offer["skus"][0]["standard_product_id"] is None

    @pytest.mark.parametrize(
        "field, value, code, pointer",
        [("barcode", "6901028075832", "barcode_invalid", "/barcode"),
         ("category_code", "food.meals.hot_pot", "category_not_found", "/category_code"),
         ("category_code", "nowhere", "category_not_found", "/category_code"),
         ("attributes", {"spice": "不辣"}, "attributes_invalid", "/attributes/spice"),
         ("sale_hours", {"1": [["10:00", "09:00"]]}, "hours_invalid", "/sale_hours"),
         ("content", {"amount": 0, "unit": "ml"}, "input_invalid", "/content/amount"),
         ("content", {"amount": 5, "unit": "stone"}, "input_invalid", "/content/unit"),
         ("per_person_max", 0, "input_invalid", "/per_person_max"),
         ("options", [{"kind": "hue", "value": "红"}], "input_invalid", "/options/0/kind"),
         ("options", [{"kind": "spec", "value": "小"}] * 6, "input_invalid", "/options")],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(
        self, client: FlaskClient, field: str, value: object, code: str, pointer: str
    ) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, body={**(case.body or {}), field: value})

        assert_problem(response, 422, code, pointer=pointer)
        assert row_counts() == before

    def test_a_category_for_adults_marks_the_offer_whatever_the_shop_says(self, client: FlaskClient) -> None:
        case = self.case()
        body = {**(case.body or {}), "category_code": "retail.alcohol.beer", "attributes": {}}

        self.send(client, case, body={**body, "is_age_restricted": False})

        [offer] = client.get(case.path, headers=case.person.headers).get_json()["items"]
        assert offer["is_age_restricted"]


class TestCreateSku(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "offer_not_found"
    other_body = {"price_fen": 2}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        path = f"/merchant/v1/shops/{shop.shop_id}/offers/{an_offer(shop).offer_id}/skus"
        return Case(shop.owner, path, {"option": "大份", "price_fen": 1_500})

    def test_an_offer_has_at_most_fifty(self, client: FlaskClient) -> None:
        case = self.case()
        offer_id = case.path.split("/")[6]
        change(
            """INSERT INTO skus (sku_id, offer_id, shop_id, price_fen) SELECT gen_random_uuid(), offer_id, shop_id, 1
            FROM offers, generate_series(1, 49) WHERE offer_id = :id""",
            id=offer_id,
        )

        assert_problem(self.send(client, case), 409, "too_many_skus")


class TestDeleteSku(OnceOwned):
    method = "DELETE"
    absent_code = "offer_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        offer = an_offer(shop)
        change(
            "INSERT INTO skus (sku_id, offer_id, shop_id, price_fen) VALUES (gen_random_uuid(), :offer, :shop, 900)",
            offer=offer.offer_id,
            shop=shop.shop_id,
        )
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/offers/{offer.offer_id}/skus/{offer.sku_id}")

    def test_it_is_gone_from_the_shelf_and_cannot_be_bought(self, client: FlaskClient) -> None:
        case, resident = self.case(), a_resident()
        sku_id = case.path.rpartition("/")[2]
        self.send(client, case)

        response = client.put(f"/user/v1/cart/lines/{sku_id}", headers=resident.headers, json={"quantity": 1})

        assert_problem(response, 404, "sku_not_found")

    def test_the_last_one_stays(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop)
        path = f"/merchant/v1/shops/{shop.shop_id}/offers/{offer.offer_id}/skus/{offer.sku_id}"

        assert_problem(self.send(client, Case(shop.owner, path)), 409, "last_sku")


def test_what_is_not_named_in_a_change_stays(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    offer = an_offer(shop, on_hand=5, sku={"content_amount": 500, "content_unit": "g", "per_person_max": 3})

    put(client, shop, f"skus/{offer.sku_id}", {"price_fen": 800})
    put(client, shop, f"offers/{offer.offer_id}", {"brand": "某牌", "category_code": "retail.drinks.dairy"})

    [shown] = shelf_of(client, shop)
    [sku] = shown["skus"]
    assert (shown["name"], shown["brand"], shown["category_code"]) == ("鲜牛奶", "某牌", "retail.drinks.dairy")
    assert (sku["content"], sku["per_person_max"], sku["left"], sku["price_fen"]) == (
        {"amount": 500, "unit": "g", "count": 1}, 3, 5, 800,
    )  # fmt: skip


def test_counting_stops_only_when_no_order_holds_pieces(client: FlaskClient) -> None:
    order = an_order()
    [offer] = order.offers
    free = an_offer(order.shop, on_hand=4)

    both = put(client, order.shop, f"skus/{free.sku_id}", {"is_unlimited": True, "on_hand": 3})
    held = put(client, order.shop, f"skus/{offer.sku_id}", {"is_unlimited": True})
    freed = put(client, order.shop, f"skus/{free.sku_id}", {"is_unlimited": True})

    assert_problem(both, 422, "input_invalid", pointer="/on_hand")
    assert_problem(held, 409, "stock_reserved", pointer="/is_unlimited")
    assert freed.status_code == 200
    assert look("SELECT 1 FROM stock WHERE sku_id = :id", id=free.sku_id) == []


class TestPrices(Endpoint):
    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(a_resident(), f"/user/v1/skus/{an_offer(shop).sku_id}/prices")

    def test_every_price_is_kept_whoever_sets_it(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop, price_fen=1_000)
        put(client, shop, f"skus/{offer.sku_id}", {"price_fen": 1_200})
        put(client, shop, f"skus/{offer.sku_id}", {"on_hand": 3})
        change("UPDATE skus SET price_fen = 900 WHERE sku_id = :id", id=offer.sku_id)

        shown = client.get(f"/merchant/v1/skus/{offer.sku_id}/prices", headers=shop.owner.headers).get_json()

        assert [one["price_fen"] for one in shown["items"]] == [1_000, 1_200, 900]
        assert (shown["price_fen"], shown["lowest_fen"], shown["highest_fen"]) == (900, 900, 1_200)
        assert all(one["changed_at"].endswith("Z") for one in shown["items"])

    def test_anothers_history_looks_absent_to_a_merchant(self, client: FlaskClient) -> None:
        offer = an_offer(a_merchant_with_shop())

        response = client.get(f"/merchant/v1/skus/{offer.sku_id}/prices", headers=a_merchant_with_shop().owner.headers)

        assert_problem(response, 404, "sku_not_found")


class TestCategories(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/categories", query={"vertical": "food"})

    def test_there_are_two_levels_of_the_vertical(self, client: FlaskClient) -> None:
        items = self.send(client, self.case()).get_json()["items"]

        firsts = {item["code"] for item in items if item["parent_code"] is None}
        assert firsts
        assert {item["parent_code"] for item in items} - {None} <= firsts
        assert {item["vertical"] for item in items} == {"food"}


def quoted(client: FlaskClient, resident: Person, shop: Shop, sku_id: object, quantity: int = 1) -> Any:
    put_in_cart(resident.actor, sku_id=sku_id, quantity=quantity)  # type: ignore[arg-type]
    body = {"address_id": str(an_address(resident, near=shop))}
    return client.post("/user/v1/checkout-quotes", headers=resident.headers, json=body)


def test_what_is_not_sold_at_this_hour_cannot_be_bought(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    offer = an_offer(shop, name="夜宵粥", offer={"sale_hours": {}})

    problem = assert_problem(quoted(client, a_resident(), shop, offer.sku_id), 409, "offer_not_now")
    assert problem["detail"] == "夜宵粥 is not sold at this hour."


@pytest.mark.parametrize("born, is_sold", [(None, False), ("20150101", False), ("19800101", True)])
def test_what_is_for_adults_is_sold_to_who_is_known_to_be_one(
    client: FlaskClient,
    born: str | None,
    is_sold: bool,  # noqa: FBT001 - a case
) -> None:
    shop, resident = a_merchant_with_shop(), a_resident()
    offer = an_offer(shop, offer={"is_age_restricted": True})
    if born is not None:
        number = an_id_number(born)
        write(
            IdentityRow,
            account_id=resident.account_id,
            name_sealed=seal("王芳", context="identities.name"),
            number_sealed=seal(number, context="identities.number"),
            number_index=blind_index(number, context="identities.number"),
            verified_at=wall_now(),
        )

    response = quoted(client, resident, shop, offer.sku_id)

    if is_sold:
        assert response.status_code == 200, response.text
    else:
        assert_problem(response, 409, "adults_only")


def test_a_cap_per_person_counts_what_was_ordered_before(client: FlaskClient) -> None:
    shop, resident = a_merchant_with_shop(), a_resident()
    offer = an_offer(shop, sku={"per_person_max": 3, "per_person_days": 7})
    a_placed_checkout(resident, an_address(resident, near=shop), [(offer, 2)])

    over = quoted(client, resident, shop, offer.sku_id, 2)
    within = quoted(client, resident, shop, offer.sku_id, 1)

    assert assert_problem(over, 409, "quantity_over_cap")["quantity_max"] == 1
    assert within.status_code == 200


def test_the_slowest_line_says_when_an_order_is_ready_and_lines_keep_that_they_are_not_returned(app: Flask) -> None:
    shop, resident = a_merchant_with_shop(preparation_minutes=10), a_resident()
    slow = an_offer(shop, offer={"preparation_minutes": 40, "is_return_excluded": True})

    placed = a_placed_checkout(resident, an_address(resident, near=shop), [(slow, 1), (an_offer(shop), 1)])

    order_id = placed.orders[0].order_id
    assert look_one("SELECT preparation_minutes FROM orders WHERE order_id = :id", id=order_id) == 40
    lines = look("SELECT sku_id, is_return_excluded FROM order_lines WHERE order_id = :id", id=order_id)
    assert {row.sku_id: row.is_return_excluded for row in lines}[slow.sku_id]


def test_of_many_placements_at_once_a_person_gets_no_more_than_the_cap(app: Flask) -> None:
    shop, resident = a_merchant_with_shop(), a_resident()
    address_id = an_address(resident, near=shop)
    offer = an_offer(shop, sku={"per_person_max": 2, "per_person_days": 7})

    def buy() -> None:
        put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=2)
        version = quote_checkout(resident.actor, address_id=address_id, fulfillment=Fulfillment.DELIVERY).version
        place_checkout(
            resident.actor,
            a_claim(resident, "place"),
            address_id=address_id,
            quote_version=version,
            fulfillment=Fulfillment.DELIVERY,
            note="",
        )

    at_once(app, [buy] * 12)

    assert look_one("SELECT coalesce(sum(quantity), 0)::int FROM order_lines WHERE sku_id = :id", id=offer.sku_id) == 2


def test_the_databases_unit_price_is_the_one_of_the_rule(app: Flask) -> None:
    rows = look(
        """SELECT p, a, u, c, unit_price_fen(p, a, u, c) AS found
        FROM unnest(ARRAY[1, 7, 999, 10000000]) AS p, unnest(ARRAY[1, 3, 330, 1000000]) AS a,
             unnest(ARRAY['g', 'ml', 'piece', 'minute']) AS u, unnest(ARRAY[1, 6, 1000]) AS c"""
    )

    assert len(rows) == 192
    assert all(row.found == unit_price_fen(row.p, Content(row.a, ContentUnit(row.u), row.c)) for row in rows)
