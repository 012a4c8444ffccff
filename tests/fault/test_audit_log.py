"""The audit log only grows, and says so when somebody has helped it not to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError

from app.core.orders.states import OrderState
from app.kernel import audit
from app.kernel.transaction import transaction
from tests.factories import a_phone, a_resident, an_operator, an_order
from tests.factories.rows import change, look, look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient


def sealed() -> None:
    with transaction() as tx:
        while audit.seal(tx):
            pass


def an_act(**details: object) -> UUID:
    act = audit.Act(verb="test.act", actor=a_resident().actor, details=details)
    with transaction() as tx:
        tx.leave_act(act)
    return act.act_id


def proof() -> audit.LogProof:
    with transaction() as tx:
        return audit.prove(tx)


@pytest.fixture
def helped() -> Iterator[None]:
    """The log without its guards, as a thief with the owner's rights would have it; put right at the end."""
    for table in ("act", "seal"):
        change(f"ALTER TABLE audit.{table} DISABLE TRIGGER ALL")
    yield
    for table in ("act", "seal"):
        change(f"ALTER TABLE audit.{table} ENABLE ALWAYS TRIGGER refuse_change")
        change(f"ALTER TABLE audit.{table} ENABLE ALWAYS TRIGGER refuse_truncate")
    change("ALTER TABLE audit.act ENABLE ALWAYS TRIGGER await_seal")


def test_a_request_that_moves_an_order_leaves_its_act(client: FlaskClient) -> None:
    order = an_order()
    owner = order.shop.owner

    answer = client.post(
        f"/merchant/v1/orders/{order.order_id}/acceptance",
        headers=owner.once(),
        environ_overrides={"REMOTE_ADDR": "203.0.113.77"},
    )

    assert answer.status_code == 200, answer.text
    [act] = look("SELECT * FROM audit.act WHERE subject_id = :id", id=order.order_id)
    assert (act.account_id, act.session_id, act.side, act.verb) == (
        owner.account_id,
        owner.session_id,
        "merchant",
        "order.accept",
    )
    assert (act.subject_kind, act.outcome, act.network) == ("order", "done", "203.0.113.0/24")
    assert act.details["state"] == OrderState.PREPARING
    assert len(act.address_index) == 32


def test_a_request_that_is_refused_or_sent_twice_leaves_no_further_act(client: FlaskClient) -> None:
    order = an_order()
    headers = order.shop.owner.once()
    url = f"/merchant/v1/orders/{order.order_id}/acceptance"

    first, again, other = (client.post(url, headers=sent) for sent in (headers, headers, order.shop.owner.once()))

    assert [answer.status_code for answer in (first, again, other)] == [200, 200, 409]
    assert look_one("SELECT count(*) FROM audit.act WHERE subject_id = :id", id=order.order_id) == 1


@pytest.mark.parametrize("table", ["act", "seal"])
@pytest.mark.parametrize(
    "how", ["UPDATE audit.{} SET act_id = act_id", "DELETE FROM audit.{}", "TRUNCATE audit.{} CASCADE"]
)
def test_not_even_the_owner_changes_what_is_written(app: Flask, table: str, how: str) -> None:
    an_act()
    sealed()

    with pytest.raises(DBAPIError, match="only grows"):
        change(how.format(table))


def test_acts_of_many_at_once_stand_in_one_chain_without_gap(app: Flask) -> None:
    made = [outcome.answer for outcome in at_once(app, [an_act] * 40)]

    sealed()

    places = [row.seq for row in look("SELECT seq FROM audit.seal WHERE act_id = ANY(:ids)", ids=made)]
    assert len(set(places)) == 40
    assert look_one("SELECT max(seq) - count(*) FROM audit.seal") == 0
    assert proof().is_sound


def test_sealers_at_once_take_turns(app: Flask) -> None:
    for _ in range(30):
        an_act()

    at_once(app, [sealed] * 8)

    assert look_one("SELECT count(*) FROM audit.waiting") == 0
    assert proof().is_sound


@pytest.mark.parametrize(
    "column, value",
    [
        ("verb", "'test.other'"),
        ("account_id", "NULL"),
        ("acted_at", "acted_at - interval '1 day'"),
        ("outcome", "'refused'"),
        ("details", "'{\"amount_fen\": 2}'"),
        ("why", "'x'"),
        ("network", "'10.0.0.0/24'"),
    ],
)
def test_a_changed_act_is_named(app: Flask, helped: None, column: str, value: str) -> None:
    act_id = an_act_sealed()

    kept = look("SELECT * FROM audit.act WHERE act_id = :id", id=act_id)[0]._mapping[column]
    change(f"UPDATE audit.act SET {column} = {value} WHERE act_id = :id", id=act_id)
    found = proof()
    restore(act_id, column, kept)

    assert [(one.finding, one.act_id) for one in found.findings] == [("bad_link", act_id)]
    assert str(act_id) in str(found)
    assert proof().is_sound


