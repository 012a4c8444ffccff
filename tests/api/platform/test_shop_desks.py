"""Shops as desks: appointed by two, accepted with a deposit, tended, ended by two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import MemberRole, OrganizationKind
from app.core.ledger import codes
from app.kernel.actor import Side
from app.kernel.ids import new_id
from app.usecases.tending_tills.shop_desks import shares_of_deposit
from tests.factories import a_merchant_with_shop, a_resident, an_operator
from tests.factories.people import a_member, signed_in
from tests.factories.rows import look, look_one
from tests.factories.shop_desks import DEPOSIT_FEN, a_rich_shop, a_shop_desk, an_active_desk
from tests.factories.tills import a_remittance, a_visit
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

    from tests.factories import Person


def book(code: str) -> int:
    return int(look_one("SELECT coalesce(sum(posted_fen), 0) FROM ledger.balance WHERE code = :code", code=code))


def decided(client: FlaskClient, path: str, body: dict[str, Any]) -> Any:
    """Ask for something and have another person approve it; return the answer to the approval."""
    asked = client.post(path, json=body, headers=an_operator().once())
    assert asked.status_code == 201, asked.text
    approval = f"/platform/v1/approvals/{asked.get_json()['approval_id']}/approval"
    return client.post(approval, headers=an_operator().once())


def end(client: FlaskClient, desk_id: UUID) -> Any:
    return decided(client, f"/platform/v1/shop-desks/{desk_id}/ending", {"why": "DESK-9"})


class TestRequestShopDesk(OnceWithBody):
    status = 201
    other_body = {"deposit_fen": 300_000}

    def case(self) -> Case:
        body = {"shop_id": str(a_merchant_with_shop().shop_id), "deposit_fen": DEPOSIT_FEN, "why": "DESK-1"}
        return Case(an_operator(), "/platform/v1/shop-desk-requests", body)

    def test_two_appoint_the_merchant_deposits_and_serves_and_two_end_it(self, client: FlaskClient) -> None:
        shop = a_rich_shop()
        body = {"shop_id": str(shop.shop_id), "deposit_fen": DEPOSIT_FEN, "why": "DESK-1"}
        owner, available = shop.owner, codes.merchant_available(shop.merchant_id)

        approved = decided(client, "/platform/v1/shop-desk-requests", body)
        [listed] = client.get("/merchant/v1/shop-desks", headers=owner.headers).get_json()["items"]
        accepted = client.post(
            f"/merchant/v1/shop-desks/{listed['desk_id']}/acceptance",
            json={"agents": [str(owner.account_id)]},
            headers=owner.once(),
        ).get_json()
        moved = book(available), book(codes.store_float(accepted["store_id"]))
        agent = signed_in(owner.account_id, Side.STORE)
        opened = client.post(
            f"/store/v1/tills/{accepted['till_id']}/opening", json={"counted_fen": 0}, headers=agent.once()
        )
        client.post(f"/store/v1/tills/{accepted['till_id']}/closing", json={"counted_fen": 0}, headers=agent.once())
        ended = end(client, accepted["desk_id"])
        gone = client.get(f"/store/v1/tills/{accepted['till_id']}/proof", headers=agent.headers)

        assert (approved.status_code, listed["state"], accepted["state"]) == (200, "appointed", "active")
        assert moved == (1_000_000 - DEPOSIT_FEN, DEPOSIT_FEN)
        assert opened.status_code == 200
        assert ended.status_code == 200
        assert (book(available), book(codes.store_float(accepted["store_id"]))) == (1_000_000, 0)
        assert gone.status_code in {403, 404}
        again = decided(client, "/platform/v1/shop-desk-requests", body)
        assert again.status_code == 200

    def test_a_shop_is_one_desk(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        a_shop_desk(shop)
        body = {"shop_id": str(shop.shop_id), "deposit_fen": DEPOSIT_FEN, "why": "DESK-1"}

        assert_problem(decided(client, "/platform/v1/shop-desk-requests", body), 409, "shop_desk_exists")


class TestAccept(OnceOwned):
    absent_code = "shop_desk_not_found"

    def case(self) -> Case:
        shop = a_rich_shop()
        path = f"/merchant/v1/shop-desks/{a_shop_desk(shop)}/acceptance"
        return Case(shop.owner, path, {"agents": [str(shop.owner.account_id)]})

    def test_without_the_money_there_is_no_desk(self, client: FlaskClient) -> None:
        shop = a_rich_shop(DEPOSIT_FEN - 1)
        path = f"/merchant/v1/shop-desks/{a_shop_desk(shop)}/acceptance"

        answer = client.post(path, json={"agents": [str(shop.owner.account_id)]}, headers=shop.owner.once())

        assert_problem(answer, 409, "insufficient_funds")
        assert look("SELECT state FROM shop_desks WHERE shop_id = :s", s=shop.shop_id)[0].state == "appointed"

    def test_strangers_do_not_serve_there(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, body={"agents": [str(a_resident().account_id)]})

        assert_problem(answer, 409, "desk_agents_invalid", pointer="/agents")


class TestNameAgents(OnceOwned):
    method = "PUT"
    absent_code = "shop_desk_not_found"

    def case(self) -> Case:
        shop = a_rich_shop()
        path = f"/merchant/v1/shop-desks/{an_active_desk(shop).desk_id}/agents"
        return Case(shop.owner, path, {"agents": [str(shop.owner.account_id)]})

    def test_who_leaves_the_merchant_or_is_named_no_more_serves_no_more(self, client: FlaskClient) -> None:
        shop = a_rich_shop()
        desk = an_active_desk(shop)
        leaver, other = (
            a_member(Side.MERCHANT, OrganizationKind.MERCHANT, shop.merchant_id, MemberRole.CLERK) for _ in range(2)
        )
        path = f"/merchant/v1/shop-desks/{desk.desk_id}/agents"

        def serving() -> set[UUID]:
            rows = look("SELECT account_id FROM memberships WHERE organization_id = :id", id=desk.store_id)
            return {row.account_id for row in rows}

        named = {"agents": [str(leaver.account_id), str(other.account_id)]}
        client.put(path, json=named, headers=shop.owner.once())
        both = serving()
        left = client.delete(
            f"/merchant/v1/merchants/{shop.merchant_id}/members/{leaver.account_id}", headers=shop.owner.once()
        )

        assert both == {leaver.account_id, other.account_id}
        assert left.status_code == 200, left.text
        assert serving() == {other.account_id}


class TestRequestDeskEnd(OnceWithBody):
    status = 201
    other_body = {"why": "DESK-10"}
    absent_code = "shop_desk_not_found"

    def case(self) -> Case:
        desk_id = a_shop_desk(a_merchant_with_shop())
        return Case(an_operator(), f"/platform/v1/shop-desks/{desk_id}/ending", {"why": "DESK-9"})


class TestListOwnDesks(Endpoint):
    def case(self) -> Case:
        return Case(a_merchant_with_shop().owner, "/merchant/v1/shop-desks")


class TestListShopDesks(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/shop-desks")


def put(client: FlaskClient, agent: Person, till_id: UUID, amount_fen: int) -> Any:
    body = {"visit_id": str(a_visit(agent)), "amount_fen": amount_fen}
    return client.post(f"/store/v1/tills/{till_id}/cash-ins", json=body, headers=agent.once())


def test_a_till_holds_no_more_than_the_deposit_and_what_is_missing_is_paid_from_it(client: FlaskClient) -> None:
    shop = a_rich_shop()
    desk = an_active_desk(shop)
    agent, till = signed_in(shop.owner.account_id, Side.STORE), f"/store/v1/tills/{desk.till_id}"
    client.post(f"{till}/opening", json={"counted_fen": 0}, headers=agent.once())

    full = put(client, agent, desk.till_id, DEPOSIT_FEN + 1)
    put(client, agent, desk.till_id, 5_000)
    client.post(f"{till}/closing", json={"counted_fen": 4_000}, headers=agent.once())
    with_cash = end(client, desk.desk_id)
    fewer = {"counted_fen": 3_500}
    refused = client.post(f"{till}/opening", json=fewer, headers=agent.once())
    client.post(f"{till}/opening", json={**fewer, "is_difference_accepted": True}, headers=agent.once())
    sent = a_remittance(agent, desk.till_id, 3_500)
    client.post(f"{till}/closing", json={"counted_fen": 0}, headers=agent.once())
    on_its_way = end(client, desk.desk_id)
    counted = {"counted_fen": 3_500}
    client.post(f"/platform/v1/cash-transfers/{sent}/receiving", json=counted, headers=an_operator().once())
    ended = end(client, desk.desk_id)

    assert assert_problem(full, 409, "till_full")["cash_fen_max"] == DEPOSIT_FEN
    assert_problem(with_cash, 409, "desk_not_empty")
    assert_problem(on_its_way, 409, "desk_not_empty")
    assert ended.status_code == 200
    assert book(f"cash_shortage:{shop.owner.account_id}") == 0
    assert_problem(refused, 409, "till_count_differs", pointer="/counted_fen")
    assert book(codes.merchant_available(shop.merchant_id)) == 1_000_000 - 1_500
    [row] = look("SELECT state, covered_fen FROM shop_desks WHERE desk_id = :d", d=desk.desk_id)
    assert (row.state, row.covered_fen) == ("ended", 1_500)
    path = f"/platform/v1/shop-desks/{desk.desk_id}/ending"
    again = client.post(path, json={"why": "DESK-9"}, headers=an_operator().once())
    assert_problem(again, 409, "illegal_transition")


@pytest.mark.parametrize("missing, paid", [([30, 50], [30, 50]), ([80, 50], [80, 20]), ([-5, 120], [0, 100]), ([], [])])
def test_a_deposit_pays_for_missing_cash_until_it_is_used_up(missing: list[int], paid: list[int]) -> None:
    people = [new_id() for _ in missing]

    shares = shares_of_deposit(100, list(zip(people, missing, strict=True)))

    assert [shares.get(person, 0) for person in people] == paid
