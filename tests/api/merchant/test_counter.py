"""Payments at a counter over the API, from both sides of it."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.counter.rules import COUNTER_FEN_MAX, SMALL_FEN
from app.core.ledger import codes
from app.kernel.clock import wall_now
from app.kernel.transaction import transaction
from app.usecases.counter.pay import charge_counter, pay_at_shop
from app.usecases.counter.refund import refund_counter
from app.usecases.settling.settle import settle_due
from app.web.statements import lines_of
from tests.factories import Person, a_claim, a_merchant_with_shop, a_pin, a_resident
from tests.factories.counter import a_counter_grant, a_counter_payment, a_pay_code
from tests.factories.people import PIN
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.races import a_seed, at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories.shops import Shop
    from tests.support.business_clock import BusinessClock

RICH_FEN = 300_000


def rich() -> Person:
    return a_resident(balance_fen=RICH_FEN)


def balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def charge(client: FlaskClient, shop: Shop, code: str, amount_fen: int, by: Person | None = None) -> TestResponse:
    body = {"code": code, "amount_fen": amount_fen}
    path = f"/merchant/v1/shops/{shop.shop_id}/counter-payments"
    return client.post(path, headers=(by or shop.owner).once(), json=body)


class TestCharge(OnceOwned, OnceWithBody):
    status = 201
    absent_code = "shop_not_found"
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        body = {"code": a_pay_code(rich()), "amount_fen": 1_234}
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/counter-payments", body)

    def test_the_merchant_has_it_pending_less_the_commission_in_force(self, client: FlaskClient) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        commission_before = balance(codes.COMMISSION)

        paid = charge(client, shop, a_pay_code(payer), 10_001).get_json()

        [row] = look("SELECT fee_fen, commission_rule, commission_bp, clerk_id FROM counter_payments "
                     "WHERE counter_payment_id = :id", id=paid["counter_payment_id"])  # fmt: skip
        assert balance(codes.e_account(payer.account_id)) == RICH_FEN - 10_001
        assert balance(codes.merchant_pending(shop.merchant_id)) == 10_001 - row.fee_fen
        assert balance(codes.COMMISSION) - commission_before == row.fee_fen
        assert row.fee_fen == (10_001 * row.commission_bp + 5_000) // 10_000 > 0
        assert row.clerk_id == shop.owner.account_id

    def test_a_code_pays_once(self, client: FlaskClient) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        code = a_pay_code(payer)
        charge(client, shop, code, 100)

        again = charge(client, shop, code, 100)

        assert_problem(again, 422, "pay_code_refused", pointer="/code")
        assert balance(codes.e_account(payer.account_id)) == RICH_FEN - 100

    @pytest.mark.parametrize("flaw", ["guessed", "another's digits", "old", "replaced", "signed out", "suspended"])
    def test_a_code_that_nobody_shows_now_is_refused(self, client: FlaskClient, flaw: str) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        code = a_pay_code(payer)
        if flaw == "guessed":
            code = code[:32] + f"{(int(code[32:]) + 1) % 10**12:012d}"
        elif flaw == "another's digits":
            code = code[:32] + a_pay_code(rich())[32:]
        elif flaw == "old":
            change("UPDATE pay_codes SET expires_at = clock_timestamp() WHERE account_id = :id", id=payer.account_id)
        elif flaw == "replaced":
            a_pay_code(payer)
        elif flaw == "signed out":
            change("UPDATE sessions SET ended_at = clock_timestamp() WHERE account_id = :id", id=payer.account_id)
        else:
            change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=payer.account_id)

        refused = charge(client, shop, code, 100)

        assert_problem(refused, 422, "pay_code_refused", pointer="/code")
        assert balance(codes.e_account(payer.account_id)) == RICH_FEN

    def test_a_code_without_a_pin_is_good_for_a_small_amount(self, client: FlaskClient) -> None:
        shop, code = a_merchant_with_shop(), a_pay_code(rich())

        over = charge(client, shop, code, SMALL_FEN + 1)
        within = charge(client, shop, code, SMALL_FEN)

        assert assert_problem(over, 409, "pay_code_too_small")["amount_fen_max"] == SMALL_FEN
        assert within.status_code == 201, within.text

    def test_small_payments_add_up_to_the_days_cap_of_one_factor(self, client: FlaskClient) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        for _ in range(5):
            charge(client, shop, a_pay_code(payer), SMALL_FEN)

        over = charge(client, shop, a_pay_code(payer), 1)
        with_pin = charge(client, shop, a_pay_code(payer, 5_000), 5_000)

        assert_problem(over, 409, "counter_payment_declined")
        assert with_pin.status_code == 201, with_pin.text

    def test_why_a_payer_cannot_pay_is_not_told_to_the_shop(self, client: FlaskClient) -> None:
        shop, poor = a_merchant_with_shop(), a_resident(balance_fen=99)

        refused = charge(client, shop, a_pay_code(poor), 100)

        assert_problem(refused, 409, "counter_payment_declined")
        assert str(poor.account_id) not in refused.text

    def test_a_shop_that_is_not_open_takes_nothing(self, client: FlaskClient) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        change("UPDATE shops SET state = 'resting' WHERE shop_id = :id", id=shop.shop_id)

        refused = charge(client, shop, a_pay_code(payer), 100)

        assert_problem(refused, 409, "counter_closed")

    @pytest.mark.parametrize("amount", [0, -1, True, "1", 1.0, COUNTER_FEN_MAX + 1, 2**63])
    def test_an_amount_is_a_whole_number_of_fen(self, client: FlaskClient, amount: Any) -> None:
        assert charge(client, a_merchant_with_shop(), a_pay_code(rich()), amount).status_code == 422

    def test_two_scanners_of_one_code_have_one_winner(self, app: Flask) -> None:
        shops, payer = [a_merchant_with_shop() for _ in range(2)], rich()
        code = a_pay_code(payer)

        def scan(shop: Shop) -> Any:
            owner = shop.owner
            return charge_counter(owner.actor, a_claim(owner), shop_id=shop.shop_id, code=code, amount_fen=500)

        outcomes = at_once(app, [partial(scan, shop) for shop in shops * 4])

        assert sorted(one.refusal or "" for one in outcomes) == ["", *["pay_code_refused"] * 7]
        assert balance(codes.e_account(payer.account_id)) == RICH_FEN - 500


class TestShowCode(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        return Case(rich(), "/user/v1/pay-codes", {})

    def test_what_is_shown_stands_nowhere_in_the_database(self, client: FlaskClient) -> None:
        payer = rich()

        shown = client.post("/user/v1/pay-codes", headers=payer.headers, json={}).get_json()

        [row] = look("SELECT to_jsonb(c)::text AS kept FROM pay_codes AS c WHERE account_id = :id", id=payer.account_id)
        assert shown["code"][32:] not in row.kept
        assert shown["expires_in_s"] == 60

    def test_a_pin_confirms_a_code_for_more(self, client: FlaskClient) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        a_pin(payer)
        granted = client.post("/user/v1/pay-code-grants", headers=payer.headers,
                              json={"amount_fen": 30_000, "pin": PIN}).get_json()  # fmt: skip
        body = {"step_up_grant": granted["grant_id"]}

        shown = client.post("/user/v1/pay-codes", headers=payer.headers, json=body).get_json()
        twice = client.post("/user/v1/pay-codes", headers=payer.headers, json=body)

        assert shown["amount_fen_max"] == 30_000
        assert_problem(twice, 409, "step_up_refused")
        assert charge(client, shop, shown["code"], 30_000).status_code == 201

    def test_a_new_device_shows_none_without_a_pin(self, client: FlaskClient) -> None:
        payer = rich()
        change("UPDATE sessions SET cooling_until = :until WHERE account_id = :id",
               until=wall_now() + timedelta(hours=1), id=payer.account_id)  # fmt: skip

        refused = client.post("/user/v1/pay-codes", headers=payer.headers, json={})

        assert_problem(refused, 403, "step_up_required")


class TestPayShop(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(rich(), f"/user/v1/shops/{shop.shop_id}/counter-payments", {"amount_fen": 321})

    def test_no_shop_is_not_found(self, client: FlaskClient) -> None:
        case = self.case()

        refused = client.post(case.absent_path, headers=case.person.once(), json=case.body)

        assert_problem(refused, 404, "shop_not_found")

    def test_the_shops_own_code_names_it(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()

        shown = client.get(f"/merchant/v1/shops/{shop.shop_id}/counter-code", headers=shop.owner.headers).get_json()

        assert shown["text"] == f"linli:counter:{shop.shop_id}"

    def test_more_than_a_small_amount_takes_a_grant_for_this_shop(self, client: FlaskClient) -> None:
        shop, other, payer = a_merchant_with_shop(), a_merchant_with_shop(), rich()
        path, amount_fen = f"/user/v1/shops/{shop.shop_id}/counter-payments", SMALL_FEN + 1
        theirs, small, good = (
            str(a_counter_grant(payer, subject, most))
            for subject, most in ((other.shop_id, 10**6), (shop.shop_id, SMALL_FEN), (shop.shop_id, amount_fen))
        )

        def pay(grant: str | None) -> TestResponse:
            body = {"amount_fen": amount_fen, "step_up_grant": grant}
            return client.post(path, headers=payer.once(), json=body)

        refused = [pay(None), pay(theirs), pay(small)]
        paid, again = pay(good), pay(good)

        codes_seen = [one.get_json()["code"] for one in refused]
        assert codes_seen == ["step_up_required", "step_up_refused", "step_up_refused"]
        assert paid.status_code == 201, paid.text
        assert_problem(again, 409, "step_up_refused")

    def test_an_account_that_holds_less_does_not_pay(self, client: FlaskClient) -> None:
        shop, poor = a_merchant_with_shop(), a_resident(balance_fen=99)

        refused = client.post(f"/user/v1/shops/{shop.shop_id}/counter-payments", headers=poor.once(),
                              json={"amount_fen": 100})  # fmt: skip

        assert_problem(refused, 409, "insufficient_funds")


class TestRefund(OnceOwned, OnceWithBody):
    status = 201
    absent_code = "counter_payment_not_found"
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        paid = a_counter_payment(rich(), shop)
        return Case(shop.owner, f"/merchant/v1/counter-payments/{paid}/refunds", {"amount_fen": 400})

    def test_parts_go_back_up_to_what_is_left_with_all_of_the_commission(self, client: FlaskClient) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        commission_before = balance(codes.COMMISSION)
        paid = a_counter_payment(payer, shop, 1_001)
        path = f"/merchant/v1/counter-payments/{paid}/refunds"

        def give_back(amount_fen: int) -> TestResponse:
            return client.post(path, headers=shop.owner.once(), json={"amount_fen": amount_fen})

        parts = [give_back(333).get_json(), give_back(333).get_json()]
        too_much = give_back(336)
        last = give_back(335).get_json()

        assert [one["left_fen"] for one in (*parts, last)] == [668, 335, 0]
        assert assert_problem(too_much, 422, "counter_refund_too_large")["left_fen"] == 335
        assert balance(codes.e_account(payer.account_id)) == RICH_FEN
        assert balance(codes.merchant_pending(shop.merchant_id)) == 0
        assert balance(codes.COMMISSION) == commission_before
        assert look_one("SELECT max(used_fen) FROM limit_counters WHERE account_id = :id", id=payer.account_id) == 0

    def test_many_refunds_at_once_give_back_no_more_than_was_paid(self, app: Flask) -> None:
        shop, payer = a_merchant_with_shop(), rich()
        paid, owner = a_counter_payment(payer, shop, 1_000), shop.owner

        def give_back() -> Any:
            return refund_counter(owner.actor, a_claim(owner), counter_payment_id=paid, amount_fen=300)

        outcomes = at_once(app, [give_back] * 8)

        assert [one.refusal for one in outcomes].count(None) == 3
        assert balance(codes.e_account(payer.account_id)) == RICH_FEN - 100


class TestReceiptOfPayer(Owned):
    absent_code = "counter_payment_not_found"

    def case(self) -> Case:
        payer = rich()
        return Case(payer, f"/user/v1/counter-payments/{a_counter_payment(payer, a_merchant_with_shop())}")


class TestReceiptOfShop(Owned):
    absent_code = "counter_payment_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/counter-payments/{a_counter_payment(rich(), shop)}")


class TestListOfShop(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        a_counter_payment(rich(), shop)
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/counter-payments")


def test_both_sides_read_the_same_payment_and_refund(client: FlaskClient) -> None:
    shop, payer = a_merchant_with_shop(), rich()
    paid = a_counter_payment(payer, shop, 900)
    refund_counter(shop.owner.actor, a_claim(shop.owner), counter_payment_id=paid, amount_fen=100)

    mine = client.get(f"/user/v1/counter-payments/{paid}", headers=payer.headers).get_json()
    theirs = client.get(f"/merchant/v1/counter-payments/{paid}", headers=shop.owner.headers).get_json()
    listed = client.get("/user/v1/counter-payments?limit=1", headers=payer.headers).get_json()

    for shown in (mine, theirs):
        assert (shown["amount_fen"], shown["refunded_fen"]) == (900, 100)
        assert [one["amount_fen"] for one in shown["refunds"]] == [100]
    assert [one["counter_payment_id"] for one in listed["items"]] == [str(paid)]
    assert str(payer.account_id) not in str(theirs)


def test_statements_take_up_what_was_taken_at_the_counter_line_by_line(clock: BusinessClock) -> None:
    dice, invariants = random.Random(a_seed()), Invariants()
    shop, payer = a_merchant_with_shop(), rich()
    merchant_id = shop.merchant_id
    clock.at(clock.now())
    paid = [a_counter_payment(payer, shop, dice.randrange(100, 5_000)) for _ in range(6)]
    _refund_some(shop, paid[:3], dice)
    clock.ahead(days=2)
    settle_due(only=[merchant_id])
    first = _statement(merchant_id, 1)
    _refund_some(shop, paid[3:], dice)
    pay_at_shop(payer.actor, a_claim(payer), shop_id=shop.shop_id, amount_fen=777, step_up_grant=None)
    clock.ahead(days=2)

    settle_due(only=[merchant_id])

    second = _statement(merchant_id, 2)
    for head in (first, second):
        lines = lines_of(head)
        assert sum(line.amount_fen for line in lines) == head["closing_fen"] - head["opening_fen"]
        assert {line.kind for line in lines} == {"counter", "counter_refund"}
    assert second["orders_count"] == 1
    assert second["closing_fen"] == balance(codes.merchant_available(merchant_id))
    assert balance(codes.merchant_pending(merchant_id)) == 0
    invariants.check()


def _refund_some(shop: Shop, paid: list[UUID], dice: random.Random) -> None:
    for one in paid:
        amount_fen = dice.randrange(1, 100)
        refund_counter(shop.owner.actor, a_claim(shop.owner), counter_payment_id=one, amount_fen=amount_fen)


def _statement(merchant_id: UUID, number: int) -> dict[str, Any]:
    [row] = look("SELECT * FROM statements WHERE party_id = :id AND number = :number", id=merchant_id, number=number)
    return dict(row._mapping)
