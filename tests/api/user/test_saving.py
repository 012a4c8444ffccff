"""Saving by itself: paying from the fund, the sweep, savings plans."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.states import OrderState
from app.core.wealth.standing import Rhythm, next_time
from app.usecases.saving import sweeps
from app.usecases.saving.plans import run_due_plans
from app.usecases.saving.sweeps import sweep_fund
from tests.factories import AnOrder, Person, a_grant, a_resident, an_order
from tests.factories.people import give
from tests.factories.rows import change, look, look_one
from tests.factories.wealth import Fund, a_fund, a_saver, a_wealth_grant, hold, suit
from tests.support.fund_days import IDENTITY, FundDays, assert_agreed, at
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock

THURSDAY = date(2026, 3, 5)


@pytest.fixture
def days(clock: BusinessClock) -> FundDays:
    return FundDays(clock, THURSDAY)


def balance(code: str, person: Person) -> int:
    found = "SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code"
    return int(look_one(found, code=f"{code}:{person.account_id}"))


def pay(client: FlaskClient, order: AnOrder, fund: Fund) -> TestResponse:
    body = {"checkout_id": str(order.checkout_id), "step_up_grant": str(a_grant(order.resident, order.checkout_id))}
    return client.post(f"/user/v1/funds/{fund.fund_id}/payments", headers=order.resident.once(), json=body)


def an_order_of(balance_fen: int, fund: Fund, units_fen: int) -> AnOrder:
    order = an_order(state=OrderState.AWAITING_PAYMENT, resident=a_resident(balance_fen=balance_fen))
    suit(order.resident)
    if units_fen:
        hold(order.resident, fund, units_fen)
    return order


class TestPayFromFund(OnceWithBody):
    status = 201
    other_body = {"step_up_grant": None}

    @pytest.fixture(autouse=True)
    def _on_a_day_of_a_known_year(self, clock: BusinessClock) -> None:
        """The table of trading days ends with the year that is published."""
        clock.at(at(THURSDAY, 10))

    def case(self) -> Case:
        order = an_order_of(0, fund := a_fund(), 1_000_000)
        grant = str(a_grant(order.resident, order.checkout_id))
        body = {"checkout_id": str(order.checkout_id), "step_up_grant": grant}
        return Case(order.resident, f"/user/v1/funds/{fund.fund_id}/payments", body)

    def test_it_is_redeemed_and_paid_by_one_act(self, client: FlaskClient) -> None:
        order = an_order_of(0, fund := a_fund(), 1_000_000)

        paid = pay(client, order, fund).get_json()

        assert (paid["state"], paid["amount_fen"]) == ("paid", order.total_fen)
        assert balance("fund_holding", order.resident) == 1_000_000 - order.total_fen
        assert balance("e_account", order.resident) == 0
        assert order.state is OrderState.AWAITING_ACCEPT
        assert look_one(IDENTITY) == 0
        [row] = look("SELECT kind, amount_fen FROM fund_orders WHERE account_id = :a", a=order.resident.account_id)
        assert (row.kind, row.amount_fen) == ("pay", order.total_fen)

    def test_it_counts_towards_the_days_cap(self, client: FlaskClient) -> None:
        order = an_order_of(0, fund := a_fund(fast_cap_fen=100), 1_000_000)

        assert_problem(pay(client, order, fund), 409, "fast_redemption_exceeded")
        change("UPDATE funds SET is_pay_capped = false WHERE fund_id = :f", f=fund.fund_id)
        assert pay(client, order, fund).status_code == 201

    def test_more_than_is_held_pays_nothing(self, client: FlaskClient) -> None:
        order = an_order_of(10**6, fund := a_fund(), 100)

        assert_problem(pay(client, order, fund), 409, "fund_units_insufficient")
        assert balance("fund_holding", order.resident) == 100
        assert order.state is OrderState.AWAITING_PAYMENT

    def test_a_payment_pulls_back_just_what_it_lacks(self, client: FlaskClient) -> None:
        order = an_order_of(1_000, fund := a_fund(), 1_000_000)
        resident = order.resident
        path = f"/user/v1/checkouts/{order.checkout_id}/payments"
        grant = str(a_grant(resident, order.checkout_id))
        body = {"method": "e_account", "step_up_grant": grant}

        assert_problem(client.post(path, headers=resident.once(), json=body), 409, "insufficient_funds")
        put_rule(client, resident, fund, keep_fen=0)
        headers = resident.once()
        paid = client.post(path, headers=headers, json=body)

        assert paid.status_code == 201, paid.text
        assert client.post(path, headers=headers, json=body).data == paid.data
        assert (balance("e_account", resident), balance("fund_holding", resident)) == (
            0,
            1_000_000 - order.total_fen + 1_000,
        )


def put_rule(client: FlaskClient, person: Person, fund: Fund, **other: Any) -> TestResponse:
    grant = str(a_wealth_grant(person, fund.fund_id))
    body = {"keep_fen": 10_000, "is_pull_back": True, "step_up_grant": grant, **other}
    return client.put(f"/user/v1/funds/{fund.fund_id}/sweep-rule", headers=person.once(), json=body)


class TestSweepRule(OnceWithBody):
    method = "PUT"
    other_body = {"keep_fen": 1}

    def case(self) -> Case:
        saver, fund = a_saver(), a_fund()
        body = {"keep_fen": 0, "is_pull_back": False, "step_up_grant": str(a_wealth_grant(saver, fund.fund_id))}
        return Case(saver, f"/user/v1/funds/{fund.fund_id}/sweep-rule", body)

    def test_it_takes_a_grant_and_suitability(self, client: FlaskClient) -> None:
        fund = a_fund()

        assert_problem(put_rule(client, a_saver(), fund, step_up_grant=None), 403, "step_up_required")
        assert_problem(put_rule(client, a_resident(), fund), 403, "risk_assessment_needed")

    def test_what_is_above_goes_into_the_fund_once_a_day(self, client: FlaskClient, days: FundDays) -> None:
        rich, poor, late = a_saver(balance_fen=50_000), a_saver(balance_fen=10_099), a_saver(balance_fen=50_000)
        for saver in (rich, poor, late):
            assert put_rule(client, saver, days.fund).status_code == 200
        change("UPDATE risk_assessments SET expires_on = '2026-03-05' WHERE account_id = :a", a=late.account_id)

        first, second = sweep_fund(days.fund.fund_id), sweep_fund(days.fund.fund_id)

        assert (first.rule_count, first.order_count, first.amount_fen) == (3, 1, 40_000)
        assert second.rule_count == 0
        assert (balance("e_account", rich), balance("fund_pending_in", rich)) == (10_000, 40_000)
        assert (balance("e_account", poor), balance("e_account", late)) == (10_099, 50_000)
        assert_agreed(days.next_day())
        assert_agreed(days.next_day())
        assert balance("fund_holding", rich) == 40_000

    def test_sweepers_at_once_sweep_for_everybody_once(
        self, client: FlaskClient, days: FundDays, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        savers = [a_saver(balance_fen=50_000) for _ in range(7)]
        for saver in savers:
            assert put_rule(client, saver, days.fund).status_code == 200
        monkeypatch.setattr(sweeps, "BATCH", 2)

        swept = sweep_fund(days.fund.fund_id)

        assert (swept.rule_count, swept.order_count, swept.amount_fen) == (7, 7, 280_000)
        assert [balance("fund_pending_in", saver) for saver in savers] == [40_000] * 7

    def test_it_can_be_dropped(self, client: FlaskClient) -> None:
        saver, fund = a_saver(), a_fund()
        put_rule(client, saver, fund)

        shown = client.get("/user/v1/sweep-rule", headers=saver.headers).get_json()
        client.delete("/user/v1/sweep-rule", headers=saver.headers)

        assert shown == {"fund_id": str(fund.fund_id), "keep_fen": 10_000, "is_pull_back": True}
        assert_problem(client.get("/user/v1/sweep-rule", headers=saver.headers), 404, "sweep_rule_not_found")


class TestBeginPlan(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 101}

    @pytest.fixture(autouse=True)
    def _days(self, days: FundDays) -> None:
        self.days = days

    def case(self) -> Case:
        saver = a_saver()
        return Case(saver, f"/user/v1/funds/{self.days.fund.fund_id}/savings-plans", self.body(saver))

    def body(self, saver: Person, **other: Any) -> dict[str, Any]:
        grant = str(a_wealth_grant(saver, self.days.fund.fund_id))
        return {"amount_fen": 1_000, "rhythm": "month", "first_on": "2026-03-05", "step_up_grant": grant, **other}

    def test_below_the_minimum_or_in_the_past_it_is_refused(self, client: FlaskClient) -> None:
        case = self.case()

        low = self.send(client, case, body=self.body(case.person, amount_fen=99))
        past = self.send(client, case, body=self.body(case.person, first_on="2026-03-04"))

        assert_problem(low, 422, "below_fund_minimum", pointer="/amount_fen")
        assert_problem(past, 422, "plan_day_past", pointer="/first_on")

    def test_it_saves_on_its_days_and_counts_those_it_missed(self, client: FlaskClient) -> None:
        saver = a_saver(balance_fen=1_500)
        path = f"/user/v1/funds/{self.days.fund.fund_id}/savings-plans"
        assert client.post(path, headers=saver.once(), json=self.body(saver)).status_code == 201

        run_due_plans()
        run_due_plans()
        self.days.today = date(2026, 4, 5)
        self.days.at(10)
        run_due_plans()

        [plan] = client.get("/user/v1/savings-plans", headers=saver.headers).get_json()["items"]
        assert (plan["bought_count"], plan["missed_count"], plan["next_on"]) == (1, 1, "2026-05-05")
        assert (balance("e_account", saver), balance("fund_pending_in", saver)) == (500, 1_000)
        give(saver.account_id, 10_000)
        stopped = client.post(f"/user/v1/savings-plans/{plan['plan_id']}/stop", headers=saver.once())
        self.days.today = date(2026, 5, 6)
        self.days.at(10)
        run_due_plans()
        assert stopped.get_json()["state"] == "stopped"
        assert balance("e_account", saver) == 10_500

    def test_past_the_known_calendar_it_waits_and_nothing_behind_it_does(self, client: FlaskClient) -> None:
        saver = a_saver(balance_fen=1_500)
        path = f"/user/v1/funds/{self.days.fund.fund_id}/savings-plans"
        assert client.post(path, headers=saver.once(), json=self.body(saver)).status_code == 201
        self.days.today = date(2026, 12, 31)
        self.days.at(16)

        run_due_plans()

        [plan] = client.get("/user/v1/savings-plans", headers=saver.headers).get_json()["items"]
        assert (plan["bought_count"], plan["missed_count"], plan["next_on"]) == (0, 0, "2026-03-05")
        assert balance("e_account", saver) == 1_500


class TestStopPlan(OnceOwned):
    absent_code = "savings_plan_not_found"

    def case(self) -> Case:
        from tests.factories.wealth import a_plan  # noqa: PLC0415 - beside its one use

        saver = a_saver()
        return Case(saver, f"/user/v1/savings-plans/{a_plan(saver)}/stop")


class TestPlans(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/savings-plans")


@pytest.mark.parametrize(
    "rhythm, first_on, last, found",
    [
        ("day", "2026-01-01", "2026-01-01", "2026-01-02"),
        ("week", "2026-01-01", "2026-01-09", "2026-01-15"),
        ("month", "2026-01-31", "2026-01-31", "2026-02-28"),
        ("month", "2026-01-31", "2026-02-28", "2026-03-31"),
        ("month", "2026-12-05", "2026-12-05", "2027-01-05"),
    ],
)
def test_when_a_plan_saves_next(rhythm: str, first_on: str, last: str, found: str) -> None:
    assert next_time(Rhythm(rhythm), date.fromisoformat(first_on), date.fromisoformat(last)).isoformat() == found
