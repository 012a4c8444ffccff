"""Merchants' papers: handed in by the owner, reviewed by another, ended by time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import PLATFORM_ID, MemberRole, OrganizationKind
from app.core.orders.states import OrderState
from app.core.papers.rules import PaperKind
from app.core.papers.states import PaperState
from app.kernel.actor import Side
from app.kernel.clock import SHANGHAI, wall_now
from tests.factories import (
    Shop,
    a_community,
    a_merchant_with_shop,
    a_paper,
    a_resident,
    a_store_clerk,
    an_address,
    an_offer,
    an_operator,
    an_order,
)
from tests.factories.people import a_member, signed_in
from tests.factories.rows import change, look, look_one
from tests.factories.shops import CREDIT_CODE, FOOD_NUMBER
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

APPROVED = {"is_approved": True}
REFUSED = {"is_approved": False, "reason": "照片不清"}


def a_reviewer() -> Person:
    return a_member(Side.PLATFORM, OrganizationKind.PLATFORM, PLATFORM_ID, MemberRole.REVIEWER)


def soon(days: int = 400) -> str:
    return (wall_now().astimezone(SHANGHAI).date() + timedelta(days=days)).isoformat()


def food_license(**changed: Any) -> dict[str, Any]:
    body = {"kind": "food_license", "number": FOOD_NUMBER, "expires_on": soon(), "photo_reference": "photo-1"}
    return {**body, **changed}


def business_license(**changed: Any) -> dict[str, Any]:
    body = {"kind": "business_license", "number": CREDIT_CODE, "expires_on": None, "photo_reference": "photo-2"}
    return {**body, **changed}


def hand_in(client: FlaskClient, shop: Shop, body: dict[str, Any]) -> str:
    path = f"/merchant/v1/shops/{shop.shop_id}/papers"
    response = client.post(path, headers=shop.owner.once(), json=body)
    assert response.status_code == 201, response.text
    return str(response.get_json()["paper_id"])


def review(client: FlaskClient, person: Person, paper_id: object, body: dict[str, Any] = APPROVED) -> Any:
    return client.post(f"/{person.side}/v1/papers/{paper_id}/review", headers=person.once(), json=body)


def state_of(paper_id: object) -> str:
    return str(look_one("SELECT state FROM papers WHERE paper_id = :id", id=paper_id))


class TestHandIn(OnceWithBody, OnceOwned):
    method = "POST"
    status = 201
    absent_code = "shop_not_found"
    other_body = food_license()

    def case(self) -> Case:
        shop = a_merchant_with_shop(vertical="food")
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/papers", business_license())

    @pytest.mark.parametrize(
        "body, code, pointer",
        [
            (business_license(number="91330100799655058C"), "paper_number_invalid", "/number"),
            (food_license(expires_on=None), "paper_date_invalid", "/expires_on"),
            (food_license(expires_on="2020-01-01"), "paper_date_invalid", "/expires_on"),
            (food_license(expires_on="2999-12-31"), "paper_date_invalid", "/expires_on"),
            (food_license(kind="passport"), "input_invalid", "/kind"),
            (food_license(photo_reference=""), "input_invalid", "/photo_reference"),
            (food_license(state="approved"), "input_invalid", "/state"),
        ],
    )
    def test_what_is_no_paper_is_refused(
        self, client: FlaskClient, body: dict[str, Any], code: str, pointer: str
    ) -> None:
        assert_problem(self.send(client, self.case(), body=body), 422, code, pointer=pointer)

    def test_one_of_a_kind_waits_until_it_is_withdrawn(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop(vertical="food")
        case = Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/papers", business_license())
        paper_id = hand_in(client, shop, business_license())
        waiting = self.send(client, case)

        client.post(f"/merchant/v1/papers/{paper_id}/withdrawal", headers=shop.owner.once())
        again = self.send(client, case)

        assert_problem(waiting, 409, "paper_waits")
        assert again.status_code == 201

    @pytest.mark.parametrize("role", [MemberRole.MANAGER, MemberRole.CLERK])
    def test_only_the_owner_hands_papers_in(self, client: FlaskClient, role: MemberRole) -> None:
        shop = a_merchant_with_shop()
        member = a_member(Side.MERCHANT, OrganizationKind.MERCHANT, shop.merchant_id, role)
        path = f"/merchant/v1/shops/{shop.shop_id}/papers"

        response = client.post(path, headers=member.once(), json=business_license())

        assert response.status_code == 403


class TestWithdraw(OnceOwned):
    method = "POST"
    absent_code = "paper_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"/merchant/v1/papers/{a_paper(shop)}/withdrawal")


class TestReviewAtTheStore(OnceWithBody, OnceOwned):
    method = "POST"
    absent_code = "paper_not_found"
    other_body = REFUSED

    def case(self) -> Case:
        self.shop = a_merchant_with_shop()
        clerk = a_store_clerk(self.shop.store_id)
        return Case(clerk, f"/store/v1/papers/{a_paper(self.shop)}/review", APPROVED)

    def test_a_clerk_who_belongs_to_the_merchant_may_not(self, client: FlaskClient) -> None:
        case = self.case()
        change(
            """
            INSERT INTO memberships (account_id, organization_kind, organization_id, role)
            VALUES (:account_id, 'merchant', :merchant_id, 'clerk')
            """,
            account_id=case.person.account_id,
            merchant_id=self.shop.merchant_id,
        )

        assert_problem(self.send(client, case), 409, "own_paper")


class TestReviewAtThePlatform(OnceWithBody):
    method = "POST"
    other_body = REFUSED

    def case(self) -> Case:
        self.shop = a_merchant_with_shop()
        return Case(a_reviewer(), f"/platform/v1/papers/{a_paper(self.shop)}/review", APPROVED)

    def test_nobody_reviews_what_they_handed_in_even_after_leaving(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        paper_id = a_paper(shop)
        change(
            "UPDATE memberships SET organization_kind = 'platform', organization_id = :id, role = 'reviewer' "
            "WHERE account_id = :account_id",
            id=PLATFORM_ID,
            account_id=shop.owner.account_id,
        )

        answer = review(client, signed_in(shop.owner.account_id, Side.PLATFORM), paper_id)

        assert_problem(answer, 409, "own_paper")

    def test_what_ran_out_while_it_waited_is_not_approved(self, client: FlaskClient) -> None:
        paper_id = a_paper(a_merchant_with_shop(), expires_on=date(2020, 1, 1))

        assert_problem(review(client, a_reviewer(), paper_id), 409, "paper_run_out")

    def test_what_was_decided_stays(self, client: FlaskClient) -> None:
        paper_id = a_paper(a_merchant_with_shop())
        review(client, a_reviewer(), paper_id, REFUSED)

        assert_problem(review(client, a_reviewer(), paper_id), 409, "illegal_transition")

    def test_a_refusal_has_a_reason_that_the_merchant_reads(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        paper_id = a_paper(shop)
        without = review(client, a_reviewer(), paper_id, {"is_approved": False})
        review(client, a_reviewer(), paper_id, REFUSED)

        [shown] = client.get(f"/merchant/v1/shops/{shop.shop_id}/papers", headers=shop.owner.headers).get_json()[
            "items"
        ]

        assert_problem(without, 422, "input_invalid", pointer="/reason")
        assert (shown["state"], shown["reason"]) == ("refused", "照片不清")

    def test_the_review_stands_in_the_audit_log(self, client: FlaskClient) -> None:
        shop, reviewer = a_merchant_with_shop(), a_reviewer()
        paper_id = a_paper(shop)
        review(client, reviewer, paper_id)

        [act] = look("SELECT verb, whom_id, details FROM audit.act WHERE subject_id = :id", id=paper_id)

        assert (act.verb, act.whom_id, act.details) == ("paper.review", shop.owner.account_id, {"state": "approved"})


class TestListMerchantsPapers(Owned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        a_paper(shop)
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/papers")


class TestListPapersToReview(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/papers")

    def test_the_store_sees_those_of_its_catchment_and_the_platform_all(self, client: FlaskClient) -> None:
        shop, elsewhere = a_merchant_with_shop(), a_merchant_with_shop()
        here, there = str(a_paper(shop)), str(a_paper(elsewhere))

        clerk = a_store_clerk(shop.store_id)
        at_store = client.get("/store/v1/papers", headers=clerk.headers).get_json()["items"]
        at_platform = client.get("/platform/v1/papers", headers=an_operator().headers).get_json()["items"]

        assert [paper["paper_id"] for paper in at_store] == [here]
        assert {here, there} <= {paper["paper_id"] for paper in at_platform}

    def test_the_reviewer_sees_that_another_merchant_holds_the_number(self, client: FlaskClient) -> None:
        number = "9144030071526726XG"
        a_paper(a_merchant_with_shop(), state=PaperState.APPROVED, number=number)
        shop = a_merchant_with_shop()
        a_paper(shop, number=number)

        [shown] = client.get("/store/v1/papers", headers=a_store_clerk(shop.store_id).headers).get_json()["items"]

        assert shown["is_held_elsewhere"] is True


class TestListShopsPapers(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/shops/{a_merchant_with_shop().shop_id}/papers")

    def test_residents_see_what_was_approved_and_nothing_else(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        a_paper(shop, state=PaperState.APPROVED)
        a_paper(shop, kind=PaperKind.FOOD_LICENSE, number=FOOD_NUMBER, expires_on=date(2090, 1, 1))

        response = client.get(f"/user/v1/shops/{shop.shop_id}/papers", headers=a_resident().headers)

        assert response.get_json() == {
            "items": [{"kind": "business_license", "number": CREDIT_CODE, "expires_on": None}]
        }


def test_a_food_shop_without_its_second_paper_takes_no_orders_until_both_are_approved(client: FlaskClient) -> None:
    shop = a_merchant_with_shop(vertical="food", license_expires_on=date(2020, 1, 1))
    resident = a_resident()
    offer, address_id = an_offer(shop, kind="dish"), an_address(resident, near=shop)
    client.put(f"/user/v1/cart/lines/{offer.sku_id}", headers=resident.headers, json={"quantity": 1})
    answers = []

    for body in (food_license(), business_license()):
        review(client, a_store_clerk(shop.store_id), hand_in(client, shop, body))
        answers.append(
            client.post("/user/v1/checkout-quotes", headers=resident.headers, json={"address_id": str(address_id)})
        )

    assert_problem(answers[0], 409, "license_expired")
    assert answers[1].status_code == 200, answers[1].text
    shown = client.get(f"/user/v1/shops/{shop.shop_id}", headers=resident.headers).get_json()
    assert shown["license_number"] == FOOD_NUMBER


def test_a_newer_paper_takes_the_place_of_the_one_before(client: FlaskClient) -> None:
    shop = a_merchant_with_shop()
    first = hand_in(client, shop, business_license(expires_on=soon(10)))
    review(client, a_reviewer(), first)
    second = hand_in(client, shop, business_license(expires_on=soon(100)))
    review(client, a_reviewer(), second)

    assert (state_of(first), state_of(second)) == ("replaced", "approved")
    until = look_one("SELECT license_expires_on FROM shops WHERE shop_id = :id", id=shop.shop_id)
    assert until.isoformat() == soon(100)


def test_time_reminds_of_a_paper_and_ends_it(app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop()
    last_day = clock.now().astimezone(SHANGHAI).date() + timedelta(days=60)
    paper_id = hand_in(client, shop, business_license(expires_on=last_day.isoformat()))
    review(client, a_reviewer(), paper_id)
    told: list[list[str]] = []

    for days in (29, 6, 0, -1):
        clock.at(datetime.combine(last_day - timedelta(days=days), time(8), SHANGHAI))
        run_worker(app)
        told.append(kinds_about(shop.shop_id))

    runs_out, ran_out = "PaperRunsOut", "PaperRanOut"
    assert told[0] == ["PaperReviewed", runs_out]
    assert told[1] == [*told[0], runs_out]
    assert told[2] == [*told[1], runs_out]
    assert told[3] == [*told[2], ran_out]
    assert state_of(paper_id) == "expired"


def kinds_about(shop_id: UUID) -> list[str]:
    rows = look(
        "SELECT kind FROM live_events WHERE topics ? CAST(:topic AS text) ORDER BY position", topic=f"shop:{shop_id}"
    )
    return [row.kind for row in rows]


def test_a_shop_whose_paper_ran_out_does_not_accept_what_was_paid_before(client: FlaskClient) -> None:
    order = an_order(state=OrderState.AWAITING_ACCEPT)
    change("UPDATE shops SET license_expires_on = '2020-01-01' WHERE shop_id = :shop_id", shop_id=order.shop.shop_id)

    answer = client.post(f"/merchant/v1/orders/{order.order_id}/acceptance", headers=order.shop.owner.once())

    assert_problem(answer, 409, "license_expired")


def test_a_store_sees_no_paper_of_another_catchment(client: FlaskClient) -> None:
    a_paper(a_merchant_with_shop())
    clerk = a_store_clerk(a_community().store_id)

    assert client.get("/store/v1/papers", headers=clerk.headers).get_json()["items"] == []
