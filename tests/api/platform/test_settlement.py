"""Settlement over HTTP: terms, blocks, refunds of completed orders, statements and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.core.settlement.models import SettledParty
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.settling.settle import settle_due
from tests.factories import a_merchant_with_shop, an_operator, an_order
from tests.factories.rows import look_one
from tests.factories.settling import a_statement
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock

TERMS = {"cycle": "weekly", "hold_days": 7, "deposit_target_fen": 100_000, "deposit_bp": 1_000}


def balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def refund(client: FlaskClient, order_id: UUID, amount_fen: int) -> Any:
    path = f"/platform/v1/orders/{order_id}/refunds"
    return client.post(path, headers=an_operator().once(), json={"amount_fen": amount_fen, "why": "CASE-1"})


class TestTerms(OnceWithBody):
    method = "PUT"
    other_body = {"hold_days": 3}

    def case(self) -> Case:
        path = f"/platform/v1/merchants/{a_merchant_with_shop().merchant_id}/settlement"
        return Case(an_operator(), path, TERMS)

    def test_they_are_read_as_they_were_set(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        found = client.get(case.path, headers=case.person.headers).get_json()

        assert {name: found[name] for name in TERMS} == TERMS

    def test_a_rate_beyond_the_whole_is_refused(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, body={**TERMS, "deposit_bp": 10_001})

        assert_problem(answer, 422, "input_invalid", pointer="/deposit_bp")

    def test_an_absent_merchant_is_not_found(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "merchant_not_found")

    def test_a_weekly_merchant_is_not_settled_the_day_after(self, client: FlaskClient, clock: BusinessClock) -> None:
        shop = a_merchant_with_shop()
        path = f"/platform/v1/merchants/{shop.merchant_id}/settlement"
        client.put(path, headers=an_operator().once(), json=TERMS)
        an_order(state=OrderState.COMPLETED, shop=shop)

        clock.ahead(hours=24 * 6)
        early = settle_due(only=[shop.merchant_id]).income_fen
        clock.ahead(hours=24 * 9)
        settle_due(only=[shop.merchant_id])

        assert early == 0
        assert balance(codes.merchant_pending(shop.merchant_id)) == 0
        deposit = balance(codes.merchant_deposit(shop.merchant_id))
        assert deposit == (deposit + balance(codes.merchant_available(shop.merchant_id)) + 5) // 10


class TestBlock(OnceWithBody):
    method = "PUT"
    other_body = {"why": "another"}

    def case(self) -> Case:
        order = an_order(state=OrderState.COMPLETED)
        return Case(an_operator(), f"/platform/v1/orders/{order.order_id}/settlement-block", {"why": "CASE-7"})

    def test_what_is_blocked_waits_until_it_is_let_go(self, client: FlaskClient, clock: BusinessClock) -> None:
        order = an_order(state=OrderState.COMPLETED)
        path, only = f"/platform/v1/orders/{order.order_id}/settlement-block", [order.shop.merchant_id]
        client.put(path, headers=an_operator().once(), json={"why": "CASE-7"})

        clock.ahead(hours=24)
        while_blocked = settle_due(only=only).income_fen
        client.put(path, headers=an_operator().once(), json={"why": None})
        clock.ahead(hours=24)
        afterwards = settle_due(only=only).income_fen
        late = client.put(path, headers=an_operator().once(), json={"why": "CASE-8"})

        assert (while_blocked, afterwards > 0) == (0, True)
        assert_problem(late, 409, "already_settled")


class TestRefund(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 2}

    def case(self) -> Case:
        order = an_order(state=OrderState.COMPLETED)
        return Case(
            an_operator(), f"/platform/v1/orders/{order.order_id}/refunds", {"amount_fen": 100, "why": "CASE-1"}
        )

    def test_before_settlement_it_comes_out_of_pending_with_its_commission(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        before = balance(codes.e_account(order.resident.account_id))

        answer = refund(client, order.order_id, 1_000).get_json()

        assert (answer["fee_back_fen"], answer["pending_fen"]) == (50, 950)
        assert balance(codes.e_account(order.resident.account_id)) == before + 1_000
        assert balance(codes.merchant_pending(order.shop.merchant_id)) == 950

    def test_after_payout_it_is_a_debt_that_the_next_statement_repays_first(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.COMPLETED)
        merchant_id = order.shop.merchant_id
        clock.ahead(hours=24)
        settle_due(only=[merchant_id])
        _pay_out(merchant_id)

        answer = refund(client, order.order_id, 1_000).get_json()
        owed = balance(codes.merchant_debt(merchant_id))
        an_order(state=OrderState.COMPLETED, shop=order.shop, resident=order.resident)
        clock.ahead(hours=24)
        settle_due(only=[merchant_id])

        assert (answer["debt_fen"], owed) == (950, -950)
        assert balance(codes.merchant_debt(merchant_id)) == 0
        assert balance(codes.merchant_available(merchant_id)) == 950
        repaid = "SELECT debt_repaid_fen FROM statements WHERE party_id = :id ORDER BY number DESC LIMIT 1"
        assert look_one(repaid, id=merchant_id) == 950

    @pytest.mark.parametrize("amount_fen", [0, -1, 10**13, 2_001])
    def test_neither_nothing_nor_more_than_is_left_goes_back(self, client: FlaskClient, amount_fen: int) -> None:
        order = an_order(state=OrderState.COMPLETED)
        before = balance(codes.merchant_pending(order.shop.merchant_id))

        answer = refund(client, order.order_id, amount_fen)

        code = "refund_exceeds_order" if amount_fen == 2_001 else "input_invalid"
        assert_problem(answer, 422, code, pointer="/amount_fen")
        assert balance(codes.merchant_pending(order.shop.merchant_id)) == before

    def test_an_order_that_is_not_completed_is_refunded_by_canceling_it(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.PREPARING)

        assert_problem(refund(client, order.order_id, 100), 409, "order_not_completed")


class TestDeposit(OnceOwned, OnceWithBody):
    status = 201
    other_body = {"amount_fen": 2}
    absent_code = "merchant_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        _give_available(shop.merchant_id, 5_000)
        return Case(shop.owner, f"/merchant/v1/merchants/{shop.merchant_id}/deposit", {"amount_fen": 700})

    def test_what_is_not_available_does_not_go_in(self, client: FlaskClient) -> None:
        answer = self.send(client, self.case(), body={"amount_fen": 5_001})

        assert_problem(answer, 409, "insufficient_funds")


class TestStatement(Owned):
    absent_code = "statement_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/statements/{a_statement(SettledParty.MERCHANT, shop.merchant_id)}")

    @pytest.mark.parametrize("kind, media", [("csv", "csv"), ("pdf", "pdf"), ("xlsx", "officedocument")])
    def test_it_is_written_out_in_three_forms(self, client: FlaskClient, kind: str, media: str) -> None:
        case = self.case()

        answer = client.get(f"{case.path}/file?format={kind}", headers=case.person.headers)

        assert answer.status_code == 200
        assert media in str(answer.mimetype)
        assert len(answer.data) > 100

    def test_another_form_is_refused(self, client: FlaskClient) -> None:
        case = self.case()

        answer = client.get(f"{case.path}/file?format=docx", headers=case.person.headers)

        assert_problem(answer, 422, "input_invalid")


class TestStatementFile(Owned):
    absent_code = "statement_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        statement_id = a_statement(SettledParty.MERCHANT, shop.merchant_id)
        return Case(shop.owner, f"/merchant/v1/statements/{statement_id}/file", query={"format": "csv"})


class TestStatements(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/statements")

    def test_a_merchant_lists_its_own_page_by_page(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        made = [a_statement(SettledParty.MERCHANT, shop.merchant_id) for _ in range(3)]

        first = client.get("/merchant/v1/statements?limit=2", headers=shop.owner.headers).get_json()
        cursor = first["next_cursor"]
        last = client.get(f"/merchant/v1/statements?limit=2&cursor={cursor}", headers=shop.owner.headers).get_json()

        found = [item["statement_id"] for item in first["items"] + last["items"]]
        assert found == [str(statement_id) for statement_id in reversed(made)]

    def test_a_courier_gets_one_of_what_was_carried(self, client: FlaskClient, clock: BusinessClock) -> None:
        order = an_order(state=OrderState.COMPLETED)
        courier = order.carrier
        clock.ahead(hours=24)
        settle_due(only=[courier.account_id])

        [only] = client.get("/courier/v1/statements", headers=courier.headers).get_json()["items"]

        assert only["orders_count"] == 1
        assert only["closing_fen"] == balance(codes.courier_available(courier.account_id)) > 0


def _give_available(merchant_id: UUID, amount_fen: int) -> None:
    _move({codes.BANK_SETTLEMENT: -amount_fen, codes.merchant_available(merchant_id): amount_fen})


def _pay_out(merchant_id: UUID) -> None:
    amount_fen = balance(codes.merchant_available(merchant_id))
    _move({codes.BANK_SETTLEMENT: amount_fen, codes.merchant_available(merchant_id): -amount_fen})


def _move(amounts: dict[str, int]) -> None:

    legs = tuple(Leg(code, fen) for code, fen in amounts.items())
    with transaction() as tx:
        ledger.post(tx, Journal(key=f"test:{new_id()}", kind=JournalKind.OPENING, legs=legs))
