"""The operator's desk: the queue, searches behind a reason, switches, announcements, the board and exports."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.aftersale.states import CaseState
from app.core.operating.models import ExportedTable
from app.core.operating.queue import QUEUES, WorkKind
from app.core.orders.states import OrderState
from app.kernel import wire
from app.kernel.actor import Side
from app.kernel.clock import SHANGHAI, wall_now
from app.kernel.ids import new_id
from app.usecases.operating import exports
from app.usecases.operating.work import assign_work, escalate_work
from tests.factories import a_claim, a_resident, a_store_clerk, an_address, an_operator, an_order
from tests.factories.cases import a_case
from tests.factories.operating import a_table_export, an_announcement
from tests.factories.people import a_member
from tests.factories.places import a_community
from tests.factories.rows import change, look, look_one
from tests.factories.tills import a_till, a_visit
from tests.support.figures import refresh
from tests.support.ladder import Case, Endpoint, Once, OnceWithBody, Owned, assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock


def staff(role: MemberRole) -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, role)


def an_appeal() -> UUID:
    """A case that waits for a ruling."""
    return a_case(state=CaseState.ESCALATED).case_id


def an_approval() -> UUID:
    approval_id = new_id()
    change(
        """
        INSERT INTO approvals (approval_id, kind, body, why, state, requested_by, requested_at, expires_at)
        VALUES (:id, 'correction', '{}', 'CASE-1', 'open', :by, clock_timestamp(), clock_timestamp() + interval '1 day')
        """,
        id=approval_id,
        by=a_resident().account_id,
    )
    return approval_id


class TestListWork(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/queue")

    def test_each_role_sees_what_it_may_end(self, client: FlaskClient) -> None:
        an_appeal(), an_approval()

        kinds = {
            role: {
                item["kind"]
                for item in client.get("/platform/v1/queue-counts", headers=staff(role).headers).get_json()["items"]
            }
            for role in (MemberRole.REVIEWER, MemberRole.FINANCE, MemberRole.ADMIN)
        }

        assert "approval" not in kinds[MemberRole.REVIEWER]
        assert "approval" in kinds[MemberRole.FINANCE]
        assert {"approval", "case_ruling"} <= kinds[MemberRole.ADMIN]

    def test_a_page_takes_two_statements_whatever_waits(self, client: FlaskClient) -> None:
        operator, seen = an_operator(), list[str]()
        for _ in range(5):
            an_approval()

        wire.observers.append(seen.append)
        answer = client.get("/platform/v1/queue?limit=5", headers=operator.headers)
        wire.observers.remove(seen.append)

        assert len(answer.get_json()["items"]) == 5
        assert len(seen) == 2

    def test_pages_follow_each_other_by_a_cursor_and_cost_the_same(self, client: FlaskClient) -> None:
        operator = an_operator()
        own = {str(an_approval()) for _ in range(5)}
        found: list[tuple[str, str]] = []
        seen, pages, cursor = list[str](), 0, None

        wire.observers.append(seen.append)
        while pages == 0 or cursor is not None:
            query = {"kind": "approval", "limit": "2"} | ({} if cursor is None else {"cursor": cursor})
            answer = client.get("/platform/v1/queue", headers=operator.headers, query_string=query).get_json()
            found += [(item["due_at"], item["subject_id"]) for item in answer["items"]]
            pages, cursor = pages + 1, answer["next_cursor"]
        wire.observers.remove(seen.append)

        assert own <= {subject_id for _, subject_id in found}
        assert len(set(found)) == len(found)
        assert pages >= 3
        assert len(seen) == 2 * pages

    @pytest.mark.parametrize("cursor", ["x", "AAAA", "A" * 64, "é"])
    def test_a_cursor_of_ones_own_is_refused(self, client: FlaskClient, cursor: str) -> None:
        answer = client.get("/platform/v1/queue", headers=an_operator().headers, query_string={"cursor": cursor})

        assert_problem(answer, 422, "cursor_invalid", pointer="/cursor")

    def test_what_is_overdue_says_so_and_is_escalated_once(self, client: FlaskClient, clock: BusinessClock) -> None:
        case_id, operator = an_appeal(), an_operator()

        def shown() -> Any:
            items = client.get("/platform/v1/queue?kind=case_ruling&limit=100", headers=operator.headers).get_json()
            return next(item for item in items["items"] if item["subject_id"] == str(case_id))

        fresh = shown()
        clock.ahead(hours=25)
        overdue = shown()
        clock.ahead(hours=24)
        escalate_work()
        escalated_at = shown()["escalated_at"]
        clock.ahead(hours=1)
        escalate_work()

        assert (fresh["is_overdue"], overdue["is_overdue"]) == (False, True)
        assert escalated_at is not None
        assert shown()["escalated_at"] == escalated_at

    def test_every_kind_of_work_has_a_queue_that_can_be_read(self) -> None:
        assert {queue.kind for queue in QUEUES} == set(WorkKind)


class TestCountWork(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/queue-counts")


class TestAssign(OnceWithBody):
    method = "PUT"

    def case(self) -> Case:
        operator = an_operator()
        self.other_body = {"assigned_to_id": None}
        body = {"kind": "approval", "assigned_to_id": str(operator.account_id)}
        return Case(operator, f"/platform/v1/queue/{an_approval()}/assignment", body)

    def test_what_does_not_wait_or_is_not_ones_to_end_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()

        gone = self.send(client, case, path=case.absent_path)
        reviewer = staff(MemberRole.REVIEWER)
        not_mine = self.send(client, case, headers=reviewer.once())
        stranger = self.send(client, case, body={"kind": "approval", "assigned_to_id": str(a_resident().account_id)})

        for answer in (gone, not_mine, stranger):
            assert_problem(answer, 404, "work_not_found")

    def test_of_many_who_take_it_one_does(self, app: Flask) -> None:
        case_id, people = an_approval(), [staff(MemberRole.FINANCE) for _ in range(6)]

        outcomes = at_once(
            app,
            [
                partial(
                    assign_work,
                    one.actor,
                    a_claim(one),
                    kind=WorkKind.APPROVAL,
                    subject_id=case_id,
                    assigned_to_id=one.account_id,
                )
                for one in people
            ],
        )

        assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "work_taken": 5}


class TestSearch(Endpoint):
    method = "POST"

    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/searches", {"phone": a_resident().phone, "why": "CASE-7"})

    def test_a_person_is_found_masked_by_phone_order_or_account_and_the_reason_is_kept(
        self, client: FlaskClient
    ) -> None:
        order, operator = an_order(), an_operator()
        resident = order.resident
        asked: list[dict[str, str]] = [
            {"phone": resident.phone},
            {"order_id": str(order.order_id)},
            {"account_id": str(resident.account_id)},
        ]

        found = [
            client.post("/platform/v1/searches", json={**one, "why": "CASE-7"}, headers=operator.headers).get_json()
            for one in asked
        ]

        assert [one["items"][0]["account_id"] for one in found] == [str(resident.account_id)] * 3
        assert "*" in found[0]["items"][0]["masked_phone"]
        acts = look("SELECT why, whom_id FROM audit.act WHERE account_id = :id", id=operator.account_id)
        assert {(act.why, act.whom_id) for act in acts} == {("CASE-7", resident.account_id)}

    def test_one_thing_is_named_and_a_reason(self, client: FlaskClient) -> None:
        case = self.case()

        both = self.send(client, case, body={"phone": "13800000000", "account_id": str(new_id()), "why": "C-1"})
        none = self.send(client, case, body={"account_id": str(new_id())})

        assert_problem(both, 422, "search_needs_one")
        assert_problem(none, 422, "input_invalid", pointer="/why")


class TestLife(Endpoint):
    def case(self) -> Case:
        path = f"/platform/v1/accounts/{a_resident().account_id}/timeline"
        return Case(an_operator(), path, query={"why": "CASE-7"})

    def test_orders_and_money_stand_in_their_order(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.COMPLETED)
        path = f"/platform/v1/accounts/{order.resident.account_id}/timeline?why=CASE-7"

        items = client.get(path, headers=an_operator().headers).get_json()["items"]

        assert [item["at"] for item in items] == sorted((item["at"] for item in items), reverse=True)
        assert {item["kind"] for item in items} >= {"order", "money"}


class TestOrderMoney(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), f"/platform/v1/orders/{an_order(state=OrderState.COMPLETED).order_id}/money")

    def test_every_journal_is_there_with_all_its_legs(self, client: FlaskClient) -> None:
        case = self.case()

        items = self.send(client, case).get_json()["items"]

        assert sum(item["amount_fen"] for item in items) == 0
        assert {item["kind"] for item in items} == {"payment", "completion"}
        assert_problem(self.send(client, case, path=case.absent_path), 404, "order_not_found")


class TestFeatures(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/feature-changes")


class TestSetFeature(OnceWithBody):
    status = 201
    other_body = {"why": "CASE-8"}

    def case(self) -> Case:
        return Case(
            an_operator(), "/platform/v1/feature-changes", {"feature": "help_codes", "is_on": True, "why": "C-7"}
        )

    def test_what_is_switched_off_is_refused_until_it_is_on_again(self, client: FlaskClient) -> None:
        operator, clerk = an_operator(), a_store_clerk()
        till_id = a_till(clerk)

        def switch(*, is_on: bool) -> None:
            body = {"feature": "desk_cash_in", "is_on": is_on, "why": "CASE-7"}
            client.post("/platform/v1/feature-changes", json=body, headers=operator.once())

        def put() -> Any:
            body = {"visit_id": str(a_visit(clerk)), "amount_fen": 5}
            return client.post(f"/store/v1/tills/{till_id}/cash-ins", json=body, headers=clerk.once())

        switch(is_on=False)
        off = put()
        switch(is_on=True)

        assert assert_problem(off, 409, "feature_off")["feature"] == "desk_cash_in"
        assert put().status_code == 201


class TestAnnouncements(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/announcements")


class TestAnnounce(OnceWithBody):
    status = 201
    other_body = {"title": "停电"}

    def case(self) -> Case:
        body = {
            "community_id": str(a_community().community_id),
            "title": "停水",
            "words": "明早停水。",
            "title_en": "No water",
            "words_en": "There is no water tomorrow.",
            "from_at": "2100-01-01T00:00:00Z",
            "until_at": "2100-01-02T00:00:00Z",
        }
        return Case(an_operator(), "/platform/v1/announcements", body)

    @pytest.mark.parametrize("until", ["2100-01-01T00:00:00Z", "2100-06-01T00:00:00Z"])
    def test_it_ends_after_it_begins_and_within_ninety_days(self, client: FlaskClient, until: str) -> None:
        case = self.case()

        answer = self.send(client, case, body={**(case.body or {}), "until_at": until})

        assert_problem(answer, 422, "announcement_invalid", pointer="/until_at")

    def test_whose_address_is_there_is_told_until_it_is_withdrawn(self, client: FlaskClient) -> None:
        here, there, community = a_resident(), a_resident(), a_community()
        an_address(here, near=community)
        announcement_id = an_announcement(community.community_id)

        def told(person: Person) -> list[str]:
            items = client.get("/user/v1/announcements", headers=person.headers).get_json()["items"]
            assert {item["title_en"] for item in items if item["community_id"] is not None} <= {"No water"}
            return [item["announcement_id"] for item in items if item["community_id"] is not None]

        before = told(here), told(there)
        path = f"/platform/v1/announcements/{announcement_id}/withdrawal"
        client.post(path, headers=an_operator().once())

        assert before == ([str(announcement_id)], [])
        assert told(here) == []


class TestWithdraw(Once):
    def case(self) -> Case:
        announcement_id = an_announcement(a_community().community_id)
        return Case(an_operator(), f"/platform/v1/announcements/{announcement_id}/withdrawal")


class TestOwnAnnouncements(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/announcements")


class TestBoard(Endpoint):
    def case(self) -> Case:
        today = wall_now().astimezone(SHANGHAI).date()
        query = {"from_on": str(today - timedelta(days=30)), "until_on": str(today)}
        return Case(an_operator(), "/platform/v1/board", query=query)

    def test_it_tells_figures_the_way_of_new_residents_and_cohorts(self, client: FlaskClient) -> None:
        an_order(state=OrderState.COMPLETED)
        refresh()

        board = self.send(client, self.case()).get_json()

        assert board["figures"]["orders_paid"] >= 1
        assert board["funnel"]["residents"] >= board["funnel"]["bought"] >= 1
        assert sum(cohort["residents"] for cohort in board["cohorts"]) == board["funnel"]["residents"]
        assert "suspense_fen" in board["money"]


class TestAskExport(OnceWithBody):
    status = 201
    other_body = {"what": "till_acts"}

    def case(self) -> Case:
        body = {"what": "orders", "from_on": "2026-11-01", "until_on": "2026-11-30"}
        return Case(an_operator(), "/platform/v1/table-exports", body)

    def test_three_at_once_are_enough(self, client: FlaskClient) -> None:
        operator = an_operator()
        for _ in range(3):
            a_table_export(operator, is_run=False)

        answer = self.send(client, Case(operator, "/platform/v1/table-exports", self.case().body))

        assert_problem(answer, 409, "too_many_exports")


class TestReadExport(Owned):
    absent_code = "table_export_not_found"

    def case(self) -> Case:
        operator = an_operator()
        return Case(operator, f"/platform/v1/table-exports/{a_table_export(operator)}")


class TestExportFile(Owned):
    absent_code = "table_export_not_found"

    def case(self) -> Case:
        operator = an_operator()
        return Case(operator, f"/platform/v1/table-exports/{a_table_export(operator)}/file")

    def test_pieces_are_one_file_with_each_row_once_though_the_job_died_between_them(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "PIECE_ROWS", 2)
        operator = an_operator()
        orders = [an_order() for _ in range(5)]
        export_id = a_table_export(operator, ExportedTable.ORDERS, is_run=False)
        exports._write_piece(export_id)
        early = client.get(f"/platform/v1/table-exports/{export_id}/file", headers=operator.headers)

        exports.run_export(export_id)
        exports.run_export(export_id)

        shown = client.get(f"/platform/v1/table-exports/{export_id}", headers=operator.headers).get_json()
        packed = client.get(f"/platform/v1/table-exports/{export_id}/file", headers=operator.headers).data
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
        ids = Counter(row["order_id"] for row in rows)
        assert_problem(early, 404, "table_export_not_found")
        assert (shown["state"], shown["rows_done"]) == ("ready", shown["rows_total"])
        assert {str(order.order_id) for order in orders} <= set(ids)
        assert set(ids.values()) == {1}
        assert len(rows) == look_one("SELECT rows_done FROM table_exports WHERE export_id = :id", id=export_id)
