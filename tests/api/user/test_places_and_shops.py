from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.orders.states import OrderState
from tests.factories import a_community, a_merchant_with_shop, a_phone, a_resident, an_address, an_offer, an_order
from tests.factories.cases import a_case
from tests.factories.rows import change
from tests.support.ladder import Case, Endpoint, OnceWithBody, Owned, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class TestListCommunities(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/communities")

    def test_the_nearest_community_comes_first(self, client: FlaskClient) -> None:
        community = a_community()
        place = {"lat": f"{community.lat:.6f}", "lng": f"{community.lng:.6f}", "limit": 3}

        response = client.get("/user/v1/communities", headers=a_resident().headers, query_string=place)

        assert response.get_json()["items"][0]["community_id"] == str(community.community_id)

    def test_a_latitude_beyond_the_pole_is_refused(self, client: FlaskClient) -> None:
        response = client.get("/user/v1/communities?lat=91&lng=0", headers=a_resident().headers)

        assert_problem(response, 422, "input_invalid", pointer="/lat")


def test_a_suspended_shop_is_within_reach_of_whom_it_still_owes_something(client: FlaskClient) -> None:
    open_order = an_order(state=OrderState.PREPARING)
    over = an_order(state=OrderState.COMPLETED, shop=open_order.shop)
    complaining = a_case(an_order(state=OrderState.COMPLETED, shop=open_order.shop)).order
    change("UPDATE shops SET state = 'suspended' WHERE shop_id = :id", id=open_order.shop.shop_id)
    path = f"/user/v1/shops/{open_order.shop.shop_id}"

    seen = [client.get(path, headers=who.headers).status_code
            for who in (open_order.resident, complaining.resident, over.resident, a_resident())]  # fmt: skip
    agreed = client.post(f"/merchant/v1/orders/{open_order.order_id}/readiness", headers=open_order.shop.owner.once())

    assert seen == [200, 200, 404, 404]
    assert agreed.status_code == 200


class TestListAddresses(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/addresses")

    def test_one_sees_ones_own_addresses_and_no_others(self, client: FlaskClient) -> None:
        resident = a_resident()
        address_id = an_address(resident)
        an_address(a_resident())

        response = client.get("/user/v1/addresses", headers=resident.headers)

        assert [item["address_id"] for item in response.get_json()["items"]] == [str(address_id)]


class TestCreateAddress(OnceWithBody):
    status = 201
    other_body = {"door": "601"}

    def case(self) -> Case:
        body = {
            "community_id": str(a_community().community_id),
            "contact_name": "李雷",
            "contact_phone": a_phone(),
            "building": "8",
            "door": "301",
        }
        return Case(a_resident(), "/user/v1/addresses", body)

    def test_an_unknown_community_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        absent = str(a_resident().account_id)

        response = self.send(client, case, body={**(case.body or {}), "community_id": absent})

        assert_problem(response, 404, "community_not_found", pointer="/community_id")

    def test_a_place_far_from_its_community_is_refused(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, body={**(case.body or {}), "lat": 31.2, "lng": 121.5})

        assert_problem(response, 422, "address_too_far", pointer="/lat")

    def test_a_landline_is_no_phone_for_a_courier_to_call(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, body={**(case.body or {}), "contact_phone": "010-12345678"})

        assert_problem(response, 422, "phone_invalid", pointer="/contact_phone")

    def test_the_twenty_first_address_is_refused(self, client: FlaskClient) -> None:
        case = self.case()
        for _ in range(20):
            an_address(case.person)

        response = self.send(client, case)

        assert_problem(response, 409, "too_many_addresses")


class TestDeleteAddress(Owned):
    method = "DELETE"
    status = 204
    absent_code = "address_not_found"

    def case(self) -> Case:
        resident = a_resident()
        return Case(resident, f"/user/v1/addresses/{an_address(resident)}")

    def test_a_removed_address_is_gone(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        response = self.send(client, case)

        assert_problem(response, 404, "address_not_found")
        assert client.get("/user/v1/addresses", headers=case.person.headers).get_json()["items"] == []


class TestListShops(Endpoint):
    def case(self) -> Case:
        resident = a_resident()
        address_id = an_address(resident, near=a_merchant_with_shop())
        return Case(resident, "/user/v1/shops", query={"address_id": str(address_id)})

    def test_shops_near_the_address_come_nearest_first(self, client: FlaskClient) -> None:
        resident, far = a_resident(), a_merchant_with_shop()
        near = a_merchant_with_shop(community=far.community, lat=far.lat + 0.001)
        address_id = an_address(resident, near=far)

        response = client.get("/user/v1/shops", headers=resident.headers, query_string={"address_id": str(address_id)})

        assert [shop["shop_id"] for shop in response.get_json()["items"]] == [str(near.shop_id), str(far.shop_id)]

    def test_a_shop_out_of_reach_or_without_a_license_is_not_shown(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_merchant_with_shop(radius_m=50)
        a_merchant_with_shop(community=shop.community, license_expires_on="2020-01-01")
        address_id = an_address(resident, near=shop)

        response = client.get("/user/v1/shops", headers=resident.headers, query_string={"address_id": str(address_id)})

        assert response.get_json()["items"] == []

    def test_a_closed_shop_is_shown_as_closed_unless_open_ones_are_asked_for(self, client: FlaskClient) -> None:
        resident, shop = a_resident(), a_merchant_with_shop(hours={})
        query = {"address_id": str(an_address(resident, near=shop))}

        shown = client.get("/user/v1/shops", headers=resident.headers, query_string=query)
        only_open = client.get("/user/v1/shops", headers=resident.headers, query_string={**query, "is_open": "true"})

        assert [item["is_open"] for item in shown.get_json()["items"]] == [False]
        assert only_open.get_json()["items"] == []

    def test_anothers_address_in_the_query_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, headers=a_resident().headers)

        assert_problem(response, 404, "address_not_found", pointer="/address_id")


class TestReadShop(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/shops/{a_merchant_with_shop().shop_id}")

    def test_a_suspended_shop_looks_absent(self, client: FlaskClient) -> None:
        case = Case(a_resident(), f"/user/v1/shops/{a_merchant_with_shop(state='suspended').shop_id}")

        suspended, absent = self.send(client, case), self.send(client, case, path=case.absent_path)

        assert_problem(suspended, 404, "shop_not_found")
        assert suspended.data == absent.data


class TestListOffers(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/shops/{a_merchant_with_shop().shop_id}/offers")

    def test_pages_follow_the_shelf_to_its_end_without_a_gap(self, client: FlaskClient) -> None:
        shop, headers = a_merchant_with_shop(), a_resident().headers
        offers = [str(an_offer(shop).offer_id) for _ in range(5)]
        seen: list[str] = []
        query: dict[str, str] | None = {"limit": "2"}

        while query is not None:
            page = client.get(f"/user/v1/shops/{shop.shop_id}/offers", headers=headers, query_string=query).get_json()
            seen += [offer["offer_id"] for offer in page["items"]]
            query = {"limit": "2", "cursor": page["next_cursor"]} if page["next_cursor"] else None

        assert seen == offers

    def test_a_paused_offer_is_not_shown(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        an_offer(shop, state="paused")

        response = client.get(f"/user/v1/shops/{shop.shop_id}/offers", headers=a_resident().headers)

        assert response.get_json() == {"items": [], "next_cursor": None}

    def test_a_shop_that_is_not_there_has_no_shelf(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, case, path=case.absent_path)

        assert_problem(response, 404, "shop_not_found")
