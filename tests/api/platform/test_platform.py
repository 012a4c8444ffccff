from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core import ledger
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from tests.factories import a_courier, a_merchant_with_shop, an_operator, an_order
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class OperatorsEndpoint(Endpoint):
    """Membership is looked up with every read."""

    def test_one_who_is_no_operator_any_more_reads_nothing(self, client: FlaskClient) -> None:
        case = self.case()
        change("DELETE FROM memberships WHERE account_id = :id", id=case.person.account_id)

        response = self.send(client, case)

        assert_problem(response, 403, "no_membership")


class TestListOrders(OperatorsEndpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/orders")

    def test_a_shop_and_a_state_narrow_the_list(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        an_order(shop=shop)
        ready = an_order(shop=shop, state=OrderState.READY)
        query = {"shop_id": str(shop.shop_id), "state": "ready"}

        page = client.get("/platform/v1/orders", headers=an_operator().headers, query_string=query).get_json()

        assert [order["order_id"] for order in page["items"]] == [str(ready.order_id)]


class TestReadOrder(OperatorsEndpoint):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/orders/{an_order().order_id}")

    def test_an_order_that_is_not_there_is_absent(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, path=case.absent_path)

        assert_problem(response, 404, "order_not_found")


class TestListParties(OperatorsEndpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/parties", query={"kind": "courier"})

    def test_the_newest_courier_comes_first_and_without_a_name(self, client: FlaskClient) -> None:
        courier = a_courier()

        page = client.get("/platform/v1/parties?kind=courier&limit=1", headers=an_operator().headers).get_json()

        assert [party["party_id"] for party in page["items"]] == [str(courier.account_id)]

    @pytest.mark.parametrize("kind", ["merchant", "courier", "store"])
    def test_each_kind_can_be_listed_page_by_page(self, client: FlaskClient, kind: str) -> None:
        an_order(state=OrderState.COMPLETED)
        an_order(state=OrderState.COMPLETED)
        headers = an_operator().headers
        first = client.get(f"/platform/v1/parties?kind={kind}&limit=1", headers=headers).get_json()

        second = client.get(
            "/platform/v1/parties",
            headers=headers,
            query_string={"kind": kind, "limit": 1, "cursor": first["next_cursor"]},
        ).get_json()

        assert first["items"][0]["party_id"] > second["items"][0]["party_id"]


class TestReadBooks(OperatorsEndpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/books")

    def test_all_balances_add_up_to_nothing(self, client: FlaskClient) -> None:
        an_order(state=OrderState.COMPLETED)

        books = self.send(client, self.case()).get_json()

        assert books["total_fen"] == sum(line["balance_fen"] for line in books["items"]) == 0
        assert any(line["balance_fen"] for line in books["items"])


class TestReadBooksReport(OperatorsEndpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/books/report", query={"at": "2026-03-05T00:00:00+08:00"})

    def test_a_report_that_begins_after_it_ends_is_refused(self, client: FlaskClient) -> None:
        moments = {"at": "2026-03-05T00:00:00+08:00", "since": "2026-03-05T00:00:01+08:00"}

        answer = client.get("/platform/v1/books/report", headers=an_operator().headers, query_string=moments)

        assert_problem(answer, 422, "moments_reversed", pointer="/since")


class TestEntries(OperatorsEndpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/books/entries", query={"code": "suspense"})

    def test_suspense_is_read_entry_by_entry_with_its_balance(self, client: FlaskClient) -> None:
        operator, key = an_operator(), f"found:{new_id()}"
        for number, amount_fen in enumerate((500, -200)):
            legs = (Leg(codes.BANK_SETTLEMENT, -amount_fen), Leg(codes.SUSPENSE, amount_fen))
            with transaction() as tx:
                ledger.post(tx, Journal(key=f"{key}:{number}", kind=JournalKind.OPENING, legs=legs))

        query = {"code": "suspense", "limit": "2"}
        last, first = client.get("/platform/v1/books/entries", headers=operator.headers, query_string=query).get_json()[
            "items"
        ]

        assert (first["amount_fen"], last["amount_fen"]) == (500, -200)
        assert last["balance_fen"] == first["balance_fen"] - 200
        assert last["seq"] == first["seq"] + 1

    @pytest.mark.parametrize("code", ["commission", "suspense:x", "suspense,", "e_account"])
    def test_an_account_in_stripes_or_none_is_refused(self, client: FlaskClient, code: str) -> None:
        query = {"code": code}

        answer = client.get("/platform/v1/books/entries", headers=an_operator().headers, query_string=query)

        assert_problem(answer, 422, "input_invalid", pointer="/code")


class TestProveBooks(OperatorsEndpoint):
    method = "POST"

    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/books/proof")

    def test_after_orders_that_ended_in_every_way_the_books_are_sound(self, client: FlaskClient) -> None:
        for state in (OrderState.COMPLETED, OrderState.CANCELED, OrderState.RETURNED):
            an_order(state=state)

        proof = self.send(client, self.case()).get_json()

        assert proof["is_sound"], proof["findings"]
