"""Placing an older quote says field by field what changed since, and what cannot be had any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.usecases.shopping.cart import put_in_cart, take_out_of_cart
from tests.factories import Offer, Person, a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.rows import change, look_one
from tests.support.ladder import assert_problem, row_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


class Agreement:
    """A resident who was told what two pieces of something cost."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.resident: Person = a_resident()
        self.shop = a_merchant_with_shop(minimum_fen=2_000)
        self.offer: Offer = an_offer(self.shop, on_hand=5)
        self.address_id = an_address(self.resident, near=self.shop)
        put_in_cart(self.resident.actor, sku_id=self.offer.sku_id, quantity=2)
        self.version: str = self.quote()["quote_version"]

    def quote(self) -> dict[str, Any]:
        body = {"address_id": str(self.address_id)}
        answer: dict[str, Any] = self.client.post(
            "/user/v1/checkout-quotes", headers=self.resident.headers, json=body
        ).get_json()
        return answer

    def place(self, version: str | None = None) -> Any:
        body = {"address_id": str(self.address_id), "quote_version": version or self.version}
        return self.client.post("/user/v1/checkouts", headers=self.resident.once(), json=body)

    def refused(self) -> dict[str, Any]:
        before = row_counts()
        problem = assert_problem(self.place(), 409, "quote_changed", pointer="/quote_version")
        assert row_counts() == before
        return problem

    def of_line(self, field: str, was: Any, now: Any) -> dict[str, Any]:
        line = {"sku_id": str(self.offer.sku_id), "field": field, "was": was, "now": now}
        return {"shop_id": str(self.shop.shop_id), **line}

    def of_shop(self, field: str, was: Any, now: Any) -> dict[str, Any]:
        return {"shop_id": str(self.shop.shop_id), "sku_id": None, "field": field, "was": was, "now": now}


CHANGES: dict[str, tuple[str, Callable[[Agreement], list[dict[str, Any]]]]] = {
    "price": (
        "UPDATE skus SET price_fen = 1001 WHERE sku_id = :sku_id",
        lambda was: [was.of_line("unit_price_fen", 1_000, 1_001)],
    ),
    "name": (
        "UPDATE offers SET name = '酸奶' WHERE offer_id = :offer_id",
        lambda was: [was.of_line("name", "鲜牛奶", "酸奶")],
    ),
    "fee": (
        """UPDATE shops SET fee_tiers = '[{"up_to_m": 9000, "fee_fen": 301}]' WHERE shop_id = :shop_id""",
        lambda was: [was.of_shop("distance_fen", 300, 301)],
    ),
    "packing and discount": (
        """UPDATE shops SET packing_fen = 50, discount_tiers = '[{"from_fen": 1, "off_fen": 70}]'
        WHERE shop_id = :shop_id""",
        lambda was: [was.of_shop("packing_fen", 0, 50), was.of_shop("discount_fen", 0, 70)],
    ),
}
REFUSALS = {
    "minimum": ("UPDATE shops SET minimum_fen = 2001 WHERE shop_id = :shop_id", "below_minimum", {"minimum_fen": 2001}),
    "line gone": ("UPDATE offers SET state = 'paused' WHERE offer_id = :offer_id", "offer_gone", {}),
    "stock": ("UPDATE stock SET on_hand = 1, received = 1 WHERE sku_id = :sku_id", "sold_out", {"left": 1}),
    "area": ("UPDATE shops SET radius_m = 10 WHERE shop_id = :shop_id", "outside_area", {"radius_m": 10}),
    "closed": ("UPDATE shops SET state = 'resting' WHERE shop_id = :shop_id", "shop_closed", {}),
}


def apply(statement: str, was: Agreement) -> None:
    ids = {"sku_id": was.offer.sku_id, "offer_id": was.offer.offer_id, "shop_id": was.shop.shop_id}
    change(statement, **{name: value for name, value in ids.items() if f":{name}" in statement})


@pytest.mark.parametrize("name", CHANGES)
def test_what_costs_or_is_called_otherwise_is_told_field_by_field(app: Flask, client: FlaskClient, name: str) -> None:
    statement, expected = CHANGES[name]
    was = Agreement(client)
    apply(statement, was)

    problem = was.refused()

    assert problem["changes"] == expected(was)
    assert problem["refusals"] == []
    assert was.place(problem["quote_version"]).get_json()["total_fen"] == problem["total_fen"]


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_had_any_more_is_told_with_its_reason(app: Flask, client: FlaskClient, name: str) -> None:
    statement, code, params = REFUSALS[name]
    was = Agreement(client)
    apply(statement, was)

    problem = was.refused()

    [refusal] = problem["refusals"]
    assert refusal["code"] == code
    assert refusal | params == refusal
    assert "quote_version" not in problem
    assert "total_fen" not in problem


def test_lines_that_came_into_the_cart_and_left_it_elsewhere_are_told(app: Flask, client: FlaskClient) -> None:
    was = Agreement(client)
    more = an_offer(was.shop, price_fen=5_000)
    put_in_cart(was.resident.actor, sku_id=more.sku_id, quantity=3)
    take_out_of_cart(was.resident.actor, sku_id=was.offer.sku_id)

    problem = was.refused()

    came = {**was.of_line("quantity", 0, 3), "sku_id": str(more.sku_id)}
    assert problem["changes"] == [was.of_line("quantity", 2, 0), came]


def test_several_changes_and_refusals_are_told_at_once(app: Flask, client: FlaskClient) -> None:
    was = Agreement(client)
    apply(CHANGES["price"][0], was)
    apply(CHANGES["fee"][0], was)
    apply(REFUSALS["stock"][0], was)

    problem = was.refused()

    assert [one["field"] for one in problem["changes"]] == ["distance_fen", "unit_price_fen"]
    assert [one["code"] for one in problem["refusals"]] == ["sold_out"]


def test_a_quote_that_was_never_told_is_refused_without_saying_more(app: Flask, client: FlaskClient) -> None:
    was = Agreement(client)
    was.version = "0" * 32

    problem = was.refused()

    assert "changes" not in problem
    assert problem["quote_version"] == was.quote()["quote_version"]


def test_anothers_quote_is_not_known_to_oneself(app: Flask, client: FlaskClient) -> None:
    was, other = Agreement(client), Agreement(client)
    apply(CHANGES["price"][0], was)
    was.version = other.version

    assert "changes" not in was.refused()


def test_the_last_five_quotes_are_kept(app: Flask, client: FlaskClient) -> None:
    was = Agreement(client)
    newest = was.version
    for price_fen in range(1_100, 1_107):
        change("UPDATE skus SET price_fen = :fen WHERE sku_id = :id", fen=price_fen, id=was.offer.sku_id)
        newest = was.quote()["quote_version"]

    kept = look_one("SELECT count(*) FROM kept_quotes WHERE account_id = :id", id=was.resident.account_id)
    assert kept == 5
    assert "changes" not in was.refused()
    assert was.place(newest).status_code == 201
