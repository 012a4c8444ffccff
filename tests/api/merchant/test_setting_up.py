from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.core.papers.rules import PaperKind
from app.core.papers.states import PaperState
from app.kernel.actor import Side
from tests.factories import a_community, a_merchant_with_shop, a_paper, a_resident, an_address, an_offer, an_operator
from tests.factories.people import signed_in
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, assert_problem, row_counts

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Shop

ALWAYS = {str(day): [["00:00", "24:00"]] for day in range(1, 8)}


class TestBeginShop(OnceWithBody):
    status = 201
    other_body = {"name": "另一家"}

    def case(self) -> Case:
        place = a_community()
        body = {"community_id": str(place.community_id), "name": "新店", "vertical": "retail", "lat": place.lat,
                "lng": place.lng}  # fmt: skip
        return Case(a_resident(), "/user/v1/shops", body)

    def test_its_owner_goes_on_at_the_merchants_side_and_nobody_else_sees_it(self, client: FlaskClient) -> None:
        case = self.case()
        begun = self.send(client, case).get_json()
        owner = signed_in(case.person.account_id, Side.MERCHANT)

        [shop] = client.get("/merchant/v1/shops", headers=owner.headers).get_json()["items"]
        public = client.get(f"/user/v1/shops/{begun['shop_id']}/offers", headers=a_resident().headers)

        assert (shop["shop_id"], shop["state"]) == (begun["shop_id"], "draft")
        assert_problem(public, 404, "shop_not_found")

    @pytest.mark.parametrize("lat, lng", [(116.4, 39.9), (0, 0), (51.5, -0.1)])
    def test_a_place_abroad_or_a_swapped_pair_is_refused(self, client: FlaskClient, lat: float, lng: float) -> None:
        case = self.case()
        before = row_counts()

        response = self.send(client, case, body={**(case.body or {}), "lat": lat, "lng": lng})

        assert response.status_code == 422
        assert row_counts() == before

    def test_a_place_far_from_its_community_is_told_to_be_far(self, client: FlaskClient) -> None:
        case = self.case()
        body = {**(case.body or {}), "lat": case.body["lat"] + 1}  # type: ignore[index]

        problem = assert_problem(self.send(client, case, body=body), 422, "address_too_far", pointer="/lat")

        assert problem["distance_m_max"] == 10_000

    def test_one_person_has_at_most_five_that_are_not_open(self, client: FlaskClient) -> None:
        case = self.case()
        for _ in range(5):
            assert self.send(client, case).status_code == 201

        assert_problem(self.send(client, case), 409, "too_many_drafts")


class TestTerms(OnceWithBody, OnceOwned):
    method = "PUT"
    absent_code = "shop_not_found"
    other_body = {"radius_m": 900}

    def case(self) -> Case:
        self.shop = a_merchant_with_shop()
        return Case(self.shop.owner, f"/merchant/v1/shops/{self.shop.shop_id}/terms", {"radius_m": 1_000})

    def square(self, half: float) -> list[dict[str, float]]:
        lat, lng = self.shop.lat, self.shop.lng
        return [{"lat": lat + a * half, "lng": lng + b * half} for a, b in ((-1, -1), (-1, 1), (1, 1), (1, -1))]

    def test_a_polygon_decides_who_is_served(self, client: FlaskClient) -> None:
        case = self.case()
        offer, resident = an_offer(self.shop), a_resident()
        self.send(client, case, body={"area": self.square(0.002)})
        client.put(f"/user/v1/cart/lines/{offer.sku_id}", headers=resident.headers, json={"quantity": 1})

        answers = [
            client.post(
                "/user/v1/checkout-quotes",
                headers=resident.headers,
                json={"address_id": str(an_address(resident, near=self.shop, lat_off=off))},
            )
            for off in (0.0015, 0.0025)
        ]

        assert answers[0].status_code == 200, answers[0].text
        assert_problem(answers[1], 409, "outside_area")

    @pytest.mark.parametrize(
        "body, code, pointer",
        [({"radius_m": 0}, "input_invalid", "/radius_m"), ({"radius_m": -5}, "input_invalid", "/radius_m"),
         ({"radius_m": 10_001}, "input_invalid", "/radius_m"), ({"area": []}, "input_invalid", "/area"),
         ({"fee_tiers": []}, "input_invalid", "/fee_tiers"),
         ({"fee_tiers": [{"up_to_m": 9, "fee_fen": 1}, {"up_to_m": 9, "fee_fen": 2}]}, "terms_invalid", "/fee_tiers"),
         ({"discount_tiers": [{"from_fen": 5, "off_fen": 5}]}, "terms_invalid", "/discount_tiers/0/off_fen"),
         ({"hours": {"2026-02-30": []}}, "hours_invalid", "/hours"),
         ({"minimum_fen": -1}, "input_invalid", "/minimum_fen")],
    )  # fmt: skip
    def test_terms_that_are_none_are_refused_by_name(
        self, client: FlaskClient, body: dict[str, Any], code: str, pointer: str
    ) -> None:
        case = self.case()

        response = self.send(client, case, body=body)

        assert_problem(response, 422, code, pointer=pointer)

    def test_a_polygon_that_crosses_itself_is_refused_and_changes_nothing(self, client: FlaskClient) -> None:
        case = self.case()
        a, b, c, d = self.square(0.002)

        response = self.send(client, case, body={"area": [a, c, b, d]})

        assert_problem(response, 422, "area_invalid", pointer="/area")
        [row] = look("SELECT radius_m, area FROM shops WHERE shop_id = :id", id=self.shop.shop_id)
        assert tuple(row) == (3_000, None)

    def test_an_area_that_is_too_small_is_told_how_small_one_may_be(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, body={"area": self.square(0.00004)})

        problem = assert_problem(response, 422, "area_invalid", pointer="/area")
        assert problem["reason"] == "empty"
        assert "at least 100 m²" in problem["detail"]


