"""The directory: a merchant finds its listing and claims it, the platform decides, one wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.accounts.models import MemberRole, OrganizationKind
from app.core.events import topics_of
from app.kernel.actor import Side
from tests.factories import Shop, a_community, a_merchant_with_shop, an_operator
from tests.factories.listings import a_listing, a_listing_claim
from tests.factories.people import a_member
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient

LISTINGS = "/merchant/v1/listings"
APPROVED = {"is_approved": True}


def claim_body(shop: Shop) -> dict[str, str]:
    return {"merchant_id": str(shop.merchant_id), "photo_reference": "photo-1"}


def decide(client: FlaskClient, claim_id: UUID, body: dict[str, Any] = APPROVED) -> Any:
    return client.post(f"/platform/v1/listing-claims/{claim_id}/decision", headers=an_operator().once(), json=body)


class TestListListings(Endpoint):
    def case(self) -> Case:
        community = a_community()
        a_listing(community)
        query = {"lat": f"{community.lat:.6f}", "lng": f"{community.lng:.6f}"}
        return Case(a_merchant_with_shop().owner, LISTINGS, query=query)

    def test_the_nearest_come_first_page_by_page(self, client: FlaskClient) -> None:
        community, person = a_community(), a_merchant_with_shop().owner
        expected = [str(a_listing(community, name=f"店{step}", away=step * 0.001)) for step in range(5)]
        query: dict[str, str] = {"lat": f"{community.lat:.6f}", "lng": f"{community.lng:.6f}", "limit": "2"}
        seen: list[str] = []

        for _ in range(3):
            page = client.get(LISTINGS, headers=person.headers, query_string=query).get_json()
            seen += [item["listing_id"] for item in page["items"]]
            query["cursor"] = page["next_cursor"] or ""

        assert seen == expected

    def test_a_listing_is_found_by_a_part_of_its_name_and_by_category(self, client: FlaskClient) -> None:
        community, person = a_community(), a_merchant_with_shop().owner
        listing_id = a_listing(community, name="大峪便利店")
        a_listing(community, name="大峪面馆", category="快餐小吃")
        place = {"lat": f"{community.lat:.6f}", "lng": f"{community.lng:.6f}"}

        for query in ({"words": "便利"}, {"words": "大峪便利店"}, {"category": "便利店"}):
            page = client.get(LISTINGS, headers=person.headers, query_string={**place, **query}).get_json()
            assert [item["listing_id"] for item in page["items"]] == [str(listing_id)]

    @pytest.mark.parametrize(
        "query, code, pointer",
        [
            ({}, "place_missing", "/lat"),
            ({"lat": "116", "lng": "40"}, "place_outside", "/lat"),
            ({"lat": "40", "lng": "116", "radius_m": "0"}, "input_invalid", "/radius_m"),
            ({"lat": "40", "lng": "116", "radius_m": "3001"}, "input_invalid", "/radius_m"),
            ({"lat": "40", "lng": "116", "words": "店" * 61}, "input_invalid", "/words"),
            ({"lat": "40", "lng": "116", "cursor": "AAAA"}, "cursor_invalid", "/cursor"),
        ],
    )
    def test_what_cannot_be_asked_is_refused_by_name(
        self, client: FlaskClient, query: dict[str, str], code: str, pointer: str
    ) -> None:
        response = client.get(LISTINGS, headers=a_merchant_with_shop().owner.headers, query_string=query)

        assert_problem(response, 422, code, pointer=pointer)


class TestClaim(OnceWithBody):
    status = 201
    other_body = {"photo_reference": "photo-2"}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        return Case(shop.owner, f"{LISTINGS}/{a_listing(shop.community)}/claims", claim_body(shop))

    def test_a_listing_that_is_not_there_cannot_be_claimed(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "listing_not_found")

    def test_nobody_claims_for_anothers_merchant(self, client: FlaskClient) -> None:
        body = claim_body(a_merchant_with_shop())

        assert_problem(self.send(client, self.case(), body=body), 404, "claimant_not_found", pointer="/merchant_id")

    @pytest.mark.parametrize("role", [MemberRole.MANAGER, MemberRole.CLERK])
    def test_only_the_owner_claims(self, client: FlaskClient, role: MemberRole) -> None:
        shop = a_merchant_with_shop()
        member = a_member(Side.MERCHANT, OrganizationKind.MERCHANT, shop.merchant_id, role)
        case = Case(member, f"{LISTINGS}/{a_listing(shop.community)}/claims", claim_body(shop))

        assert self.send(client, case).status_code == 403

    def test_a_second_claim_waits_for_the_first_to_be_decided(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(self.send(client, case), 409, "claim_waits")

    def test_what_is_claimed_already_cannot_be_claimed(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        listing_id = a_listing(shop.community)
        assert decide(client, a_listing_claim(shop, listing_id)).status_code == 200
        other = a_merchant_with_shop()

        response = self.send(client, Case(other.owner, f"{LISTINGS}/{listing_id}/claims", claim_body(other)))

        assert_problem(response, 409, "listing_claimed")


class TestWithdraw(OnceOwned):
    absent_code = "claim_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        claim_id = a_listing_claim(shop, a_listing(shop.community))
        return Case(shop.owner, f"/merchant/v1/listing-claims/{claim_id}/withdrawal")

    def test_what_was_withdrawn_is_decided_no_more(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        assert_problem(decide(client, case.path.split("/")[-2]), 409, "illegal_transition")  # type: ignore[arg-type]


class TestListClaims(Endpoint):
    def case(self) -> Case:
        return Case(a_merchant_with_shop().owner, "/merchant/v1/listing-claims")

    def test_a_merchant_sees_its_own_and_the_platform_all(self, client: FlaskClient) -> None:
        shop, other = a_merchant_with_shop(), a_merchant_with_shop()
        listing_id = a_listing(shop.community)
        own, others = str(a_listing_claim(shop, listing_id)), str(a_listing_claim(other, listing_id))

        mine = client.get("/merchant/v1/listing-claims", headers=shop.owner.headers).get_json()["items"]
        query = {"state": "submitted", "limit": 100}
        every = client.get("/platform/v1/listing-claims", headers=an_operator().headers, query_string=query)

        assert [(item["claim_id"], item["waiting_count"]) for item in mine] == [(own, 2)]
        assert {own, others} <= {item["claim_id"] for item in every.get_json()["items"]}


class TestDecide(OnceWithBody):
    other_body = {"is_approved": False, "reason": "照片不清"}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        claim_id = a_listing_claim(shop, a_listing(shop.community))
        return Case(an_operator(), f"/platform/v1/listing-claims/{claim_id}/decision", APPROVED)

    def test_the_listing_becomes_a_draft_that_sells_nothing_yet(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        listing_id = a_listing(shop.community, name="大峪面馆", category="快餐小吃")

        answer = decide(client, a_listing_claim(shop, listing_id)).get_json()

        (made,) = look("SELECT * FROM shops WHERE shop_id = :id", id=answer["shop_id"])
        assert (made.name, made.state, made.vertical) == ("大峪面馆", "draft", "food")
        assert (made.merchant_id, made.community_id) == (shop.merchant_id, shop.community_id)
        found = look_one("SELECT shop_id FROM listings WHERE listing_id = :id", id=listing_id)
        assert str(found) == answer["shop_id"]

    def test_the_others_lose_and_are_told(self, client: FlaskClient) -> None:
        shop, other = a_merchant_with_shop(), a_merchant_with_shop()
        listing_id = a_listing(shop.community)
        won, lost = a_listing_claim(shop, listing_id), a_listing_claim(other, listing_id)

        decide(client, won)

        assert look_one("SELECT state FROM listing_claims WHERE claim_id = :id", id=lost) == "lost"
        told = look(
            """
            SELECT body FROM outbox
            WHERE kind = 'ListingClaimDecided' AND body ->> 'listing_id' = :id
            """,
            id=str(listing_id),
        )
        heard = {topic: row.body["state"] for row in told for topic in topics_of(row.body)}
        assert heard[f"merchant:{shop.merchant_id}"] == "approved"
        assert heard[f"merchant:{other.merchant_id}"] == "lost"
        assert heard[f"account:{other.owner.account_id}"] == "lost"
        assert_problem(decide(client, lost), 409, "illegal_transition")

    @pytest.mark.parametrize("language, words", [("zh", "已是一家店铺"), ("en", "somebody's shop already")])
    def test_who_lost_reads_why(self, client: FlaskClient, language: str, words: str) -> None:
        shop, other = a_merchant_with_shop(), a_merchant_with_shop()
        listing_id = a_listing(shop.community)
        won, lost = a_listing_claim(shop, listing_id), a_listing_claim(other, listing_id)
        decide(client, won)

        headers = {**other.owner.headers, "Accept-Language": language}
        [item] = client.get("/merchant/v1/listing-claims", headers=headers).get_json()["items"]

        assert (item["claim_id"], item["state"]) == (str(lost), "lost")
        assert words in item["reason"]

    def test_a_refusal_says_why_and_leaves_the_listing_free(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        listing_id = a_listing(shop.community)

        without = decide(client, a_listing_claim(shop, listing_id), {"is_approved": False})
        assert_problem(without, 422, "input_invalid", pointer="/reason")
        claim_id = look_one("SELECT claim_id FROM listing_claims WHERE listing_id = :id", id=listing_id)
        decide(client, claim_id, {"is_approved": False, "reason": "照片不清"})

        (item,) = client.get("/merchant/v1/listing-claims", headers=shop.owner.headers).get_json()["items"]
        assert (item["state"], item["reason"], item["shop_id"]) == ("refused", "照片不清", None)
        a_listing_claim(shop, listing_id)

    def test_nobody_decides_about_their_own_merchant(self, client: FlaskClient) -> None:
        shop, operator = a_merchant_with_shop(), an_operator()
        claim_id = a_listing_claim(shop, a_listing(shop.community))
        change(
            "INSERT INTO memberships (account_id, organization_kind, organization_id, role)"
            " VALUES (:account, 'merchant', :merchant, 'clerk')",
            account=operator.account_id,
            merchant=shop.merchant_id,
        )
        path = f"/platform/v1/listing-claims/{claim_id}/decision"

        assert_problem(client.post(path, headers=operator.once(), json=APPROVED), 409, "own_claim")

    def test_a_claim_that_is_not_there_is_not_decided(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "claim_not_found")
