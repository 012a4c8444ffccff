from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.quote import LINES_MAX
from app.usecases.sharing import fill
from app.usecases.sharing.fill import link_of, put_in_shared_cart
from app.usecases.shopping.cart import put_in_cart
from tests.factories import a_merchant_with_shop, a_resident, an_address, an_offer
from tests.factories.rows import change, look, look_one
from tests.factories.sharing import a_shared_cart, locked
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, Owned, assert_problem, row_counts
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Offer, Person
    from tests.support.business_clock import BusinessClock

ABSENT = "shared_cart_not_found"


def at(shared_cart_id: UUID, *steps: object) -> str:
    return "/".join(["/user/v1/shared-carts", str(shared_cart_id), *map(str, steps)])


def put(
    client: FlaskClient, person: Person, shared_cart_id: UUID, offer: Offer, quantity: int = 1, **note: str
) -> TestResponse:
    path = at(shared_cart_id, "lines", offer.sku_id)
    return client.put(path, headers=person.headers, json={"quantity": quantity, **note})


def act(client: FlaskClient, person: Person, shared_cart_id: UUID, verb: str) -> TestResponse:
    return client.post(at(shared_cart_id, verb), headers=person.once())


def shown(client: FlaskClient, person: Person, shared_cart_id: UUID) -> dict[str, Any]:
    answer = client.get(at(shared_cart_id), headers=person.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


class TestOpenShared(Once):
    status = 201

    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/shared-carts")

    def test_one_lives_at_a_time(self, client: FlaskClient) -> None:
        shared_cart_id, owner = a_shared_cart()

        second = client.post("/user/v1/shared-carts", headers=owner.once())
        act(client, owner, shared_cart_id, "closing")
        third = client.post("/user/v1/shared-carts", headers=owner.once())

        assert assert_problem(second, 409, "shared_cart_open")["shared_cart_id"] == str(shared_cart_id)
        assert third.status_code == 201


class TestReadShared(Owned):
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        return Case(owner, at(shared_cart_id))

    def test_everybody_sees_all_lines_by_numbers_and_the_owner_the_link(self, client: FlaskClient) -> None:
        first, second = a_resident(), a_resident()
        shared_cart_id, owner = a_shared_cart(None, first, second)
        shop = a_merchant_with_shop()
        tea, cake = an_offer(shop, price_fen=900), an_offer(shop, price_fen=2_000)
        put(client, first, shared_cart_id, tea, 2, note="少糖")
        put(client, second, shared_cart_id, tea, 1)
        put(client, owner, shared_cart_id, cake, 1)

        seen, own = shown(client, first, shared_cart_id), shown(client, owner, shared_cart_id)

        assert [(item["member"], item["quantity"], item["is_mine"], item["note"]) for item in seen["items"]] == [
            (1, 1, False, ""),
            (2, 2, True, "少糖"),
            (3, 1, False, ""),
        ]
        assert seen["goods_fen"] == own["goods_fen"] == 3 * 900 + 2_000
        assert (seen["link"], own["link"], seen["member_count"]) == (None, link_of(shared_cart_id), 3)
        assert "account_id" not in str(seen)


class TestJoin(Endpoint):
    method = "POST"

    def case(self) -> Case:
        shared_cart_id, _ = a_shared_cart()
        return Case(a_resident(), at(shared_cart_id, "members"), {"link": link_of(shared_cart_id)})

    def test_a_wrong_link_looks_as_absent_as_no_cart(self, client: FlaskClient) -> None:
        case = self.case()
        before = row_counts()

        wrong = self.send(client, case, body={"link": "0" * 32})
        absent = self.send(client, case, path=case.absent_path)

        assert_problem(wrong, 404, ABSENT)
        assert wrong.data == absent.data
        assert row_counts() == before

    def test_who_is_a_member_stays_one_and_the_twenty_first_does_not_become_one(self, client: FlaskClient) -> None:
        case = self.case()
        shared_cart_id = case.path.split("/")[4]
        for _ in range(18):
            change(
                "INSERT INTO shared_cart_members (shared_cart_id, account_id, joined_at)"
                " VALUES (:id, :account_id, business_now())",
                id=shared_cart_id,
                account_id=a_resident().account_id,
            )

        twice = [self.send(client, case).status_code for _ in range(2)]
        late = self.send(client, case, headers=a_resident().headers)

        assert twice == [200, 200]
        assert_problem(late, 409, "shared_cart_full")

    def test_a_locked_cart_takes_nobody(self, client: FlaskClient) -> None:
        shared_cart_id, owner = a_shared_cart()
        locked(shared_cart_id, owner)

        answer = client.post(
            at(shared_cart_id, "members"), headers=a_resident().headers, json={"link": link_of(shared_cart_id)}
        )

        assert_problem(answer, 409, "shared_cart_locked")


class TestPutSharedLine(Owned):
    method = "PUT"
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        offer = an_offer(a_merchant_with_shop())
        return Case(owner, at(shared_cart_id, "lines", offer.sku_id), {"quantity": 2})

    def test_what_is_not_on_sale_does_not_go_in(self, client: FlaskClient) -> None:
        shared_cart_id, owner = a_shared_cart()
        paused = an_offer(a_merchant_with_shop(), state="paused")

        assert_problem(put(client, owner, shared_cart_id, paused), 404, "sku_not_found")

    def test_what_is_bought_on_its_own_does_not_go_in(self, client: FlaskClient) -> None:
        shared_cart_id, owner = a_shared_cart()
        service = an_offer(a_merchant_with_shop(), kind="service")

        assert_problem(put(client, owner, shared_cart_id, service), 409, "offer_not_deliverable")

    def test_a_line_too_many_is_refused_whoever_puts_it_in(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fill, "SHARED_LINES_MAX", 2)
        member = a_resident()
        shared_cart_id, owner = a_shared_cart(None, member)
        shop = a_merchant_with_shop()
        for _ in range(2):
            put_in_shared_cart(
                owner.actor, shared_cart_id=shared_cart_id, sku_id=an_offer(shop).sku_id, quantity=1, note=None
            )

        assert_problem(put(client, member, shared_cart_id, an_offer(shop)), 409, "shared_cart_full")
        assert look_one("SELECT count(*) FROM shared_cart_lines WHERE shared_cart_id = :id", id=shared_cart_id) == 2

    def test_lines_of_others_stay_theirs(self, client: FlaskClient) -> None:
        member = a_resident()
        shared_cart_id, owner = a_shared_cart(None, member)
        offer = an_offer(a_merchant_with_shop())
        put(client, member, shared_cart_id, offer, 2)
        put(client, owner, shared_cart_id, offer, 1)

        gone = client.delete(at(shared_cart_id, "lines", offer.sku_id), headers=owner.headers)

        assert gone.status_code == 204
        assert [(item["member"], item["quantity"]) for item in shown(client, owner, shared_cart_id)["items"]] == [
            (2, 2)
        ]


class TestDeleteSharedLine(Owned):
    method = "DELETE"
    status = 204
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        return Case(owner, at(shared_cart_id, "lines", an_offer(a_merchant_with_shop()).sku_id))


class TestLeave(Owned):
    method = "DELETE"
    status = 204
    absent_code = ABSENT

    def case(self) -> Case:
        member = a_resident()
        shared_cart_id, _ = a_shared_cart(None, member)
        return Case(member, at(shared_cart_id, "membership"))

    def test_who_leaves_takes_their_lines_and_the_owner_stays(self, client: FlaskClient) -> None:
        member = a_resident()
        shared_cart_id, owner = a_shared_cart(None, member)
        put(client, member, shared_cart_id, an_offer(a_merchant_with_shop()))

        left = client.delete(at(shared_cart_id, "membership"), headers=member.headers)
        stays = client.delete(at(shared_cart_id, "membership"), headers=owner.headers)

        assert left.status_code == 204
        assert_problem(stays, 409, "own_shared_cart")
        assert shown(client, owner, shared_cart_id)["items"] == []
        assert_problem(client.get(at(shared_cart_id), headers=member.headers), 404, ABSENT)


class TestLock(OnceOwned):
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        return Case(owner, at(shared_cart_id, "lock"))

    def test_nobody_changes_a_locked_cart_until_it_is_unlocked(self, client: FlaskClient) -> None:
        member = a_resident()
        shared_cart_id, owner = a_shared_cart(None, member)
        offer = an_offer(a_merchant_with_shop())
        act(client, owner, shared_cart_id, "lock")

        refused = [
            put(client, member, shared_cart_id, offer),
            client.delete(at(shared_cart_id, "lines", offer.sku_id), headers=owner.headers),
            client.delete(at(shared_cart_id, "membership"), headers=member.headers),
        ]
        act(client, owner, shared_cart_id, "unlock")

        for answer in refused:
            assert_problem(answer, 409, "shared_cart_locked")
        assert put(client, member, shared_cart_id, offer).status_code == 200

    def test_a_member_who_is_not_the_owner_does_not_lock(self, client: FlaskClient) -> None:
        member = a_resident()
        shared_cart_id, _ = a_shared_cart(None, member)

        for verb in ("lock", "unlock", "taking", "closing"):
            assert_problem(act(client, member, shared_cart_id, verb), 404, ABSENT)


class TestUnlock(OnceOwned):
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        return Case(owner, at(locked(shared_cart_id, owner), "unlock"))


class TestClosing(OnceOwned):
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        return Case(owner, at(shared_cart_id, "closing"))


class TestTaking(OnceOwned):
    absent_code = ABSENT

    def case(self) -> Case:
        shared_cart_id, owner = a_shared_cart()
        return Case(owner, at(locked(shared_cart_id, owner), "taking"))

    def test_everybodys_lines_come_summed_into_the_owners_cart_and_are_paid_by_the_owner(
        self, client: FlaskClient
    ) -> None:
        member = a_resident()
        shared_cart_id, owner = a_shared_cart(None, member)
        shop = a_merchant_with_shop()
        tea, cake = an_offer(shop, price_fen=900), an_offer(shop, price_fen=2_000)
        put_in_cart(owner.actor, sku_id=cake.sku_id, quantity=1)
        put(client, member, shared_cart_id, tea, 2, note="少糖")
        put(client, owner, shared_cart_id, tea, 1)
        put(client, member, shared_cart_id, cake, 1)
        locked(shared_cart_id, owner)

        assert act(client, owner, shared_cart_id, "taking").get_json()["state"] == "taken"

        cart = client.get("/user/v1/cart", headers=owner.headers).get_json()
        assert {item["sku_id"]: (item["quantity"], item["note"]) for item in cart["items"]} == {
            str(tea.sku_id): (3, "少糖"),
            str(cake.sku_id): (2, ""),
        }
        body = {"address_id": str(an_address(owner, near=shop))}
        quote = client.post("/user/v1/checkout-quotes", headers=owner.headers, json=body).get_json()
        assert quote["shops"][0]["goods_fen"] == cart["goods_fen"] == 3 * 900 + 2 * 2_000
        assert_problem(act(client, owner, shared_cart_id, "taking"), 409, "illegal_transition")

    def test_an_open_cart_is_locked_before_it_is_taken(self, client: FlaskClient) -> None:
        shared_cart_id, owner = a_shared_cart()

        assert_problem(act(client, owner, shared_cart_id, "taking"), 409, "illegal_transition")

    def test_what_does_not_fit_into_the_cart_leaves_both_as_they_were(self, client: FlaskClient) -> None:
        shared_cart_id, owner = a_shared_cart()
        shop = a_merchant_with_shop()
        for _ in range(LINES_MAX):
            put_in_cart(owner.actor, sku_id=an_offer(shop).sku_id, quantity=1)
        put(client, owner, shared_cart_id, an_offer(shop))
        locked(shared_cart_id, owner)
        before = row_counts()

        assert_problem(act(client, owner, shared_cart_id, "taking"), 409, "cart_too_large")
        assert row_counts() == before
        assert shown(client, owner, shared_cart_id)["state"] == "locked"


@pytest.mark.parametrize("is_locked", [False, True])
def test_after_two_hours_it_is_over_whether_or_not_its_timer_has_run(
    app: Flask,
    client: FlaskClient,
    clock: BusinessClock,
    is_locked: bool,  # noqa: FBT001 - the table
) -> None:
    shared_cart_id, owner = a_shared_cart()
    if is_locked:
        locked(shared_cart_id, owner)
    clock.ahead(hours=2, minutes=1)

    late = put(client, owner, shared_cart_id, an_offer(a_merchant_with_shop()))
    run_worker(app)

    assert_problem(late, 409, "shared_cart_locked")
    assert shown(client, owner, shared_cart_id)["state"] == "expired"


def told(shared_cart_id: UUID) -> list[tuple[str, str]]:
    """Return whom changes of a shared cart were told to, and its state then, in their order."""
    rows = look(
        "SELECT body FROM outbox WHERE kind = 'SharedCartChanged' AND body ->> 'shared_cart_id' = :id ORDER BY seq",
        id=str(shared_cart_id),
    )
    return [(row.body["account_id"], row.body["state"]) for row in rows]


def test_every_member_hears_of_every_change_on_their_own_stream_and_nobody_else(client: FlaskClient) -> None:
    owner, member, offer = a_resident(), a_resident(), an_offer(a_merchant_with_shop())
    shared_cart_id, _ = a_shared_cart(owner, member)
    both = sorted([str(owner.account_id), str(member.account_id)])
    joined = told(shared_cart_id)

    put(client, member, shared_cart_id, offer)
    client.delete(at(shared_cart_id, "lines", offer.sku_id), headers=member.headers)
    client.delete(at(shared_cart_id, "lines", offer.sku_id), headers=member.headers)
    locked(shared_cart_id, owner)

    assert joined == [(one, "open") for one in both]
    assert told(shared_cart_id)[2:] == [(one, state) for state in ("open", "open", "locked") for one in both]


def test_who_left_hears_nothing_any_more(client: FlaskClient) -> None:
    owner, member, offer = a_resident(), a_resident(), an_offer(a_merchant_with_shop())
    shared_cart_id, _ = a_shared_cart(owner, member)
    client.delete(at(shared_cart_id, "membership"), headers=member.headers)
    before = len(told(shared_cart_id))

    put(client, owner, shared_cart_id, offer)

    assert told(shared_cart_id)[before:] == [(str(owner.account_id), "open")]
