"""Levels I and II by outside parties, level III at a store's counter."""

from __future__ import annotations

import base64
import io
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from app.adapters.identity_checks import MISMATCHED_NAME, UNAVAILABLE_NAME, UNKNOWN_NAME
from app.core.verification.levels import Level
from app.kernel.actor import Side
from app.kernel.sealing import unseal
from app.usecases.verifying.check_identity import ask_waiting
from app.usecases.verifying.face_to_face import show_code
from tests.factories import Person, a_resident, a_store_clerk
from tests.factories.people import an_id_number, signed_in
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock


def a_photo() -> str:
    out = io.BytesIO()
    Image.new("RGB", (200, 120), "white").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def level(person: Person) -> int:
    return int(look_one("SELECT verification_level FROM accounts WHERE account_id = :a", a=person.account_id))


def ask(client: FlaskClient, person: Person, **body: Any) -> TestResponse:
    given = {"name": "陈晓", "id_number": an_id_number(), **body}
    return client.post("/user/v1/verification", json=given, headers=person.once())


class TestVerify(OnceWithBody):
    other_body = {"name": "陈小"}

    def case(self) -> Case:
        body = {"name": "陈晓", "id_number": an_id_number()}
        return Case(a_resident(level=Level.NONE), "/user/v1/verification", body)


class TestReadVerification(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(level=Level.TWO), "/user/v1/verification")


class TestShowCode(Endpoint):
    method = "POST"
    status = 201

    def case(self) -> Case:
        return Case(a_resident(level=Level.TWO), "/user/v1/verification/codes")


def test_name_and_number_that_agree_give_level_one_and_nothing_is_kept_in_the_clear(client: FlaskClient) -> None:
    resident, number = a_resident(level=Level.NONE), an_id_number()

    answer = ask(client, resident, id_number=number)

    assert answer.get_json()["level"] == 1, answer.text
    assert answer.get_json()["lifetime_fen_max"] == 100_000
    [row] = look("SELECT name_sealed, number_sealed FROM identities WHERE account_id = :a", a=resident.account_id)
    assert unseal(row.number_sealed, context="identities.number") == number
    assert number not in row.number_sealed


def test_level_two_asks_the_parties_that_have_not_answered_yet(client: FlaskClient) -> None:
    resident, number = a_resident(level=Level.NONE), an_id_number()
    ask(client, resident, id_number=number)

    answer = ask(client, resident, id_number=number, level=2)

    assert answer.get_json()["level"] == 2
    assert {check["state"] for check in answer.get_json()["checks"]} == {"passed"}
    assert len(answer.get_json()["checks"]) == 3


def test_a_mismatch_leaves_the_level_and_may_be_tried_again(client: FlaskClient) -> None:
    resident, number = a_resident(level=Level.NONE), an_id_number()

    first = ask(client, resident, id_number=number, name=MISMATCHED_NAME).get_json()
    second = ask(client, resident, id_number=number).get_json()

    assert (first["level"], first["checks"][0]["state"]) == (0, "mismatched")
    assert second["level"] == 1


def test_a_party_that_is_down_is_asked_when_it_is_back(app: Flask, client: FlaskClient) -> None:
    resident = a_resident(level=Level.NONE)

    answer = ask(client, resident, name=UNAVAILABLE_NAME).get_json()
    run_worker(app)

    assert (answer["level"], answer["checks"][0]["state"]) == (0, "requested")
    assert look_one(
        "SELECT count(*) FROM procrastinate_jobs AS j JOIN identity_checks AS c ON j.args ->> 'subject' = "
        "CAST(c.check_id AS text) WHERE c.account_id = :a AND j.task_name = 'ask_identity_check'",
        a=resident.account_id,
    ) == 1  # fmt: skip


def test_an_unknown_outcome_is_asked_again_under_the_same_key(app: Flask, client: FlaskClient) -> None:
    resident = a_resident(level=Level.NONE)
    first = ask(client, resident, name=UNKNOWN_NAME).get_json()

    ask_waiting(app.extensions["linli_identity_checker"], resident.account_id)

    assert (first["level"], first["checks"][0]["state"]) == (0, "unknown")
    assert level(resident) == 1


def test_one_number_is_one_account_even_when_two_ask_at_once(app: Flask, client: FlaskClient) -> None:
    number, people = an_id_number(), [a_resident(level=Level.NONE) for _ in range(8)]

    at_once(app, [partial(ask, app.test_client(), one, id_number=number) for one in people])
    late = ask(client, a_resident(level=Level.NONE), id_number=number)

    assert sorted(level(one) for one in people) == [0] * 7 + [1]
    assert_problem(late, 409, "identity_taken", pointer="/id_number")