def test_a_removed_link_is_missed_by_the_next(app: Flask, helped: None) -> None:
    gone, after = an_act_sealed(), an_act_sealed()
    [row] = look("SELECT seq, head, sealed_at FROM audit.seal WHERE act_id = :id", id=gone)

    change("DELETE FROM audit.seal WHERE act_id = :id", id=gone)
    found = proof()
    change(
        "INSERT INTO audit.seal VALUES (:seq, :act_id, :head, :sealed_at)",
        seq=row.seq, act_id=gone, head=row.head, sealed_at=row.sealed_at,
    )  # fmt: skip

    assert {(one.finding, one.act_id) for one in found.findings} == {("bad_link", after), ("unsealed", gone)}
    assert proof().is_sound


def test_a_chain_that_was_made_anew_does_not_hold_the_anchor(app: Flask) -> None:
    an_act_sealed()
    noted = proof()
    assert noted.head is not None

    with transaction() as tx:
        still = audit.prove(tx, anchor=(noted.sealed, noted.head))
        other = audit.prove(tx, anchor=(noted.sealed, "0" * 64))

    assert still.is_sound
    assert [one.finding for one in other.findings] == ["anchor_lost"]


def test_operators_read_the_log_by_page_and_as_a_file_and_that_is_an_act_too(client: FlaskClient) -> None:
    operator, order = an_operator(), an_order()
    client.post(f"/merchant/v1/orders/{order.order_id}/acceptance", headers=order.shop.owner.once())
    sealed()
    query = {"subject_id": str(order.order_id)}

    page = client.get("/platform/v1/audit/acts", headers=operator.headers, query_string=query)
    lines = client.get("/platform/v1/audit/export", headers=operator.headers, query_string=query)
    sheet = client.get("/platform/v1/audit/export", headers=operator.headers, query_string={**query, "format": "csv"})

    [act] = page.get_json()["items"]
    assert (act["verb"], act["account_id"]) == ("order.accept", str(order.shop.owner.account_id))
    assert lines.text.count("\n") == 1
    assert act["head"] in lines.text
    assert [line.split(",")[6] for line in sheet.text.splitlines()] == ["verb", "order.accept"]
    told = look("SELECT verb FROM audit.act WHERE account_id = :id ORDER BY act_id", id=operator.account_id)
    assert [row.verb for row in told] == ["audit.read", "audit.export", "audit.export"]


def test_the_log_proves_itself_over_http(client: FlaskClient) -> None:
    an_act_sealed()

    answer = client.post("/platform/v1/audit/proof", headers=an_operator().headers).get_json()

    assert answer["is_sound"] is True
    assert answer["findings"] == []


def test_no_phone_gets_into_the_log_by_what_a_request_says(client: FlaskClient) -> None:
    operator, phone = an_operator(), a_phone()

    answer = client.get("/platform/v1/audit/acts", headers=operator.headers, query_string={"verb": phone})

    assert answer.status_code == 422
    assert look_one("SELECT count(*) FROM audit.act WHERE details::text LIKE :what", what=f"%{phone[3:]}%") == 0


def test_a_span_of_acts_that_ends_before_it_begins_is_refused(client: FlaskClient) -> None:
    span = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}

    answer = client.get("/platform/v1/audit/acts", headers=an_operator().headers, query_string=span)

    assert_problem(answer, 422, "input_invalid", pointer="/since")


def an_act_sealed() -> UUID:
    """Return an act with a place; where the guards are off, the trigger's part is done by hand."""
    act_id = an_act(amount_fen=1)
    change(
        "INSERT INTO audit.waiting SELECT :id WHERE NOT EXISTS (SELECT FROM audit.waiting WHERE act_id = :id)",
        id=act_id,
    )
    sealed()
    return act_id


def restore(act_id: UUID, column: str, value: object) -> None:
    is_json = column == "details"
    given = "CAST(:value AS jsonb)" if is_json else ":value"
    change(
        f"UPDATE audit.act SET {column} = {given} WHERE act_id = :id",
        id=act_id,
        value='{"amount_fen": 1}' if is_json else value,
    )
