"""Paying a checkout in two parts over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.states import OrderState
from tests.factories import AnOrder, a_grant, a_merchant_with_shop, a_resident, an_offer, an_order
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, OnceOwned, OnceWithBody, assert_problem
from tests.support.pdf_text import drawn

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

PART_FEN = 700
COUNTED_UP_TO = "SELECT coalesce(max(used_fen), 0) FROM limit_counters WHERE account_id = :id"


def unpaid(balance_fen: int = 100_000, price_fen: int = 1_000) -> AnOrder:
    shop, resident = a_merchant_with_shop(), a_resident(balance_fen=balance_fen)
    lines = [(an_offer(shop, price_fen=price_fen, on_hand=9), 2)]
    return an_order(state=OrderState.AWAITING_PAYMENT, shop=shop, resident=resident, lines=lines)


def body_of(order: AnOrder, part_fen: int = PART_FEN, **other: Any) -> dict[str, Any]:
    grant = str(a_grant(order.resident, order.checkout_id, max(1, part_fen)))
    return {"method": "mixed", "account_part_fen": part_fen, "step_up_grant": grant, **other}


def pay(client: FlaskClient, order: AnOrder, body: dict[str, Any]) -> TestResponse:
    path = f"/user/v1/checkouts/{order.checkout_id}/payments"
    return client.post(path, headers=order.resident.once(), json=body)


class TestPayInParts(OnceOwned, OnceWithBody):
    status = 201
    absent_code = "checkout_not_found"
    other_body = {"method": "mixed", "account_part_fen": PART_FEN - 1}

    def case(self) -> Case:
        order = unpaid()
        return Case(order.resident, f"/user/v1/checkouts/{order.checkout_id}/payments", body_of(order))

    def test_it_waits_for_its_code_with_the_part_on_hold(self, client: FlaskClient) -> None:
        order = unpaid()

        shown = pay(client, order, body_of(order)).get_json()

        read = client.get(f"/user/v1/payments/{order.payment_id}", headers=order.resident.headers).get_json()
        account = client.get("/user/v1/account", headers=order.resident.headers).get_json()
        assert (shown["method"], shown["state"], shown["account_part_fen"]) == ("mixed", "pending", PART_FEN)
        assert {name: read[name] for name in ("amount_fen", "account_part_fen")} == {
            "amount_fen": order.total_fen,
            "account_part_fen": PART_FEN,
        }
        assert account["held_fen"] == PART_FEN

    @pytest.mark.parametrize("off_fen", [0, 1, 10**6])
    def test_the_outside_has_to_pay_something(self, client: FlaskClient, off_fen: int) -> None:
        order = unpaid(balance_fen=10**7)

        refused = pay(client, order, body_of(order, order.total_fen + off_fen))

        document = assert_problem(refused, 422, "account_part_invalid", pointer="/account_part_fen")
        assert document["account_part_fen_max"] == order.total_fen - 1

    @pytest.mark.parametrize("part", [0, -1, True, "1", 1.0, 10**12])
    def test_a_part_is_a_whole_number_of_fen(self, client: FlaskClient, part: object) -> None:
        order = unpaid()

        refused = pay(client, order, body_of(order, account_part_fen=part))

        assert refused.status_code == 422, refused.text

    def test_a_mixed_payment_names_its_part_and_no_other_does(self, client: FlaskClient) -> None:
        order = unpaid()

        without = pay(client, order, body_of(order, account_part_fen=None))
        whole = pay(client, order, body_of(order, method="e_account"))
        outside = pay(client, order, body_of(order, method="wechat_pay"))

        for refused in (without, whole, outside):
            assert_problem(refused, 422, "account_part_invalid", pointer="/account_part_fen")

    def test_it_takes_a_grant_that_is_good_for_the_part(self, client: FlaskClient) -> None:
        order = unpaid()
        small = str(a_grant(order.resident, order.checkout_id, PART_FEN - 1))

        without = pay(client, order, body_of(order, step_up_grant=None))
        too_small = pay(client, order, body_of(order, step_up_grant=small))

        assert assert_problem(without, 403, "step_up_required")["amount_fen"] == PART_FEN
        assert_problem(too_small, 409, "step_up_refused", pointer="/step_up_grant")

    def test_a_grant_is_used_up_by_it(self, client: FlaskClient) -> None:
        order = unpaid()
        body = body_of(order)

        pay(client, order, body)

        used = "SELECT used_at IS NOT NULL FROM step_up_grants WHERE grant_id = :id"
        assert look_one(used, id=body["step_up_grant"])

    def test_less_than_the_part_on_the_account_is_refused_and_counts_nothing(self, client: FlaskClient) -> None:
        order = unpaid(balance_fen=PART_FEN - 1)

        refused = pay(client, order, body_of(order))

        assert_problem(refused, 409, "insufficient_funds")
        assert look_one(COUNTED_UP_TO, id=order.resident.account_id) == 0

    def test_the_days_cap_counts_the_part_alone(self, client: FlaskClient) -> None:
        order = unpaid(balance_fen=10**6, price_fen=300_000)

        over = pay(client, order, body_of(order, 500_001))
        within = pay(client, order, body_of(order, 500_000))

        assert_problem(over, 409, "payment_limit_exceeded")
        assert within.status_code == 201, within.text

    def test_a_second_one_waits_for_the_first(self, client: FlaskClient) -> None:
        order = unpaid()
        pay(client, order, body_of(order))

        refused = pay(client, order, body_of(order))

        assert_problem(refused, 409, "mixed_payment_open")

    def test_what_is_on_hold_cannot_be_spent_twice(self, client: FlaskClient) -> None:
        order = unpaid(balance_fen=2_000)
        pay(client, order, body_of(order, 1_500))
        grant = str(a_grant(order.resident, order.checkout_id))

        refused = pay(client, order, {"method": "e_account", "step_up_grant": grant})

        assert_problem(refused, 409, "insufficient_funds")


def test_a_receipt_says_what_each_source_paid(client: FlaskClient) -> None:
    order = an_order(state=OrderState.COMPLETED)
    change("UPDATE orders SET payment_method = 'mixed', outside_fen = total_fen - 123, part_held_at = paid_at "
           "WHERE order_id = :id", id=order.order_id)  # fmt: skip

    receipt = client.get(f"/user/v1/orders/{order.order_id}/receipt", headers=order.resident.headers)

    words = " ".join(drawn(receipt.data)).replace("\\000", "")
    assert "1.23" in words
    assert f"{(order.total_fen - 123) / 100:.2f}" in words
