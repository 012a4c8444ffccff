"""Two pairs of eyes: nobody decides alone, and what is approved happens once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.ledger import codes
from app.kernel.actor import Side
from tests.factories import a_merchant_with_shop, a_resident
from tests.factories.people import a_member
from tests.factories.rows import change, look, look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

NOBODY = "01a00000-0000-7000-8000-000000000000"


def staff(role: str) -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole(role))


def correction(to: Person, amount_fen: int = 700) -> dict[str, Any]:
    return {
        "from_account": codes.PLATFORM_LOSS,
        "to_account": codes.e_account(to.account_id),
        "amount_fen": amount_fen,
        "why": "CASE-4711",
    }


def asked(client: FlaskClient, person: Person, path: str, body: dict[str, Any]) -> str:
    answer = client.post(f"/platform/v1/{path}", headers=person.once(), json=body)
    assert answer.status_code == 201, answer.text
    found: str = answer.get_json()["approval_id"]
    return found


def decided(client: FlaskClient, person: Person, approval_id: str, how: str = "approval") -> Any:
    return client.post(f"/platform/v1/approvals/{approval_id}/{how}", headers=person.once())


def balance(person: Person) -> int:
    rows = look("SELECT posted_fen FROM ledger.balance WHERE code = :code", code=codes.e_account(person.account_id))
    return int(rows[0].posted_fen) if rows else 0


def test_a_correction_is_posted_when_another_approves_it_and_both_acts_are_logged(client: FlaskClient) -> None:
    asker, decider, resident = staff("finance"), staff("admin"), a_resident()

    approval_id = asked(client, asker, "corrections", correction(resident))
    before = balance(resident)
    answer = decided(client, decider, approval_id)

    assert answer.status_code == 200
    assert (before, balance(resident)) == (0, 700)
    acts = look(
        "SELECT account_id, verb, why, details FROM audit.act WHERE subject_id = :id ORDER BY act_id", id=approval_id
    )
    assert [(act.account_id, act.verb, act.why) for act in acts] == [
        (asker.account_id, "correction.request", "CASE-4711"),
        (decider.account_id, "approval.decide", "CASE-4711"),
    ]
    assert all(act.details["amount_fen"] == 700 for act in acts)
    kind = look_one("SELECT kind FROM ledger.journal WHERE key = :key", key=f"correction:{approval_id}")
    assert kind == "correction"


def test_nobody_approves_what_they_asked_for_not_even_in_another_role(client: FlaskClient) -> None:
    asker, resident = staff("finance"), a_resident()
    approval_id = asked(client, asker, "corrections", correction(resident))

    first = decided(client, asker, approval_id)
    change("UPDATE memberships SET role = 'admin' WHERE account_id = :id", id=asker.account_id)
    second = decided(client, asker, approval_id)

    assert_problem(first, 403, "own_approval")
    assert_problem(second, 403, "own_approval")
    assert balance(resident) == 0


@pytest.mark.parametrize("code", ["e_account:nobody", "e_account:" + NOBODY, "till_cash:" + NOBODY, "cash"])
def test_nothing_is_corrected_to_nobodys_account_or_to_what_is_counted(client: FlaskClient, code: str) -> None:
    body = {**correction(a_resident()), "to_account": code}

    answer = client.post("/platform/v1/corrections", headers=staff("finance").once(), json=body)

    assert_problem(answer, 422, "correction_invalid")


def test_nobody_asks_for_or_approves_what_moves_money_of_their_own(client: FlaskClient) -> None:
    asker, decider = staff("finance"), staff("finance")
    approval_id = asked(client, asker, "corrections", correction(decider))

    own = client.post("/platform/v1/corrections", headers=asker.once(), json=correction(asker))
    approved = decided(client, decider, approval_id)

    assert_problem(own, 403, "own_approval", pointer="/to_account")
    assert_problem(approved, 403, "own_approval")
    assert balance(decider) == 0


def test_of_many_who_approve_at_once_one_does(app: Flask, client: FlaskClient) -> None:
    resident = a_resident()
    approval_id = asked(client, staff("finance"), "corrections", correction(resident))
    deciders = [staff("admin") for _ in range(8)]

    outcomes = at_once(
        app, [lambda d=d: decided(app.test_client(), d, approval_id).status_code for d in deciders]  # type: ignore[misc]
    )  # fmt: skip

    assert sorted(outcome.answer for outcome in outcomes) == [200] + [409] * 7
    assert balance(resident) == 700


@pytest.mark.parametrize("how, state", [("rejection", "rejected"), ("expiry", "expired")])
def test_what_was_rejected_or_is_past_its_time_does_not_happen(client: FlaskClient, how: str, state: str) -> None:
    resident = a_resident()
    approval_id = asked(client, staff("finance"), "corrections", correction(resident))
    if how == "rejection":
        assert decided(client, staff("admin"), approval_id, "rejection").status_code == 200
    else:
        change("UPDATE approvals SET expires_at = clock_timestamp() WHERE approval_id = :id", id=approval_id)

    answer = decided(client, staff("admin"), approval_id)

    assert assert_problem(answer, 409, "approval_closed")["state"] == state
    assert balance(resident) == 0


def test_money_that_is_not_there_leaves_the_request_open(client: FlaskClient) -> None:
    poor, rich = a_resident(), a_resident()
    body = {**correction(rich), "from_account": codes.e_account(poor.account_id)}
    approval_id = asked(client, staff("finance"), "corrections", body)

    answer = decided(client, staff("admin"), approval_id)

    assert answer.status_code in {404, 409}, answer.text
    assert look_one("SELECT state FROM approvals WHERE approval_id = :id", id=approval_id) == "open"


def test_a_commission_rate_begins_on_its_day(app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop(commission_bp=500)
    starts_on = look_one("SELECT CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date) + 7").isoformat()
    body = {"shop_id": str(shop.shop_id), "commission_bp": 800, "starts_on": starts_on, "why": "CONTRACT-1"}
    approval_id = asked(client, staff("finance"), "commission-rates", body)
    assert decided(client, staff("admin"), approval_id).status_code == 200

    def rate() -> int:
        run_worker(app)
        return int(look_one("SELECT commission_bp FROM shops WHERE shop_id = :id", id=shop.shop_id))

    before = rate()
    clock.ahead(days=7)

    assert (before, rate()) == (500, 800)


def test_a_rate_does_not_begin_today(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    today = look_one("SELECT CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)").isoformat()
    body = {"shop_id": str(shop.shop_id), "commission_bp": 800, "starts_on": today, "why": "CONTRACT-1"}

    answer = client.post("/platform/v1/commission-rates", headers=staff("finance").once(), json=body)

    assert_problem(answer, 422, "starts_too_soon", pointer="/starts_on")


def test_a_role_at_the_platform_takes_two_administrators(client: FlaskClient) -> None:
    newcomer, asker, other = a_resident(), staff("admin"), staff("admin")
    body = {"account_id": str(newcomer.account_id), "role": "support", "why": "HR-12"}
    approval_id = asked(client, asker, "staff-roles", body)

    by_finance = decided(client, staff("finance"), approval_id)
    by_other = decided(client, other, approval_id)

    assert_problem(by_finance, 403, "not_permitted")
    assert by_other.status_code == 200
    assert look_one("SELECT role FROM memberships WHERE account_id = :id", id=newcomer.account_id) == "support"
    assert look_one("SELECT count(*) FROM audit.act WHERE whom_id = :id", id=newcomer.account_id) == 2


def test_nobody_asks_for_a_role_of_their_own_nor_decides_about_it(client: FlaskClient) -> None:
    me, other = staff("admin"), staff("admin")
    mine = {"account_id": str(me.account_id), "role": "finance", "why": "HR-13"}

    own = client.post("/platform/v1/staff-roles", headers=me.once(), json=mine)
    approval_id = asked(client, other, "staff-roles", mine)

    assert_problem(own, 403, "own_approval")
    assert_problem(decided(client, me, approval_id), 403, "own_approval")


def test_open_requests_are_listed_for_those_who_decide(client: FlaskClient) -> None:
    asker = staff("finance")
    approval_id = asked(client, asker, "corrections", correction(a_resident()))

    items = client.get("/platform/v1/approvals?state=open", headers=staff("admin").headers).get_json()["items"]

    [found] = [item for item in items if item["approval_id"] == approval_id]
    assert (found["kind"], found["requested_by"], found["body"]["amount_fen"]) == (
        "correction",
        str(asker.account_id),
        700,
    )


@pytest.mark.parametrize(
    "changed, code",
    [
        ({"amount_fen": 0}, "input_invalid"),
        ({"amount_fen": -5}, "input_invalid"),
        ({"why": "because Wang Fang asked"}, "input_invalid"),
        ({"to_account": codes.PLATFORM_LOSS}, "correction_invalid"),
        ({"to_account": "pocket:1"}, "correction_invalid"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(client: FlaskClient, changed: dict[str, Any], code: str) -> None:
    body = {**correction(a_resident()), **changed}

    answer = client.post("/platform/v1/corrections", headers=staff("finance").once(), json=body)

    assert_problem(answer, 422, code)
