"""Campaigns: a small one by one person, a large one by two, stopped by one; the list says what they cost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.promotions.rules import BUDGET_ALONE_FEN_MAX
from app.kernel.actor import Side
from app.kernel.clock import wall_now
from app.kernel.ids import new_id
from tests.factories import an_operator
from tests.factories.people import a_member
from tests.factories.promotions import a_campaign
from tests.factories.rows import look
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

PATH = "/platform/v1/campaigns"


def terms(**values: Any) -> dict[str, Any]:
    return {
        "name_zh": "邻里节",
        "name_en": "Neighbors' week",
        "benefit": "off",
        "minimum_fen": 2_000,
        "off_fen": 500,
        "starts_at": (wall_now() - timedelta(hours=1)).isoformat(),
        "ends_at": (wall_now() + timedelta(days=7)).isoformat(),
        "budget_fen": BUDGET_ALONE_FEN_MAX,
        "issued_max": 200,
        "why": "CASE-5",
        **values,
    }


class TestBegin(OnceWithBody):
    status = 201
    other_body = {"off_fen": 400}

    def case(self) -> Case:
        return Case(an_operator(), PATH, terms())

    def test_it_is_live_at_once_and_in_the_audit_log(self, client: FlaskClient) -> None:
        case = self.case()

        begun = self.send(client, case).get_json()
        [shown, *_] = client.get(PATH, headers=case.person.headers).get_json()["items"]

        assert shown["campaign_id"] == begun["campaign_id"]
        assert (shown["state"], shown["left_fen"], shown["issued"], shown["used"], shown["code"]) == (
            "live", BUDGET_ALONE_FEN_MAX, 0, 0, None,
        )  # fmt: skip
        [act] = look("SELECT details FROM audit.act WHERE details ->> 'campaign_id' = :id", id=begun["campaign_id"])
        assert act.details["budget_fen"] == BUDGET_ALONE_FEN_MAX

    def test_what_may_cost_more_is_refused_to_one(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, body=terms(budget_fen=BUDGET_ALONE_FEN_MAX + 1))

        assert_problem(answer, 409, "campaign_needs_two", pointer="/budget_fen")

    @pytest.mark.parametrize(
        "field, value, code",
        [
            ("off_fen", 20_001, "input_invalid"),
            ("percent_bp", 5_001, "input_invalid"),
            ("minimum_fen", 500, "campaign_terms_invalid"),
            ("budget_fen", 499, "campaign_terms_invalid"),
            ("ends_at", "2020-01-01T00:00:00Z", "campaign_terms_invalid"),
            ("verticals", ["food", "food"], "campaign_terms_invalid"),
            ("community_id", "00000000-0000-7000-8000-000000000001", "community_not_found"),
        ],
    )
    def test_a_slip_of_the_pen_is_refused_by_field(
        self, client: FlaskClient, field: str, value: object, code: str
    ) -> None:
        answer = self.send(client, self.case(), body=terms(**{field: value}))

        if code == "community_not_found":
            assert_problem(answer, 404, code, pointer="/community_id")
        else:
            assert answer.status_code == 422
            assert answer.get_json()["code"] == code

    def test_support_reads_and_stops_and_starts_none(self, client: FlaskClient) -> None:
        support = a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.SUPPORT)
        campaign_id = a_campaign()

        begun = client.post(PATH, json=terms(), headers=support.once())
        stopped = client.post(f"{PATH}/{campaign_id}/stop", json={"why": "CASE-6"}, headers=support.once())

        assert_problem(begun, 403, "not_permitted")
        assert stopped.get_json()["state"] == "stopped"


class TestRequest(OnceWithBody):
    status = 201
    other_body = {"off_fen": 400}

    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/campaign-requests", terms(budget_fen=5_000_000, has_code=True))

    def test_it_is_live_when_another_has_approved_and_not_before(self, client: FlaskClient) -> None:
        case, other = self.case(), an_operator()
        asked = self.send(client, case).get_json()
        path = f"/platform/v1/approvals/{asked['approval_id']}/approval"

        before = client.get(PATH, headers=other.headers).get_json()["items"]
        own = client.post(path, headers=case.person.once())
        approved = client.post(path, headers=other.once())
        [campaign, *_] = client.get(PATH, headers=other.headers).get_json()["items"]

        assert asked["approval_id"] not in [one["campaign_id"] for one in before]
        assert_problem(own, 403, "own_approval")
        assert approved.status_code == 200, approved.text
        assert (campaign["campaign_id"], campaign["left_fen"]) == (asked["approval_id"], 5_000_000)
        assert len(campaign["code"]) == 16


class TestStop(OnceWithBody):
    other_body = {"why": "CASE-8"}

    def case(self) -> Case:
        return Case(an_operator(), f"{PATH}/{a_campaign()}/stop", {"why": "CASE-7"})

    def test_it_stops_once_and_for_good(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        again = self.send(client, case)
        absent = self.send(client, case, path=f"{PATH}/{new_id()}/stop")

        assert_problem(again, 409, "campaign_stopped")
        assert_problem(absent, 404, "campaign_not_found")


class TestList(Endpoint):
    def case(self) -> Case:
        a_campaign()
        return Case(an_operator(), PATH)
