"""Bills and transfers at the desk: in cash and from the e-account, what the biller says, and who is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.core.tills.limits import Scope, cap_fen
from app.core.tills.states import TillActKind
from app.core.transfers.rules import DAY_FEN_MAX
from app.kernel.clock import wall_now
from app.usecases.billing.outcomes import ask_biller, ask_silent
from tests.factories import a_pin, a_resident, a_store_clerk
from tests.factories.bills import a_bill, a_biller, a_binding, a_desk_quote, a_number
from tests.factories.rows import change, look, look_one
from tests.factories.tills import a_till, a_visit, store_of
from tests.factories.transfers import a_payee
from tests.support.ladder import Case, OnceOwned, OnceWithBody, Owned, assert_problem, row_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.sandbox_billers import StartedBillers

BILL_FEN = 5_000


def book(code: str) -> int:
    return int(look_one("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code", code=code))


def is_sound(client: FlaskClient, clerk: Person, till_id: UUID) -> bool:
    return bool(client.get(f"/store/v1/tills/{till_id}/proof", headers=clerk.headers).get_json()["is_sound"])


def receipt(client: FlaskClient, clerk: Person, act: Any) -> str:
    path = f"/store/v1/till-acts/{act['till_act_id']}/receipt"
    return client.get(path, headers=clerk.headers).get_data(as_text=True)


class Desk:
    """A clerk at an open till, a person with a card, and a bill that the person brings."""

    def __init__(self, client: FlaskClient, *, balance_fen: int = 0, means: str = "id_card") -> None:
        self.client, self.clerk = client, a_store_clerk()
        self.person = a_resident(balance_fen=balance_fen)
        self.pin = a_pin(self.person)
        self.till_id = a_till(self.clerk)
        self.visit_id = a_visit(self.clerk, self.person, means=means)

    def post(self, path: str, body: Mapping[str, object], *, is_once: bool = True) -> Any:
        headers = self.clerk.once() if is_once else self.clerk.headers
        return self.client.post(f"/store/v1{path}", json=body, headers=headers)

    def quote(self, billers: StartedBillers) -> tuple[Any, str]:
        """Ask a biller for a bill; return its quote, and the biller's account in the books."""
        biller, number = a_biller(), a_number()
        due_on = wall_now().date().replace(day=25)
        billers.put_bill(biller.code, number, f"no-{number}", amount_fen=BILL_FEN, due_on=due_on)
        asked = {"biller_id": str(biller.biller_id), "number": number}
        answer = self.post(f"/desk-visits/{self.visit_id}/bill-queries", asked, is_once=False).get_json()
        return next(one for one in answer["quotes"] if one["amount_fen"] == BILL_FEN), f"biller_payable:{biller.code}"

    def pay(self, quote: Any, paid_from: str = "cash", amount_fen: int = BILL_FEN) -> Any:
        body = {"visit_id": str(self.visit_id), "quote_id": quote["quote_id"]}
        rest: dict[str, object] = {"amount_fen": amount_fen, "paid_from": paid_from}
        return self.post(f"/tills/{self.till_id}/bill-payments", {**body, **rest})

    def confirm(self, amount_fen: int, subject_id: object = None) -> None:
        body = {"pin": self.pin, "amount_fen": amount_fen, "subject_id": subject_id and str(subject_id)}
        answer = self.post(f"/desk-visits/{self.visit_id}/confirmation", body, is_once=False)
        assert answer.status_code == 200, answer.text

    def name(self, phone: str) -> str:
        answer = self.post(f"/desk-visits/{self.visit_id}/payees", {"phone": phone})
        return str(answer.get_json()["payee_id"])

    def send(self, payee_id: str, paid_from: str = "cash", amount_fen: int = 700) -> Any:
        body = {"visit_id": str(self.visit_id), "payee_id": payee_id}
        rest: dict[str, object] = {"amount_fen": amount_fen, "paid_from": paid_from}
        return self.post(f"/tills/{self.till_id}/transfers", {**body, **rest})

    @property
    def account(self) -> str:
        return f"e_account:{self.person.account_id}"

    @property
    def till(self) -> str:
        return f"till_cash:{self.till_id}"


