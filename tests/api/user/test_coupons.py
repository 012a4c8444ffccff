"""Coupons: claimed, told with the price, used once, given back when nothing was sold; and who pays for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.ledger import codes
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.core.promotions.rules import WRONG_CODES_MAX
from app.kernel import wire
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.aftersale.answer import agree_to_case
from app.usecases.ordering.cancel_checkout import cancel_checkout
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.ordering.prepare_order import short_order
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.promoting.campaigns import campaign_code
from app.usecases.settling.refund_completed import refund_order
from app.usecases.shopping.cart import put_in_cart
from tests.factories import (
    a_claim,
    a_community,
    a_grant,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_operator,
    an_order,
)
from tests.factories.cases import a_case
from tests.factories.promotions import a_campaign, a_coupon
from tests.factories.rows import look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

OFF_FEN = 500


def posted(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def budget_left(coupon_id: UUID) -> int:
    statement = "SELECT g.left_fen FROM campaigns AS g JOIN coupons AS c USING (campaign_id) WHERE c.coupon_id = :id"
    left: int = look_one(statement, id=coupon_id)
    return left


def state_of(coupon_id: UUID) -> str:
    state: str = look_one("SELECT state FROM coupons WHERE coupon_id = :id", id=coupon_id)
    return state


class TestClaim(Once):
    status = 201

    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/campaigns/{a_campaign()}/coupons")

    def test_one_person_has_one_and_the_list_says_so(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        again = self.send(client, case)
        [held] = client.get("/user/v1/coupons", headers=case.person.headers).get_json()["items"]
        shown = client.get("/user/v1/campaigns", headers=case.person.headers).get_json()["items"]

        assert_problem(again, 409, "coupons_claimed")
        assert (held["stands"], held["off_fen"], held["took_off_fen"]) == ("usable", OFF_FEN, None)
        assert {one["mine"] for one in shown if one["campaign_id"] == held["campaign_id"]} == {1}

    def test_what_is_claimed_up_over_or_of_a_code_gives_none(self, client: FlaskClient, clock: BusinessClock) -> None:
        gone, coded, over = a_campaign(issued_max=1), a_campaign(has_code=True), a_campaign()
        a_coupon(a_resident(), gone)
        resident = a_resident()

        answers = [
            client.post(f"/user/v1/campaigns/{one}/coupons", headers=resident.once()) for one in (gone, coded, new_id())
        ]
        clock.ahead(days=31)
        late = client.post(f"/user/v1/campaigns/{over}/coupons", headers=resident.once())

        assert_problem(answers[0], 409, "coupons_gone")
        assert_problem(answers[1], 404, "campaign_not_found")
        assert answers[1].data == answers[2].data == late.data


class TestCode(OnceWithBody):
    status = 201
    other_body = {"code": "0" * 16}

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/coupon-codes", {"code": campaign_code(a_campaign(has_code=True))})

    def test_after_ten_wrong_ones_not_even_the_right_one_is_looked_at(self, client: FlaskClient) -> None:
        case = self.case()

        wrong = [self.send(client, case, body={"code": str(number).zfill(16)}) for number in range(WRONG_CODES_MAX + 2)]
        right = self.send(client, case)

        assert [answer.status_code for answer in wrong] == [404] * WRONG_CODES_MAX + [429] * 2
        assert_problem(right, 429, "too_many_coupon_codes")

    def test_a_code_that_is_over_looks_like_a_wrong_one(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(days=31)

        over = self.send(client, case)
        wrong = self.send(client, case, body={"code": "1" * 16})

        assert_problem(over, 404, "coupon_code_refused", pointer="/code")
        assert over.data == wrong.data

    def test_a_right_one_does_not_count_as_a_wrong_one(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        wrong = look_one("SELECT wrong FROM coupon_code_tries WHERE account_id = :id", id=case.person.account_id)

        assert wrong == 0


class TestCoupons(Endpoint):
    def case(self) -> Case:
        resident = a_resident()
        a_coupon(resident)
        return Case(resident, "/user/v1/coupons")


class TestCampaigns(Endpoint):
    def case(self) -> Case:
        a_campaign()
        return Case(a_resident(), "/user/v1/campaigns")

    def test_one_of_another_community_is_not_shown(self, client: FlaskClient) -> None:
        home, other = a_community(), a_community()
        resident = a_resident()
        an_address(resident, near=home)
        here, there = a_campaign(community_id=home.community_id), a_campaign(community_id=other.community_id)

        shown = client.get("/user/v1/campaigns", headers=resident.headers).get_json()["items"]

        ids = {one["campaign_id"] for one in shown}
        assert str(here) in ids
        assert str(there) not in ids


class TestUse:
    def quote(self, client: FlaskClient, resident: Person, coupon_id: object, *, quantity: int = 2) -> Any:
        shop = a_merchant_with_shop()
        put_in_cart(resident.actor, sku_id=an_offer(shop, on_hand=99).sku_id, quantity=quantity)
        self.body = {"address_id": str(an_address(resident, near=shop)), "coupon_id": str(coupon_id)}
        return client.post("/user/v1/checkout-quotes", json=self.body, headers=resident.headers)

    def test_the_quote_says_what_the_platform_bears_and_placing_takes_it(self, client: FlaskClient) -> None:
        resident = a_resident()
        coupon_id = a_coupon(resident)

        quote = self.quote(client, resident, coupon_id).get_json()
        body = {**self.body, "quote_version": quote["quote_version"]}
        seen: list[str] = []
        wire.observers.append(seen.append)
        placed = client.post("/user/v1/checkouts", json=body, headers=resident.once())
        wire.observers.remove(seen.append)

        [part] = quote["shops"]
        assert (part["platform_off_fen"], part["discount_fen"]) == (OFF_FEN, OFF_FEN)
        assert part["total_fen"] == part["goods_fen"] + part["packing_fen"] + part["delivery_fen"] - OFF_FEN
        assert placed.get_json()["total_fen"] == quote["total_fen"]
        assert len(seen) <= 4
        assert (state_of(coupon_id), budget_left(coupon_id)) == ("used", 100_000 - OFF_FEN)

    def test_the_quote_names_the_coupon_that_takes_most_off_whether_or_not_it_is_used(
        self, client: FlaskClient
    ) -> None:
        resident = a_resident()
        small, large = a_coupon(resident), a_coupon(resident, off_fen=OFF_FEN + 100)
        self.quote(client, resident, small)
        plain = {"address_id": self.body["address_id"]}

        shown = [
            client.post("/user/v1/checkout-quotes", json=body, headers=resident.headers).get_json()["best_coupon"]
            for body in (plain, self.body)
        ]

        assert [(one["coupon_id"], one["off_fen"]) for one in shown] == [(str(large), OFF_FEN + 100)] * 2

    def test_a_quote_with_a_coupon_is_not_placed_without_it(self, client: FlaskClient) -> None:
        resident = a_resident()
        quote = self.quote(client, resident, a_coupon(resident)).get_json()
        body = {"address_id": self.body["address_id"], "quote_version": quote["quote_version"]}

        answer = client.post("/user/v1/checkouts", json=body, headers=resident.once())

        assert_problem(answer, 409, "quote_changed")

    def test_anothers_is_absent_and_one_that_does_not_fit_says_so(self, client: FlaskClient) -> None:
        resident = a_resident()
        anothers, picky = a_coupon(a_resident()), a_coupon(resident, minimum_fen=90_000)

        absent = self.quote(client, resident, new_id())
        foreign, unfit = (
            client.post("/user/v1/checkout-quotes", json={**self.body, "coupon_id": str(one)}, headers=resident.headers)
            for one in (anothers, picky)
        )

        assert_problem(absent, 404, "coupon_not_found", pointer="/coupon_id")
        assert foreign.data == absent.data
        assert_problem(unfit, 409, "coupon_not_applicable", pointer="/coupon_id")

    def test_once_used_it_is_used_and_a_spent_budget_gives_nothing(self, client: FlaskClient) -> None:
        first, second = a_resident(), a_resident()
        campaign = a_campaign(budget_fen=OFF_FEN)
        used, left_over = a_coupon(first, campaign), a_coupon(second, campaign)
        an_order(resident=first, coupon_id=used, state=OrderState.AWAITING_PAYMENT)

        again = self.quote(client, first, used)
        quote = self.quote(client, second, left_over).get_json()
        body = {**self.body, "quote_version": quote["quote_version"]}
        spent = client.post("/user/v1/checkouts", json=body, headers=second.once())

        assert_problem(again, 409, "coupon_not_usable", pointer="/coupon_id")
        assert_problem(spent, 409, "coupons_gone", pointer="/coupon_id")


class TestMoney:
    def test_the_shop_is_paid_the_whole_price_and_the_platform_pays_its_part(self, app: Flask) -> None:
        resident = a_resident(balance_fen=100_000)
        before = posted(codes.PROMOTION_EXPENSE)

        order = an_order(resident=resident, coupon_id=a_coupon(resident), state=OrderState.COMPLETED)

        goods, total = 2_000, order.total_fen
        [item] = look(
            "SELECT * FROM settlement_items WHERE order_id = :id AND party_kind = 'merchant'", id=order.order_id
        )
        rate = look_one("SELECT commission_bp FROM order_lines WHERE order_id = :id", id=order.order_id)
        assert item.amount_fen + item.fee_fen == goods
        assert item.fee_fen == goods * rate // 10_000
        assert item.promotion_fen == OFF_FEN
        assert posted(codes.PROMOTION_EXPENSE) == before - OFF_FEN
        assert posted(codes.e_account(resident.account_id)) == 100_000 - total
        assert posted(codes.escrow(order.order_id)) == 0

    def test_refunds_in_parts_give_resident_and_platform_back_their_own(self, app: Flask) -> None:
        resident, operator = a_resident(balance_fen=100_000), an_operator()
        order = an_order(resident=resident, coupon_id=a_coupon(resident), state=OrderState.COMPLETED)
        before, merchant = posted(codes.PROMOTION_EXPENSE), codes.merchant_pending(order.shop.merchant_id)

        for fen in (1, 749, 750):
            refund_order(operator.actor, a_claim(operator), order_id=order.order_id, amount_fen=fen, why="CASE-9")

        [item] = look(
            "SELECT * FROM settlement_items WHERE order_id = :id AND party_kind = 'merchant'", id=order.order_id
        )
        assert (item.refunded_fen, item.fee_back_fen) == (item.amount_fen + item.fee_fen, item.fee_fen)
        assert item.promotion_back_fen == OFF_FEN
        assert posted(codes.PROMOTION_EXPENSE) == before + OFF_FEN
        assert posted(merchant) == 0
        assert posted(codes.e_account(resident.account_id)) == 100_000 - order.total_fen + 1_500

    def test_a_case_that_the_shop_agrees_to_gives_both_back_theirs(self, app: Flask) -> None:
        resident = a_resident(balance_fen=100_000)
        order = an_order(resident=resident, coupon_id=a_coupon(resident), state=OrderState.COMPLETED)
        before = posted(codes.PROMOTION_EXPENSE)
        case, owner = a_case(order, quantity=2), order.shop.owner

        agree_to_case(owner.actor, a_claim(owner), case_id=case.case_id, is_refund=True)

        assert posted(codes.PROMOTION_EXPENSE) == before + OFF_FEN
        assert posted(codes.merchant_pending(order.shop.merchant_id)) == 0
        assert posted(codes.e_account(resident.account_id)) == 100_000 - order.total_fen + 1_500

    def test_of_an_order_that_was_short_the_platform_pays_for_what_was_sold(self, app: Flask) -> None:
        shop, resident = a_merchant_with_shop(), a_resident(balance_fen=100_000)
        lines = [(an_offer(shop, on_hand=9), 1), (an_offer(shop, on_hand=9), 1)]
        order = an_order(
            shop=shop, resident=resident, lines=lines, coupon_id=a_coupon(resident), state=OrderState.PREPARING,
            fulfillment=Fulfillment.DELIVERY,
        )  # fmt: skip
        owner = shop.owner

        short_order(owner.actor, a_claim(owner), order_id=order.order_id, lines=frozenset({1}))

        [row] = look(
            "SELECT left_fen, platform_off_fen, promotion_fen FROM orders WHERE order_id = :id", id=order.order_id
        )
        assert (row.left_fen, row.platform_off_fen, row.promotion_fen) == (750, OFF_FEN, OFF_FEN // 2)

    @pytest.mark.parametrize("is_paid", [True, False])
    def test_canceled_before_work_began_coupon_and_budget_come_back_once(self, app: Flask, *, is_paid: bool) -> None:
        resident = a_resident(balance_fen=100_000)
        coupon_id = a_coupon(resident)
        state = OrderState.AWAITING_ACCEPT if is_paid else OrderState.AWAITING_PAYMENT
        order = an_order(resident=resident, coupon_id=coupon_id, state=state)

        if is_paid:
            cancel_order(resident.actor, a_claim(resident), order_id=order.order_id)
        else:
            cancel_checkout(resident.actor, a_claim(resident), checkout_id=order.checkout_id)
        run_worker(app)
        run_worker(app)

        assert (state_of(coupon_id), budget_left(coupon_id)) == ("held", 100_000)
        assert posted(codes.e_account(resident.account_id)) == 100_000

    def test_of_two_orders_the_first_canceled_gives_its_part_back_and_the_last_the_coupon(self, app: Flask) -> None:
        community, resident = a_community(), a_resident(balance_fen=100_000)
        coupon_id = a_coupon(resident)
        lines = [(an_offer(a_merchant_with_shop(community=community), on_hand=9), 1) for _ in range(2)]
        placed = a_placed_checkout(resident, an_address(resident, near=community), lines, coupon_id=coupon_id)
        pay_checkout(
            resident.actor,
            a_claim(resident),
            checkout_id=placed.checkout_id,
            method=PaymentMethod.E_ACCOUNT,
            step_up_grant=a_grant(resident, placed.checkout_id),
        )
        first, second = placed.orders

        cancel_order(resident.actor, a_claim(resident), order_id=first.order_id)
        run_worker(app)
        after_one = (state_of(coupon_id), budget_left(coupon_id))
        cancel_order(resident.actor, a_claim(resident), order_id=second.order_id)
        run_worker(app)

        assert after_one == ("used", 100_000 - OFF_FEN // 2)
        assert (state_of(coupon_id), budget_left(coupon_id)) == ("held", 100_000)
        assert posted(codes.e_account(resident.account_id)) == 100_000


def test_it_expires_before_its_campaign_when_its_days_are_over(client: FlaskClient, clock: BusinessClock) -> None:
    resident = a_resident()
    a_coupon(resident, valid_days=2)
    clock.ahead(days=2, minutes=1)

    [shown] = client.get("/user/v1/coupons", headers=resident.headers).get_json()["items"]

    assert shown["stands"] == "expired"
