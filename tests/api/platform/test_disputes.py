"""Disputes at the operator's door; what they do to money is in ``tests/fault/test_disputes.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from tests.factories.people import a_member
from tests.factories.reconciling import a_dispute
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Person

PATH = "/platform/v1/disputes"


def finance() -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.FINANCE)


class _OfADispute(Endpoint):
    def test_an_absent_one_is_not_found(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "dispute_not_found")


class TestDisputes(Endpoint):
    def case(self) -> Case:
        return Case(finance(), PATH)

    def test_each_is_listed_under_its_state_newest_first(self, client: FlaskClient) -> None:
        case = self.case()
        older, newer, lost = a_dispute(), a_dispute(), a_dispute(state="lost")

        listed = client.get(f"{PATH}?limit=2", headers=case.person.headers).get_json()
        over = client.get(f"{PATH}?state=lost&limit=1", headers=case.person.headers).get_json()

        assert [one["dispute_id"] for one in listed["items"]] == [str(newer), str(older)]
        assert [one["dispute_id"] for one in over["items"]] == [str(lost)]


class TestDispute(_OfADispute):
    def case(self) -> Case:
        return Case(finance(), f"{PATH}/{a_dispute()}")

    @pytest.mark.parametrize("state, open_fen, waits", [("needs_response", 0, True), ("lost", 5_000, True),
                                                        ("lost", 0, False)])  # fmt: skip
    def test_it_waits_in_the_queue_of_finance_for_an_answer_and_for_who_bears_it(
        self, client: FlaskClient, state: str, open_fen: int, *, waits: bool
    ) -> None:
        dispute_id, person = a_dispute(state=state, open_fen=open_fen), finance()

        shown = client.get(f"{PATH}/{dispute_id}", headers=person.headers).get_json()
        queue = client.get("/platform/v1/queue?kind=dispute&limit=100", headers=person.headers).get_json()["items"]

        assert (shown["state"], shown["open_fen"], shown["answer"]) == (state, open_fen, None)
        assert (str(dispute_id) in {item["subject_id"] for item in queue}) is waits


class TestEvidence(OnceWithBody, _OfADispute):
    status = 201
    other_body = {"uncategorized_text": "别的"}

    def case(self, dispute_id: UUID | None = None) -> Case:
        return Case(finance(), f"{PATH}/{dispute_id or a_dispute()}/evidence", {"uncategorized_text": "已送达"})

    @pytest.mark.parametrize("body", [{"customer_name": "x"}, {"uncategorized_text": ""}, {"uncategorized_text": 1},
                                      {"uncategorized_text": "x" * 2_001}, {}])  # fmt: skip
    def test_what_says_nothing_or_too_much_is_refused(self, client: FlaskClient, body: Any) -> None:
        case = self.case()

        answer = client.post(case.path, headers=case.person.once(), json=body)

        assert answer.status_code == 422, answer.text
        assert answer.get_json()["errors"][0]["pointer"] == "/" + next(iter(body), "uncategorized_text")

    @pytest.mark.parametrize("state, due", [("needs_response", timedelta()), ("under_review", timedelta(days=1)),
                                            ("lost", timedelta(days=1))])  # fmt: skip
    def test_after_its_time_or_when_the_bank_decides_it_is_refused(
        self, client: FlaskClient, state: str, due: timedelta
    ) -> None:
        dispute_id = a_dispute(state=state)
        change("UPDATE disputes SET due_at = :due WHERE dispute_id = :id", due=wall_now() + due, id=dispute_id)

        assert_problem(self.send(client, self.case(dispute_id)), 409, "dispute_over")


class TestAcceptance(Once, _OfADispute):
    status = 201

    def case(self) -> Case:
        return Case(finance(), f"{PATH}/{a_dispute()}/acceptance", {"why": "TICKET-1"})


class TestBearer(_OfADispute):
    method, status = "POST", 201

    def case(self, dispute_id: UUID | None = None) -> Case:
        dispute_id = dispute_id or a_dispute(state="lost", open_fen=5_000)
        return Case(finance(), f"{PATH}/{dispute_id}/bearer", {"bearer": "payer", "why": "TICKET-1"})

    @pytest.mark.parametrize("state, open_fen", [("needs_response", 5_000), ("won", 5_000), ("lost", 0)])
    def test_what_is_not_lost_or_not_left_is_borne_by_nobody(
        self, client: FlaskClient, state: str, open_fen: int
    ) -> None:
        dispute_id = a_dispute(state=state, open_fen=open_fen)

        assert_problem(self.send(client, self.case(dispute_id)), 409, "dispute_not_lost")
