from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.delivery.training import QUESTIONS, VERSION
from app.core.verification.levels import Level
from tests.factories import a_community, a_courier, a_resident, idempotent
from tests.factories.people import signed_in
from tests.factories.rows import look_one
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem
from tests.support.vetting import RIGHT, a_trained_resident

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock

WRONG = [(answer + 1) % 3 for answer in RIGHT]


class TestReadTraining(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/courier-training")

    def test_the_questions_come_without_the_answers(self, client: FlaskClient) -> None:
        training = self.send(client, self.case()).get_json()

        assert len(training["questions"]) == len(QUESTIONS)
        assert "right" not in str(training)


class TestTakeQuiz(OnceWithBody):
    method = "POST"
    status = 201
    other_body = {"answers": WRONG}

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/courier-training/records", {"version": VERSION, "answers": RIGHT})

    def test_one_mistake_in_five_passes_and_two_do_not(self, client: FlaskClient) -> None:
        person = a_resident()
        case = Case(person, "/user/v1/courier-training/records")

        one = self.send(client, case, body={"version": VERSION, "answers": [*RIGHT[:4], WRONG[4]]}).get_json()
        two = self.send(client, case, body={"version": VERSION, "answers": [*RIGHT[:3], *WRONG[3:]]}).get_json()

        assert (one["percent"], one["is_passed"]) == (80, True)
        assert (two["percent"], two["is_passed"]) == (60, False)

    def test_the_fourth_try_waits_for_tomorrow(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        for _ in range(3):
            self.send(client, case)

        refused = self.send(client, case)
        clock.ahead(days=1, seconds=1)
        tomorrow = self.send(client, case)

        assert assert_problem(refused, 409, "quiz_tries_used")["tries_max"] == 3
        assert tomorrow.status_code == 201

    @pytest.mark.parametrize(
        "body, code",
        [
            ({"version": VERSION + 1, "answers": RIGHT}, "quiz_version_old"),
            ({"version": VERSION, "answers": RIGHT[:4]}, "quiz_answers_wrong"),
        ],
    )
    def test_an_answer_is_to_the_questions_of_today(
        self, client: FlaskClient, body: dict[str, object], code: str
    ) -> None:
        response = self.send(client, self.case(), body=body)

        assert response.get_json()["code"] == code


class TestApply(OnceWithBody):
    method = "POST"
    status = 201
    other_body = {"vehicle": "foot"}

    def case(self) -> Case:
        body = {"community_id": str(a_community().community_id), "vehicle": "e_bike"}
        return Case(a_trained_resident(), "/user/v1/courier-applications", body)

    def test_without_the_quiz_nobody_applies(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, Case(a_resident(), case.path, case.body))

        assert_problem(response, 409, "training_needed")

    def test_who_is_not_verified_may_be_a_child(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, Case(a_trained_resident(Level.ONE), case.path, case.body))

        assert response.get_json()["code"] == "verification_needed"

    def test_one_application_waits_at_a_time(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 409, "application_waits")

    def test_a_courier_is_one_already(self, client: FlaskClient) -> None:
        case = self.case()
        courier = a_courier()
        person = signed_in(courier.account_id, case.person.side)

        assert_problem(self.send(client, Case(person, case.path, case.body)), 409, "already_courier")

    def test_a_community_that_is_not_there_has_no_couriers(self, client: FlaskClient) -> None:
        case = self.case()
        body = {"community_id": str(case.person.account_id), "vehicle": "foot"}

        assert_problem(self.send(client, case, body=body), 404, "community_not_found")


class TestListOwnApplications(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/courier-applications")

    def test_ones_own_are_shown(self, client: FlaskClient) -> None:
        person = a_trained_resident()
        body = {"community_id": str(a_community().community_id), "vehicle": "foot"}
        client.post("/user/v1/courier-applications", headers={**person.headers, **idempotent()}, json=body)

        [shown] = self.send(client, Case(person, "/user/v1/courier-applications")).get_json()["items"]

        assert (shown["state"], shown["vehicle"], shown["reason"]) == ("submitted", "foot", None)
        assert look_one("SELECT count(*) FROM couriers WHERE courier_id = :id", id=person.account_id) == 0
