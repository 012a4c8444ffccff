"""Life bills at the platform: differences, payments that wait, the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.factories import a_resident, an_operator
from tests.factories.bills import a_bill_difference, a_bill_payment
from tests.factories.rows import look
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


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
