from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.kernel import wire
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.products import a_barcode, a_product
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, Owned, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Person, Shop

PATH = "/user/v1/price-comparisons"


def ask(client: FlaskClient, person: Person, **query: Any) -> Any:
    return client.get(PATH, headers=person.headers, query_string=query)


class TestCompare(Owned):
    absent_code = "address_not_found"

    def case(self) -> Case:
        shop, resident, product = a_merchant_with_shop(), a_resident(), a_product()
        an_offer(shop, sku={"standard_product_id": product})
        query = {"address_id": str(an_address(resident, near=shop)), "standard_product_id": str(product)}
        return Case(resident, PATH, query=query)

    def test_the_cheapest_to_the_door_stands_first_not_the_cheapest_on_the_shelf(self, client: FlaskClient) -> None:
        barcode = a_barcode()
        product, resident, near = a_product(barcode=barcode), a_resident(), a_merchant_with_shop(packing_fen=50)
        far = a_merchant_with_shop(community=near.community, fee_tiers=[{"up_to_m": 3_000, "fee_fen": 900}])
        an_offer(
            near, price_fen=1_000, sku={"standard_product_id": product, "content_amount": 500, "content_unit": "g"}
        )
        an_offer(far, price_fen=700, sku={"standard_product_id": product})
        address_id = an_address(resident, near=near)

        answer = ask(client, resident, address_id=address_id, barcode=barcode).get_json()

        first, second = answer["items"]
        assert (first["shop_id"], first["total_fen"]) == (str(near.shop_id), 1_000 + 50 + 300)
        assert (second["shop_id"], second["total_fen"]) == (str(far.shop_id), 700 + 900)
        assert first["lines"][0]["unit_price_fen"] == 200
        assert answer["product"]["barcode"] == barcode

    @pytest.mark.parametrize(
        "state, code",
        [("UPDATE shops SET radius_m = 10 WHERE shop_id = :id", "outside_area"),
         ("UPDATE shops SET hours = '{}' WHERE shop_id = :id", "shop_closed"),
         ("UPDATE shops SET state = 'suspended' WHERE shop_id = :id", "shop_closed"),
         ("UPDATE shops SET minimum_fen = 1001 WHERE shop_id = :id", "below_minimum"),
         ("UPDATE shops SET license_expires_on = '2020-01-01' WHERE shop_id = :id", "license_expired"),
         ("UPDATE offers SET state = 'paused' WHERE shop_id = :id", "offer_gone"),
         ("UPDATE stock SET on_hand = 0, received = 0 WHERE sku_id IN (SELECT sku_id FROM skus WHERE shop_id = :id)",
          "sold_out")],
    )  # fmt: skip
    def test_who_cannot_serve_now_is_named_with_the_reason_when_asked(
        self, client: FlaskClient, state: str, code: str
    ) -> None:
        shop, resident, product = a_merchant_with_shop(), a_resident(), a_product()
        an_offer(shop, on_hand=5, sku={"standard_product_id": product})
        query = {"address_id": an_address(resident, near=shop), "standard_product_id": product}
        change(state, id=shop.shop_id)

        quiet = ask(client, resident, **query).get_json()
        told = ask(client, resident, **query, with_refused="true").get_json()

        assert quiet["items"] == quiet["refused"] == told["items"] == []
        assert [(one["shop_id"], one["code"]) for one in told["refused"]] == [(str(shop.shop_id), code)]

    @pytest.mark.parametrize(
        "change_, pointer",
        [({"standard_product_id": None}, "/standard_product_id"), ({"barcode": "96385074"}, "/barcode"),
         ({"quantity": 0}, "/quantity"), ({"quantity": 1000}, "/quantity"), ({"address_id": "x"}, "/address_id"),
         ({"standard_product_id": "' OR 1=1"}, "/standard_product_id"), ({"hue": 1}, "/hue")],
    )  # fmt: skip
    def test_a_question_out_of_bounds_is_refused_by_name(
        self, client: FlaskClient, change_: dict[str, Any], pointer: str
    ) -> None:
        case = self.case()
        query = {name: value for name, value in {**case.query, **change_}.items() if value is not None}

        assert_problem(ask(client, case.person, **query), 422, "input_invalid", pointer=pointer)

    def test_an_unknown_barcode_is_no_product(self, client: FlaskClient) -> None:
        resident = a_resident()
        address_id = an_address(resident, near=a_merchant_with_shop())

        assert_problem(ask(client, resident, address_id=address_id, barcode=a_barcode()), 404, "product_not_found")

    def test_a_wrong_check_digit_is_told(self, client: FlaskClient) -> None:
        resident = a_resident()
        address_id = an_address(resident, near=a_merchant_with_shop())
        body = {"address_id": str(address_id), "items": [{"barcode": a_barcode()}, {"barcode": "96385075"}]}

        one = ask(client, resident, address_id=address_id, barcode="6901028075832")
        basket = client.post("/user/v1/basket-comparisons", headers=resident.headers, json=body)

        assert_problem(one, 422, "barcode_invalid", pointer="/barcode")
        assert_problem(basket, 422, "barcode_invalid", pointer="/items/1/barcode")

    def test_a_basket_of_one_unknown_product_points_at_it(self, client: FlaskClient) -> None:
        resident = a_resident()
        address_id = an_address(resident, near=a_merchant_with_shop())
        body = {"address_id": str(address_id), "items": [{"barcode": a_barcode(), "quantity": 1}]}

        response = client.post("/user/v1/basket-comparisons", headers=resident.headers, json=body)

        assert_problem(response, 404, "product_not_found", pointer="/items/0")

    def test_it_takes_at_most_three_round_trips(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        seen: list[str] = []
        wire.observers.append(seen.append)
        try:
            self.send(client, case)
        finally:
            wire.observers.remove(seen.append)

        assert len(seen) <= 3

    # An address of another's and one that is not there are both in the query, not in the path.
    def test_anothers_looks_exactly_like_an_absent_one(self, client: FlaskClient) -> None:
        case = self.case()
        other = a_resident()

        assert_problem(ask(client, other, **case.query), 404, "address_not_found")


class TestCompareBaskets(Endpoint):
    method = "POST"

    def case(self) -> Case:
        shop, resident, product = a_merchant_with_shop(), a_resident(), a_product()
        an_offer(shop, sku={"standard_product_id": product})
        items = [{"standard_product_id": str(product), "quantity": 2}]
        return Case(
            resident,
            "/user/v1/basket-comparisons",
            {"address_id": str(an_address(resident, near=shop)), "items": items},
        )

    def market(self) -> tuple[Person, dict[str, Any], list[Shop]]:
        one, resident = a_merchant_with_shop(), a_resident()
        two = a_merchant_with_shop(community=one.community)
        products = [a_product(), a_product()]
        for shop, prices in ((one, (1_000, 5_000)), (two, (3_000, 500))):
            for product, price_fen in zip(products, prices, strict=True):
                an_offer(shop, price_fen=price_fen, sku={"standard_product_id": product})
        items = [{"standard_product_id": str(product)} for product in products]
        return resident, {"address_id": str(an_address(resident, near=one)), "items": items}, [one, two]

    def test_the_cheapest_shop_and_the_cheaper_split_are_told(self, client: FlaskClient) -> None:
        resident, body, [one, two] = self.market()

        found = client.post("/user/v1/basket-comparisons", headers=resident.headers, json=body).get_json()

        assert [item["shop_id"] for item in found["items"]] == [str(two.shop_id), str(one.shop_id)]
        assert found["items"][0]["total_fen"] == 3_500 + 300
        assert found["split"]["total_fen"] == 1_500 + 2 * 300
        assert found["split"]["is_exact"]

    def test_what_nobody_has_is_told_and_nothing_is_split(self, client: FlaskClient) -> None:
        resident, body, _ = self.market()
        body["items"].append({"standard_product_id": str(a_product())})

        found = client.post("/user/v1/basket-comparisons", headers=resident.headers, json=body).get_json()

        assert (found["lacking"], found["split"], found["items"]) == ([2], None, [])

    def test_one_product_twice_is_refused(self, client: FlaskClient) -> None:
        resident, body, _ = self.market()
        body["items"].append(body["items"][0])

        response = client.post("/user/v1/basket-comparisons", headers=resident.headers, json=body)

        assert_problem(response, 422, "product_twice", pointer="/items/2")

    @pytest.mark.parametrize("items", [[], [{}], [{"barcode": "1"}], [{"barcode": "96385074"}] * 21, "all"])
    def test_a_basket_out_of_bounds_is_refused(self, client: FlaskClient, items: object) -> None:
        case = self.case()

        response = self.send(client, case, body={**(case.body or {}), "items": items})

        assert response.status_code == 422


class TestCompareServices(Endpoint):
    def case(self) -> Case:
        shop, resident = a_merchant_with_shop(vertical="home_service"), a_resident()
        self.offered(shop, 9_000, 120)
        query = {"address_id": str(an_address(resident, near=shop)), "category_code": "home_service.cleaning"}
        return Case(resident, "/user/v1/service-comparisons", query={**query, "minutes": 180})

    def offered(self, shop: Shop, price_fen: int, minutes: int) -> None:
        an_offer(
            shop,
            kind="service",
            price_fen=price_fen,
            offer={"category_code": "home_service.cleaning.daily_cleaning"},
            sku={"content_amount": minutes, "content_unit": "minute"},
        )

    @pytest.mark.parametrize("code", ["home_service.gardens", "retail.drinks"])
    def test_what_is_no_category_of_services_is_told(self, client: FlaskClient, code: str) -> None:
        case = self.case()
        query = {**(case.query or {}), "category_code": code}
        answer = client.get(case.path, query_string=query, headers=case.person.headers)
        assert_problem(answer, 422, "category_not_found", pointer="/category_code")

    def test_units_cover_the_time_and_the_hour_compares(self, client: FlaskClient) -> None:
        answer = self.send(client, self.case()).get_json()

        [item] = answer["items"]
        assert item["lines"][0]["quantity"] == 2
        assert item["lines"][0]["unit_price_fen"] == 4_500
        assert item["goods_fen"] == 18_000