def test_what_cannot_be_verified_is_refused_each_in_its_own_words(client: FlaskClient) -> None:
    resident, number = a_resident(level=Level.NONE), an_id_number()
    ask(client, resident, id_number=number)

    assert_problem(ask(client, resident, id_number=number), 409, "already_verified")
    assert_problem(ask(client, resident, id_number=an_id_number(), level=2), 409, "identity_differs")
    fresh = a_resident(level=Level.NONE)
    assert_problem(ask(client, fresh, id_number="110108199003071234"), 422, "id_number_invalid", pointer="/id_number")
    assert_problem(ask(client, fresh, id_number=an_id_number("20200101")), 409, "not_adult")


class TestHostile:
    """Level II against somebody who wants a level, or a person's number, that is not theirs."""

    def test_nobody_asks_for_level_three_or_above_the_counter(self, client: FlaskClient) -> None:
        person = a_resident(level=Level.NONE)

        for wished in (0, 3, 4, -1, "2", True):
            assert_problem(ask(client, person, level=wished), 422, "input_invalid", pointer="/level")
        assert level(person) == 0

    def test_what_passed_for_one_name_counts_for_no_other(self, client: FlaskClient) -> None:
        person, number = a_resident(level=Level.NONE), an_id_number()
        ask(client, person, id_number=number, level=2, name=MISMATCHED_NAME)
        change(
            "UPDATE identity_checks SET state = 'passed' WHERE account_id = :a AND channel <> 'bank_card'",
            a=person.account_id,
        )

        answer = ask(client, person, id_number=number, level=2).get_json()

        rows = look("SELECT name_sealed FROM identity_checks WHERE account_id = :a", a=person.account_id)
        assert answer["level"] == 2
        assert {unseal(row.name_sealed, context="identities.name") for row in rows} == {"陈晓"}
        assert len(rows) == 3

    def test_a_mismatch_anywhere_leaves_level_one(self, app: Flask, client: FlaskClient) -> None:
        person, number = a_resident(level=Level.NONE), an_id_number()
        ask(client, person, id_number=number)

        answer = ask(client, person, id_number=number, level=2, name=MISMATCHED_NAME)

        assert_problem(answer, 409, "identity_differs")
        assert level(person) == 1

    def test_a_number_that_was_changed_under_way_is_asked_about_anew(self, app: Flask, client: FlaskClient) -> None:
        person, own = a_resident(level=Level.NONE), an_id_number()
        ask(client, person, name=UNKNOWN_NAME, level=2)

        answer = ask(client, person, id_number=own, level=2).get_json()
        ask_waiting(app.extensions["linli_identity_checker"], person.account_id)

        [held] = look("SELECT number_sealed FROM identities WHERE account_id = :a", a=person.account_id)
        assert answer["level"] == 2
        assert unseal(held.number_sealed, context="identities.number") == own
        assert len(look("SELECT 1 FROM identity_checks WHERE account_id = :a", a=person.account_id)) == 3

    def test_of_two_numbers_at_once_one_is_the_persons(self, app: Flask, client: FlaskClient) -> None:
        person = a_resident(level=Level.NONE)

        at_once(app, [partial(ask, app.test_client(), person, level=2) for _ in range(6)])

        numbers = look("SELECT number_index FROM identities WHERE account_id = :a", a=person.account_id)
        passed = look("SELECT number_index FROM identity_checks WHERE account_id = :a AND state = 'passed'",
                      a=person.account_id)  # fmt: skip
        assert len(numbers) == 1
        assert level(person) in {0, 2}
        assert level(person) == 0 or {bytes(row.number_index) for row in passed} == {bytes(numbers[0].number_index)}

    def test_ten_checks_a_day_and_no_more_however_many_at_once(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        person = a_resident(level=Level.NONE)
        asks = [partial(ask, app.test_client(), person, name=MISMATCHED_NAME) for _ in range(20)]

        answers = [outcome.answer.status_code for outcome in at_once(app, asks, hands=8)]
        refused = ask(client, person)
        clock.ahead(days=1)

        assert (answers.count(200), answers.count(429)) == (10, 10)
        assert 0 < int(refused.headers["Retry-After"]) <= 86_401
        assert ask(client, person).get_json()["level"] == 1


def known(client: FlaskClient) -> Person:
    resident = a_resident(level=Level.NONE)
    assert ask(client, resident).get_json()["level"] == 1
    return resident


def shown_code(client: FlaskClient, resident: Person) -> str:
    answer = client.post("/user/v1/verification/codes", headers=resident.headers)
    assert answer.get_json()["qr_svg"].startswith("<svg")
    return str(answer.get_json()["code"])


def scan(client: FlaskClient, clerk: Person, code: str) -> TestResponse:
    return client.post("/store/v1/verifications", json={"code": code}, headers=clerk.once())


def end(client: FlaskClient, clerk: Person, verification_id: str, **body: Any) -> TestResponse:
    return client.post(
        f"/store/v1/verifications/{verification_id}/confirmation",
        json={"is_match": True, "photo": a_photo(), **body},
        headers=clerk.once(),
    )


def test_face_to_face_gives_level_three_and_the_residents_side_hears_of_it(app: Flask, client: FlaskClient) -> None:
    resident, clerk = known(client), a_store_clerk()
    opened = scan(client, clerk, shown_code(client, resident)).get_json()

    answer = end(client, clerk, opened["verification_id"])

    assert (opened["name"], len(opened["id_number"])) == ("陈晓", 18)
    assert answer.get_json()["state"] == "confirmed"
    assert level(resident) == 3
    run_worker(app)
    [event] = look(
        "SELECT body FROM live_events WHERE kind = 'VerificationRaised' AND topics ? :topic AND body ->> 'state' = '3'",
        topic=f"account:{resident.account_id}",
    )
    assert set(event.body) == {"account_id", "state", "store_id"}


def test_a_code_is_good_once_and_for_five_minutes(client: FlaskClient) -> None:
    resident, clerk = known(client), a_store_clerk()
    code, late = shown_code(client, resident), shown_code(client, resident)
    scan(client, clerk, code)
    change("UPDATE face_codes SET expires_at = clock_timestamp() WHERE used_at IS NULL")

    for refused in (code, late, secrets.token_urlsafe(16)):
        assert_problem(scan(client, clerk, refused), 404, "face_code_refused", pointer="/code")


def test_nobody_verifies_oneself(client: FlaskClient) -> None:
    clerk = a_store_clerk()
    change("UPDATE accounts SET verification_level = 1 WHERE account_id = :a", a=clerk.account_id)
    code = shown_code(client, signed_in(clerk.account_id, Side.USER))

    assert_problem(scan(client, clerk, code), 409, "own_verification")


def test_nobody_verifies_a_colleague(client: FlaskClient) -> None:
    clerk, resident = a_store_clerk(), known(client)
    change(
        """
        INSERT INTO memberships (account_id, organization_kind, organization_id, role)
        SELECT :account_id, organization_kind, organization_id, 'agent' FROM memberships WHERE account_id = :clerk_id
        """,
        account_id=resident.account_id,
        clerk_id=clerk.account_id,
    )
    code = shown_code(client, resident)

    refused = scan(client, clerk, code)
    elsewhere = scan(client, a_store_clerk(), code)

    assert_problem(refused, 409, "own_verification")
    assert elsewhere.status_code == 201


def test_of_two_clerks_who_scan_one_code_at_once_one_serves_it(app: Flask, client: FlaskClient) -> None:
    resident, clerks = known(client), [a_store_clerk() for _ in range(8)]
    code = shown_code(client, resident)

    done = at_once(app, [partial(scan, app.test_client(), clerk, code) for clerk in clerks])

    assert sorted(one.answer.status_code for one in done) == [201, *[404] * 7]
    assert len(look("SELECT 1 FROM face_checks WHERE account_id = :a", a=resident.account_id)) == 1


def test_another_clerk_cannot_confirm_and_nobody_can_after_a_quarter_of_an_hour(client: FlaskClient) -> None:
    resident, clerk = known(client), a_store_clerk()
    opened = scan(client, clerk, shown_code(client, resident)).get_json()

    assert_problem(end(client, a_store_clerk(), opened["verification_id"]), 404, "verification_not_found")
    change("UPDATE face_checks SET opened_at = opened_at - interval '16 minutes' WHERE account_id = :a",
           a=resident.account_id)  # fmt: skip
    assert_problem(end(client, clerk, opened["verification_id"]), 404, "verification_not_found")
    assert level(resident) == 1


def test_a_match_needs_a_photo_and_a_mismatch_changes_nothing(client: FlaskClient) -> None:
    resident, clerk = known(client), a_store_clerk()
    opened = scan(client, clerk, shown_code(client, resident)).get_json()

    assert_problem(end(client, clerk, opened["verification_id"], photo=None), 422, "photo_invalid", pointer="/photo")
    answer = end(client, clerk, opened["verification_id"], is_match=False, photo=None)

    assert answer.get_json()["state"] == "refused"
    assert level(resident) == 1


class TestBeginVerification(Once):
    status = 201

    def case(self) -> Case:
        resident = a_resident(level=Level.ONE)
        return Case(a_store_clerk(), "/store/v1/verifications", {"code": show_code(resident.actor).code})
