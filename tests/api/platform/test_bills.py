"""Life bills at the platform: differences, payments that wait, the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core import ledger
from app.core.bills.states import BillPaymentAction
from app.core.ledger import codes
from app.kernel.transaction import transaction
from app.usecases.billing.outcomes import end_payment
from tests.factories import a_resident, an_operator
from tests.factories.bills import a_bill_difference, a_bill_payment
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Person


class TestDifferences(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/bill-differences")

    def test_an_open_one_is_listed_until_it_is_resolved(self, client: FlaskClient) -> None:
        case, difference_id = self.case(), str(a_bill_difference())
        resolution = {"why": "CASE-7"}
        path = f"/platform/v1/bill-differences/{difference_id}/resolution"

        before = self.send(client, case).get_json()["items"]
        done = client.post(path, headers=case.person.once(), json=resolution)
        after = client.get(f"{case.path}?is_resolved=true", headers=case.person.headers).get_json()["items"]

        assert before[0]["difference_id"] == difference_id
        assert done.status_code == 200
        assert (after[0]["difference_id"], after[0]["why"]) == (difference_id, "CASE-7")
        again = client.post(path, headers=case.person.once(), json=resolution)
        assert_problem(again, 409, "bill_difference_resolved")


class TestResolve(OnceWithBody):
    other_body = {"why": "CASE-8"}

    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/bill-differences/{a_bill_difference()}/resolution", {"why": "CASE-7"})

    def test_what_is_not_there_is_not_found(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "bill_difference_not_found")


class TestWaiting(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/waiting-bill-payments")

    def test_unknown_ones_are_listed_and_ended_ones_are_not(self, client: FlaskClient) -> None:
        unknown, ended = a_bill_payment(a_resident(), state="unknown"), a_bill_payment(a_resident())

        found = [one["bill_payment_id"] for one in self.send(client, self.case()).get_json()["items"]]

        assert str(unknown) in found
        assert str(ended) not in found


class TestAskAnew(Once):
    def case(self) -> Case:
        payment_id = a_bill_payment(a_resident(), state="unknown", ask_count=48)
        return Case(an_operator(), f"/platform/v1/waiting-bill-payments/{payment_id}/question")

    def test_the_ladder_begins_again(self, client: FlaskClient) -> None:
        case = self.case()
        payment_id = case.path.split("/")[-2]

        self.send(client, case)

        [row] = look("SELECT ask_count, next_ask_at <= now() AS is_due FROM bill_payments WHERE bill_payment_id = :p",
                     p=payment_id)  # fmt: skip
        assert (row.ask_count, row.is_due) == (1, True)

    def test_what_has_ended_waits_for_nothing(self, client: FlaskClient) -> None:
        ended = f"/platform/v1/waiting-bill-payments/{a_bill_payment(a_resident())}/question"

        assert_problem(self.send(client, self.case(), path=ended), 404, "bill_payment_not_found")


class TestProof(Endpoint):
    method = "POST"

    def case(self) -> Case:
        a_bill_payment(a_resident(), state="unknown")
        return Case(an_operator(), "/platform/v1/bill-payables/proof")


class TestOutcome(OnceWithBody):
    status = 201
    other_body = {"is_paid": True}

    def case(self) -> Case:
        path = f"/platform/v1/bill-payments/{silent_payment()}/outcome"
        return Case(an_operator(), path, {"is_paid": False, "why": "CASE-7"})

    @pytest.mark.parametrize("is_paid, state", [(False, "returned"), (True, "succeeded")])
    def test_two_people_end_what_nobody_knows(self, client: FlaskClient, *, is_paid: bool, state: str) -> None:
        resident = a_resident(balance_fen=5_000)
        bill_payment_id = silent_payment(resident)
        case = Case(an_operator(), f"/platform/v1/bill-payments/{bill_payment_id}/outcome",
                    {"is_paid": is_paid, "why": "CASE-7"})  # fmt: skip

        asked = self.send(client, case).get_json()
        alone = decide(client, case.person, asked["approval_id"])
        still = look_one("SELECT state FROM bill_payments WHERE bill_payment_id = :id", id=bill_payment_id)
        decided = decide(client, an_operator(), asked["approval_id"])

        assert_problem(alone, 403, "own_approval")
        assert still == "unknown"
        assert decided.status_code == 200
        assert look_one("SELECT state FROM bill_payments WHERE bill_payment_id = :id", id=bill_payment_id) == state
        with transaction() as tx:
            left = ledger.balance(tx, codes.e_account(resident.account_id)).posted_fen
        assert left == (5_000 if is_paid else 10_000)

    def test_a_biller_has_three_days_to_answer(self, client: FlaskClient) -> None:
        fresh, ended = a_bill_payment(a_resident(), state="unknown"), a_bill_payment(a_resident())
        operator, body = an_operator(), {"is_paid": False, "why": "CASE-7"}
        paths = [f"/platform/v1/bill-payments/{one}/outcome" for one in (fresh, ended, operator.account_id)]

        early, known, absent = (client.post(path, headers=operator.once(), json=body) for path in paths)

        assert assert_problem(early, 409, "bill_outcome_too_early")["days"] == 3
        assert_problem(known, 409, "bill_outcome_known")
        assert_problem(absent, 404, "bill_payment_not_found")

    def test_an_answer_that_came_meanwhile_stands(self, client: FlaskClient) -> None:
        bill_payment_id = silent_payment()
        case = Case(an_operator(), f"/platform/v1/bill-payments/{bill_payment_id}/outcome",
                    {"is_paid": False, "why": "CASE-7"})  # fmt: skip
        asked = self.send(client, case).get_json()
        end_payment(bill_payment_id, BillPaymentAction.SUCCEED, reference="R-1")

        assert_problem(decide(client, an_operator(), asked["approval_id"]), 409, "bill_outcome_known")


def decide(client: FlaskClient, who: Person, approval_id: str) -> TestResponse:
    return client.post(f"/platform/v1/approvals/{approval_id}/approval", headers=who.once())


def silent_payment(resident: Person | None = None) -> UUID:
    """Return a payment whose biller has said nothing for four days."""
    bill_payment_id = a_bill_payment(resident or a_resident(), state="unknown")
    change(
        "UPDATE bill_payments SET requested_at = requested_at - interval '4 days' WHERE bill_payment_id = :id",
        id=bill_payment_id,
    )
    return bill_payment_id