class TestPayDeskBill(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "desk_visit_not_found"
    other_body = {"amount_fen": 1}

    def case(self) -> Case:
        clerk, resident = a_store_clerk(), a_resident()
        binding = a_binding(resident)
        quote_id = a_desk_quote(resident, binding, a_bill(binding))
        body = {"visit_id": str(a_visit(clerk, resident)), "quote_id": str(quote_id)}
        rest = {"amount_fen": BILL_FEN, "paid_from": "cash"}
        return Case(clerk, f"/store/v1/tills/{a_till(clerk)}/bill-payments", {**body, **rest})

    def test_cash_goes_to_the_biller_by_one_journal_and_the_receipt_says_so(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        desk = Desk(client)
        quote, payable = desk.quote(billers)

        paid = desk.pay(quote).get_json()

        assert (paid["state"], paid["kind"], paid["till_cash_fen"]) == ("succeeded", "bill_in_cash", BILL_FEN)
        assert (book(desk.till), book(payable), book(desk.account)) == (-BILL_FEN, BILL_FEN, 0)
        assert is_sound(client, desk.clerk, desk.till_id)
        said = receipt(client, desk.clerk, paid)
        assert [word in said for word in ("现金缴费", "¥50.00", "已缴")] == [True, True, True]
        [listed] = client.get("/store/v1/desk-bills", headers=desk.clerk.headers).get_json()["items"]
        [own] = client.get("/user/v1/bill-payments", headers=desk.person.headers).get_json()["items"]
        assert (listed["bill_payment_id"], listed["paid_from"]) == (paid["bill_payment_id"], "cash")
        assert (own["bill_payment_id"], own["source"]) == (paid["bill_payment_id"], "desk_cash")
        assert client.get("/store/v1/desk-bills", headers=a_store_clerk().headers).get_json()["items"] == []

    def test_what_the_biller_refuses_goes_to_the_account_and_gives_no_room_that_cash_did_not_take(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        desk = Desk(client)
        quote, payable = desk.quote(billers)
        billers.faults(refuse=1)

        paid = desk.pay(quote).get_json()
        billers.faults()

        assert paid["state"] == "returned"
        assert (book(desk.till), book(payable), book(desk.account)) == (-BILL_FEN, 0, BILL_FEN)
        assert is_sound(client, desk.clerk, desk.till_id)
        assert "已退到电子账户" in receipt(client, desk.clerk, paid)
        counted = look("SELECT used_fen FROM limit_counters WHERE account_id = :id", id=desk.person.account_id)
        assert [row.used_fen for row in counted] == [BILL_FEN]  # the day's cash, and no payment from a balance

    def test_without_an_answer_nobody_pays_again_and_the_worker_learns_what_became_of_it(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        desk = Desk(client)
        quote, payable = desk.quote(billers)
        billers.faults(lost_reply=1)
        paid = desk.pay(quote).get_json()
        again = desk.pay(quote)
        billers.faults()
        bill_payment_id = UUID(paid["bill_payment_id"])

        ask_biller(billers, bill_payment_id)
        ask_silent(billers, 100)

        assert paid["state"] == "unknown"
        assert_problem(again, 409, "bill_quote_used")
        assert (
            look_one("SELECT state FROM bill_payments WHERE bill_payment_id = :id", id=bill_payment_id) == "succeeded"
        )
        assert (book(desk.till), book(payable), book(desk.account)) == (-BILL_FEN, BILL_FEN, 0)

    def test_from_the_account_the_pin_confirms_this_quote_and_pays_once(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        desk = Desk(client, balance_fen=20_000, means="code")
        quote, payable = desk.quote(billers)
        other, _ = desk.quote(billers)
        desk.confirm(BILL_FEN)
        taken_out = desk.pay(quote, "e_account")
        desk.confirm(BILL_FEN, quote["quote_id"])
        for_another = desk.pay(other, "e_account")

        paid = desk.pay(quote, "e_account").get_json()
        twice = desk.pay(other, "e_account")

        assert_problem(taken_out, 403, "desk_confirmation_needed")
        assert_problem(for_another, 403, "desk_confirmation_needed")
        assert_problem(twice, 403, "desk_confirmation_needed")
        assert (paid["kind"], paid["till_cash_fen"], paid["amount_fen"]) == ("bill_from_account", 0, BILL_FEN)
        assert (book(desk.till), book(payable), book(desk.account)) == (0, BILL_FEN, 20_000 - BILL_FEN)
        assert is_sound(client, desk.clerk, desk.till_id)
        assert "¥50.00" in receipt(client, desk.clerk, paid)
        [act] = client.get("/user/v1/desk-acts", headers=desk.person.headers).get_json()["items"]
        assert (act["kind"], act["amount_fen"]) == ("bill_from_account", BILL_FEN)

    def test_a_quote_of_another_person_or_of_their_own_phone_looks_absent(self, client: FlaskClient) -> None:
        desk = Desk(client)
        binding = a_binding(a_resident())
        foreign = a_desk_quote(a_resident(), binding, a_bill(binding))
        before = row_counts()

        assert_problem(desk.pay({"quote_id": str(foreign)}), 404, "bill_quote_not_found", pointer="/quote_id")
        assert row_counts() == before

    def test_cash_for_bills_and_cash_for_the_account_have_one_limit(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        desk = Desk(client)
        quote, _ = desk.quote(billers)
        day_fen, act_fen = (cap_fen(TillActKind.CASH_IN, scope) for scope in (Scope.PERSON, Scope.ACT))
        put = {"visit_id": str(desk.visit_id), "amount_fen": act_fen}
        for _ in range(day_fen // act_fen):
            desk.post(f"/tills/{desk.till_id}/cash-ins", put)

        over = assert_problem(desk.pay(quote), 409, "cash_limit_exceeded", pointer="/amount_fen")

        assert (over["scope"], over["left_fen"]) == ("person", 0)

    def test_switched_off_nothing_is_paid(self, client: FlaskClient) -> None:
        case = self.case()
        change("INSERT INTO feature_changes (change_id, feature, is_on, why, set_by_id, set_at) VALUES"
               " (gen_random_uuid(), 'desk_bills', false, 'test', :by, business_now())",
               by=case.person.account_id)  # fmt: skip
        try:
            assert_problem(self.send(client, case), 409, "feature_off")
        finally:
            change("DELETE FROM feature_changes WHERE set_by_id = :by", by=case.person.account_id)


class TestQueryDeskBills(Owned):
    method = "POST"
    status = 201
    absent_code = "desk_visit_not_found"

    def case(self) -> Case:
        clerk = a_store_clerk()
        body = {"biller_id": str(a_biller().biller_id), "number": a_number()}
        return Case(clerk, f"/store/v1/desk-visits/{a_visit(clerk)}/bill-queries", body)

    def test_a_number_that_cannot_be_is_refused_before_anybody_is_asked(self, client: FlaskClient) -> None:
        case = self.case()
        assert case.body is not None

        answer = self.send(client, case, body={**case.body, "number": "0000000001"})

        assert_problem(answer, 422, "bill_number_invalid", pointer="/number")


class TestNamePayee(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "desk_visit_not_found"
    other_body = {"phone": "13900000001"}

    def case(self) -> Case:
        clerk = a_store_clerk()
        path = f"/store/v1/desk-visits/{a_visit(clerk, means='id_card')}/payees"
        return Case(clerk, path, {"phone": a_resident().phone})

    def test_a_phone_is_not_a_card(self, client: FlaskClient) -> None:
        desk = Desk(client, means="code")

        answer = desk.post(f"/desk-visits/{desk.visit_id}/payees", {"phone": a_resident().phone})

        assert_problem(answer, 403, "desk_card_needed")


class TestSendFromDesk(OnceWithBody, OnceOwned):
    status = 201
    absent_code = "desk_visit_not_found"
    other_body = {"amount_fen": 1}

    def case(self) -> Case:
        clerk, resident = a_store_clerk(), a_resident()
        visit = a_visit(clerk, resident, means="id_card")
        payee = a_payee(resident, has_cooled=False)
        body = {"visit_id": str(visit), "payee_id": str(payee), "amount_fen": 700, "paid_from": "cash"}
        return Case(clerk, f"/store/v1/tills/{a_till(clerk)}/transfers", body)

    @pytest.mark.parametrize("paid_from, from_account_fen", [("cash", 0), ("e_account", 700)])
    def test_it_arrives_at_once_by_one_journal(
        self, client: FlaskClient, paid_from: str, from_account_fen: int
    ) -> None:
        desk, recipient = Desk(client, balance_fen=1_000), a_resident()
        payee_id = desk.name(recipient.phone)
        if from_account_fen:
            assert_problem(desk.send(payee_id, paid_from), 403, "desk_confirmation_needed")
            desk.confirm(700, payee_id)

        sent = desk.send(payee_id, paid_from).get_json()

        assert book(f"e_account:{recipient.account_id}") == 700
        assert (book(desk.till), book(desk.account)) == (from_account_fen - 700, 1_000 - from_account_fen)
        assert is_sound(client, desk.clerk, desk.till_id)
        assert f"****{recipient.phone[-4:]}" in receipt(client, desk.clerk, sent)
        [own] = client.get("/user/v1/transfers", headers=desk.person.headers).get_json()["items"]
        assert (own["transfer_id"], own["is_cash"]) == (sent["transfer_id"], not from_account_fen)

    def test_neither_the_clerk_nor_a_colleague_nor_nobody_is_sent_money(self, client: FlaskClient) -> None:
        desk = Desk(client)
        colleague = a_store_clerk(store_of(desk.clerk))
        own = [a_payee(desk.person, one) for one in (a_resident(), a_resident())]
        for payee_id, staff in zip(own, (desk.clerk, colleague), strict=True):
            change("UPDATE payees SET phone_index = (SELECT phone_index FROM accounts WHERE account_id = :a)"
                   " WHERE payee_id = :p", a=staff.account_id, p=payee_id)  # fmt: skip
        nobody = desk.name("13000000000")
        before = row_counts()

        for payee_id in own:
            assert_problem(desk.send(str(payee_id)), 403, "own_desk")
        assert_problem(desk.send(nobody), 409, "payee_cannot_receive")
        assert_problem(desk.send(str(a_payee(a_resident()))), 404, "payee_not_found")
        assert row_counts()["public.till_acts"] == before["public.till_acts"]

    def test_cash_counts_towards_the_day_of_transfers(self, client: FlaskClient) -> None:
        desk = Desk(client)
        payee_id = desk.name(a_resident().phone)

        done = desk.send(payee_id, amount_fen=DAY_FEN_MAX - 1)
        over = desk.send(payee_id, amount_fen=2)

        assert done.status_code == 201
        assert assert_problem(over, 409, "transfer_over_limit", pointer="/amount_fen")["left_fen"] == 1

    def test_a_phone_is_not_a_card(self, client: FlaskClient) -> None:
        desk = Desk(client, means="code")

        assert_problem(desk.send(str(a_payee(desk.person))), 403, "desk_card_needed")
