from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.ledger import codes
from app.kernel.transaction import transaction
from app.usecases.settling.settle import settle_due
from app.usecases.vouchers.spend import redeem_voucher, refund_voucher
from tests.factories import a_claim, a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.rows import change, look, look_one
from tests.factories.vouchers import some_vouchers
from tests.support.invariants import Invariants
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories.vouchers import SomeVouchers
    from tests.support.business_clock import BusinessClock


@pytest.fixture(autouse=True)
def _everything_adds_up(app: Flask) -> Iterator[None]:
    assert app is not None
    invariants = Invariants()
    yield
    invariants.check()


def redeem(client: FlaskClient, bought: SomeVouchers, code: str | None = None, **body: Any) -> Any:
    path = f"/merchant/v1/shops/{bought.shop.shop_id}/voucher-redemptions"
    return client.post(path, headers=bought.shop.owner.once(), json={"code": code or bought.code, **body})


def pending(bought: SomeVouchers) -> int:
    with transaction() as tx:
        return ledger.balance(tx, codes.merchant_pending(bought.shop.merchant_id)).posted_fen


def order_state(bought: SomeVouchers) -> str:
    return str(look_one("SELECT state FROM orders WHERE order_id = :id", id=bought.order_id))


class TestBuy(OnceWithBody):
    status = 201
    other_body = {"quantity": 2}

    def case(self) -> Case:
        offer = an_offer(a_merchant_with_shop(vertical="leisure"), kind="voucher", on_hand=5)
        body = {"sku_id": str(offer.sku_id), "quantity": 1, "unit_price_fen": 1_000}
        return Case(a_resident(balance_fen=10_000), "/user/v1/voucher-checkouts", body)

    def test_paid_it_is_issued_and_can_be_shown(self, app: Flask, client: FlaskClient) -> None:
        case = self.case()
        placed = self.send(client, case).get_json()
        from tests.factories.people import a_grant  # noqa: PLC0415 - only here

        paid = client.post(
            f"/user/v1/checkouts/{placed['checkout_id']}/payments",
            headers=case.person.once(),
            json={"method": "e_account", "step_up_grant": str(a_grant(case.person, placed["checkout_id"]))},
        )
        run_worker(app)
        [voucher] = client.get("/user/v1/vouchers", headers=case.person.headers).get_json()["items"]
        shown = client.get(f"/user/v1/vouchers/{voucher['voucher_id']}", headers=case.person.headers).get_json()

        assert paid.status_code == 201, paid.text
        assert (voucher["state"], voucher["value_left_fen"]) == ("issued", 1_000)
        assert len(shown["code"]) == 16
        assert shown["qr_svg"].startswith("<svg")
        assert (
            look_one("SELECT count(*) FROM vouchers WHERE code_digest = CAST(:code AS bytea)", code=shown["code"]) == 0
        )

    def test_goods_are_not_sold_this_way_nor_vouchers_in_the_cart(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        milk, voucher = an_offer(shop), an_offer(shop, kind="voucher")
        resident = a_resident()
        body = {"sku_id": str(milk.sku_id), "quantity": 1, "unit_price_fen": 1_000}

        as_voucher = client.post("/user/v1/voucher-checkouts", headers=resident.once(), json=body)
        in_cart = client.put(f"/user/v1/cart/lines/{voucher.sku_id}", headers=resident.headers, json={"quantity": 1})

        assert_problem(as_voucher, 409, "not_sold_this_way", pointer="/sku_id")
        assert_problem(in_cart, 409, "offer_not_deliverable")

    def test_another_price_and_more_than_there_are_are_refused(self, client: FlaskClient) -> None:
        case = self.case()
        body = dict(case.body or {})

        assert_problem(self.send(client, case, body={**body, "unit_price_fen": 999}), 409, "price_changed")
        assert_problem(self.send(client, case, body={**body, "quantity": 6}), 409, "sold_out")


class TestList(Endpoint):
    def case(self) -> Case:
        return Case(some_vouchers().resident, "/user/v1/vouchers")


class TestShow(Owned):
    absent_code = "voucher_not_found"

    def case(self) -> Case:
        bought = some_vouchers()
        return Case(bought.resident, f"/user/v1/vouchers/{bought.voucher_ids[0]}")


class TestRedeem(OnceWithBody):
    other_body = {"uses_left": 1}

    def case(self) -> Case:
        bought = some_vouchers()
        path = f"/merchant/v1/shops/{bought.shop.shop_id}/voucher-redemptions"
        return Case(bought.shop.owner, path, {"code": bought.code})

    def test_once_used_it_is_spent_and_the_shop_has_its_money(self, client: FlaskClient) -> None:
        bought = some_vouchers()

        used = redeem(client, bought).get_json()
        again = redeem(client, bought)

        assert (used["state"], used["amount_fen"]) == ("used", 10_000)
        assert_problem(again, 409, "voucher_spent")
        assert pending(bought) == 10_000 - 777
        assert order_state(bought) == "completed"

    def test_a_card_of_ten_pays_use_by_use_to_the_fen(self, client: FlaskClient) -> None:
        bought = some_vouchers(uses=10, price_fen=9_999)

        answers = [redeem(client, bought, uses_left=left).get_json() for left in range(10, 0, -1)]

        assert [one["uses_left"] for one in answers] == list(range(9, -1, -1))
        assert sum(one["amount_fen"] for one in answers) == 9_999
        assert pending(bought) == 9_999 - 777
        assert order_state(bought) == "completed"

    def test_what_a_card_is_good_for_is_shown_before_it_is_bought(self, client: FlaskClient) -> None:
        card = some_vouchers(uses=10)

        shelf = client.get(f"/user/v1/shops/{card.shop.shop_id}/offers", headers=a_resident().headers).get_json()

        [sku] = shelf["items"][0]["skus"]
        assert sku["voucher"]["uses"] == 10

    def test_a_scan_that_comes_too_late_takes_no_second_use(self, client: FlaskClient) -> None:
        bought = some_vouchers(uses=3)
        redeem(client, bought, uses_left=3)

        assert_problem(redeem(client, bought, uses_left=3), 409, "uses_differ")

    def test_another_shops_voucher_looks_like_none(self, client: FlaskClient) -> None:
        mine, strange = some_vouchers(), some_vouchers()

        another = redeem(client, mine, strange.code)
        none = redeem(client, mine, "0" * 16)

        assert_problem(another, 422, "voucher_unknown", pointer="/code")
        assert another.get_json()["detail"] == none.get_json()["detail"]
        assert redeem(client, strange).status_code == 200

    def test_scanned_everywhere_at_once_it_is_used_once(self, app: Flask) -> None:
        bought = some_vouchers()
        owner = bought.shop.owner

        outcomes = at_once(
            app,
            [
                partial(redeem_voucher, owner.actor, a_claim(owner), shop_id=bought.shop.shop_id, code=bought.code)
                for _ in range(16)
            ],
        )

        assert sum(one.is_done for one in outcomes) == 1
        assert {one.refusal for one in outcomes} == {None, "voucher_spent"}

    def test_used_and_given_back_at_once_it_is_one_of_them(self, app: Flask) -> None:
        for _ in range(3):
            bought = some_vouchers()
            owner, resident = bought.shop.owner, bought.resident

            outcomes = at_once(
                app,
                [
                    partial(redeem_voucher, owner.actor, a_claim(owner), shop_id=bought.shop.shop_id, code=bought.code),
                    partial(refund_voucher, resident.actor, a_claim(resident), voucher_id=bought.voucher_ids[0]),
                ],
            )

            assert sorted(one.is_done for one in outcomes) == [False, True]


class TestRefund(OnceOwned):
    absent_code = "voucher_not_found"

    def case(self) -> Case:
        bought = some_vouchers()
        return Case(bought.resident, f"/user/v1/vouchers/{bought.voucher_ids[0]}/refund")

    def test_unused_all_of_it_goes_back_and_the_shelf_has_it_again(self, client: FlaskClient) -> None:
        bought = some_vouchers(quantity=2, on_hand=5)

        answers = [
            client.post(f"/user/v1/vouchers/{voucher_id}/refund", headers=bought.resident.once()).get_json()
            for voucher_id in bought.voucher_ids
        ]

        assert [one["amount_fen"] for one in answers] == [10_000, 10_000]
        assert order_state(bought) == "canceled"
        [stock] = look("SELECT on_hand, reserved, sold FROM stock WHERE sku_id = :id", id=bought.offer.sku_id)
        assert (stock.on_hand, stock.reserved, stock.sold) == (5, 0, 0)

    def test_half_used_what_it_still_holds_goes_back(self, client: FlaskClient) -> None:
        bought = some_vouchers(uses=4)
        redeem(client, bought)

        back = client.post(f"/user/v1/vouchers/{bought.voucher_ids[0]}/refund", headers=bought.resident.once())

        assert back.get_json()["amount_fen"] == 7_500
        assert order_state(bought) == "completed"

    def test_what_nobody_used_is_refunded_by_itself(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        bought = some_vouchers(quantity=2, on_hand=5, valid_days=7)
        redeem(client, bought)

        clock.ahead(days=7, minutes=1)
        late = redeem(client, bought, code=None)
        run_worker(app)

        assert_problem(late, 409, "voucher_spent")
        states = [
            row.state for row in look("SELECT state FROM vouchers WHERE order_id = :id ORDER BY 1", id=bought.order_id)
        ]
        assert states == ["expired", "used"]
        assert order_state(bought) == "completed"
        [stock] = look("SELECT on_hand, reserved, sold FROM stock WHERE sku_id = :id", id=bought.offer.sku_id)
        assert (stock.on_hand, stock.reserved, stock.sold) == (4, 0, 1)

    def test_the_kitchen_does_nothing_with_vouchers(self, client: FlaskClient) -> None:
        bought = some_vouchers()
        change("UPDATE orders SET state = 'preparing' WHERE order_id = :id", id=bought.order_id)
        path = f"/merchant/v1/orders/{bought.order_id}/readiness"

        assert_problem(client.post(path, headers=bought.shop.owner.once()), 409, "illegal_transition")
        change("UPDATE orders SET state = 'ready' WHERE order_id = :id", id=bought.order_id)


class TestCart:
    def test_goods_do_not_become_vouchers_by_a_word(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        resident = a_resident()
        body = {"address_id": str(an_address(resident, near=shop))}

        for word in ("voucher", "appointment"):
            answer = client.post(
                "/user/v1/checkout-quotes", headers=resident.headers, json={**body, "fulfillment": word}
            )
            assert_problem(answer, 422, "input_invalid", pointer="/fulfillment")


class TestAfterUse:
    def test_a_used_card_that_was_served_badly_is_refunded_out_of_every_use(self, client: FlaskClient) -> None:
        bought = some_vouchers(uses=3, price_fen=10_000)
        for _ in range(3):
            redeem(client, bought)
        order = {"lines": [{"line": 1, "quantity": 1}], "kind": "refund_only", "reason": "service_poor"}
        path = f"/user/v1/orders/{bought.order_id}/cases"

        opened = client.post(path, headers=bought.resident.once(), json=order)
        agreed = client.post(
            f"/merchant/v1/cases/{opened.get_json()['case_id']}/answer",
            headers=bought.shop.owner.once(),
            json={"is_approved": True},
        )

        assert opened.status_code == 201, opened.text
        assert agreed.get_json()["refund_fen"] == 10_000, agreed.text
        assert pending(bought) == 0

    def test_what_was_settled_since_is_taken_from_the_balance(self, client: FlaskClient) -> None:
        bought = some_vouchers(uses=2, price_fen=10_000)
        redeem(client, bought)
        change(
            "UPDATE settlement_accounts SET next_on = CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)"
            " WHERE party_id = :id",
            id=bought.shop.merchant_id,
        )
        change("UPDATE settlement_items SET eligible_on = eligible_on - 1 WHERE order_id = :id", id=bought.order_id)
        settle_due(only=[bought.shop.merchant_id])
        redeem(client, bought)
        order = {"lines": [{"line": 1, "quantity": 1}], "kind": "refund_only", "reason": "service_poor"}
        path = f"/user/v1/orders/{bought.order_id}/cases"
        case_id = client.post(path, headers=bought.resident.once(), json=order).get_json()["case_id"]

        agreed = client.post(
            f"/merchant/v1/cases/{case_id}/answer", headers=bought.shop.owner.once(), json={"is_approved": True}
        )

        [case] = look("SELECT * FROM after_sale_cases WHERE case_id = :id", id=case_id)
        assert agreed.get_json()["refund_fen"] == 10_000
        assert (case.from_pending_fen, case.from_commission_fen) == (5_000 - 389, 777)
        assert case.from_available_fen == 10_000 - case.from_pending_fen - case.from_commission_fen
        assert pending(bought) == 0
