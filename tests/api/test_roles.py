"""What a role is good for, and that a lost one is good for nothing at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.orders.states import OrderState
from app.kernel import wire
from app.kernel.actor import Actor, Side
from app.kernel.batching import Batcher
from app.kernel.errors import LinliError
from app.kernel.ids import new_id
from app.usecases.people import standing
from app.web.door import Door
from app.web.policy import Relation, policy, refuse_unguarded
from tests.factories import a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.people import a_member
from tests.factories.rows import change, look
from tests.support.ladder import assert_problem
from tests.support.sandbox_gateway import wait_until

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


class Askers:
    """Somebody of each kind, with the verb they ask for and what they are told."""

    def __init__(self) -> None:
        shop = a_merchant_with_shop()
        clerk, former = a_clerk_of(shop), a_clerk_of(shop)
        suspended, signed_out, carrier, off = a_resident(), a_resident(), a_courier(), a_courier()
        change("DELETE FROM memberships WHERE account_id = :id", id=former.account_id)
        change("UPDATE accounts SET state = 'suspended' WHERE account_id = :id", id=suspended.account_id)
        change("UPDATE sessions SET ended_at = now() WHERE account_id = :id", id=signed_out.account_id)
        change("UPDATE couriers SET state = 'suspended' WHERE courier_id = :id", id=off.account_id)
        owner, theirs = shop.owner.actor, a_resident().actor
        self.all: list[tuple[Actor, str, str | None]] = [
            (owner, "shop.write", None),
            (clerk.actor, "shop.write", "not_permitted"),
            (former.actor, "shop.write", "no_membership"),
            (a_resident().actor, "checkout.place", None),
            (a_resident(has_agreed=False).actor, "checkout.place", "consent_needed"),
            (suspended.actor, "checkout.place", "account_suspended"),
            (signed_out.actor, "checkout.place", "session_ended"),
            (
                Actor(account_id=theirs.account_id, session_id=owner.session_id, side=Side.USER),
                "checkout.place",
                "session_ended",
            ),
            (Actor(account_id=new_id(), session_id=new_id(), side=Side.USER), "checkout.place", "session_ended"),
            (carrier.actor, "trip.claim", None),
            (off.actor, "trip.claim", "courier_suspended"),
            (
                Actor(account_id=owner.account_id, session_id=owner.session_id, side=Side.COURIER),
                "trip.claim",
                "session_ended",
            ),
        ]


def told(actor: Actor, verb: str) -> str | None:
    try:
        standing.stand(actor, verb)
    except LinliError as refusal:
        return refusal.code
    return None


def test_of_a_crowd_that_is_looked_up_by_one_statement_each_is_told_what_is_theirs(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    askers, gate, seen = Askers(), Event(), list[str]()
    first, *rest = askers.all

    def held(asker: dict[str, object]) -> wire.Row:
        assert gate.wait(30)
        return standing._look_up(asker)

    batcher = Batcher(standing._look_up_many, alone=held, most=standing.BATCH_MAX)
    monkeypatch.setattr(standing, "_ASKERS", batcher)
    monkeypatch.setattr(wire, "observers", [seen.append])

    def ask(actor: Actor, verb: str) -> str | None:
        with app.app_context():
            return told(actor, verb)

    with ThreadPoolExecutor(len(askers.all)) as pool:
        leads = pool.submit(ask, *first[:2])
        wait_until(lambda: None in batcher._waiting)
        follow = [pool.submit(ask, *one[:2]) for one in rest]
        wait_until(lambda: len(batcher._waiting[None]) == len(rest))
        gate.set()
        answers = [one.result(timeout=30) for one in (leads, *follow)]

    assert answers == [expected for _, _, expected in askers.all]
    assert len(seen) == 2


def test_who_is_looked_up_alone_is_told_the_same(app: Flask) -> None:
    askers = Askers()

    assert [told(actor, verb) for actor, verb, _ in askers.all] == [expected for _, _, expected in askers.all]
