"""Facts of credit: age, flows, bills on time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.usecases.crediting.facts import read_credit_facts
from tests.factories import a_resident
from tests.factories.bills import a_bill, a_bill_payment, a_binding
from tests.factories.people import give
from tests.factories.rows import change
from tests.factories.wealth import a_fund_order
from tests.support.ladder import Case, Endpoint

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock


class TestFacts(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/account/credit-facts")

    def test_months_add_up_what_came_and_left_and_savings_are_no_flow(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        resident = a_resident()
        clock.at(datetime(2031, 1, 31, 23, tzinfo=SHANGHAI))
        give(resident.account_id, 10_000)
        clock.at(datetime(2031, 3, 1, tzinfo=SHANGHAI))
        a_bill_payment(resident, amount_fen=3_000)
        a_fund_order(resident)

        facts = client.get("/user/v1/account/credit-facts?months=3", headers=resident.headers).get_json()

        assert [(one["month"], one["in_fen"], one["out_fen"]) for one in facts["flows"]] == [
            ("2031-01-01", 10_000, 0),
            ("2031-02-01", 0, 0),
            ("2031-03-01", 3_000, 3_000),
        ]
        assert (facts["verification_level"], facts["order_count"]) == (3, 0)

    def test_a_bill_is_on_time_until_the_end_of_the_day_that_it_is_due(self, client: FlaskClient) -> None:
        resident, due_on = a_resident(), date(2031, 5, 20)
        bill_id = a_bill(a_binding(resident), due_on=due_on)
        last = datetime(2031, 5, 20, 23, 59, tzinfo=SHANGHAI)
        for moment, state in ((last, "succeeded"), (last + timedelta(minutes=1), "succeeded"), (last, "returned")):
            payment_id = a_bill_payment(resident, state=state, requested_at=moment)
            change("UPDATE bill_payments SET bill_id = :b WHERE bill_payment_id = :p", b=bill_id, p=payment_id)

        facts = client.get("/user/v1/account/credit-facts", headers=resident.headers).get_json()

        assert (facts["bill_count"], facts["bill_on_time_count"]) == (2, 1)


def test_of_nobody_nothing_is_known(app: Flask) -> None:
    assert app.name
    assert read_credit_facts(new_id(), months=1) is None
    facts = read_credit_facts(a_resident().account_id, months=36)
    assert facts is not None
    assert (len(facts.flows), facts.account_age_days) == (36, 0)
    assert facts.flows[-1].month == wall_now().astimezone(SHANGHAI).date().replace(day=1)
