from __future__ import annotations

import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import pytest

from app.core.accounts.errors import CodeWrong
from app.core.accounts.models import CodePurpose, FailureScope
from app.kernel import wire
from app.kernel.actor import Side
from app.kernel.transaction import transaction
from app.usecases.people import breaker, codes
from tests.factories import Person, a_phone, a_resident
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, a_stranger, assert_problem
from tests.support.races import at_once
from tests.support.ranks import chance_of_equal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

ADDRESS = {"REMOTE_ADDR": "198.51.100.20"}


@pytest.fixture(autouse=True)
def _no_failures(app: Flask) -> Iterator[None]:
    change("DELETE FROM sign_in_failures")
    yield
    change("DELETE FROM sign_in_failures")


def sent(client: FlaskClient, phone: str) -> str:
    return str(client.get("/dev/v1/messages", query_string={"phone": phone}).get_json()["items"][0]["code"])


def ask(client: FlaskClient, *, device: str = "d", phone: str | None = None, address: str = "") -> TestResponse:
    return client.post(
        "/user/v1/sign-in-codes",
        json={"phone": phone or a_phone(), "device": device},
        environ_base={"REMOTE_ADDR": address or ADDRESS["REMOTE_ADDR"]},
    )


class TestOwnCode(Endpoint):
    method = "POST"
    status = 202

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/codes", {"purpose": "set_password"})

    def test_one_cannot_ask_for_a_code_to_sign_in_with(self, client: FlaskClient) -> None:
        response = self.send(client, self.case(), body={"purpose": "sign_in"})

        assert_problem(response, 422, "input_invalid", pointer="/purpose")

    @pytest.mark.parametrize("side", list(Side))
    def test_it_goes_to_the_phone_of_the_account(self, client: FlaskClient, side: Side) -> None:
        person = a_stranger(side)

        response = self.send(client, Case(person, f"/{side}/v1/codes", {"purpose": "reset_pin"}))

        assert response.status_code == 202
        assert self.own(person, CodePurpose.RESET_PIN, sent(client, person.phone)).is_own

    def test_it_is_good_for_its_purpose_alone(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        code = sent(client, case.person.phone)

        for purpose in (CodePurpose.RESET_PIN, CodePurpose.SIGN_IN):
            with pytest.raises(CodeWrong):
                self.own(case.person, purpose, code)
        signing_in = {"phone": case.person.phone, "device": "device", "code": code}
        assert_problem(client.post("/user/v1/sessions", json=signing_in), 401, "code_refused")
        assert self.own(case.person, CodePurpose.SET_PASSWORD, code).is_own

    def test_it_is_good_once(self, app: Flask, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        checked = self.own(case.person, CodePurpose.SET_PASSWORD, sent(client, case.person.phone))

        def use() -> None:
            with transaction() as tx:
                codes.consume(tx, checked)

        outcomes = at_once(app, [use] * 8)

        assert [outcome.refusal for outcome in outcomes if not outcome.is_done] == ["code_wrong"] * 7

    def test_five_wrong_tries_spoil_it(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        code = sent(client, case.person.phone)
        for _ in range(5):
            with pytest.raises(CodeWrong):
                self.own(case.person, CodePurpose.SET_PASSWORD, f"{(int(code) + 1) % 1_000_000:06d}")

        with pytest.raises(CodeWrong):
            self.own(case.person, CodePurpose.SET_PASSWORD, code)

    def test_what_strangers_ask_for_at_the_phone_does_not_stand_in_the_way(self, client: FlaskClient) -> None:
        case = self.case()
        assert ask(client, phone=case.person.phone, device="a-thief").status_code == 202

        response = self.send(client, case)

        assert response.status_code == 202

    @staticmethod
    def own(person: Person, purpose: CodePurpose, code: str) -> codes.Checked:
        return codes.check_own(person.actor, purpose, code)


class TestFlood:
    def test_of_fifty_who_ask_at_once_for_one_phone_one_is_served(self, app: Flask, client: FlaskClient) -> None:
        phone = a_phone()
        asker = codes.Asker(phone=phone, device="d", address="198.51.100.1")
        messages = app.extensions["linli_messages"]

        outcomes = at_once(app, [partial(codes.send, messages, asker, CodePurpose.SIGN_IN)] * 50)

        assert [outcome.refusal for outcome in outcomes if not outcome.is_done] == ["too_many_codes"] * 49
        assert len(client.get("/dev/v1/messages", query_string={"phone": phone}).get_json()["items"]) == 1

    def test_a_phone_gets_one_a_minute_five_an_hour_ten_a_day(self, client: FlaskClient) -> None:
        phone = a_phone()
        seen: list[int] = []

        for minutes in (0, 2, 2, 2, 2, 2, 61, 2, 2, 2, 2, 61, 61, 24 * 60):
            change("UPDATE sign_in_codes SET created_at = created_at - :m * interval '1 minute'", m=minutes)
            seen.append(ask(client, phone=phone, address="198.51.100.2").status_code)

        assert seen == [202] * 5 + [429] + [202] * 5 + [429, 429] + [202]

    def test_one_device_asks_for_so_many_phones_an_hour(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(breaker.LIMITS, FailureScope.CODE_DEVICE, (breaker.LIMITS[FailureScope.CODE_DEVICE][0], 3))
        answers = [ask(client).status_code for _ in range(5)]

        other_device, other_address = ask(client, device="other"), ask(client, address="198.51.100.21")

        assert answers == [202, 202, 202, 429, 429]
        assert (other_device.status_code, other_address.status_code) == (202, 202)

    def test_an_address_asks_for_so_many_phones_an_hour_by_whatever_devices(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stretch, _ = breaker.LIMITS[FailureScope.CODE_ADDRESS]
        monkeypatch.setitem(breaker.LIMITS, FailureScope.CODE_ADDRESS, (stretch, 4))

        answers = [ask(client, device=f"d{n}") for n in range(6)]

        assert [answer.status_code for answer in answers] == [202] * 4 + [429] * 2
        assert_problem(answers[-1], 429, "too_many_codes")

    def test_a_code_that_is_used_counts_for_nobody(self, client: FlaskClient) -> None:
        phone = a_phone()
        ask(client, phone=phone)
        used = {"phone": phone, "device": "d", "code": sent(client, phone)}

        response = client.post("/user/v1/sessions", json=used, environ_base={"REMOTE_ADDR": "198.51.100.99"})

        assert response.status_code == 201
        assert look_one("SELECT sum(failure_count) FROM sign_in_failures") == 0


class TestKnownAndUnknownPhones:
    """Whether a phone has an account shows neither in the answer, nor in the work, nor in the time."""

    @staticmethod
    def guess(client: FlaskClient, phone: str) -> TestResponse:
        return client.post("/user/v1/sessions", json={"phone": phone, "code": "000000", "device": "d"})

    @pytest.fixture
    def _no_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for scope, (stretch, _) in breaker.LIMITS.items():
            monkeypatch.setitem(breaker.LIMITS, scope, (stretch, 1_000_000))

    @pytest.mark.usefixtures("_no_limits")
    @pytest.mark.parametrize("act", ["ask", "guess", "guess_after_asking"])
    def test_the_same_statements_run(self, client: FlaskClient, act: str) -> None:
        runs = []
        for phone in (a_resident().phone, a_phone()):
            if act == "guess_after_asking":
                ask(client, phone=phone)
            seen: list[str] = []
            wire.observers.append(seen.append)
            answer = ask(client, phone=phone) if act == "ask" else self.guess(client, phone)
            wire.observers.remove(seen.append)
            runs.append((answer.status_code, answer.data, seen))

        assert runs[0] == runs[1]
        assert len(runs[0][2]) > 1

    @pytest.mark.usefixtures("_no_limits")
    def test_times_come_from_one_distribution(self, client: FlaskClient) -> None:
        chance = [self.compare(client) for _ in range(3)]

        assert max(chance) > 0.01

    def compare(self, client: FlaskClient) -> float:
        """Return how likely times at least as different are, were there no difference.

        Numbers differ a little among themselves, whoever has them: one value stands for each phone, the median of its.
        """
        phones = {True: [a_resident().phone for _ in range(20)], False: [a_phone() for _ in range(20)]}
        took: dict[str, list[int]] = {phone: [] for some in phones.values() for phone in some}
        for turn in range(120):
            for is_known in (True, False) if turn // 20 % 2 else (False, True):
                phone = phones[is_known][turn % 20]
                began = time.perf_counter_ns()
                self.guess(client, phone)
                took[phone].append(time.perf_counter_ns() - began)
        known, unknown = ([round(median(took[phone])) for phone in phones[is_known]] for is_known in (True, False))
        return chance_of_equal(known, unknown)
