"""Life bills: bind, ask, pay, automatic payment, reminders, receipts, history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.usecases.billing.ask_bills import look_at_bills
from app.usecases.billing.autopay import pay_due_bills
from app.usecases.billing.outcomes import ask_biller, ask_silent
from tests.factories import Person, a_pin, a_resident
from tests.factories.bills import (
    ABinding,
    a_bill,
    a_bill_grant,
    a_bill_payment,
    a_biller,
    a_binding,
    a_number,
    a_quote,
)
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.sandbox_gateway import wait_until
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock
    from tests.support.sandbox_billers import StartedBillers


def balance(code: str) -> int:
    return int(look_one("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code", code=code))


def money(person: Person) -> int:
    return balance(f"e_account:{person.account_id}")


def owed(binding: ABinding) -> int:
    return balance(f"biller_payable:{binding.biller.code}")


def ask(client: FlaskClient, person: Person, binding: ABinding) -> dict[str, Any]:
    answer = client.post(f"/user/v1/bill-accounts/{binding.binding_id}/queries", headers=person.headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def pay(client: FlaskClient, person: Person, quote_id: object, amount_fen: int, **other: Any) -> TestResponse:
    body = {
        "amount_fen": amount_fen,
        "step_up_grant": str(a_bill_grant(person, UUID(str(quote_id)), amount_fen)),
        **other,
    }
    return client.post(f"/user/v1/bill-quotes/{quote_id}/payments", headers=person.once(), json=body)


def quoted(client: FlaskClient, billers: StartedBillers, person: Person, **values: Any) -> tuple[ABinding, Any]:
    """Return an account with a bill of fifty yuan, and its quote."""
    binding = a_binding(person, a_biller(**values))
    due_on = wall_now().date() + timedelta(days=10)
    billers.put_bill(binding.biller.code, binding.number, f"no-{new_id().hex[-8:]}", amount_fen=5_000, due_on=due_on)
    return binding, ask(client, person, binding)["quotes"][0]


class TestBillers:
    def test_they_are_listed_by_kind_and_region(self, client: FlaskClient) -> None:
        mine = a_biller(kind="gas", region_code="310000")
        resident = a_resident()

        found = client.get("/user/v1/billers?kind=gas&region_code=310000", headers=resident.headers).get_json()["items"]
        other = client.get("/user/v1/billers?kind=water&region_code=310000", headers=resident.headers).get_json()

        assert str(mine.biller_id) in [one["biller_id"] for one in found]
        assert other["items"] == []
        assert_problem(client.get("/user/v1/billers?kind=steam", headers=resident.headers), 422, "input_invalid")


class TestBind(OnceWithBody):
    status = 201
    other_body = {"nickname": "父母"}

    def case(self) -> Case:
        body = {"biller_id": str(a_biller().biller_id), "number": a_number(), "nickname": "家"}
        return Case(a_resident(), "/user/v1/bill-accounts", body)

    def test_a_bound_account_is_listed_by_its_nickname_and_last_digits(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        [found] = client.get("/user/v1/bill-accounts", headers=case.person.headers).get_json()["items"]

        assert case.body is not None
        assert (found["nickname"], found["tail"]) == ("家", case.body["number"][-4:])
        assert case.body["number"] not in look_one(
            "SELECT string_agg(u::text, '') FROM utility_accounts AS u JOIN bill_bindings AS b"
            " ON b.utility_account_id = u.utility_account_id WHERE b.account_id = :a",
            a=case.person.account_id,
        )

    def test_a_wrong_check_digit_an_unknown_number_and_a_bound_one_are_refused(self, client: FlaskClient) -> None:
        case = self.case()
        assert case.body is not None
        number = case.body["number"]
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)

        assert_problem(
            self.send(client, case, body={**case.body, "number": wrong}), 422, "bill_number_invalid", pointer="/number"
        )
        assert_problem(self.send(client, case, body={**case.body, "number": "9000000001"}), 409, "bill_number_unknown")
        missing = self.send(client, case, body={**case.body, "biller_id": str(new_id())})
        assert_problem(missing, 404, "biller_not_found")
        assert self.send(client, case).status_code == 201
        assert_problem(self.send(client, case), 409, "bill_already_bound")

    def test_a_biller_that_is_down_binds_nothing(self, client: FlaskClient, billers: StartedBillers) -> None:
        case = self.case()
        billers.faults(down=1)

        refused = self.send(client, case)
        billers.faults()

        assert_problem(refused, 503, "biller_unavailable")
        assert self.send(client, case).status_code == 201

    def test_two_people_bind_one_account(self, client: FlaskClient) -> None:
        case = self.case()

        first = self.send(client, case)
        second = self.send(client, case, headers=a_resident().once())

        assert (first.status_code, second.status_code) == (201, 201)

    def test_one_person_binds_twenty(self, client: FlaskClient) -> None:
        case = self.case()
        for _ in range(20):
            a_binding(case.person)

        assert_problem(self.send(client, case), 409, "too_many_bindings")


class TestChangeBinding(Owned):
    method = "PUT"
    status = 204
    absent_code = "bill_binding_not_found"

    def case(self) -> Case:
        resident = a_resident()
        path = f"/user/v1/bill-accounts/{a_binding(resident).binding_id}"
        return Case(resident, path, {"nickname": "父母", "is_reminded": False})

    def test_who_lets_it_go_has_it_no_more(self, client: FlaskClient) -> None:
        case = self.case()

        gone = client.delete(case.path, headers=case.person.headers)

        assert gone.status_code == 204
        assert_problem(client.delete(case.path, headers=case.person.headers), 404, "bill_binding_not_found")
        assert client.get("/user/v1/bill-accounts", headers=case.person.headers).get_json()["items"] == []


class TestAsk(Owned):
    method = "POST"
    status = 201
    absent_code = "bill_binding_not_found"

    def case(self) -> Case:
        resident = a_resident()
        return Case(resident, f"/user/v1/bill-accounts/{a_binding(resident).binding_id}/queries")

    def test_last_months_bill_is_told_and_locked_for_ten_minutes(self, client: FlaskClient) -> None:
        resident = a_resident()

        [quote] = ask(client, resident, a_binding(resident))["quotes"]

        locked = datetime.fromisoformat(quote["locked_until"]) - wall_now()
        assert timedelta(minutes=9) < locked <= timedelta(minutes=10)
        assert quote["amount_min_fen"] == quote["amount_max_fen"] == quote["amount_fen"] >= 3_000

    def test_a_prepaid_account_has_a_balance_and_is_topped_up(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=10_000)
        binding = a_binding(resident, a_biller(is_prepaid=True, minimum_fen=1_000))

        before = ask(client, resident, binding)
        [quote] = before["quotes"]
        assert_problem(pay(client, resident, quote["quote_id"], 999), 422, "bill_amount_refused", pointer="/amount_fen")
        paid = pay(client, resident, quote["quote_id"], 2_000).get_json()

        assert (quote["bill_id"], paid["state"]) == (None, "succeeded")
        assert ask(client, resident, binding)["balance_fen"] == before["balance_fen"] + 2_000


class TestPay(OnceOwned):
    status = 201
    absent_code = "bill_quote_not_found"

    def case(self) -> Case:
        resident = a_resident(balance_fen=10_000)
        binding = a_binding(resident, a_biller(is_prepaid=True))
        quote_id = a_quote(resident, binding, None)
        body = {"amount_fen": 5_000, "step_up_grant": str(a_bill_grant(resident, quote_id))}
        return Case(resident, f"/user/v1/bill-quotes/{quote_id}/payments", body)

    def test_the_money_goes_to_the_biller_once_and_there_is_a_receipt(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        resident = a_resident(balance_fen=10_000)
        binding, quote = quoted(client, billers, resident)

        paid = pay(client, resident, quote["quote_id"], 5_000).get_json()
        again = ask(client, resident, binding)["quotes"]

        assert (paid["state"], paid["due_on"], again) == ("succeeded", quote["due_on"], [])
        assert (money(resident), owed(binding)) == (5_000, 5_000)
        path = f"/user/v1/bill-payments/{paid['bill_payment_id']}/receipt"
        receipt = client.get(path, headers=resident.headers)
        assert (receipt.mimetype, receipt.data) == ("application/pdf", client.get(path, headers=resident.headers).data)
        words = client.get(path, headers={**resident.headers, "Accept": "text/plain"})
        assert (words.mimetype, paid["biller_reference"] in words.text) == ("text/plain", True)
        assert "50.00" in words.text
        assert_problem(client.get(path, headers=a_resident().headers), 404, "bill_payment_not_found")

    def test_what_is_not_the_amount_is_refused_and_changes_nothing(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        resident = a_resident(balance_fen=10_000)
        binding, quote = quoted(client, billers, resident)

        for amount in (4_999, 5_001):
            assert_problem(pay(client, resident, quote["quote_id"], amount), 422, "bill_amount_refused")
        none = pay(client, resident, quote["quote_id"], 5_000, step_up_grant=None)
        small = pay(client, resident, quote["quote_id"], 5_000,
                    step_up_grant=str(a_bill_grant(resident, UUID(quote["quote_id"]), 4_999)))  # fmt: skip
        poor = a_resident()
        lacking = pay(client, poor, a_quote(poor, a_binding(poor, a_biller(is_prepaid=True)), None), 5_000)

        assert_problem(none, 403, "step_up_required")
        assert_problem(small, 409, "step_up_refused")
        assert_problem(lacking, 409, "insufficient_funds")
        assert (money(resident), owed(binding)) == (10_000, 0)
        assert look_one("SELECT taken_fen FROM bills WHERE bill_id = :b", b=quote["bill_id"]) == 0

    def test_after_its_minutes_the_amount_is_asked_for_again(
        self, client: FlaskClient, billers: StartedBillers, clock: BusinessClock
    ) -> None:
        resident = a_resident(balance_fen=10_000)
        _, quote = quoted(client, billers, resident)
        clock.ahead(minutes=10)

        assert_problem(pay(client, resident, quote["quote_id"], 5_000), 409, "bill_quote_expired")

    def test_a_quote_pays_once_and_a_bill_once_whoever_has_bound_it(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        resident, parent = a_resident(balance_fen=20_000), a_resident(balance_fen=20_000)
        binding, quote = quoted(client, billers, resident)
        theirs = ask(client, parent, a_binding(parent, binding.biller, number=binding.number))["quotes"][0]

        first = pay(client, resident, quote["quote_id"], 5_000)
        twice = pay(client, resident, quote["quote_id"], 5_000)
        second = pay(client, parent, theirs["quote_id"], 5_000)

        assert first.status_code == 201
        assert_problem(twice, 409, "bill_quote_used")
        assert_problem(second, 409, "bill_taken")
        assert (money(resident), money(parent), owed(binding)) == (15_000, 20_000, 5_000)

    def test_parts_where_the_biller_takes_them(self, client: FlaskClient, billers: StartedBillers) -> None:
        resident = a_resident(balance_fen=10_000)
        binding, quote = quoted(client, billers, resident, is_part_allowed=True, minimum_fen=100)

        assert_problem(pay(client, resident, quote["quote_id"], 99), 422, "bill_amount_refused")
        assert pay(client, resident, quote["quote_id"], 2_000).get_json()["state"] == "succeeded"
        [rest] = ask(client, resident, binding)["quotes"]
        assert pay(client, resident, rest["quote_id"], 3_000).get_json()["state"] == "succeeded"

        assert (rest["amount_max_fen"], ask(client, resident, binding)["quotes"]) == (3_000, [])

    def test_an_amount_that_the_biller_changed_is_returned_at_once_and_the_locked_one_is_kept(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        resident = a_resident(balance_fen=20_000)
        binding, quote = quoted(client, billers, resident)
        bill_no = look_one("SELECT bill_no FROM bills WHERE bill_id = :b", b=quote["bill_id"])
        due_on = wall_now().date() + timedelta(days=10)
        billers.put_bill(binding.biller.code, binding.number, bill_no, amount_fen=4_000, due_on=due_on)
        unlocked = a_quote(resident, binding, UUID(quote["bill_id"]))

        refused = pay(client, resident, unlocked, 5_000).get_json()
        kept = pay(client, resident, quote["quote_id"], 5_000).get_json()

        assert (refused["state"], refused["refusal"]) == ("returned", "amount_changed")
        assert kept["state"] == "succeeded"
        assert (money(resident), owed(binding)) == (15_000, 5_000)

    def test_what_is_returned_gives_the_limits_room_back(self, client: FlaskClient, billers: StartedBillers) -> None:
        resident = a_resident(balance_fen=10_000)
        _, quote = quoted(client, billers, resident)
        billers.faults(refuse=1)

        assert pay(client, resident, quote["quote_id"], 5_000).get_json()["state"] == "returned"

        used = look("SELECT used_fen FROM limit_counters WHERE account_id = :a", a=resident.account_id)
        assert [row.used_fen for row in used] == [0, 0]

    def test_a_lost_answer_is_asked_for_again_and_never_returned_by_itself(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        resident = a_resident(balance_fen=10_000)
        binding, quote = quoted(client, billers, resident)
        billers.faults(lost_reply=1)

        paid = pay(client, resident, quote["quote_id"], 5_000).get_json()
        billers.faults(down=1)
        change("UPDATE bill_payments SET next_ask_at = now() WHERE bill_payment_id = :p", p=paid["bill_payment_id"])
        ask_silent(billers, 100)
        down = client.get(f"/user/v1/bill-payments/{paid['bill_payment_id']}", headers=resident.headers).get_json()
        billers.faults()
        ask_biller(billers, UUID(paid["bill_payment_id"]))
        ask_biller(billers, UUID(paid["bill_payment_id"]))
        ended = client.get(f"/user/v1/bill-payments/{paid['bill_payment_id']}", headers=resident.headers).get_json()

        assert (paid["state"], down["state"], ended["state"]) == ("unknown", "unknown", "succeeded")
        assert (money(resident), owed(binding)) == (5_000, 5_000)
        receipt = f"/user/v1/bill-payments/{a_bill_payment(resident, state='unknown')}/receipt"
        assert_problem(client.get(receipt, headers=resident.headers), 409, "bill_receipt_not_ready")

    @pytest.mark.parametrize("fault", ["lost_request", "error_500", "processing"])
    def test_an_answer_that_is_none_ends_in_one_payment(
        self, client: FlaskClient, billers: StartedBillers, fault: str
    ) -> None:
        resident = a_resident(balance_fen=10_000)
        binding, quote = quoted(client, billers, resident)
        billers.faults(**{fault: 1, "processing_s": 0.1})

        paid = pay(client, resident, quote["quote_id"], 5_000).get_json()
        billers.faults()

        def state() -> str:
            ask_biller(billers, UUID(paid["bill_payment_id"]))
            found = "SELECT state FROM bill_payments WHERE bill_payment_id = :p"
            return str(look_one(found, p=paid["bill_payment_id"]))

        wait_until(lambda: state() != "unknown")

        assert (paid["state"], state(), owed(binding)) == ("unknown", "succeeded", 5_000)

    def test_a_biller_that_is_down_for_an_hour_takes_it_afterwards(
        self, client: FlaskClient, billers: StartedBillers
    ) -> None:
        resident = a_resident(balance_fen=10_000)
        binding, quote = quoted(client, billers, resident)
        billers.faults(down=1)

        paid = pay(client, resident, quote["quote_id"], 5_000).get_json()
        waits = look_one(
            "SELECT next_ask_at > now() FROM bill_payments WHERE bill_payment_id = :p", p=paid["bill_payment_id"]
        )
        billers.faults()
        ask_biller(billers, UUID(paid["bill_payment_id"]))

        assert (paid["state"], waits, owed(binding)) == ("unknown", True, 5_000)
        assert ask(client, resident, binding)["quotes"] == []


class TestGrant:
    def test_a_pin_confirms_this_quote_and_no_other(self, client: FlaskClient) -> None:
        resident = a_resident(balance_fen=10_000)
        pin, binding = a_pin(resident), a_binding(resident, a_biller(is_prepaid=True))
        quote_id, other = a_quote(resident, binding, None), a_quote(resident, binding, None)
        path = f"/user/v1/bill-quotes/{quote_id}/step-up-grants"

        granted = client.post(path, headers=resident.headers, json={"amount_fen": 5_000, "pin": pin})
        stranger = client.post(path, headers=a_resident().headers, json={"amount_fen": 5_000, "pin": pin})
        grant = granted.get_json()["grant_id"]

        assert (granted.status_code, granted.get_json()["quote_id"]) == (201, str(quote_id))
        assert_problem(stranger, 404, "bill_quote_not_found")
        assert_problem(pay(client, resident, other, 5_000, step_up_grant=grant), 409, "step_up_refused")
        assert pay(client, resident, quote_id, 5_000, step_up_grant=grant).status_code == 201


class TestAutopay(OnceOwned):
    method = "PUT"
    absent_code = "bill_binding_not_found"

    def case(self) -> Case:
        resident = a_resident(balance_fen=10_000)
        binding = a_binding(resident)
        body = {"cap_fen": 6_000, "step_up_grant": str(a_bill_grant(resident, binding.binding_id))}
        return Case(resident, f"/user/v1/bill-accounts/{binding.binding_id}/autopay", body)

    def set_up(self, client: FlaskClient, resident: Person, binding: ABinding, cap_fen: int = 6_000) -> None:
        grant = str(a_bill_grant(resident, binding.binding_id, cap_fen))
        path = f"/user/v1/bill-accounts/{binding.binding_id}/autopay"
        answer = client.put(path, headers=resident.once(), json={"cap_fen": cap_fen, "step_up_grant": grant})
        assert answer.status_code == 200, answer.text

    def test_what_is_due_in_three_days_is_paid_once_up_to_the_cap(
        self, client: FlaskClient, billers: StartedBillers, clock: BusinessClock
    ) -> None:
        clock.at(datetime(2031, 3, 10, 8, tzinfo=SHANGHAI))
        resident = a_resident(balance_fen=10_000)
        binding = a_binding(resident)
        for number, (amount, day) in enumerate(((5_000, 13), (6_001, 12), (1_000, 14))):
            due_on = datetime(2031, 3, day, tzinfo=SHANGHAI).date()
            billers.put_bill(binding.biller.code, binding.number, f"n{number}", amount_fen=amount, due_on=due_on)
        self.set_up(client, resident, binding)
        look_at_bills(billers, 500)

        pay_due_bills(500)
        pay_due_bills(500)
        ask_silent(billers, 500)
        clock.at(datetime(2031, 3, 11, 8, tzinfo=SHANGHAI))
        pay_due_bills(500)

        paid = look("SELECT amount_fen, state, source FROM bill_payments WHERE account_id = :a ORDER BY 1 DESC",
                    a=resident.account_id)  # fmt: skip
        assert [(row.amount_fen, row.source) for row in paid] == [(5_000, "auto"), (1_000, "auto")]
        assert paid[0].state == "succeeded"
        notices = client.get("/user/v1/bill-notices", headers=resident.headers).get_json()["items"]
        assert sorted((one["kind"], one["amount_fen"]) for one in notices) == [
            ("over_cap", 6_001),
            ("paid", 1_000),
            ("paid", 5_000),
        ]

    def test_without_the_money_the_person_is_told_and_it_is_tried_again_the_next_day(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(datetime(2031, 3, 10, 8, tzinfo=SHANGHAI))
        resident = a_resident(balance_fen=4_999)
        binding = a_binding(resident)
        bill_id = a_bill(binding, due_on=datetime(2031, 3, 12, tzinfo=SHANGHAI).date())
        self.set_up(client, resident, binding)

        pay_due_bills(500)
        told = look("SELECT kind FROM bill_notices WHERE bill_id = :b", b=bill_id)
        change("SELECT ledger.post(:k, 'opening', NULL, NULL, CAST(:c AS text[]), CAST(:m AS bigint[]))",
               k=f"gift:{bill_id}", c=[f"e_account:{resident.account_id}", "bank_settlement"], m=[1, -1])  # fmt: skip
        clock.at(datetime(2031, 3, 11, 8, tzinfo=SHANGHAI))
        pay_due_bills(500)

        assert [row.kind for row in told] == ["not_paid"]
        assert money(resident) == 0

    def test_who_stops_it_is_not_paid_for(self, client: FlaskClient, clock: BusinessClock) -> None:
        clock.at(datetime(2031, 3, 10, 8, tzinfo=SHANGHAI))
        resident = a_resident(balance_fen=10_000)
        binding = a_binding(resident)
        a_bill(binding, due_on=datetime(2031, 3, 12, tzinfo=SHANGHAI).date())
        self.set_up(client, resident, binding)

        path = f"/user/v1/bill-accounts/{binding.binding_id}/autopay"
        assert client.delete(path, headers=resident.headers).status_code == 204
        pay_due_bills(500)

        assert money(resident) == 10_000


class TestReminders:
    def test_everybody_who_bound_it_is_told_once_three_days_before(
        self, app: Flask, client: FlaskClient, billers: StartedBillers, clock: BusinessClock
    ) -> None:
        clock.at(datetime(2031, 5, 1, 8, tzinfo=SHANGHAI))
        resident, parent = a_resident(), a_resident()
        binding = a_binding(resident)
        a_binding(parent, binding.biller, number=binding.number)
        silent = a_resident()
        a_binding(silent, binding.biller, number=binding.number, is_reminded=False)
        due_on = datetime(2031, 5, 20, tzinfo=SHANGHAI).date()
        billers.put_bill(binding.biller.code, binding.number, "may", amount_fen=5_000, due_on=due_on)
        look_at_bills(billers, 500)
        clock.at(datetime(2031, 5, 17, 8, 59, tzinfo=SHANGHAI))
        run_worker(app)
        early = client.get("/user/v1/bill-notices", headers=resident.headers).get_json()["items"]
        clock.at(datetime(2031, 5, 17, 9, tzinfo=SHANGHAI))
        run_worker(app)
        run_worker(app)

        told = [
            [one["kind"] for one in client.get("/user/v1/bill-notices", headers=who.headers).get_json()["items"]]
            for who in (resident, parent, silent)
        ]
        assert (early, told) == ([], [["due"], ["due"], []])

    def test_a_bill_that_is_paid_reminds_nobody(self, app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
        resident = a_resident()
        binding = a_binding(resident)
        bill_id = a_bill(binding, told_paid_fen=5_000)
        change(
            "INSERT INTO timers (kind, subject_id, due_at) VALUES ('bill_due', :b, business_now())",
            b=bill_id,
        )

        run_worker(app)

        assert client.get("/user/v1/bill-notices", headers=resident.headers).get_json()["items"] == []


class TestHistory(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/bill-history")

    def test_every_month_is_there_with_what_was_paid_for_each_kind(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        resident = a_resident()
        for moment in (datetime(2031, 1, 31, 23, 59, tzinfo=SHANGHAI), datetime(2031, 2, 1, tzinfo=SHANGHAI)):
            clock.at(moment)
            a_bill_payment(resident, amount_fen=1_000)
        a_bill_payment(resident, state="unknown")
        clock.at(datetime(2031, 3, 5, tzinfo=SHANGHAI))

        found = client.get("/user/v1/bill-history?months=4", headers=resident.headers).get_json()["items"]

        assert [(one["month"], one["paid_fen"]) for one in found] == [
            ("2030-12-01", 0),
            ("2031-01-01", 1_000),
            ("2031-02-01", 1_000),
            ("2031-03-01", 0),
        ]
        assert found[1]["kinds"] == [{"kind": "water", "paid_fen": 1_000, "payment_count": 1}]


class TestPayments(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/bill-payments")

    def test_one_sees_ones_own_by_state_and_page(self, client: FlaskClient) -> None:
        resident = a_resident()
        ids = [str(a_bill_payment(resident, state=state)) for state in ("succeeded", "unknown", "succeeded")]
        a_bill_payment(a_resident())

        first = client.get("/user/v1/bill-payments?limit=2", headers=resident.headers).get_json()
        rest = client.get(f"/user/v1/bill-payments?cursor={first['next_cursor']}", headers=resident.headers).get_json()
        unknown = client.get("/user/v1/bill-payments?state=unknown", headers=resident.headers).get_json()

        assert [one["bill_payment_id"] for one in [*first["items"], *rest["items"]]] == ids[::-1]
        assert [one["bill_payment_id"] for one in unknown["items"]] == [ids[1]]
