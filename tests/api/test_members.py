"""Members: invited by phone, accepted by the person, changed and removed by whoever is in charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import MemberRole, OrganizationKind
from app.kernel.actor import Side
from tests.factories import Person, Shop, a_merchant_with_shop, a_phone, a_resident, a_store_clerk
from tests.factories.people import a_member
from tests.factories.rows import change, look, look_one
from tests.support.ladder import assert_problem
from tests.support.races import at_once

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient


def invited(client: FlaskClient, shop: Shop, phone: str, role: str = "clerk", by: Person | None = None) -> Any:
    body = {"phone": phone, "role": role}
    url = f"/merchant/v1/merchants/{shop.merchant_id}/invitations"
    return client.post(url, headers=(by or shop.owner).once(), json=body)


def accepted(client: FlaskClient, person: Person, invitation_id: str, how: str = "acceptance") -> Any:
    return client.post(f"/user/v1/invitations/{invitation_id}/{how}", headers=person.once())


def a_member_of(shop: Shop, role: MemberRole) -> Person:
    return a_member(Side.MERCHANT, OrganizationKind.MERCHANT, shop.merchant_id, role)


def role_of(person: Person) -> str | None:
    rows = look("SELECT role FROM memberships WHERE account_id = :id", id=person.account_id)
    return rows[0].role if rows else None


def test_a_person_becomes_a_clerk_by_accepting_what_came_to_their_phone(client: FlaskClient) -> None:
    shop, person = a_merchant_with_shop(), a_resident()

    invitation_id = invited(client, shop, person.phone).get_json()["invitation_id"]
    listed = client.get("/user/v1/invitations", headers=person.headers).get_json()["items"]
    answer = accepted(client, person, invitation_id)

    assert [item["invitation_id"] for item in listed] == [invitation_id]
    assert answer.status_code == 200
    assert role_of(person) == "clerk"
    verbs = look("SELECT verb FROM audit.act WHERE subject_id = :id ORDER BY act_id", id=invitation_id)
    assert [act.verb for act in verbs] == ["member.invite", "invitation.answer"]


def test_the_answer_does_not_tell_whether_a_phone_has_an_account(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()

    known, unknown = (invited(client, shop, phone) for phone in (a_resident().phone, a_phone()))

    assert known.status_code == unknown.status_code == 201
    assert known.get_json().keys() == unknown.get_json().keys()
    assert {**known.get_json(), "invitation_id": ""} == {**unknown.get_json(), "invitation_id": ""}


def test_an_invitation_is_nobody_elses(client: FlaskClient) -> None:
    shop, person, other = a_merchant_with_shop(), a_resident(), a_resident()
    invitation_id = invited(client, shop, person.phone).get_json()["invitation_id"]

    assert_problem(accepted(client, other, invitation_id), 404, "invitation_not_found")
    assert role_of(other) is None


@pytest.mark.parametrize(
    "loss",
    [
        "UPDATE invitations SET expires_at = clock_timestamp() WHERE invitation_id = :id",
        "DELETE FROM memberships WHERE account_id = (SELECT invited_by FROM invitations WHERE invitation_id = :id)",
    ],
)
def test_an_invitation_ends_with_its_week_and_with_the_charge_of_who_invited(client: FlaskClient, loss: str) -> None:
    shop, person = a_merchant_with_shop(), a_resident()
    invitation_id = invited(client, shop, person.phone).get_json()["invitation_id"]

    change(loss, id=invitation_id)

    assert_problem(accepted(client, person, invitation_id), 404, "invitation_not_found")
    assert role_of(person) is None


def test_what_was_withdrawn_refused_or_replaced_cannot_be_accepted(client: FlaskClient) -> None:
    shop, person = a_merchant_with_shop(), a_resident()
    first, second, third = (invited(client, shop, person.phone).get_json()["invitation_id"] for _ in range(3))
    url = f"/merchant/v1/invitations/{third}/withdrawal"

    assert_problem(accepted(client, person, first), 404, "invitation_not_found")
    assert_problem(accepted(client, person, second, "refusal"), 404, "invitation_not_found")
    assert client.post(url, headers=shop.owner.once()).get_json()["state"] == "withdrawn"
    assert_problem(accepted(client, person, third), 404, "invitation_not_found")
    fourth = invited(client, shop, person.phone).get_json()["invitation_id"]
    assert accepted(client, person, fourth, "refusal").get_json()["state"] == "refused"
    assert role_of(person) is None


def test_one_acceptance_of_many_at_once_takes_effect(app: Flask, client: FlaskClient) -> None:
    shop, person = a_merchant_with_shop(), a_resident()
    invitation_id = invited(client, shop, person.phone).get_json()["invitation_id"]

    outcomes = at_once(app, [lambda: accepted(app.test_client(), person, invitation_id).status_code] * 8)

    assert sorted(outcome.answer for outcome in outcomes) == [200] + [404] * 7
    assert look_one("SELECT count(*) FROM memberships WHERE account_id = :id", id=person.account_id) == 1


def test_a_member_does_not_change_by_another_invitation(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    manager = a_member_of(shop, MemberRole.MANAGER)
    resident = Person(manager.account_id, manager.session_id, Side.MERCHANT, manager.phone)
    invitation_id = invited(client, shop, resident.phone).get_json()["invitation_id"]
    change("UPDATE sessions SET side = 'user' WHERE session_id = :id", id=manager.session_id)
    at_user = Person(manager.account_id, manager.session_id, Side.USER, manager.phone)

    assert_problem(accepted(client, at_user, invitation_id), 409, "already_member")
    assert role_of(manager) == "manager"


@pytest.mark.parametrize("role", [MemberRole.MANAGER, MemberRole.CLERK])
def test_who_is_not_in_charge_invites_nobody(client: FlaskClient, role: MemberRole) -> None:
    shop = a_merchant_with_shop()

    assert_problem(invited(client, shop, a_phone(), by=a_member_of(shop, role)), 403, "not_permitted")
    assert_problem(invited(client, shop, a_phone(), by=a_merchant_with_shop().owner), 404, "organization_not_found")


def test_a_role_of_another_side_is_not_given(client: FlaskClient) -> None:
    assert_problem(invited(client, a_merchant_with_shop(), a_phone(), role="admin"), 422, "input_invalid")


def test_the_charge_is_handed_over_and_never_lost(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    clerk = a_member_of(shop, MemberRole.CLERK)
    place = f"/merchant/v1/merchants/{shop.merchant_id}"

    early = client.post(f"{place}/departure", headers=shop.owner.once())
    handed = client.put(f"{place}/members/{clerk.account_id}", headers=shop.owner.once(), json={"role": "owner"})
    late = client.post(f"{place}/departure", headers=shop.owner.once())

    assert_problem(early, 409, "last_in_charge")
    assert handed.get_json()["role"] == "owner"
    assert late.status_code == 200
    assert (role_of(shop.owner), role_of(clerk)) == (None, "owner")


def test_two_owners_who_leave_at_once_do_not_leave_it_to_nobody(app: Flask) -> None:
    shop = a_merchant_with_shop()
    other = a_member_of(shop, MemberRole.OWNER)
    url = f"/merchant/v1/merchants/{shop.merchant_id}/departure"

    outcomes = at_once(
        app, [lambda p=p: app.test_client().post(url, headers=p.once()).status_code for p in (shop.owner, other)]  # type: ignore[misc]
    )  # fmt: skip

    assert sorted(outcome.answer for outcome in outcomes) in ([200, 404], [200, 409])
    assert look_one("SELECT count(*) FROM memberships WHERE organization_id = :id", id=shop.merchant_id) == 1


def test_who_was_removed_is_nobody_with_the_next_request(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    clerk = a_member_of(shop, MemberRole.CLERK)
    url = f"/merchant/v1/merchants/{shop.merchant_id}/members/{clerk.account_id}"

    before = client.get("/merchant/v1/shops", headers=clerk.headers)
    removed = client.delete(url, headers=shop.owner.once())
    after = client.get("/merchant/v1/shops", headers=clerk.headers)

    assert (before.status_code, removed.status_code) == (200, 200)
    assert_problem(after, 403, "no_membership")
    [act] = look("SELECT account_id, verb FROM audit.act WHERE whom_id = :id", id=clerk.account_id)
    assert (act.account_id, act.verb) == (shop.owner.account_id, "member.remove")


def test_a_store_has_a_manager_who_invites_agents(client: FlaskClient) -> None:
    clerk, person = a_store_clerk(), a_resident()
    store_id = look_one("SELECT organization_id FROM memberships WHERE account_id = :id", id=clerk.account_id)
    manager = a_member(Side.STORE, OrganizationKind.STORE, store_id, MemberRole.MANAGER)
    body = {"phone": person.phone, "role": "agent"}

    made = client.post(f"/store/v1/stores/{store_id}/invitations", headers=manager.once(), json=body)
    accepted(client, person, made.get_json()["invitation_id"])
    items = client.get("/store/v1/members", headers=manager.headers).get_json()["items"]

    assert {(item["account_id"], item["role"]) for item in items} == {
        (str(clerk.account_id), "clerk"),
        (str(manager.account_id), "manager"),
        (str(person.account_id), "agent"),
    }
