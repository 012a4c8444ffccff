"""Purchases of wealth products confirmed by a passkey, and products above one's level after a cooling time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.kernel.clock import SHANGHAI
from app.usecases.saving.acceptances import COOLING, GOOD_FOR
from tests.factories import a_resident
from tests.factories.wealth import a_fund, a_saver, a_term_product, a_wealth_grant, an_acceptance, an_assessment
from tests.support.ladder import Case, OnceOwned, OnceWithBody, assert_problem
from tests.support.passkeys import registered

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock


def buy(client: FlaskClient, saver: Person, fund_id: UUID, grant: str) -> TestResponse:
    body = {"amount_fen": 5_000, "step_up_grant": grant}
    return client.post(f"/user/v1/funds/{fund_id}/purchases", headers=saver.once(), json=body)


def by_passkey(client: FlaskClient, saver: Person, path: str) -> TestResponse:
    device = registered(saver)
    asked = client.post(f"{path}/step-up-challenges", headers=saver.headers, json={"amount_fen": 100_000}).get_json()
    passkey = {"challenge_id": asked["challenge_id"], "credential": device.answer(asked["public_key"])}
    body = {"amount_fen": 100_000, "passkey": passkey}
    return client.post(f"{path}/step-up-grants", headers=saver.headers, json=body)


def test_a_passkey_confirms_a_purchase_of_this_fund_and_of_no_other(client: FlaskClient, clock: BusinessClock) -> None:
    clock.at(datetime(2026, 3, 5, 10, tzinfo=SHANGHAI))  # of a year whose trading days are known
    saver, fund, other = a_saver(), a_fund(), a_fund()

    granted = by_passkey(client, saver, f"/user/v1/funds/{fund.fund_id}")
    grant = granted.get_json()["grant_id"]

    assert (granted.status_code, granted.get_json()["factor"]) == (201, "passkey")
    assert_problem(buy(client, saver, other.fund_id, grant), 409, "step_up_refused")
    assert buy(client, saver, fund.fund_id, grant).status_code == 201
    assert_problem(buy(client, saver, fund.fund_id, grant), 409, "step_up_refused")


def test_a_passkey_confirms_a_subscription(client: FlaskClient, clock: BusinessClock) -> None:
    clock.at(opening := datetime(2026, 3, 26, tzinfo=SHANGHAI))
    saver, product_id = a_saver(), a_term_product(opening)

    granted = by_passkey(client, saver, f"/user/v1/term-products/{product_id}").get_json()
    body = {"amount_fen": 100_000, "step_up_grant": granted["grant_id"]}
    taken = client.post(f"/user/v1/term-products/{product_id}/subscriptions", headers=saver.once(), json=body)

    assert taken.status_code == 201, taken.text


def test_pin_and_passkey_at_once_or_neither_confirm_nothing(client: FlaskClient) -> None:
    path = f"/user/v1/funds/{a_fund().fund_id}/step-up-grants"

    refused = client.post(path, headers=a_saver().headers, json={"amount_fen": 5_000})

    assert_problem(refused, 422, "one_factor")


class TestAskForRisk(OnceWithBody):
    status = 201
    other_body = {"risk_level": 5}

    def case(self) -> Case:
        return Case(a_saver(), "/user/v1/wealth/risk-acceptances", {"risk_level": 4})

    def test_above_ones_level_one_buys_after_a_day_and_a_second_word_for_a_month(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        begins = datetime(2026, 3, 5, 10, tzinfo=SHANGHAI)
        clock.at(begins)
        saver, fund = a_saver(), a_fund(risk_level=4)

        def bought() -> TestResponse:
            return buy(client, saver, fund.fund_id, str(a_wealth_grant(saver, fund.fund_id)))

        asked = client.post("/user/v1/wealth/risk-acceptances", headers=saver.once(), json={"risk_level": 4}).get_json()
        path = f"/user/v1/wealth/risk-acceptances/{asked['acceptance_id']}/confirmation"
        clock.at(begins + COOLING - timedelta(seconds=1))
        assert_problem(client.post(path, headers=saver.once()), 409, "risk_acceptance_cooling")
        clock.at(begins + COOLING)
        assert_problem(bought(), 403, "risk_mismatch")
        confirmed = client.post(path, headers=saver.once()).get_json()
        assert (confirmed["is_confirmed"], bought().status_code) == (True, 201)
        riskier = a_fund(risk_level=5)
        assert_problem(
            buy(client, saver, riskier.fund_id, str(a_wealth_grant(saver, riskier.fund_id))), 403, "risk_mismatch"
        )

        clock.at(begins + COOLING + GOOD_FOR)
        assert_problem(bought(), 403, "risk_mismatch")

    def test_whoever_is_assessed_anew_has_asked_for_nothing(self, client: FlaskClient) -> None:
        saver, fund = a_saver(), a_fund(risk_level=4)
        path = f"/user/v1/wealth/risk-acceptances/{an_acceptance(saver, risk_level=4)}/confirmation"
        assert client.post(path, headers=saver.once()).status_code == 200

        an_assessment(saver)

        refused = buy(client, saver, fund.fund_id, str(a_wealth_grant(saver, fund.fund_id)))
        assert_problem(refused, 403, "risk_mismatch")
        assert_problem(client.post(path, headers=saver.once()), 404, "risk_acceptance_not_found")

    def test_the_lowest_level_never_and_who_is_high_enough_need_not(self, client: FlaskClient) -> None:
        lowest = a_resident()
        an_assessment(lowest, level=1)
        path = "/user/v1/wealth/risk-acceptances"

        for person, level in ((lowest, 2), (a_saver(), 3)):
            refused = client.post(path, headers=person.once(), json={"risk_level": level})
            assert_problem(refused, 409, "risk_acceptance_refused")
        none = client.post(path, headers=a_resident().once(), json={"risk_level": 4})
        assert_problem(none, 403, "risk_assessment_needed")


class TestConfirmRisk(OnceOwned):
    absent_code = "risk_acceptance_not_found"

    def case(self) -> Case:
        saver = a_saver()
        return Case(saver, f"/user/v1/wealth/risk-acceptances/{an_acceptance(saver)}/confirmation")
