"""Funds over HTTP: suitability, buying, redeeming, canceling, income."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from app.core.verification.levels import Level
from app.core.wealth.suitability import DOCUMENTS, QUESTIONS
from app.usecases.saving.accrue import accrue_day, correct_day, keep_incomes
from app.usecases.saving.company import import_confirmations, send_orders
from app.usecases.saving.yields import import_yields
from tests.factories import Person, a_pin, a_resident
from tests.factories.rows import change, look, look_one
from tests.factories.wealth import Fund, a_fund, a_fund_order, a_saver, a_wealth_grant, hold, suit
from tests.support.fund_days import FundDays, assert_agreed
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem, row_counts

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock

THURSDAY = date(2026, 3, 5)


def balance(code: str, person: Person) -> int:
    found = "SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code"
    return int(look_one(found, code=f"{code}:{person.account_id}"))


def buy(client: FlaskClient, saver: Person, fund: Fund, amount_fen: int, **other: Any) -> TestResponse:
    grant = str(a_wealth_grant(saver, fund.fund_id))
    body = {"amount_fen": amount_fen, "step_up_grant": grant, **other}
    return client.post(f"/user/v1/funds/{fund.fund_id}/purchases", headers=saver.once(), json=body)


def redeem(client: FlaskClient, saver: Person, fund: Fund, amount_fen: int, *, is_fast: bool = True) -> TestResponse:
    body = {"amount_fen": amount_fen, "is_fast": is_fast}
    return client.post(f"/user/v1/funds/{fund.fund_id}/redemptions", headers=saver.once(), json=body)


def seen(client: FlaskClient, saver: Person, fund: Fund) -> Any:
    return client.get(f"/user/v1/funds/{fund.fund_id}", headers=saver.headers).get_json()


@pytest.fixture
def days(clock: BusinessClock) -> FundDays:
    return FundDays(clock, THURSDAY)


@pytest.mark.usefixtures("clock")
class TestBuy(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 101}

    @pytest.fixture(autouse=True)
    def _on_a_thursday(self, clock: BusinessClock) -> None:
        FundDays(clock, THURSDAY)

    def case(self) -> Case:
        saver, fund = a_saver(), a_fund()
        grant = str(a_wealth_grant(saver, fund.fund_id))
        return Case(saver, f"/user/v1/funds/{fund.fund_id}/purchases", {"amount_fen": 100, "step_up_grant": grant})

    def test_a_fund_that_there_is_not_is_absent(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "fund_not_found")

    def test_the_money_waits_until_it_is_confirmed(self, client: FlaskClient) -> None:
        saver, fund = a_saver(balance_fen=100_000), a_fund()

        moved = buy(client, saver, fund, 30_000).get_json()

        assert (moved["state"], moved["trade_on"], moved["confirm_on"]) == ("accepted", "2026-03-05", "2026-03-06")
        assert (balance("e_account", saver), balance("fund_pending_in", saver)) == (70_000, 30_000)
        assert seen(client, saver, fund)["pending_in_fen"] == 30_000
        assert seen(client, saver, fund)["units_fen"] == 0

    def test_what_is_refused_changes_nothing(self, client: FlaskClient) -> None:
        saver, fund, poor = a_saver(), a_fund(), a_saver(balance_fen=99)
        stranger, weak, unread = a_resident(balance_fen=1_000), a_resident(level=Level.TWO), a_saver()
        suit(weak)
        change("DELETE FROM document_consents WHERE account_id = :a AND kind = 'risk_disclosure'", a=unread.account_id)
        risky = a_fund(risk_level=4)
        for person in (saver, poor, stranger, weak, unread):
            a_wealth_grant(person, fund.fund_id)
        before = row_counts()
        counted = {name: count for name, count in before.items() if name != "public.step_up_grants"}

        answers = [
            assert_problem(buy(client, saver, fund, 99), 422, "below_fund_minimum", pointer="/amount_fen"),
            assert_problem(buy(client, poor, fund, 100), 409, "insufficient_funds"),
            assert_problem(buy(client, stranger, fund, 100), 403, "risk_assessment_needed"),
            assert_problem(buy(client, weak, fund, 100), 403, "verification_needed"),
            assert_problem(buy(client, unread, fund, 100), 403, "documents_unread"),
            assert_problem(buy(client, saver, risky, 100), 403, "risk_mismatch"),
            assert_problem(buy(client, saver, fund, 100, step_up_grant=None), 403, "step_up_required"),
            assert_problem(
                buy(client, saver, fund, 100, step_up_grant=str(a_wealth_grant(saver, risky.fund_id))),
                409,
                "step_up_refused",
            ),
        ]

        assert len(answers) == 8
        assert {name: count for name, count in row_counts().items() if name in counted} == counted

    def test_an_assessment_of_a_year_ago_no_longer_counts(self, client: FlaskClient) -> None:
        saver, fund = a_saver(), a_fund()
        change("UPDATE risk_assessments SET expires_on = '2026-03-05' WHERE account_id = :a", a=saver.account_id)

        assert_problem(buy(client, saver, fund, 100), 403, "risk_assessment_needed")

    def test_past_the_known_calendar_it_is_refused(self, client: FlaskClient, clock: BusinessClock) -> None:
        saver, fund = a_saver(), a_fund()
        FundDays(clock, date(2026, 12, 31))

        assert_problem(buy(client, saver, fund, 100), 503, "trading_calendar_unknown")

    def test_a_grant_is_bought_with_the_pin_and_used_once(self, client: FlaskClient) -> None:
        saver, fund = a_saver(), a_fund()
        pin = a_pin(saver)
        path = f"/user/v1/funds/{fund.fund_id}/step-up-grants"
        granted = client.post(path, headers=saver.headers, json={"amount_fen": 500, "pin": pin})
        assert granted.status_code == 201, granted.text
        grant = granted.get_json()["grant_id"]

        assert_problem(buy(client, saver, fund, 501, step_up_grant=grant), 409, "step_up_refused")
        assert buy(client, saver, fund, 500, step_up_grant=grant).status_code == 201
        assert_problem(buy(client, saver, fund, 500, step_up_grant=grant), 409, "step_up_refused")


@pytest.mark.usefixtures("clock")
class TestRedeem(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 2}

    @pytest.fixture(autouse=True)
    def _on_a_thursday(self, clock: BusinessClock) -> None:
        FundDays(clock, THURSDAY)

    def case(self) -> Case:
        saver, fund = a_saver(), a_fund()
        hold(saver, fund, 5_000)
        return Case(saver, f"/user/v1/funds/{fund.fund_id}/redemptions", {"amount_fen": 1, "is_fast": True})

    def test_at_once_up_to_the_days_cap(self, client: FlaskClient) -> None:
        saver, fund = a_saver(balance_fen=0), a_fund()
        hold(saver, fund, 3_000_000)

        assert redeem(client, saver, fund, 999_999).status_code == 201
        refused = assert_problem(redeem(client, saver, fund, 2), 409, "fast_redemption_exceeded")
        assert redeem(client, saver, fund, 1).status_code == 201

        assert refused["left_fen"] == 1
        assert seen(client, saver, fund)["fast_left_fen"] == 0
        assert (balance("e_account", saver), balance("fund_holding", saver)) == (1_000_000, 2_000_000)
        assert redeem(client, saver, fund, 2_000_000, is_fast=False).status_code == 201
        assert balance("fund_pending_out", saver) == 2_000_000

    def test_not_more_than_is_held(self, client: FlaskClient) -> None:
        saver, fund = a_saver(), a_fund()

        assert_problem(redeem(client, saver, fund, 1), 409, "fund_units_insufficient")
        hold(saver, fund, 10)
        refused = assert_problem(redeem(client, saver, fund, 11, is_fast=False), 409, "fund_units_insufficient")

        assert refused["available_fen"] == 10


@pytest.mark.usefixtures("clock")
class TestCancel(OnceOwned):
    absent_code = "fund_order_not_found"

    def case(self) -> Case:
        saver = a_saver()
        return Case(saver, f"/user/v1/fund-orders/{a_fund_order(saver)}/cancellation")

    def test_before_the_cut_off_all_goes_back(self, client: FlaskClient, days: FundDays) -> None:
        saver, fund = a_saver(balance_fen=1_000), days.fund
        order_id = buy(client, saver, fund, 1_000).get_json()["fund_order_id"]
        path = f"/user/v1/fund-orders/{order_id}/cancellation"

        assert client.post(path, headers=saver.once()).get_json()["state"] == "canceled"
        assert_problem(client.post(path, headers=saver.once()), 409, "illegal_transition")

        assert (balance("e_account", saver), balance("fund_pending_in", saver)) == (1_000, 0)

    def test_at_the_cut_off_it_is_too_late(self, client: FlaskClient, days: FundDays) -> None:
        saver, fund = a_saver(), days.fund
        order_id = buy(client, saver, fund, 1_000).get_json()["fund_order_id"]
        days.at(15)

        answer = client.post(f"/user/v1/fund-orders/{order_id}/cancellation", headers=saver.once())

        assert_problem(answer, 409, "fund_order_past_cut_off")


class TestAnswerQuestionnaire(OnceWithBody):
    status = 201
    other_body = {"answers": [1] * 7}

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/wealth/risk-assessments", {"version": 1, "answers": [2] * len(QUESTIONS)})

    def test_below_level_iii_nobody_is_asked(self, client: FlaskClient) -> None:
        resident = a_resident(level=Level.TWO)
        body = {"version": 1, "answers": [2] * 7}

        answer = client.post("/user/v1/wealth/risk-assessments", headers=resident.once(), json=body)

        assert_problem(answer, 403, "verification_needed")

    def test_it_counts_for_a_year(self, client: FlaskClient, clock: BusinessClock) -> None:
        FundDays(clock, THURSDAY)
        case = self.case()

        taken = self.send(client, case).get_json()

        profile = client.get("/user/v1/wealth/profile", headers=case.person.headers).get_json()
        assert taken["expires_on"] == "2027-03-05"
        assert (profile["level"], profile["is_current"]) == (taken["level"], True)


class TestConsent(OnceWithBody):
    status = 201
    other_body = {"kind": "risk_disclosure"}

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/wealth/document-consents", {"kind": "fund_contract", "version": 1})

    def test_an_old_version_is_refused(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, body={"kind": "fund_contract", "version": 2})

        assert_problem(answer, 422, "document_version_unknown", pointer="/version")

    def test_the_documents_are_there_to_be_read(self, client: FlaskClient) -> None:
        shown = client.get("/user/v1/wealth/documents", headers=a_resident().headers).get_json()

        assert [one["kind"] for one in shown["items"]] == [one.kind for one in DOCUMENTS]


class TestLists(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/fund-orders")

    def test_a_page_holds_ones_own_orders_only(self, client: FlaskClient) -> None:
        saver = a_saver()
        mine = [str(a_fund_order(saver)) for _ in range(3)]
        a_fund_order(a_saver())

        first = client.get("/user/v1/fund-orders?limit=2", headers=saver.headers).get_json()
        second = client.get(
            f"/user/v1/fund-orders?limit=2&cursor={first['next_cursor']}", headers=saver.headers
        ).get_json()

        assert [one["fund_order_id"] for one in first["items"] + second["items"]] == mine[::-1]


class TestDays:
    """What the days bring: confirmation, income, payment."""

    def test_what_is_bought_on_thursday_earns_from_friday(self, client: FlaskClient, days: FundDays) -> None:
        saver = a_saver(balance_fen=1_000_000)
        buy(client, saver, days.fund, 1_000_000)
        assert_agreed(days.next_day())
        bought = seen(client, saver, days.fund)
        assert_agreed(days.next_day(Fraction("1.1173")))

        now = seen(client, saver, days.fund)

        assert (bought["units_fen"], bought["income_fen"]) == (1_000_000, 0)
        assert (now["units_fen"], now["last_income_fen"]) == (1_000_111, 111)
        path = f"/user/v1/funds/{days.fund.fund_id}/incomes?first=2026-03-05&last=2026-03-06"
        shown = client.get(path, headers=saver.headers).get_json()
        assert [(one["day"], one["income_fen"]) for one in shown["items"]] == [("2026-03-05", 0), ("2026-03-06", 111)]
        reversed_days = {"first": "2026-03-06", "last": "2026-03-05"}
        refused = client.get(path.partition("?")[0], headers=saver.headers, query_string=reversed_days)
        assert_problem(refused, 422, "span_invalid", pointer="/last")

    def test_a_purchase_on_friday_earns_nothing_on_the_weekend_and_a_redemption_on_friday_keeps_it(
        self, client: FlaskClient, days: FundDays
    ) -> None:
        early, late = a_saver(balance_fen=1_000_000), a_saver(balance_fen=1_000_000)
        buy(client, early, days.fund, 1_000_000)
        days.next_day()
        buy(client, late, days.fund, 1_000_000)
        redeem(client, early, days.fund, 1_000_000, is_fast=False)
        days.days(3)

        assert seen(client, late, days.fund)["income_fen"] == 0
        assert seen(client, early, days.fund)["income_fen"] == 112  # Friday alone: T is Friday
        assert (balance("e_account", early), balance("fund_pending_out", early)) == (1_000_000, 0)

    def test_what_is_redeemed_at_once_earns_nothing_that_day_and_the_bank_is_repaid(
        self, client: FlaskClient, days: FundDays
    ) -> None:
        saver = a_saver(balance_fen=1_000_000)
        buy(client, saver, days.fund, 1_000_000)
        days.next_day()
        redeem(client, saver, days.fund, 1_000_000)
        owed = look_one("SELECT sum(posted_fen) FROM ledger.balance WHERE code = 'bank_advance'")
        days.days(3)

        assert seen(client, saver, days.fund)["income_fen"] == 0
        assert owed - look_one("SELECT sum(posted_fen) FROM ledger.balance WHERE code = 'bank_advance'") == 1_000_000

    def test_part_and_failed_confirmations_give_the_rest_back(self, client: FlaskClient, clock: BusinessClock) -> None:
        days = FundDays(clock, THURSDAY, decide=lambda _order, amount: {1_000: 400, 2_000: 0}.get(amount, amount))
        part, failed = a_saver(balance_fen=1_000), a_saver(balance_fen=2_000)
        buy(client, part, days.fund, 1_000)
        buy(client, failed, days.fund, 2_000)
        days.next_day()

        assert_agreed(days.next_day())

        assert (balance("e_account", part), balance("fund_holding", part)) == (600, 400)
        assert (balance("e_account", failed), balance("fund_holding", failed)) == (2_000, 0)
        rows = look("SELECT state FROM fund_orders WHERE fund_id = :f ORDER BY amount_fen", f=days.fund.fund_id)
        assert [row.state for row in rows] == ["part_confirmed", "failed"]

    def test_a_day_without_a_published_income_stops_the_accrual(self, client: FlaskClient, days: FundDays) -> None:
        days.today = date(2026, 3, 7)
        days.at(3)

        with pytest.raises(Exception, match="yield_missing"):
            accrue_day(days.fund.fund_id)

    def test_an_undecided_order_stops_the_accrual_of_the_day_on_which_it_should_earn(
        self, client: FlaskClient, days: FundDays
    ) -> None:
        buy(client, a_saver(), days.fund, 1_000)
        days.today = date(2026, 3, 6)
        days.at(3)
        files = days.company.close_day(THURSDAY, send_orders(days.fund.fund_id, THURSDAY), Fraction(1))
        import_yields(days.fund.fund_id, files.income)
        accrue_day(days.fund.fund_id)
        days.today = date(2026, 3, 7)
        days.at(3)
        import_yields(days.fund.fund_id, files.income.replace("2026-03-05", "2026-03-06"))

        with pytest.raises(Exception, match="fund_orders_undecided"):
            accrue_day(days.fund.fund_id)
        import_confirmations(days.fund.fund_id, THURSDAY, files.confirmations)
        assert accrue_day(days.fund.fund_id).holder_count == 1

    def test_an_income_is_seen_before_its_row_of_history_is_written_and_the_same_after(
        self, client: FlaskClient, days: FundDays
    ) -> None:
        saver = a_saver(balance_fen=1_000_000)
        buy(client, saver, days.fund, 1_000_000)
        for _ in range(3):
            days.next_day(Fraction("1.0000"))

        def history() -> list[tuple[int, int]]:
            path = f"/user/v1/funds/{days.fund.fund_id}/incomes"
            answer = client.get(path, headers=saver.headers, query_string={"first": "2026-03-05", "last": "2026-03-07"})
            return [(day["units_fen"], day["income_fen"]) for day in answer.get_json()["items"]]

        def rows() -> int:
            return int(look_one("SELECT count(*) FROM fund_incomes WHERE account_id = :a", a=saver.account_id))

        before = history()
        assert (rows(), before) == (1, [(0, 0), (1_000_000, 100), (1_000_100, 100)])

        assert [keep_incomes(days.fund.fund_id) for _ in range(2)] == [1, 0]

        assert (rows(), history()) == (2, before)

    def test_a_restated_income_is_corrected_by_what_it_changes(self, client: FlaskClient, days: FundDays) -> None:
        saver = a_saver(balance_fen=1_000_000)
        buy(client, saver, days.fund, 1_000_000)
        days.next_day()
        days.next_day(Fraction("1.0000"))
        days.next_day(Fraction("1.0000"))
        before = seen(client, saver, days.fund)["units_fen"]

        for published, income in (("1.2000", 20), ("0.9000", -30)):
            import_yields(days.fund.fund_id, days.company.restate(date(2026, 3, 6), Fraction(published)))
            correct_day(days.fund.fund_id, date(2026, 3, 6))
            assert correct_day(days.fund.fund_id, date(2026, 3, 6)) is None
            now = seen(client, saver, days.fund)["units_fen"]
            assert now - before == income
            before = now
        assert_agreed(days.next_day())

    @pytest.mark.parametrize(
        "change_of, code",
        [
            (lambda line: line.replace("2026-03-05", "2026-03-06"), "yield_gap"),
            (lambda line: line + line.split("\n")[1] + "\n", "yield_repeated"),
            (lambda line: line.replace("1.1204", "-0.0001"), "yield_implausible"),
            (lambda line: line.replace("1.1204", "100.0001"), "yield_implausible"),
            (lambda line: line.replace("fund-", "other-"), "fund_file_of_another"),
            (lambda line: line.replace("1.1204", "1.12x"), "fund_file_malformed"),
            (lambda line: line.replace("day,", "days,"), "fund_file_malformed"),
            (lambda line: line.replace("2026-03-05", "2026-02-30"), "fund_file_malformed"),
        ],
    )
    def test_a_yield_file_that_is_wrong_is_refused_whole(self, days: FundDays, change_of: Any, code: str) -> None:
        files = days.company.close_day(THURSDAY, "header\n", Fraction("1.1204"))

        with pytest.raises(Exception, match=code):
            import_yields(days.fund.fund_id, change_of(files.income))

        assert look_one("SELECT count(*) FROM fund_yields WHERE fund_id = :f", f=days.fund.fund_id) == 0

    def test_a_known_day_with_other_figures_is_refused(self, days: FundDays) -> None:
        files = days.company.close_day(THURSDAY, "header\n", Fraction("1.1204"))
        import_yields(days.fund.fund_id, files.income)

        assert import_yields(days.fund.fund_id, files.income) == []
        with pytest.raises(Exception, match="yield_contradicts"):
            import_yields(days.fund.fund_id, files.income.replace("1.1204", "1.1205"))

    def test_confirmations_that_contradict_are_refused_whole(self, client: FlaskClient, days: FundDays) -> None:
        buy(client, a_saver(), days.fund, 1_000)
        days.today = date(2026, 3, 6)
        days.at(3)
        files = days.company.close_day(THURSDAY, send_orders(days.fund.fund_id, THURSDAY), Fraction(1))
        fund_id, content = days.fund.fund_id, files.confirmations

        for wrong in (
            content.replace(",1000", ",999"),
            content.replace("repaid,0", "repaid,1"),
            content.replace("confirmed,1000", "failed,1000"),
        ):
            with pytest.raises(Exception, match="confirmation_contradicts"):
                import_confirmations(fund_id, THURSDAY, wrong)
        assert import_confirmations(fund_id, THURSDAY, content).decided_count == 1
        assert import_confirmations(fund_id, THURSDAY, content).decided_count == 0
        with pytest.raises(Exception, match="confirmation_contradicts"):
            import_confirmations(fund_id, THURSDAY, content.replace("confirmed,1000", "failed,0"))
