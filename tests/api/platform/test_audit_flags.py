"""Flags of the audit log: raised by what staff do, looked into by somebody else, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.core.operating.flags import WATCHED
from app.kernel import audit
from app.kernel.audit import Act, Outcome
from app.kernel.transaction import transaction
from app.usecases.operating.flags import flag_unsound_log, watch_acts
from tests.factories import a_resident, a_store_clerk, an_operator
from tests.factories.operating import an_audit_flag
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Person

pytestmark = pytest.mark.usefixtures("app")
MANY = {one.rule.value: one.act_count_max + 1 for one in WATCHED}


def look_up(operator: Person, times: int, whom_id: UUID | None = None) -> None:
    with transaction() as tx:
        for _ in range(times):
            audit.record(tx, operator.actor, "party.search", subject_kind="account", whom_id=whom_id, why="CASE-1")


def flags_of(person: Person) -> list[tuple[str, str, int]]:
    rows = look("SELECT * FROM audit_flags WHERE account_id = :id ORDER BY flag_id", id=person.account_id)
    return [(row.rule, row.state, row.act_count) for row in rows]


def test_many_lookups_are_one_flag_that_counts_and_what_follows_its_resolution_is_a_new_one() -> None:
    operator, many = an_operator(), MANY["many_lookups"]
    look_up(operator, many - 1)
    watch_acts()
    few = flags_of(operator)
    look_up(operator, 1)
    watch_acts()
    look_up(operator, 2)
    watch_acts()
    watch_acts()
    counted = flags_of(operator)
    change(
        "UPDATE audit_flags SET state = 'resolved', resolved_at = clock_timestamp() WHERE account_id = :id",
        id=operator.account_id,
    )
    look_up(operator, many)
    watch_acts()

    assert few == []
    assert counted == [("many_lookups", "open", many + 2)]
    assert flags_of(operator) == [("many_lookups", "resolved", many + 2), ("many_lookups", "open", many)]


def test_a_colleague_who_is_looked_up_and_visitors_who_are_refused_again_and_again_are_flags() -> None:
    curious, clerk, many = an_operator(), a_store_clerk(), MANY["many_refused_visitors"]
    look_up(curious, 1, an_operator().account_id)
    look_up(curious, 1, a_resident().account_id)
    with transaction() as tx:
        for _ in range(many):
            tx.leave_act(Act(verb="desk.begin", actor=clerk.actor, outcome=Outcome.REFUSED))
        tx.leave_act(Act(verb="desk.begin", actor=clerk.actor))

    watch_acts()

    assert flags_of(curious) == [("colleague_looked_up", "open", 1)]
    assert flags_of(clerk) == [("many_refused_visitors", "open", many)]


def test_a_log_that_is_not_sound_is_one_flag_until_it_is_resolved() -> None:
    with transaction() as tx:
        flag_unsound_log(tx, 2)
        flag_unsound_log(tx, 3)

    assert look_one("SELECT act_count FROM audit_flags WHERE rule = 'log_unsound' AND state = 'open'") == 3


class TestListFlags(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/audit-flags", query={"state": "open"})


class TestResolve(OnceWithBody):
    other_body = {"finding": "misuse", "note": "未经工单查询"}
    absent_code = "audit_flag_not_found"

    def case(self) -> Case:
        path = f"/platform/v1/audit-flags/{an_audit_flag()}/resolution"
        return Case(an_operator(), path, {"finding": "explained", "note": "当日回访名单，已核对工单。" * 10})

    def test_it_leaves_the_queue_and_is_resolved_once(self, client: FlaskClient) -> None:
        case = self.case()
        flag_id = case.path.split("/")[4]

        def waiting() -> set[str]:
            query = {"kind": "audit_flag", "limit": "100"}
            found = client.get("/platform/v1/queue", headers=case.person.headers, query_string=query).get_json()
            return {one["subject_id"] for one in found["items"]}

        before = waiting()
        self.send(client, case)
        again = self.send(client, case)
        [shown] = [
            one
            for one in client.get("/platform/v1/audit-flags?limit=100", headers=case.person.headers).get_json()["items"]
            if one["flag_id"] == flag_id
        ]

        assert flag_id in before
        assert flag_id not in waiting()
        assert_problem(again, 409, "illegal_transition")
        assert (shown["finding"], shown["resolved_by_id"]) == ("explained", str(case.person.account_id))

    def test_nobody_looks_into_their_own_acts(self, client: FlaskClient) -> None:
        case, operator = self.case(), an_operator()
        own = f"/platform/v1/audit-flags/{an_audit_flag(operator)}/resolution"

        answer = client.post(own, json=case.body, headers=operator.once())

        assert_problem(answer, 403, "own_audit_flag")
