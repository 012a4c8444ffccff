"""What goes wrong at the edge: each its own problem with its own place in the request, and nothing changed."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.models import Fulfillment
from tests.factories import (
    Offer,
    Person,
    Shop,
    a_merchant_with_shop,
    a_quote_of,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.rows import change
from tests.support.ladder import assert_problem, row_counts

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

ABSURD: list[Any] = [0, -1, 1_000, 10**9, 2**31, 2**63, 2**64, -(2**63), 1.0, 1.5, True, False, "1", "", None, [1], {}]


class World:
    """A resident with one line in the cart, ready to be quoted and placed."""

    def __init__(self, **terms: Any) -> None:
        self.shop: Shop = a_merchant_with_shop(**terms)
        self.resident: Person = a_resident(balance_fen=100_000)
        self.address_id: UUID = an_address(self.resident, near=self.shop)
        self.offer: Offer = an_offer(self.shop, on_hand=10)

    def fill(self, client: FlaskClient, quantity: int = 2) -> World:
        path = f"/user/v1/cart/lines/{self.offer.sku_id}"
        assert client.put(path, headers=self.resident.headers, json={"quantity": quantity}).status_code == 200
        return self

    def quote(self, client: FlaskClient, **more: object) -> TestResponse:
        body = {"address_id": str(self.address_id), **more}
        return client.post("/user/v1/checkout-quotes", headers=self.resident.headers, json=body)

    def version(self) -> str:
        return a_quote_of(self.resident, self.address_id).version

    def place(self, client: FlaskClient, version: str) -> TestResponse:
        body = {"address_id": str(self.address_id), "quote_version": version}
        return client.post("/user/v1/checkouts", headers=self.resident.once(), json=body)


class TestQuantities:
    @pytest.mark.parametrize("quantity", ABSURD, ids=repr)
    def test_a_cart_takes_whole_pieces_from_1_to_999_and_nothing_else(
        self, client: FlaskClient, quantity: object
    ) -> None:
        resident, offer = a_resident(), an_offer(a_merchant_with_shop())
        before = row_counts()

        response = client.put(
            f"/user/v1/cart/lines/{offer.sku_id}", headers=resident.headers, json={"quantity": quantity}
        )

        assert_problem(response, 422, "input_invalid", pointer="/quantity")
        assert row_counts() == before

    @pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity", "1e400", "01", "0x1", "+1", "1_000"])
    def test_what_json_has_no_number_for_is_refused(self, client: FlaskClient, raw: str) -> None:
        resident, offer = a_resident(), an_offer(a_merchant_with_shop())

        response = client.put(
            f"/user/v1/cart/lines/{offer.sku_id}",
            headers=resident.headers,
            data=f'{{"quantity": {raw}}}',
            content_type="application/json",
        )

        assert response.status_code == 422
        assert response.get_json()["code"] in {"not_json", "input_invalid"}

    @pytest.mark.parametrize("amount_fen", [0, -1, 5_000_001, 2**63, 1.0, True, "100", None], ids=repr)
    def test_a_top_up_is_of_whole_fen_up_to_its_limit(self, client: FlaskClient, amount_fen: object) -> None:
        resident = a_resident()
        before = row_counts()

        response = client.post("/user/v1/account/top-ups", headers=resident.once(), json={"amount_fen": amount_fen})

        assert_problem(response, 422, "input_invalid", pointer="/amount_fen")
        assert row_counts() == before


class TestBodies:
    def send(self, client: FlaskClient, data: bytes, content_type: str = "application/json") -> TestResponse:
        return client.post(
            "/user/v1/account/top-ups", headers=a_resident().once(), data=data, content_type=content_type
        )

    @pytest.mark.parametrize(
        "data",
        [b"{", b'{"amount_fen": 1,}', b"amount_fen=1", b"\xff\xfe", b'{"amount_fen": 1} x', b'"\xed\xa0\x80"',
         b'{"a": "\x01"}', b"nul"],
    )  # fmt: skip
    def test_what_is_not_json_is_refused(self, client: FlaskClient, data: bytes) -> None:
        assert_problem(self.send(client, data), 422, "not_json")

    @pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"text"', b"true"])
    def test_json_that_is_no_object_is_refused(self, client: FlaskClient, data: bytes) -> None:
        assert_problem(self.send(client, data), 422, "input_invalid", pointer="")

    def test_an_empty_body_lacks_its_fields(self, client: FlaskClient) -> None:
        assert_problem(self.send(client, b""), 422, "input_invalid", pointer="/amount_fen")

    @pytest.mark.parametrize("depth", [200, 5_000, 100_000])
    def test_deep_json_is_refused_and_breaks_nothing(self, client: FlaskClient, depth: int) -> None:
        data = b'{"amount_fen":' + b"[" * depth + b"]" * depth + b"}"

        response = self.send(client, data)

        assert response.status_code == 422

    def test_a_huge_body_is_not_read(self, client: FlaskClient) -> None:
        data = json.dumps({"amount_fen": 1, "filler": "x" * 300_000}).encode()

        assert_problem(self.send(client, data), 413, "body_too_large")

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
    def test_a_form_is_not_taken_for_json(self, client: FlaskClient, content_type: str) -> None:
        assert_problem(self.send(client, b"amount_fen=1", content_type), 422, "not_json")

    def test_a_field_that_appears_twice_counts_as_its_last(self, client: FlaskClient) -> None:
        response = self.send(client, b'{"amount_fen": 1, "amount_fen": -1}')

        assert_problem(response, 422, "input_invalid", pointer="/amount_fen")

    def test_every_wrong_field_is_named_at_once(self, client: FlaskClient) -> None:
        body = {"community_id": "x", "contact_name": "", "contact_phone": 1, "building": "a" * 21, "__proto__": 1}

        response = client.post("/user/v1/addresses", headers=a_resident().once(), json=body)

        pointers = {error["pointer"] for error in assert_problem(response, 422, "input_invalid")["errors"]}
        assert pointers == {
            "/community_id", "/contact_name", "/contact_phone", "/building", "/door", "/__proto__",
        }  # fmt: skip

    def test_a_pointer_is_escaped(self, client: FlaskClient) -> None:
        response = client.post("/user/v1/account/top-ups", headers=a_resident().once(), json={"a/b~c": 1})

        assert_problem(response, 422, "input_invalid", pointer="/a~1b~0c")


class TestText:
    @pytest.mark.parametrize(
        "name", ["a\x00b", "a\nb", "a\x1b[31m", "\x7f", "a\u0085b", "\ud800", "   ", "", "王" * 51, 1, None, ["王"]],
        ids=ascii,
    )  # fmt: skip
    def test_names_with_control_characters_or_of_no_sane_length_are_refused(
        self, client: FlaskClient, name: object
    ) -> None:
        resident = a_resident()
        body = {"community_id": str(resident.account_id), "contact_name": name, "contact_phone": "13800138000",
                "building": "1", "door": "1"}  # fmt: skip
        before = row_counts()

        response = client.post("/user/v1/addresses", headers=resident.once(), json=body)

        assert response.status_code == 422, response.text
        assert row_counts() == before

    @pytest.mark.parametrize(
        "name", ["𠮷野家", "👩‍👩‍👧", "e\u0301", "ß", "مرحبا", "' OR 1=1 --", "<script>", "%s{}", "\\"]
    )
    def test_a_name_in_any_script_is_kept_as_it_is_but_for_its_normal_form(
        self, client: FlaskClient, name: str
    ) -> None:
        resident, shop = a_resident(), a_merchant_with_shop()
        body = {"community_id": str(shop.community_id), "contact_name": name, "contact_phone": "13800138000",
                "building": "1", "door": "1"}  # fmt: skip

        made = client.post("/user/v1/addresses", headers=resident.once(), json=body)

        [address] = client.get("/user/v1/addresses", headers=resident.headers).get_json()["items"]
        assert made.status_code == 201
        assert address["contact_name"] == name.replace("e\u0301", "é")


class TestIdsAndQueries:
    @pytest.mark.parametrize(
        "order_id", ["1", "null", "00000000", "../account", "a%00b", "'; DROP TABLE orders; --", "0" * 32, "𝟘" * 8]
    )
    def test_an_id_in_no_form_of_an_id_names_nothing(self, client: FlaskClient, order_id: str) -> None:
        response = client.get(f"/user/v1/orders/{order_id}", headers=a_resident().headers)

        assert response.status_code == 404
        assert response.mimetype == "application/problem+json"

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=101", "limit=-1", "limit=1.0", "limit=abc", "limit=", "limit=%00",
         "limit=9999999999999999999", "limit=１", "state=lost", "state=", "hue=1", "limit=1&hue=1"],
    )  # fmt: skip
    def test_a_query_is_as_strict_as_a_body(self, client: FlaskClient, query: str) -> None:
        response = client.get(f"/user/v1/orders?{query}", headers=a_resident().headers)

        pointer = "/hue" if "hue" in query else f"/{query.partition('=')[0]}"
        assert_problem(response, 422, "input_invalid", pointer=pointer)

    @pytest.mark.parametrize(
        "cursor", ["x", "AAAA", "!!!!", "=", "A" * 64, "00000000-0000-0000-0000-000000000000", "é"]
    )
    def test_a_cursor_that_no_list_gave_is_refused(self, client: FlaskClient, cursor: str) -> None:
        response = client.get("/user/v1/orders", headers=a_resident().headers, query_string={"cursor": cursor})

        assert_problem(response, 422, "cursor_invalid", pointer="/cursor")

    @pytest.mark.parametrize("cursor", ["x", "-1", "1e3", "１", "9" * 19])
    def test_a_place_on_the_shelf_is_a_number(self, client: FlaskClient, cursor: str) -> None:
        shop = a_merchant_with_shop()

        response = client.get(
            f"/user/v1/shops/{shop.shop_id}/offers", headers=a_resident().headers, query_string={"cursor": cursor}
        )

        assert_problem(response, 422, "cursor_invalid", pointer="/cursor")

    @pytest.mark.parametrize("given, lacking", [("lat=39.9", "/lng"), ("lng=116.1", "/lat")])
    def test_half_a_place_is_no_place(self, client: FlaskClient, given: str, lacking: str) -> None:
        response = client.get(f"/user/v1/communities?{given}", headers=a_resident().headers)

        assert_problem(response, 422, "input_invalid", pointer=lacking)

    def test_a_path_with_a_doubled_slash_is_nobodys(self, client: FlaskClient) -> None:
        response = client.get("/user/v1//orders", headers=a_resident().headers)

        assert_problem(response, 404, "route_not_found")

    @pytest.mark.parametrize("key", ["", "short", "a" * 129, "with space", "ключ-ключ", "tab\tinside"])
    def test_an_idempotency_key_is_8_to_128_visible_characters(self, client: FlaskClient, key: str) -> None:
        headers = {**a_resident().headers, "Idempotency-Key": key.encode().decode("latin-1")}

        response = client.post("/user/v1/account/top-ups", headers=headers, json={"amount_fen": 1})

        assert_problem(response, 422, "idempotency_key_needed", pointer="Idempotency-Key")


def closed_by_hours(world: World) -> None:
    change("UPDATE shops SET hours = '{}' WHERE shop_id = :id", id=world.shop.shop_id)


def resting(world: World) -> None:
    change("UPDATE shops SET state = 'resting' WHERE shop_id = :id", id=world.shop.shop_id)


def suspended(world: World) -> None:
    change("UPDATE shops SET state = 'suspended' WHERE shop_id = :id", id=world.shop.shop_id)


def paused(world: World) -> None:
    change(
        "UPDATE shops SET paused_until = business_now() + interval '1 hour' WHERE shop_id = :id",
        id=world.shop.shop_id,
    )


def license_over(world: World) -> None:
    change(
        "UPDATE shops SET license_expires_on = :day WHERE shop_id = :id", day=date(2020, 1, 1), id=world.shop.shop_id
    )


def too_far(world: World) -> None:
    change("UPDATE shops SET radius_m = 10 WHERE shop_id = :id", id=world.shop.shop_id)


def minimum_raised(world: World) -> None:
    change("UPDATE shops SET minimum_fen = 2001 WHERE shop_id = :id", id=world.shop.shop_id)


def sold_out(world: World) -> None:
    change("UPDATE stock SET on_hand = 1, received = 1 WHERE sku_id = :id", id=world.offer.sku_id)


def off_the_shelf(world: World) -> None:
    change("UPDATE offers SET state = 'paused' WHERE offer_id = :id", id=world.offer.offer_id)


def not_carried(world: World) -> None:
    change("UPDATE offers SET kind = 'voucher' WHERE offer_id = :id", id=world.offer.offer_id)


def capped(world: World) -> None:
    change("UPDATE skus SET quantity_max = 1 WHERE sku_id = :id", id=world.offer.sku_id)


REFUSALS: list[tuple[Callable[[World], None], str, str]] = [
    (closed_by_hours, "shop_closed", "shop_id"),
    (resting, "shop_closed", "shop_id"),
    (suspended, "shop_closed", "shop_id"),
    (paused, "shop_closed", "shop_id"),
    (license_over, "license_expired", "shop_id"),
    (too_far, "outside_area", "distance_m"),
    (minimum_raised, "below_minimum", "minimum_fen"),
    (sold_out, "sold_out", "left"),
    (off_the_shelf, "offer_gone", "sku_id"),
    (not_carried, "offer_not_deliverable", "sku_id"),
    (capped, "quantity_over_cap", "quantity_max"),
]


class TestCartsThatCannotBeServed:
    @pytest.mark.parametrize("spoil, code, parameter", REFUSALS, ids=[spoil.__name__ for spoil, *_ in REFUSALS])
    def test_neither_a_quote_nor_a_placement_gets_past_it(
        self, client: FlaskClient, spoil: Callable[[World], None], code: str, parameter: str
    ) -> None:
        world = World().fill(client)
        version = world.version()
        spoil(world)
        before = row_counts()

        quoted, placed = world.quote(client), world.place(client, version)

        assert parameter in assert_problem(quoted, 409, code)
        assert parameter in assert_problem(placed, 409, code)
        assert row_counts() == before

    def test_what_is_too_far_for_a_courier_may_be_fetched_at_the_store(self, client: FlaskClient) -> None:
        world = World(radius_m=10).fill(client)

        assert_problem(world.quote(client), 409, "outside_area")
        assert world.quote(client, fulfillment=Fulfillment.STORE_PICKUP.value).status_code == 200


class TestStaleQuotes:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE skus SET price_fen = price_fen + 1 WHERE sku_id = :sku_id",
            "UPDATE skus SET price_fen = price_fen - 1 WHERE sku_id = :sku_id",
            "UPDATE skus SET packing_fen = 1 WHERE sku_id = :sku_id",
            "UPDATE shops SET packing_fen = 1 WHERE shop_id = :shop_id",
            """UPDATE shops SET fee_tiers = '[{"up_to_m": 9000, "fee_fen": 301}]' WHERE shop_id = :shop_id""",
            """UPDATE shops SET discount_tiers = '[{"from_fen": 1, "off_fen": 1}]' WHERE shop_id = :shop_id""",
            "UPDATE cart_lines SET quantity = 3 WHERE sku_id = :sku_id",
        ],
    )
    def test_a_price_that_changed_since_the_quote_is_asked_about_again(
        self, client: FlaskClient, statement: str
    ) -> None:
        world = World().fill(client)
        version = world.version()
        ids = {"sku_id": world.offer.sku_id, "shop_id": world.shop.shop_id}
        change(statement, **{name: value for name, value in ids.items() if f":{name}" in statement})
        before = row_counts()

        stale = world.place(client, version)

        problem = assert_problem(stale, 409, "quote_changed", pointer="/quote_version")
        assert row_counts() == before
        assert world.place(client, problem["quote_version"]).get_json()["total_fen"] == problem["total_fen"]

    @pytest.mark.parametrize("version", ["", "0" * 31, "0" * 33, "g" * 32, 0, None], ids=repr)
    def test_a_version_that_no_quote_has_is_no_version(self, client: FlaskClient, version: Any) -> None:
        world = World().fill(client)

        assert_problem(world.place(client, version), 422, "input_invalid", pointer="/quote_version")


PRICES = [
    *("price_fen", "unit_price_fen", "amount_fen", "pay_fen", "total_fen", "goods_fen", "delivery_fen", "discount_fen"),
    *("packing_fen", "refund_fen", "commission_bp", "price_id", "currency", "state", "paid"),
]


class TestPricesFromOutside:
    def test_none_is_taken_on_the_way_from_the_cart_to_the_payment(self, client: FlaskClient) -> None:
        world = World().fill(client)
        version, address_id = world.version(), str(world.address_id)
        quoted = world.quote(client).get_json()
        line, before = f"/user/v1/cart/lines/{world.offer.sku_id}", row_counts()

        for name in PRICES:
            more, headers = {name: 1}, world.resident.headers
            in_cart = client.put(line, headers=headers, json={"quantity": 2, **more})
            placed = client.post(
                "/user/v1/checkouts",
                headers=world.resident.once(),
                json={"address_id": address_id, "quote_version": version, **more},
            )

            assert_problem(in_cart, 422, "input_invalid", pointer=f"/{name}")
            assert_problem(world.quote(client, **more), 422, "input_invalid", pointer=f"/{name}")
            assert_problem(placed, 422, "input_invalid", pointer=f"/{name}")
        assert row_counts() == before

        checkout = world.place(client, version).get_json()
        path = f"/user/v1/checkouts/{checkout['checkout_id']}/payments"
        for name in PRICES:
            paid = client.post(path, headers=world.resident.once(), json={"method": "wechat_pay", name: 1})
            assert_problem(paid, 422, "input_invalid", pointer=f"/{name}")

        assert checkout["total_fen"] == quoted["total_fen"]


class TestForeignIds:
    def test_anothers_address_is_absent_in_a_placement(self, client: FlaskClient) -> None:
        world = World().fill(client)
        version = world.version()
        world.address_id = an_address(a_resident(), near=world.shop)
        before = row_counts()

        response = world.place(client, version)

        assert_problem(response, 404, "address_not_found", pointer="/address_id")
        assert row_counts() == before

    def test_a_removed_address_is_absent_too(self, client: FlaskClient) -> None:
        world = World().fill(client)
        version = world.version()
        client.delete(f"/user/v1/addresses/{world.address_id}", headers=world.resident.headers)

        assert_problem(world.place(client, version), 404, "address_not_found")

    def test_a_key_is_ones_own_so_anothers_same_key_is_fresh(self, client: FlaskClient, key: str) -> None:
        one, other = an_order(), an_order()

        answers = [
            client.post(f"/user/v1/orders/{order.order_id}/cancellation", headers=order.resident.once(key)).status_code
            for order in (one, other)
        ]

        assert answers == [200, 200]

    def test_two_with_the_same_key_and_body_get_an_answer_each_and_never_the_others(
        self, client: FlaskClient, key: str
    ) -> None:
        people = [a_resident() for _ in range(2)]
        path, body = "/user/v1/account/top-ups", {"amount_fen": 1_200}

        first = [client.post(path, headers=person.once(key), json=body).get_json() for person in people]
        again = [client.post(path, headers=person.once(key), json=body).get_json() for person in people]

        assert first[0]["payment_id"] != first[1]["payment_id"]
        assert [one["payment_id"] for one in again] == [one["payment_id"] for one in first]

    def test_one_key_serves_different_acts(self, client: FlaskClient, key: str) -> None:
        order = an_order()

        accepted = client.post(f"/merchant/v1/orders/{order.order_id}/acceptance", headers=order.shop.owner.once(key))
        ready = client.post(f"/merchant/v1/orders/{order.order_id}/readiness", headers=order.shop.owner.once(key))

        assert (accepted.get_json()["state"], ready.get_json()["state"]) == ("preparing", "ready")

    def test_a_refused_act_leaves_its_key_unused(self, client: FlaskClient, key: str) -> None:
        world = World(minimum_fen=5_000).fill(client)
        body = {"address_id": str(world.address_id), "quote_version": "0" * 32}
        headers = world.resident.once(key)
        assert_problem(client.post("/user/v1/checkouts", headers=headers, json=body), 409, "below_minimum")
        world.fill(client, 6)

        again = client.post("/user/v1/checkouts", headers=headers, json={**body, "quote_version": world.version()})

        assert again.status_code == 201


class TestWords:
    @pytest.mark.parametrize(
        "accepted, language",
        [("zh-CN", "zh-CN"), ("en", "en"), ("en-GB,en;q=0.8", "en"), ("", "zh-CN"), ("fr", "zh-CN"),
         ("zh;q=0.5,en;q=0.9", "en"), ("en;q=0.5,zh;q=0.9", "zh-CN"), (";;q=x,,", "zh-CN"), ("e" * 5_000, "zh-CN")],
    )  # fmt: skip
    def test_a_problem_speaks_the_language_that_is_preferred(
        self, client: FlaskClient, accepted: str, language: str
    ) -> None:
        world = World(hours={}).fill(client)
        headers = {**world.resident.headers, "Accept-Language": accepted}

        response = client.post("/user/v1/checkout-quotes", headers=headers, json={"address_id": str(world.address_id)})

        document = assert_problem(response, 409, "shop_closed")
        assert response.headers["Content-Language"] == language
        assert (document["title"] == "The shop is closed") is (language == "en")

    def test_a_fields_refusal_speaks_it_too(self, client: FlaskClient) -> None:
        details = []
        for language in ("zh", "en"):
            headers = {**a_resident().once(), "Accept-Language": language}
            response = client.post("/user/v1/account/top-ups", headers=headers, json={"amount_fen": 0})
            details.append(response.get_json()["errors"][0]["detail"])

        assert "5000000" in details[0]
        assert "5000000" in details[1]
        assert details[0] != details[1]
        assert details[1].isascii()
