from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.core import ledger
from app.core.aftersale.rules import CaseKind, CaseReason, ExchangeWay
from app.core.aftersale.states import CaseState
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.settlement.errors import RefundExceedsOrder
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.settling.refund_completed import refund_order
from app.usecases.settling.settle import settle_due
from tests.factories import a_claim, a_merchant_with_shop, a_store_clerk, an_offer, an_operator, an_order
from tests.factories.cases import ACase, a_case
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import AnOrder
    from tests.support.business_clock import BusinessClock


@pytest.fixture(autouse=True)
def _everything_adds_up(app: Flask) -> Iterator[None]:
    assert app is not None
    invariants = Invariants()
    yield
    invariants.check()


ALL_OF_IT = {"kind": "refund_only", "reason": "damaged", "lines": [{"line": 1, "quantity": 2}], "note": "破了"}


def balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def sources(case: ACase) -> dict[str, int]:
    [row] = look(
        "SELECT from_escrow_fen AS escrow, from_pending_fen AS pending, from_available_fen AS available, "
        "from_debt_fen AS debt, from_commission_fen AS commission, "
        "from_platform_fen AS platform FROM after_sale_cases WHERE case_id = :id",
        id=case.case_id,
    )
    return {name: fen for name, fen in row._mapping.items() if fen}


def answer(client: FlaskClient, case: ACase, **body: Any) -> TestResponse:
    path = f"/merchant/v1/cases/{case.case_id}/answer"
    return client.post(path, headers=case.order.shop.owner.once(), json={"is_approved": True, **body})


def rule(client: FlaskClient, case: ACase, **body: Any) -> TestResponse:
    path = f"/platform/v1/cases/{case.case_id}/ruling"
    ruled = {"ruling": "give_refund", "fault": "merchant", "reason": "照片为证。" * 40, **body}
    return client.post(path, headers=an_operator().once(), json=ruled)


