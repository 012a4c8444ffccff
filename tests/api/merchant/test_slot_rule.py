from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import a_merchant_with_shop
from tests.factories.slots import a_shop_with_slots
from tests.support.ladder import Case, OnceOwned, OnceWithBody, Owned, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

RULE = {"slot_minutes": 60, "capacity": 5, "lead_minutes": 45, "days_ahead": 3}


class TestReadSlotRule(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_shop_with_slots(capacity=7)
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/slot-rule")

    def test_a_shop_that_never_said_has_none(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()

        response = client.get(f"/merchant/v1/shops/{shop.shop_id}/slot-rule", headers=shop.owner.headers)

        assert response.get_json() == {"shop_id": str(shop.shop_id), **dict.fromkeys(RULE)}


class TestPutSlotRule(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "shop_not_found"
    other_body = {**RULE, "capacity": 6}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/slot-rule", RULE)

    @pytest.mark.parametrize(
        "field, value",
        [
            ("slot_minutes", 29),
            ("slot_minutes", 241),
            ("capacity", 0),
            ("capacity", 1_000),
            ("lead_minutes", -1),
            ("lead_minutes", 10_081),
            ("days_ahead", 15),
            ("days_ahead", "3"),
        ],
    )
    def test_a_rule_outside_its_bounds_is_refused_by_field(self, client: FlaskClient, field: str, value: Any) -> None:
        response = self.send(client, self.case(), body={**RULE, field: value})

        assert_problem(response, 422, "input_invalid", pointer=f"/{field}")

    def test_the_newest_rule_is_read_back(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        self.send(client, case, body=self.other_body)

        shown = client.get(case.path, headers=case.person.headers).get_json()

        assert {name: shown[name] for name in RULE} == self.other_body


class TestDeleteSlotRule(Owned):
    method = "DELETE"
    status = 204
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_shop_with_slots()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/slot-rule")

    def test_afterwards_there_is_none(self, client: FlaskClient) -> None:
        case = self.case()

        self.send(client, case)

        assert client.get(case.path, headers=case.person.headers).get_json()["capacity"] is None