def a_draft(*, with_paper: PaperState | None = PaperState.SUBMITTED, state: str = "draft") -> Shop:
    shop = a_merchant_with_shop(state=state)
    if with_paper is not None:
        a_paper(shop, kind=PaperKind.BUSINESS_LICENSE, state=with_paper)
    return shop


class TestSubmit(OnceOwned):
    absent_code = "shop_not_found"

    def case(self) -> Case:
        shop = a_draft()
        return Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/submission")

    def test_without_papers_or_hours_it_is_not_ready(self, client: FlaskClient) -> None:
        shop = a_draft(with_paper=None)
        change("UPDATE shops SET hours = '{}' WHERE shop_id = :id", id=shop.shop_id)

        case = Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/submission")
        response = self.send(client, case, headers={**shop.owner.once(), "Accept-Language": "zh"})

        problem = assert_problem(response, 409, "shop_not_ready")
        assert problem["lacking"] == ["business_license", "hours"]
        assert problem["detail"] == "还缺少：营业执照、营业时间。"

    def test_an_open_shop_is_not_handed_in(self, client: FlaskClient) -> None:
        shop = a_draft(state="open")

        response = self.send(client, Case(shop.owner, f"/merchant/v1/shops/{shop.shop_id}/submission"))

        assert_problem(response, 409, "illegal_transition")


class TestReviewShop(OnceWithBody, Once):
    other_body = {"is_approved": False, "reason": "证照不清"}

    def case(self, with_paper: PaperState = PaperState.APPROVED) -> Case:
        self.shop = a_draft(with_paper=with_paper, state="submitted")
        return Case(an_operator(), f"/platform/v1/shops/{self.shop.shop_id}/review", {"is_approved": True})

    def test_it_opens_and_its_offers_are_looked_at_for_a_while(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)
        body = {"kind": "goods", "name": "水", "category": "饮料", "price_fen": 200}

        path = f"/merchant/v1/shops/{self.shop.shop_id}/offers"
        made = client.post(path, headers=self.shop.owner.once(), json=body).get_json()

        assert look_one("SELECT state FROM shops WHERE shop_id = :id", id=self.shop.shop_id) == "open"
        assert made["state"] == "in_review"

    def test_what_it_offered_before_it_opened_is_looked_at_too(self, client: FlaskClient) -> None:
        case = self.case()
        offers = [an_offer(self.shop, state=state).offer_id for state in ("on_sale", "paused", "removed")]
        elsewhere = an_offer(a_merchant_with_shop()).offer_id

        self.send(client, case)

        rows = look("SELECT offer_id, state FROM offers WHERE offer_id = ANY (:ids)", ids=[*offers, elsewhere])
        states = {row.offer_id: row.state for row in rows}
        assert [states[offer_id] for offer_id in offers] == ["in_review", "in_review", "removed"]
        approved = [
            client.post(f"/platform/v1/offers/{one}/review", headers=case.person.once(), json={"is_approved": True})
            for one in offers[:2]
        ]
        assert [answer.get_json()["state"] for answer in approved] == ["on_sale", "paused"]
        assert states[elsewhere] == "on_sale"

    def test_a_paper_that_nobody_approved_keeps_it_shut(self, client: FlaskClient) -> None:
        assert_problem(self.send(client, self.case(PaperState.SUBMITTED)), 409, "shop_not_ready")

    def test_what_is_refused_is_a_draft_again_and_may_be_handed_in_anew(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case, body=self.other_body)

        again = client.post(f"/merchant/v1/shops/{self.shop.shop_id}/submission", headers=self.shop.owner.once())

        assert again.get_json() == {"shop_id": str(self.shop.shop_id), "state": "submitted"}


class TestListSubmitted(Endpoint):
    def case(self) -> Case:
        self.shop = a_draft(state="submitted")
        return Case(an_operator(), "/platform/v1/shops")

    def test_who_waits_is_listed(self, client: FlaskClient) -> None:
        items = self.send(client, self.case()).get_json()["items"]

        assert str(self.shop.shop_id) in {item["shop_id"] for item in items}
