"""What a role is good for, and that a lost one is good for nothing at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.orders.states import OrderState
from app.kernel.actor import Actor, Side
from app.web.door import Door
from app.web.policy import Relation, policy, refuse_unguarded
from tests.factories import a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.people import a_member
from tests.factories.rows import change, look
from tests.support.ladder import assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Person, Shop


def a_clerk_of(shop: Shop) -> Person:
    return a_member(Side.MERCHANT, OrganizationKind.MERCHANT, shop.merchant_id, MemberRole.CLERK)


def opening(client: FlaskClient, person: Person, shop: Shop) -> object:
    return client.put(f"/merchant/v1/shops/{shop.shop_id}/opening", headers=person.once(), json={"is_open": False})


def test_a_clerk_accepts_orders_but_does_not_close_the_shop(client: FlaskClient) -> None:
    order = an_order()
    clerk = a_clerk_of(order.shop)

    accepted = client.post(f"/merchant/v1/orders/{order.order_id}/acceptance", headers=clerk.once())
    closed = opening(client, clerk, order.shop)

    assert accepted.status_code == 200
    assert_problem(closed, 403, "not_permitted")  # type: ignore[arg-type]
    [act] = look(
        "SELECT verb, outcome FROM audit.act WHERE account_id = :id AND outcome = 'refused'", id=clerk.account_id
    )
    assert act.verb == "shop.write"


def test_an_owner_of_one_merchant_is_not_more_than_a_clerk_at_another(client: FlaskClient) -> None:
    mine, theirs = a_merchant_with_shop(), a_merchant_with_shop()
    change(
        "INSERT INTO memberships VALUES (:account_id, 'merchant', :merchant_id, 'clerk')",
        account_id=mine.owner.account_id,
        merchant_id=theirs.merchant_id,
    )

    there = opening(client, mine.owner, theirs)
    here = opening(client, mine.owner, mine)
    balances = client.get("/merchant/v1/balances", headers=mine.owner.headers).get_json()["items"]

    assert_problem(there, 404, "shop_not_found")  # type: ignore[arg-type]
    assert here.status_code == 200  # type: ignore[attr-defined]
    assert [item["merchant_id"] for item in balances] == [str(mine.merchant_id)]


@pytest.mark.parametrize(
    "loss, code, status",
    [
        ("DELETE FROM memberships WHERE account_id = :id", "no_membership", 403),
        ("UPDATE memberships SET role = 'clerk' WHERE account_id = :id", "not_permitted", 403),
        ("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", "account_suspended", 403),
        ("UPDATE sessions SET ended_at = now() WHERE account_id = :id", "session_ended", 401),
    ],
)
def test_what_was_taken_away_counts_with_the_next_request(
    client: FlaskClient, loss: str, code: str, status: int
) -> None:
    shop = a_merchant_with_shop()
    assert opening(client, shop.owner, shop).status_code == 200  # type: ignore[attr-defined]

    change(loss, id=shop.owner.account_id)

    assert_problem(opening(client, shop.owner, shop), status, code)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["reviewer", "support"])
def test_books_are_not_for_every_member_of_the_platform(client: FlaskClient, role: str) -> None:
    person = a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole(role))

    assert_problem(client.get("/platform/v1/books", headers=person.headers), 403, "not_permitted")
    assert client.get("/platform/v1/parties?kind=store", headers=person.headers).status_code == 200


def test_a_suspended_resident_sees_what_is_theirs_and_buys_nothing(client: FlaskClient) -> None:
    order = an_order()
    resident = order.resident
    change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=resident.account_id)

    seen = client.get(f"/user/v1/orders/{order.order_id}", headers=resident.headers)
    bought = client.post("/user/v1/account/top-ups", headers=resident.once(), json={"amount_fen": 100})

    assert seen.status_code == 200
    assert_problem(bought, 403, "account_suspended")


def test_a_suspended_courier_brings_home_what_is_carried_and_takes_nothing_new(client: FlaskClient) -> None:
    order = an_order(state=OrderState.READY, with_courier=True)
    change("UPDATE couriers SET state = 'suspended' WHERE courier_id = :id", id=order.carrier.account_id)

    trip = client.get(f"/courier/v1/trips/{order.trip_id}", headers=order.carrier.headers)
    hall = client.get("/courier/v1/trips/open?lat=39.9&lng=116.4", headers=order.carrier.headers)

    assert trip.status_code == 200
    assert_problem(hall, 403, "courier_suspended")


def test_a_session_of_one_side_is_none_of_another(client: FlaskClient) -> None:
    resident, courier = a_resident(), a_courier()
    change("UPDATE sessions SET side = 'user' WHERE session_id = :id", id=courier.session_id)

    assert_problem(client.get("/courier/v1/earnings", headers=courier.headers), 401, "session_ended")
    assert client.get("/user/v1/account", headers=resident.headers).status_code == 200


def test_a_route_with_a_verb_that_nobody_holds_stops_the_start() -> None:
    door = Door("merchant", __name__, side=Side.MERCHANT)

    @door.get("/secret")
    @policy("secret.read", Relation.SIDE)
    def read_secret(_actor: Actor) -> None: ...

    app = Flask("unheld", static_folder=None)
    app.register_blueprint(door)

    with pytest.raises(AssertionError, match=r"merchant\.read_secret \(secret\.read\)"):
        refuse_unguarded(app)
