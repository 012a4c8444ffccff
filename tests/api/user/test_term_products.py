"""Term products: the sale, the confirmation, the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.wealth.terms import interest_fen
from app.kernel.clock import SHANGHAI
from app.usecases.saving.term_end import mature_due
from tests.factories import Person, a_resident
from tests.factories.rows import look, look_one
from tests.factories.wealth import a_saver, a_subscription, a_term_product, a_wealth_grant
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock

OPENING = datetime(2026, 3, 26, tzinfo=SHANGHAI)


@pytest.fixture(autouse=True)
def _on_the_26th(clock: BusinessClock) -> None:
    clock.at(OPENING)


def balance(code: str, person: Person, column: str = "posted_fen") -> int:
    found = f"SELECT coalesce(sum({column}), 0) FROM ledger.balance WHERE code = :code"
    return int(look_one(found, code=f"{code}:{person.account_id}"))


def left(product_id: UUID) -> int:
    return int(look_one("SELECT sum(left_fen) FROM term_quotas WHERE product_id = :p", p=product_id))


def take(client: FlaskClient, saver: Person, product_id: UUID, amount_fen: int, **other: Any) -> TestResponse:
    body = {"amount_fen": amount_fen, "step_up_grant": str(a_wealth_grant(saver, product_id)), **other}
    return client.post(f"/user/v1/term-products/{product_id}/subscriptions", headers=saver.once(), json=body)


def confirm(client: FlaskClient, saver: Person, taken: TestResponse) -> TestResponse:
    assert taken.status_code == 201, taken.text
    subscription_id = taken.get_json()["subscription_id"]
    return client.post(f"/user/v1/subscriptions/{subscription_id}/confirmation", headers=saver.once())


class TestSubscribe(OnceWithBody):
    status = 201
    other_body = {"amount_fen": 200_000}

    def case(self) -> Case:
        saver, product_id = a_saver(), a_term_product(OPENING)
        body = {"amount_fen": 100_000, "step_up_grant": str(a_wealth_grant(saver, product_id))}
        return Case(saver, f"/user/v1/term-products/{product_id}/subscriptions", body)

    def test_it_is_held_and_leaves_the_quota(self, client: FlaskClient) -> None:
        saver, product_id = a_saver(balance_fen=500_000), a_term_product(OPENING, quota_fen=10_000_000)

        taken = take(client, saver, product_id, 300_000).get_json()

        assert taken["state"] == "held"
        assert left(product_id) == 9_700_000
        assert (balance("e_account", saver), balance("e_account", saver, "held_fen")) == (500_000, 300_000)

    def test_before_its_instant_by_the_databases_clock_it_is_shut(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        saver, product_id = a_saver(), a_term_product(OPENING)
        clock.at(OPENING - timedelta(microseconds=1))

        refused = assert_problem(take(client, saver, product_id, 100_000), 409, "term_not_open")
        shown = client.get(f"/user/v1/term-products/{product_id}", headers=saver.headers).get_json()
        clock.at(OPENING)

        assert refused["opens_in_s"] == 1
        assert shown["opens_in_s"] == 1
        assert take(client, saver, product_id, 100_000).status_code == 201

    def test_amounts_off_the_terms_are_refused(self, client: FlaskClient) -> None:
        saver, product_id = a_saver(), a_term_product(OPENING)

        for amount in (99_999, 100_001, 150_000):
            problem = assert_problem(take(client, saver, product_id, amount), 422, "term_amount_invalid")
            assert problem["errors"][0]["pointer"] == "/amount_fen"
        assert_problem(take(client, saver, product_id, 5_100_000), 409, "term_cap_exceeded")
        assert take(client, saver, product_id, 4_900_000).status_code == 201
        assert assert_problem(take(client, saver, product_id, 200_000), 409, "term_cap_exceeded")["left_fen"] == 100_000
        assert_problem(take(client, a_saver(balance_fen=0), product_id, 100_000), 409, "insufficient_funds")
        assert_problem(take(client, a_resident(balance_fen=10**6), product_id, 100_000), 403, "risk_assessment_needed")
        assert_problem(take(client, saver, product_id, 100_000, step_up_grant=None), 403, "step_up_required")

    def test_a_remainder_that_is_smaller_than_asked_is_offered(self, client: FlaskClient) -> None:
        product_id = a_term_product(OPENING, quota_fen=1_000_000)
        first, second, third = a_saver(), a_saver(), a_saver()

        assert take(client, first, product_id, 700_000).status_code == 201
        offered = assert_problem(take(client, second, product_id, 500_000), 409, "term_quota_remainder")
        assert take(client, second, product_id, offered["left_fen"]).status_code == 201
        assert_problem(take(client, third, product_id, 100_000), 409, "term_sold_out")

        assert (offered["left_fen"], left(product_id)) == (300_000, 0)

    def test_what_is_refused_leaves_quota_and_position(self, client: FlaskClient) -> None:
        saver, product_id = a_saver(balance_fen=100), a_term_product(OPENING)

        take(client, saver, product_id, 100_000)

        assert left(product_id) == look_one("SELECT quota_fen FROM term_products WHERE product_id = :p", p=product_id)
        assert look("SELECT 1 FROM term_positions WHERE product_id = :p", p=product_id) == []


class TestConfirm(OnceOwned):
    absent_code = "term_subscription_not_found"

    def case(self) -> Case:
        saver = a_saver()
        return Case(saver, f"/user/v1/subscriptions/{a_subscription(saver)}/confirmation")

    def test_the_money_leaves_and_a_certificate_says_so(self, client: FlaskClient) -> None:
        saver, product_id = a_saver(balance_fen=500_000), a_term_product(OPENING)

        confirmed = confirm(client, saver, take(client, saver, product_id, 300_000)).get_json()

        assert confirmed["state"] == "confirmed"
        assert (balance("e_account", saver), balance("term_holding", saver)) == (200_000, 300_000)
        path = f"/user/v1/subscriptions/{confirmed['subscription_id']}/certificate"
        paper = client.get(path, headers=saver.headers)
        assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
        assert_problem(client.get(path, headers=a_saver().headers), 404, "term_subscription_not_found")

    def test_what_is_not_confirmed_in_time_goes_back(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        saver, product_id = a_saver(), a_term_product(OPENING, quota_fen=1_000_000)
        taken = take(client, saver, product_id, 300_000)
        clock.at(OPENING + timedelta(minutes=10))

        late = confirm(client, saver, taken)
        run_worker(app)

        assert_problem(late, 409, "term_confirm_late")
        assert left(product_id) == 1_000_000
        assert balance("e_account", saver, "held_fen") == 0
        assert look_one("SELECT amount_fen FROM term_positions WHERE product_id = :p", p=product_id) == 0
        assert_problem(confirm(client, saver, taken), 409, "illegal_transition")

    def test_who_waits_is_offered_what_goes_back(self, app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
        product_id = a_term_product(OPENING, quota_fen=300_000)
        slow, poor, waiting = a_saver(), a_saver(balance_fen=10), a_saver()
        take(client, slow, product_id, 300_000)
        for number, saver in enumerate((poor, waiting)):
            clock.at(OPENING + timedelta(seconds=number + 1))
            path = f"/user/v1/term-products/{product_id}/waiting-list"
            assert client.put(path, headers=saver.once(), json={"amount_fen": 100_000}).status_code == 200
        clock.at(OPENING + timedelta(minutes=10))
        run_worker(app)
        clock.at(OPENING + timedelta(minutes=11))
        run_worker(app)

        [row] = look("SELECT account_id, amount_fen FROM term_subscriptions WHERE product_id = :p AND state = 'held'",
                     p=product_id)  # fmt: skip
        assert (row.account_id, row.amount_fen) == (waiting.account_id, 100_000)
        assert left(product_id) == 200_000


class TestWait(OnceWithBody):
    method = "PUT"
    other_body = {"amount_fen": 200_000}

    def case(self) -> Case:
        return Case(
            a_saver(), f"/user/v1/term-products/{a_term_product(OPENING)}/waiting-list", {"amount_fen": 100_000}
        )


class TestEnd:
    def test_principal_and_interest_come_on_the_first_trading_day_from_maturity_on(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        saver, product_id = a_saver(balance_fen=5_000_000), a_term_product(OPENING)
        confirm(client, saver, take(client, saver, product_id, 5_000_000))
        clock.at(datetime(2026, 5, 5, 23, tzinfo=SHANGHAI))
        mature_due()
        early = balance("e_account", saver)
        clock.at(datetime(2026, 5, 6, 1, tzinfo=SHANGHAI))

        mature_due()
        mature_due()

        interest = interest_fen(5_000_000, 320, 35)  # 2026-03-27 to 2026-05-01, a holiday until the 5th
        assert (early, balance("e_account", saver)) == (0, 5_000_000 + interest)
        assert interest == 15_342
        assert balance("term_holding", saver) == 0


class TestExit(OnceOwned):
    absent_code = "term_subscription_not_found"

    def case(self) -> Case:
        saver, product_id = a_saver(), a_term_product(OPENING, is_early_exit=True, early_rate_bp=35)
        subscription_id = a_subscription(saver, product_id, state="confirmed")
        return Case(saver, f"/user/v1/subscriptions/{subscription_id}/early-exit")

    def test_at_the_lower_rate(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        before = balance("e_account", case.person)
        clock.at(datetime(2026, 4, 6, 10, tzinfo=SHANGHAI))

        ended = self.send(client, case).get_json()

        assert ended["interest_fen"] == interest_fen(100_000, 35, 10) == 10
        assert balance("e_account", case.person) - before == 100_010

    def test_not_where_the_product_does_not_allow(self, client: FlaskClient) -> None:
        saver = a_saver()
        subscription_id = a_subscription(saver, state="confirmed")

        answer = client.post(f"/user/v1/subscriptions/{subscription_id}/early-exit", headers=saver.once())

        assert_problem(answer, 409, "term_exit_refused")


class TestProducts(Endpoint):
    def case(self) -> Case:
        a_term_product(OPENING)
        return Case(a_resident(), "/user/v1/term-products")

    def test_the_documents_can_be_read(self, client: FlaskClient) -> None:
        shown = client.get("/user/v1/term-documents", headers=a_resident().headers).get_json()

        assert len(shown["items"]) == 2


class TestCertificate(Owned):
    absent_code = "term_subscription_not_found"

    def case(self) -> Case:
        saver = a_saver()
        return Case(saver, f"/user/v1/subscriptions/{a_subscription(saver, state='confirmed')}/certificate")


@pytest.mark.parametrize(
    "amount, rate, days, interest", [(5_000_000, 320, 365, 160_000), (1, 1, 1, 0), (100, 50, 365, 1)]
)
def test_interest_is_rounded_half_up_once(amount: int, rate: int, days: int, interest: int) -> None:
    assert interest_fen(amount, rate, days) == interest
