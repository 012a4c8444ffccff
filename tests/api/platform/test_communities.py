"""Communities are outlined, merged and split; what hangs on them follows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.kernel.transaction import transaction
from app.usecases.operating.steering import announce
from app.usecases.placing.merging import COMMUNITY_SETTLES, settle_community
from tests.api.platform.test_surcharges import charge
from tests.factories import (
    a_claim,
    a_courier,
    a_merchant_with_shop,
    a_resident,
    an_address,
    an_operator,
    an_order,
)
from tests.factories.operating import NO_WATER
from tests.factories.places import Community, a_community
from tests.factories.promotions import a_campaign
from tests.factories.rows import change, look, look_one
from tests.support.figures import refresh
from tests.support.ladder import Case, Endpoint, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.factories import Person

WHY = "COUNCIL-7"


def near(place: Community, lat_off: float) -> Community:
    """Return another community, with a store of its own, ``lat_off`` degrees north of ``place``."""
    other = a_community()
    lat = place.lat + lat_off
    change(
        "UPDATE communities SET lat = :lat, lng = :lng WHERE community_id = :id",
        lat=lat,
        lng=place.lng,
        id=other.community_id,
    )
    return Community(other.community_id, other.store_id, lat, place.lng)


def square(place: Community, half: float, lat_off: float = 0.0) -> list[dict[str, float]]:
    corners = ((-half, -half), (-half, half), (half, half), (half, -half))
    return [{"lat": place.lat + lat_off + lat, "lng": place.lng + lng} for lat, lng in corners]


def path_of(place: Community, act: str) -> str:
    return f"/platform/v1/communities/{place.community_id}/{act}"


def into(place: Community) -> dict[str, str]:
    return {"into_id": str(place.community_id), "why": WHY}


def told(client: FlaskClient, resident: Person) -> list[str]:
    """Return the English titles of what the communities of a resident are told."""
    items = client.get("/user/v1/announcements", headers=resident.headers).get_json()["items"]
    return [item["title_en"] for item in items if item["community_id"] is not None]


def a_name() -> str:
    return f"北区{new_id().hex[-6:]}"


def place_of(table: str, column: str, value: UUID) -> UUID:
    found: UUID = look_one(f"SELECT community_id FROM {table} WHERE {column} = :id", id=value)
    return found


class TestOutline(OnceWithBody):
    method = "PUT"
    other_body = {"radius_m": 301}

    def case(self) -> Case:
        return Case(an_operator(), path_of(a_community(), "outline"), {"radius_m": 300, "why": WHY})

    def test_what_is_no_outline_or_another_communitys_ground_is_refused(self, client: FlaskClient) -> None:
        place = a_community()
        north = near(place, 0.004)
        operator = an_operator()

        def drawn(at: Community, **body: Any) -> Any:
            return client.put(path_of(at, "outline"), headers=operator.once(), json={"why": WHY, **body})

        crossing = drawn(place, outline=[square(place, 0.002)[number] for number in (0, 2, 1, 3)])
        elsewhere = drawn(place, outline=square(place, 0.002, lat_off=0.01))
        both = drawn(place, outline=square(place, 0.002), radius_m=100)
        good = drawn(place, outline=square(place, 0.002))
        bordering = drawn(north, outline=square(north, 0.002))
        overlapping = drawn(north, radius_m=300)
        gone = drawn(place)
        free = drawn(north, radius_m=300)

        assert_problem(crossing, 422, "outline_invalid", pointer="/outline")
        assert_problem(elsewhere, 422, "outline_invalid", pointer="/outline")
        assert_problem(both, 422, "outline_invalid", pointer="/radius_m")
        assert (good.status_code, good.get_json()["corner_count"]) == (200, 4)
        assert bordering.status_code == 200, bordering.text
        assert_problem(overlapping, 409, "outline_overlaps", pointer="/radius_m")
        assert gone.get_json()["corner_count"] == 0
        assert free.get_json()["radius_m"] == 300

    def test_a_new_door_lies_within_the_outline(self, client: FlaskClient) -> None:
        place = a_community()
        client.put(path_of(place, "outline"), headers=an_operator().once(), json={"why": WHY, "radius_m": 300})
        door = {"contact_name": "王芳", "contact_phone": "+8613900000009", "building": "3", "unit": "2", "floor": "5",
                "door": "502", "community_id": str(place.community_id)}  # fmt: skip
        resident = a_resident()

        outside = client.post("/user/v1/addresses", headers=resident.once(),
                              json={**door, "lat": place.lat + 0.005, "lng": place.lng})  # fmt: skip
        inside = client.post("/user/v1/addresses", headers=resident.once(),
                             json={**door, "lat": place.lat + 0.002, "lng": place.lng})  # fmt: skip

        assert_problem(outside, 422, "address_outside", pointer="/lat")
        assert inside.status_code == 201


class TestMerger(OnceWithBody):
    other_body = {"why": "COUNCIL-8"}

    def case(self) -> Case:
        place = a_community()
        return Case(
            an_operator(), path_of(place, "merger"), {"into_id": str(near(place, 0.01).community_id), "why": WHY}
        )

    def test_what_is_open_follows_and_the_old_name_stays_on_old_orders(self, client: FlaskClient) -> None:
        place = a_community()
        target = near(place, 0.01)
        shop = a_merchant_with_shop(community=place)
        order = an_order(shop=shop, state=OrderState.PREPARING)
        courier = a_courier(community=place)
        campaign_id = a_campaign(community_id=place.community_id)
        now = look_one("SELECT business_now()")
        operator = an_operator()
        told = announce(
            operator.actor, a_claim(operator), community_id=place.community_id, message=NO_WATER, from_at=now,
            until_at=now + timedelta(days=1),
        )  # fmt: skip
        refresh()

        merged = client.post(path_of(place, "merger"), headers=operator.once(), json=into(target))
        again = client.post(path_of(place, "merger"), headers=operator.once(), json=into(target))
        refresh()

        assert merged.get_json()["store_id"] == str(target.store_id)
        assert_problem(again, 409, "community_merged")
        for table, column, value in (
            ("addresses", "address_id", order.address_id), ("shops", "shop_id", shop.shop_id),
            ("couriers", "courier_id", courier.account_id), ("campaigns", "campaign_id", campaign_id),
            ("announcements", "announcement_id", told.announcement_id),
        ):  # fmt: skip
            assert place_of(table, column, value) == target.community_id, table
        assert place_of("orders", "order_id", order.order_id) == place.community_id
        trip_id = look_one("SELECT trip_id FROM deliveries WHERE order_id = :id", id=order.order_id)
        assert place_of("trips", "trip_id", trip_id) == place.community_id
        stores = look(
            "SELECT store_id FROM attributions WHERE party_id IN (:one, :two, :three)",
            one=order.resident.account_id, two=shop.shop_id, three=courier.account_id,
        )  # fmt: skip
        assert {row.store_id for row in stores} == {target.store_id}
        assert len(stores) == 3
        seen = client.get(
            "/courier/v1/trips/open", headers=courier.headers, query_string={"lat": place.lat, "lng": place.lng}
        )
        assert [one["trip_id"] for one in seen.get_json()["items"]] != []

    def test_a_merged_community_takes_nothing_new_and_is_in_no_list(self, client: FlaskClient) -> None:
        place = a_community()
        target = near(place, 0.01)
        operator = an_operator()
        client.post(path_of(place, "merger"), headers=operator.once(), json=into(target))

        listed = client.get("/user/v1/communities", headers=a_resident().headers,
                            query_string={"lat": place.lat, "lng": place.lng, "limit": 5})  # fmt: skip
        rates = {"night_fen": 1, "weather_fen": 1, "floor_fen": 1}
        charged = client.put(path_of(place, "delivery-surcharges"), headers=operator.once(), json=rates)

        assert str(place.community_id) not in [one["community_id"] for one in listed.get_json()["items"]]
        assert_problem(charged, 404, "community_not_found")

    def test_what_cannot_become_one_is_refused_with_the_reason(self, client: FlaskClient) -> None:
        place = a_community()
        operator = an_operator()

        def merged(other: Community) -> Any:
            return client.post(path_of(place, "merger"), headers=operator.once(), json=into(other))

        assert assert_problem(merged(place), 409, "merge_impossible", pointer="/into_id")["reason"] == "itself"
        assert assert_problem(merged(near(place, 0.1)), 409, "merge_impossible")["reason"] == "too_far"

    def test_outlines_that_share_a_side_become_one_and_both_sides_are_told(self, client: FlaskClient) -> None:
        place = a_community()
        target = near(place, 0.008)
        operator = an_operator()
        residents = [a_resident(), a_resident()]
        for resident, home in zip(residents, (place, target), strict=True):
            an_address(resident, near=home)
        for one in (place, target):
            outline = [{**corner, "lat": round(corner["lat"], 6)} for corner in square(one, 0.004)]
            client.put(path_of(one, "outline"), headers=operator.once(), json={"why": WHY, "outline": outline})

        merged = client.post(path_of(place, "merger"), headers=operator.once(), json=into(target)).get_json()

        assert merged["is_outline_missing"] is False
        outline = look_one("SELECT outline FROM communities WHERE community_id = :id", id=target.community_id)
        assert len(outline) == 6
        assert min(lat for lat, _ in outline) < place.lat < target.lat < max(lat for lat, _ in outline)
        assert [told(client, resident) for resident in residents] == [["Two communities are one"]] * 2

    def test_a_door_that_was_added_meanwhile_follows_a_little_later(self, client: FlaskClient) -> None:
        place = a_community()
        target = near(place, 0.01)
        client.post(path_of(place, "merger"), headers=an_operator().once(), json=into(target))
        address_id = an_address(a_resident(), near=place)
        timer = look_one("SELECT count(*) FROM timers WHERE kind = :kind AND subject_id = :id",
                         kind=COMMUNITY_SETTLES, id=place.community_id)  # fmt: skip

        with transaction() as tx:
            settle_community(tx, place.community_id)

        assert timer == 1
        assert place_of("addresses", "address_id", address_id) == target.community_id


class TestParts(OnceWithBody):
    status = 201
    other_body = {"name": "南区"}

    def case(self) -> Case:
        place = a_community()
        body = {
            "name": f"北区{new_id().hex[-6:]}",
            "lat": place.lat + 0.01,
            "lng": place.lng,
            "radius_m": 500,
            "why": WHY,
        }
        return Case(an_operator(), path_of(place, "parts"), body)

    def test_doors_and_shops_inside_move_with_the_rates_and_the_rest_stays(self, client: FlaskClient) -> None:
        place = a_community()
        north = Community(place.community_id, place.store_id, place.lat + 0.01, place.lng)
        store_id = a_community().store_id
        shop, moving_shop = a_merchant_with_shop(community=place), a_merchant_with_shop(community=north)
        staying, moving = an_address(stayer := a_resident(), near=place), an_address(mover := a_resident(), near=north)
        charge(client, place)
        refresh()

        body = {"name": a_name(), "lat": north.lat, "lng": north.lng, "outline": square(north, 0.004)}
        body |= {"why": WHY, "store_id": str(store_id)}
        part = client.post(path_of(place, "parts"), headers=an_operator().once(), json=body)
        part_id = part.get_json()["into_id"]

        assert part.status_code == 201, part.text
        where = [str(place_of("addresses", "address_id", one)) for one in (staying, moving)]
        where += [str(place_of("shops", "shop_id", one.shop_id)) for one in (shop, moving_shop)]
        assert where == [str(place.community_id), part_id, str(place.community_id), part_id]
        belongs = look_one("SELECT store_id FROM attributions WHERE party_id = :id", id=mover.account_id)
        assert belongs == store_id
        assert look_one("SELECT floor_fen FROM delivery_surcharges WHERE community_id = :id", id=part_id) == 50
        changes = client.get(path_of(place, "changes"), headers=an_operator().headers).get_json()["items"]
        assert [(one["kind"], one["other_id"]) for one in changes] == [("split", part_id)]
        assert [told(client, one) for one in (stayer, mover)] == [["A part of the community stands alone"]] * 2

    def test_a_part_along_the_border_is_cut_out_of_the_outline(self, client: FlaskClient) -> None:
        place, operator = a_community(), an_operator()
        whole, north = square(place, 0.004), near(place, 0.002)
        half = [{**corner, "lat": max(corner["lat"], place.lat + 0.001)} for corner in whole]
        client.put(path_of(place, "outline"), headers=operator.once(), json={"why": WHY, "outline": whole})

        body = {"name": a_name(), "lat": north.lat, "lng": north.lng, "outline": half, "why": WHY}
        part = client.post(path_of(place, "parts"), headers=operator.once(), json=body)

        assert part.get_json()["is_outline_missing"] is False
        outline = look_one("SELECT outline FROM communities WHERE community_id = :id", id=place.community_id)
        assert max(lat for lat, _ in outline) == place.lat + 0.001

    def test_a_taken_name_a_campaign_or_another_store_that_is_none_refuse_it(self, client: FlaskClient) -> None:
        case = self.case()
        place_id = case.path.split("/")[4]

        taken = self.send(client, case, body={**(case.body or {}), "name": "四季青里"})
        nowhere = self.send(client, case, body={**(case.body or {}), "store_id": place_id})
        a_campaign(community_id=UUID(place_id))
        running = self.send(client, case)

        assert assert_problem(taken, 409, "split_impossible", pointer="/name")["reason"] == "name_taken"
        assert_problem(nowhere, 404, "store_not_found", pointer="/store_id")
        assert assert_problem(running, 409, "split_impossible")["reason"] == "campaign"


class TestList(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), "/platform/v1/communities")


class TestChanges(Endpoint):
    def case(self) -> Case:
        return Case(an_operator(), path_of(a_community(), "changes"))