class TestOpen(OnceWithBody, OnceOwned):
    absent_code = "order_not_found"
    status = 201
    other_body = {"reason": "spoiled"}

    def case(self) -> Case:
        order = an_order(state=OrderState.DELIVERED)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/cases", ALL_OF_IT)

    @pytest.mark.parametrize("state", [OrderState.AWAITING_ACCEPT, OrderState.IN_DELIVERY, OrderState.CANCELED])
    def test_what_was_not_received_has_no_case(self, client: FlaskClient, state: OrderState) -> None:
        order = an_order(state=state)
        case = Case(order.resident, f"/user/v1/orders/{order.order_id}/cases", ALL_OF_IT)

        assert_problem(self.send(client, case), 409, "not_received")

    def test_after_fifteen_days_it_is_too_late_and_for_food_after_two(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        goods, food = self.case(), an_order(shop=a_merchant_with_shop(vertical="food"), state=OrderState.DELIVERED)
        meal = Case(food.resident, f"/user/v1/orders/{food.order_id}/cases", ALL_OF_IT)

        clock.ahead(hours=49)
        assert_problem(self.send(client, meal), 409, "case_too_late")
        clock.ahead(days=13)
        assert_problem(self.send(client, goods), 409, "case_too_late")

    def test_again_and_again_up_to_what_is_left(self, client: FlaskClient) -> None:
        case = self.case()
        one = {**ALL_OF_IT, "lines": [{"line": 1, "quantity": 1, "amount_fen": 700}]}

        answers = [self.send(client, case, body=one).status_code for _ in range(2)]
        too_much = self.send(client, case, body=one)
        rest = self.send(client, case, body={**ALL_OF_IT, "lines": [{"line": 1, "quantity": 2}]})

        assert answers == [201, 201]
        assert_problem(too_much, 409, "nothing_left", pointer="/lines")
        assert rest.status_code == 201

    def test_a_line_that_is_not_there_and_one_named_twice_are_refused(self, client: FlaskClient) -> None:
        case = self.case()
        line = {"line": 1, "quantity": 1}

        assert_problem(
            self.send(client, case, body={**ALL_OF_IT, "lines": [{"line": 9, "quantity": 1}]}), 422, "line_not_found"
        )
        assert_problem(
            self.send(client, case, body={**ALL_OF_IT, "lines": [line, line]}), 422, "input_invalid", pointer="/lines"
        )
        assert_problem(
            self.send(client, case, body={**ALL_OF_IT, "kind": "exchange", "reason": "spoiled"}), 422, "wrong_remedy"
        )

    def test_an_offer_that_is_excluded_cannot_be_sent_back_for_a_change_of_mind(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        offer = an_offer(shop)
        change("UPDATE offers SET is_return_excluded = true WHERE offer_id = :id", id=offer.offer_id)
        order = an_order(shop=shop, lines=[(offer, 2)], state=OrderState.DELIVERED)
        case = Case(order.resident, f"/user/v1/orders/{order.order_id}/cases", ALL_OF_IT)

        refused = self.send(client, case, body={**ALL_OF_IT, "kind": "return", "reason": "changed_mind"})

        assert_problem(refused, 409, "not_returnable", pointer="/lines")
        assert self.send(client, case, body={**ALL_OF_IT, "kind": "return"}).status_code == 201


class TestRead(Owned):
    absent_code = "case_not_found"

    def case(self) -> Case:
        case = a_case()
        return Case(case.order.resident, f"/user/v1/cases/{case.case_id}")

    def test_each_side_reads_it_and_the_platforms_look_is_an_act(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.ESCALATED)
        operator = an_operator()

        shown = [
            client.get(f"/{side}/v1/cases/{case.case_id}", headers=who.headers).get_json()
            for side, who in (
                ("user", case.order.resident),
                ("merchant", case.order.shop.owner),
                ("platform", operator),
            )
        ]

        assert [one["note"] for one in shown] == ["盒子压坏了"] * 3
        assert [one["appeal"] for one in shown] == ["有照片"] * 3
        assert "sources" not in shown[0]
        assert look_one(
            "SELECT count(*) FROM audit.act WHERE verb = 'case.read' AND subject_id = :id", id=case.case_id
        ) == 1  # fmt: skip


class TestList(Endpoint):
    def case(self) -> Case:
        return Case(a_case().order.resident, "/user/v1/cases")


class TestShopList(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        order = a_case().order
        return Case(order.shop.owner, f"/merchant/v1/shops/{order.shop.shop_id}/cases")


class TestWithdraw(OnceOwned):
    absent_code = "case_not_found"

    def case(self) -> Case:
        case = a_case()
        return Case(case.order.resident, f"/user/v1/cases/{case.case_id}/withdrawal")

    def test_what_was_asked_for_can_be_asked_for_again(self, client: FlaskClient) -> None:
        case = a_case(quantity=2)

        self.send(client, Case(case.order.resident, f"/user/v1/cases/{case.case_id}/withdrawal"))

        assert a_case(case.order, quantity=2).state is CaseState.APPLIED


class TestAnswer(OnceWithBody, OnceOwned):
    absent_code = "case_not_found"
    other_body = {"is_refund": True}

    def case(self) -> Case:
        case = a_case()
        return Case(case.order.shop.owner, f"/merchant/v1/cases/{case.case_id}/answer", {"is_approved": True})

    def test_before_completion_the_escrow_pays_and_the_shop_earns_that_much_less(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERED)
        case = a_case(order, quantity=1)

        agreed = answer(client, case).get_json()
        client.post(f"/user/v1/orders/{order.order_id}/confirmation", headers=order.resident.once())

        assert (agreed["state"], agreed["refund_fen"]) == ("refunded", 1_000)
        assert sources(case) == {"escrow": 1_000}
        assert balance(codes.merchant_pending(order.shop.merchant_id)) == 1_000 - 50

    def test_after_completion_the_earnings_pay_and_the_commission_comes_back(self, client: FlaskClient) -> None:
        case = a_case(quantity=2)
        order = case.order
        before = balance(codes.e_account(order.resident.account_id))

        answer(client, case)

        assert sources(case) == {"pending": 1_900, "commission": 100}
        assert balance(codes.merchant_pending(order.shop.merchant_id)) == 0
        assert balance(codes.e_account(order.resident.account_id)) == before + 2_000

    def test_after_settlement_what_the_merchant_has_pays_and_the_rest_is_a_debt(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.COMPLETED)
        merchant_id = order.shop.merchant_id
        clock.ahead(hours=48)
        settle_due(only=[merchant_id])
        legs = (Leg(codes.merchant_available(merchant_id), -1_600), Leg(codes.merchant_deposit(merchant_id), 1_600))
        with transaction() as tx:
            ledger.post(tx, Journal(key=f"deposit:{new_id()}", kind=JournalKind.DEPOSIT, legs=legs))
        first, second = a_case(order, quantity=1), a_case(order, quantity=1)

        answer(client, first)
        answer(client, second)

        assert sources(first) == {"available": 300, "debt": 650, "commission": 50}
        assert sources(second) == {"debt": 950, "commission": 50}
        assert balance(codes.merchant_debt(merchant_id)) == -1_600
        told = look(
            "SELECT amount_fen, debt_fen FROM settlement_refunds WHERE order_id = :id ORDER BY refund_id",
            id=order.order_id,
        )
        assert [(row.amount_fen, row.debt_fen) for row in told] == [(1_000, 650), (1_000, 950)]

    def test_what_an_operator_refunded_meanwhile_is_not_given_twice(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        case = a_case(order, quantity=2)
        left_fen = int(look_one("SELECT sum(amount_fen + fee_fen) FROM settlement_items WHERE order_id = :id"
                                " AND party_kind = 'merchant'", id=order.order_id))  # fmt: skip
        operator = an_operator()
        refund_order(
            operator.actor, a_claim(operator), order_id=order.order_id, amount_fen=left_fen - 300, why="PHONE_CALL"
        )

        agreed = client.post(
            f"/merchant/v1/cases/{case.case_id}/answer", headers=order.shop.owner.once(), json={"is_approved": True}
        )

        assert (agreed.get_json()["state"], agreed.get_json()["refund_fen"]) == ("refunded", 300), agreed.text

    def test_a_return_is_refunded_when_it_is_back_and_on_the_shelf_again(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.SENT_BACK, kind=CaseKind.RETURN, reason=CaseReason.CHANGED_MIND, quantity=2)
        owner, sku_id = case.order.shop.owner, case.order.offers[0].sku_id

        back = client.post(
            f"/merchant/v1/cases/{case.case_id}/return-answer",
            headers=owner.once(),
            json={"is_approved": True, "is_resalable": True},
        )

        assert back.get_json()["refund_fen"] == 2_000
        assert look_one("SELECT on_hand FROM stock WHERE sku_id = :id", id=sku_id) == 100

    def test_what_came_back_wrong_is_the_platforms_to_rule_on(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.SENT_BACK, kind=CaseKind.RETURN, quantity=2)

        disputed = client.post(
            f"/merchant/v1/cases/{case.case_id}/return-answer",
            headers=case.order.shop.owner.once(),
            json={"is_approved": False, "reason": "空盒"},
        )
        ruled = rule(client, case, ruling="refuse", fault="resident")

        assert disputed.get_json()["state"] == "escalated"
        assert ruled.get_json()["state"] == "refused"
        assert look_one("SELECT fault FROM after_sale_cases WHERE case_id = :id", id=case.case_id) == "resident"

    def test_an_exchange_takes_pieces_off_the_shelf_and_ends_with_the_residents_word(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.EXCHANGING, kind=CaseKind.EXCHANGE, quantity=2)
        order, path = case.order, f"/v1/cases/{case.case_id}"

        sent = client.post(f"/merchant{path}/exchange", headers=order.shop.owner.once(), json={"reference": "当面"})
        done = client.post(f"/user{path}/exchange-confirmation", headers=order.resident.once())

        assert (sent.get_json()["state"], done.get_json()["state"]) == ("replaced", "exchanged")
        assert look_one("SELECT on_hand FROM stock WHERE sku_id = :id", id=order.offers[0].sku_id) == 96
        assert sources(case) == {}


def stock(sku_id: UUID) -> tuple[int, int, int]:
    [row] = look("SELECT on_hand, reserved, received FROM stock WHERE sku_id = :id", id=sku_id)
    return row.on_hand, row.reserved, row.received


def an_exchange(way: ExchangeWay, **more: Any) -> ACase:
    return a_case(kind=CaseKind.EXCHANGE, state=CaseState.EXCHANGING, quantity=2, exchange_way=way, **more)


def empty(case: ACase) -> None:
    change(
        "UPDATE stock SET on_hand = 0, received = received - on_hand WHERE sku_id = :id",
        id=case.order.offers[0].sku_id,
    )


class TestExchange:
    def test_new_pieces_are_reserved_when_the_shop_agrees_and_free_again_when_it_is_withdrawn(
        self, client: FlaskClient
    ) -> None:
        case = an_exchange(ExchangeWay.SHOP)
        sku_id = case.order.offers[0].sku_id
        held = stock(sku_id)

        client.post(f"/user/v1/cases/{case.case_id}/withdrawal", headers=case.order.resident.once())

        assert (held, stock(sku_id)) == ((96, 2, 100), (98, 0, 100))

    def test_what_the_shelf_does_not_hold_is_not_agreed_to_and_is_refunded_by_decision(
        self, client: FlaskClient
    ) -> None:
        case = a_case(kind=CaseKind.EXCHANGE, quantity=2)
        empty(case)

        agreed = answer(client, case)
        refunded = answer(client, case, is_refund=True)

        assert_problem(agreed, 409, "sold_out")
        assert (refunded.get_json()["state"], refunded.get_json()["refund_fen"]) == ("refunded", 2_000)

    def test_silence_about_what_the_shelf_does_not_hold_is_a_refund(self, app: Flask, clock: BusinessClock) -> None:
        case = a_case(kind=CaseKind.EXCHANGE, quantity=2)
        empty(case)

        clock.ahead(hours=49)
        run_worker(app)

        assert case.state is CaseState.REFUNDED

    def test_something_cheaper_gives_the_difference_back_and_something_dearer_is_refused(
        self, client: FlaskClient
    ) -> None:
        shop = a_merchant_with_shop()
        bought, cheaper, dearer = (an_offer(shop, price_fen=fen, on_hand=100) for fen in (1_000, 700, 1_001))
        order = an_order(shop=shop, lines=[(bought, 2)], state=OrderState.COMPLETED)
        asked = {"kind": "exchange", "reason": "wrong_item", "exchange_way": "shop"}

        def apply(sku_id: UUID) -> TestResponse:
            body = {**asked, "lines": [{"line": 1, "quantity": 2, "exchange_sku_id": str(sku_id)}]}
            return client.post(f"/user/v1/orders/{order.order_id}/cases", headers=order.resident.once(), json=body)

        refused, opened = apply(dearer.sku_id), apply(cheaper.sku_id)
        case = ACase(UUID(opened.get_json()["case_id"]), order)
        answer(client, case)
        path = f"/v1/cases/{case.case_id}"
        client.post(f"/merchant{path}/exchange", headers=shop.owner.once(), json={"reference": "当面"})
        done = client.post(f"/user{path}/exchange-confirmation", headers=order.resident.once())

        assert_problem(refused, 409, "exchange_dearer", pointer="/lines")
        assert (done.get_json()["state"], done.get_json()["refund_fen"]) == ("exchanged", 600)
        assert stock(cheaper.sku_id) == (98, 0, 98)

    def test_a_way_without_an_exchange_and_anothers_goods_are_refused(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        foreign = an_offer(a_merchant_with_shop())
        wanted = {"line": 1, "quantity": 1, "exchange_sku_id": str(foreign.sku_id)}
        path = f"/user/v1/orders/{order.order_id}/cases"

        way = client.post(path, headers=order.resident.once(), json={**ALL_OF_IT, "exchange_way": "store"})
        goods = client.post(
            path, headers=order.resident.once(), json={**ALL_OF_IT, "kind": "exchange", "lines": [wanted]}
        )

        assert_problem(way, 422, "not_an_exchange", pointer="/kind")
        assert_problem(goods, 404, "sku_not_found", pointer="/lines")

    def test_at_the_stores_counter_the_code_gives_the_new_for_the_old(self, client: FlaskClient) -> None:
        case = an_exchange(ExchangeWay.STORE)
        shop, path = case.order.shop, f"/v1/cases/{case.case_id}"
        clerk = a_store_clerk(shop.store_id)
        code = client.get(f"/user{path}", headers=case.order.resident.headers).get_json()["swap_code"]

        early = client.post(f"/store{path}/swap", headers=clerk.once(), json={"code": code})
        client.post(f"/merchant{path}/exchange", headers=shop.owner.once(), json={"reference": "送到店"})
        swapped = client.post(f"/store{path}/swap", headers=clerk.once(), json={"code": code})

        assert_problem(early, 409, "illegal_transition")
        assert swapped.get_json()["state"] == "swapped", swapped.text

    def test_what_nobody_was_home_for_is_reserved_again(self, client: FlaskClient) -> None:
        case = an_exchange(ExchangeWay.STORE)
        owner, path = case.order.shop.owner, f"/merchant/v1/cases/{case.case_id}"
        client.post(f"{path}/exchange", headers=owner.once(), json={"reference": "送到店"})
        gone = stock(case.order.offers[0].sku_id)

        client.post(f"{path}/exchange-return", headers=owner.once(), json={"reason": "无人来取"})

        assert (gone, stock(case.order.offers[0].sku_id)) == ((96, 0, 98), (96, 2, 100))
        assert case.state is CaseState.EXCHANGING


class TestRule(OnceWithBody, OnceOwned):
    absent_code = "case_not_found"
    other_body = {"fault": "platform"}

    def case(self) -> Case:
        case = a_case(state=CaseState.ESCALATED)
        body = {"ruling": "give_refund", "fault": "merchant", "reason": "照片为证"}
        return Case(an_operator(), f"/platform/v1/cases/{case.case_id}/ruling", body)

    def test_anothers_looks_exactly_like_an_absent_one(self, client: FlaskClient) -> None:
        """The platform sees every case; there is no other's."""

    def test_what_the_courier_spoiled_is_the_platforms_to_pay(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.ESCALATED, quantity=2)
        merchant_id = case.order.shop.merchant_id
        before, lost = balance(codes.merchant_pending(merchant_id)), balance(codes.PLATFORM_LOSS)

        ruled = rule(client, case, fault="courier", amount_fen=1_500).get_json()

        assert (ruled["state"], ruled["refund_fen"]) == ("refunded", 1_500)
        assert sources(case) == {"platform": 1_500}
        assert balance(codes.merchant_pending(merchant_id)) == before
        assert balance(codes.PLATFORM_LOSS) == lost - 1_500
        assert look_one("SELECT payer FROM after_sale_cases WHERE case_id = :id", id=case.case_id) == "platform"

    def test_what_the_platform_paid_is_not_left_to_be_asked_for_again(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.DELIVERED)
        case = a_case(order, state=CaseState.ESCALATED, quantity=2)
        rule(client, case, fault="courier", amount_fen=1_500)
        body = {**ALL_OF_IT, "lines": [{"line": 1, "quantity": 2, "amount_fen": 501}]}
        path = f"/user/v1/orders/{order.order_id}/cases"

        assert_problem(client.post(path, headers=order.resident.once(), json=body), 409, "nothing_left")

    def test_what_the_platform_gave_is_not_given_again_by_an_operator(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.ESCALATED, quantity=2)
        rule(client, case, fault="courier", amount_fen=1_500)
        operator = an_operator()
        named: dict[str, Any] = {"order_id": case.order.order_id, "why": "PHONE_CALL"}

        with pytest.raises(RefundExceedsOrder):
            refund_order(operator.actor, a_claim(operator), amount_fen=501, **named)

        assert refund_order(operator.actor, a_claim(operator), amount_fen=500, **named).amount_fen == 500

    def test_more_than_was_asked_for_is_not_given(self, client: FlaskClient) -> None:
        case = a_case(state=CaseState.ESCALATED)

        assert_problem(rule(client, case, amount_fen=1_001), 422, "ruling_too_high", pointer="/amount_fen")

    def test_what_nobody_brought_before_the_platform_it_does_not_rule_on(self, client: FlaskClient) -> None:
        assert_problem(rule(client, a_case()), 409, "illegal_transition")


class TestTime:
    def test_a_shop_that_is_silent_for_two_days_has_agreed_and_was_reminded(
        self, app: Flask, clock: BusinessClock
    ) -> None:
        case = a_case()
        clock.ahead(hours=37)
        run_worker(app)
        reminded = look_one(
            "SELECT count(*) FROM live_events WHERE kind = 'CaseReminded' AND body ->> 'case_id' = :id",
            id=str(case.case_id),
        )

        clock.ahead(hours=12)
        run_worker(app)

        assert reminded == 1
        assert case.state is CaseState.REFUNDED
        assert sources(case) == {"pending": 950, "commission": 50}

    def test_a_resident_who_does_not_ask_the_platform_lets_it_rest(self, app: Flask, clock: BusinessClock) -> None:
        case = a_case(state=CaseState.REJECTED)

        clock.ahead(hours=73)
        run_worker(app)

        assert case.state is CaseState.REFUSED

    def test_a_return_that_the_shop_does_not_look_at_is_refunded(self, app: Flask, clock: BusinessClock) -> None:
        case = a_case(state=CaseState.SENT_BACK, kind=CaseKind.RETURN)

        clock.ahead(days=8)
        run_worker(app)

        assert case.state is CaseState.REFUNDED

    def test_while_a_case_is_open_nothing_completes_and_nothing_settles(self, app: Flask, clock: BusinessClock) -> None:
        waiting = a_case(an_order(state=OrderState.DELIVERED), state=CaseState.ESCALATED)
        earned = a_case(state=CaseState.ESCALATED)

        clock.ahead(days=9)
        run_worker(app)

        assert waiting.order.state is OrderState.DELIVERED
        settle_due(only=[earned.order.shop.merchant_id])
        assert balance(codes.merchant_available(earned.order.shop.merchant_id)) == 0
        assert waiting.state is CaseState.ESCALATED


class TestReplacement:
    def offered(self, client: FlaskClient, price_fen: int = 600) -> tuple[AnOrder, str, Any]:
        shop = a_merchant_with_shop()
        milk, other = an_offer(shop, on_hand=10), an_offer(shop, on_hand=10)
        order = an_order(shop=shop, lines=[(milk, 2), (other, 1)], state=OrderState.PREPARING)
        instead = an_offer(shop, on_hand=5, price_fen=price_fen, name="酸奶")
        [line] = [row.line for row in look("SELECT line FROM order_lines WHERE order_id = :id AND sku_id = :sku",
                                           id=order.order_id, sku=milk.sku_id)]  # fmt: skip
        made = client.post(
            f"/merchant/v1/orders/{order.order_id}/replacements",
            headers=shop.owner.once(),
            json={"line": line, "sku_id": str(instead.sku_id), "quantity": 2},
        )
        assert made.status_code == 201, made.text
        return order, made.get_json()["replacement_id"], instead

    def test_taken_it_stands_in_the_order_and_what_it_costs_less_goes_back(self, client: FlaskClient) -> None:
        order, replacement_id, instead = self.offered(client)
        path = f"/user/v1/replacements/{replacement_id}/acceptance"
        key = order.resident.once()

        taken = client.post(path, headers=key)
        again = client.post(path, headers=key)

        assert (taken.get_json()["state"], taken.get_json()["refund_fen"]) == ("accepted", 800)
        assert again.data == taken.data
        shown = client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()
        assert [(one["name"], one["is_shorted"]) for one in shown["lines"] if one["quantity"] == 2] == [
            ("鲜牛奶", True),
            ("酸奶", False),
        ]
        [stock] = look("SELECT on_hand, reserved FROM stock WHERE sku_id = :id", id=instead.sku_id)
        assert (stock.on_hand, stock.reserved) == (3, 2)

    def test_a_dearer_one_costs_the_resident_nothing_more(self, client: FlaskClient) -> None:
        order, replacement_id, _ = self.offered(client, price_fen=5_000)

        taken = client.post(f"/user/v1/replacements/{replacement_id}/acceptance", headers=order.resident.once())

        assert taken.get_json()["refund_fen"] == 0

    def test_declined_the_line_is_refunded(self, client: FlaskClient) -> None:
        order, replacement_id, _ = self.offered(client)

        refused = client.post(f"/user/v1/replacements/{replacement_id}/refusal", headers=order.resident.once())

        assert (refused.get_json()["state"], refused.get_json()["refund_fen"]) == ("preparing", 2_000)

    def test_ten_minutes_of_silence_refund_the_line_and_until_then_the_shop_waits(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order, _, _ = self.offered(client)
        path = f"/merchant/v1/orders/{order.order_id}/readiness"

        assert_problem(client.post(path, headers=order.shop.owner.once()), 409, "replacement_open")
        clock.ahead(minutes=11)
        run_worker(app)

        assert look_one("SELECT refunded_fen FROM orders WHERE order_id = :id", id=order.order_id) == 2_000
        assert client.post(path, headers=order.shop.owner.once()).status_code == 200

    def test_another_shops_goods_replace_nothing(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)
        strange = an_offer(a_merchant_with_shop())

        refused = client.post(
            f"/merchant/v1/orders/{order.order_id}/replacements",
            headers=order.shop.owner.once(),
            json={"line": 1, "sku_id": str(strange.sku_id), "quantity": 1},
        )

        assert_problem(refused, 404, "sku_not_found")
