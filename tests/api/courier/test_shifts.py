from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app.core.orders.states import OrderState
from app.usecases.delivering.hand_over import door_code
from app.usecases.delivering.report_position import report_position
from app.usecases.delivering.slots import publish_slots, take_slot
from app.usecases.dispatching.take_back import look_after_shifts
from tests.factories import a_claim, a_community, a_courier, a_store_clerk, an_order
from tests.factories.photos import a_photo
from tests.factories.rows import change, look, look_one
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, assert_problem

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Person
    from tests.factories.places import Community
    from tests.support.business_clock import BusinessClock


def now() -> datetime:
    moment: Any = look_one("SELECT business_now()")
    return moment  # type: ignore[no-any-return]


def a_slot(community: Community, *, in_hours: float = 5, courier: Person | None = None) -> UUID:
    """Return a planned shift of two hours, taken by ``courier`` if one is named."""
    clerk, starts_at = a_store_clerk(community.store_id), now() + timedelta(hours=in_hours)
    [slot_id] = publish_slots(
        clerk.actor,
        a_claim(clerk),
        community_id=community.community_id,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2),
        places=1,
    ).slot_ids
    if courier is not None:
        take_slot(courier.actor, a_claim(courier), slot_id=slot_id)
    return slot_id


def begin(client: FlaskClient, courier: Person, **more: object) -> TestResponse:
    home = "SELECT c.lat, c.lng FROM couriers JOIN communities AS c USING (community_id) WHERE courier_id = :id"
    [place] = look(home, id=courier.account_id)
    given = {"lat": place.lat, "lng": place.lng, **more}
    return client.put("/courier/v1/shift", headers=courier.once(), json=given)


def be_on_shift(client: FlaskClient, courier: Person, **more: object) -> dict[str, Any]:
    response = begin(client, courier, **more)
    assert response.status_code == 200, response.get_json()
    answer: dict[str, Any] = response.get_json()
    return answer


class TestBeginBreak(Once):
    method = "PUT"

    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/shift/break")

    def test_who_rests_gets_no_trip(self, client: FlaskClient) -> None:
        order, courier = an_order(state=OrderState.PREPARING), a_courier()
        self.send(client, Case(courier, "/courier/v1/shift/break"))
        claim = f"/courier/v1/trips/{order.trip_id}/claim"

        refused = client.post(claim, headers=courier.once())
        client.post("/courier/v1/shift/break/end", headers=courier.once())

        assert_problem(refused, 409, "on_break")
        assert client.post(claim, headers=courier.once()).status_code == 200


class TestFinishBreak(Once):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/shift/break/end")

    def test_half_an_hour_of_rest_begins_the_hours_anew(self, client: FlaskClient, clock: BusinessClock) -> None:
        courier = a_courier(on_shift=False)
        first = be_on_shift(client, courier)
        client.put("/courier/v1/shift/break", headers=courier.once())
        clock.ahead(minutes=31)

        rested = client.post("/courier/v1/shift/break/end", headers=courier.once()).get_json()

        assert rested["ends_at"] > first["ends_at"]

    def test_who_carries_on_a_break_does_not_rest(self, client: FlaskClient, clock: BusinessClock) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        courier, delivery = order.carrier, f"/courier/v1/deliveries/{order.delivery_id}"
        first = be_on_shift(client, courier)
        client.put("/courier/v1/shift/break", headers=courier.once())
        clock.ahead(minutes=31)

        carrying = client.post("/courier/v1/shift/break/end", headers=courier.once()).get_json()
        client.put("/courier/v1/shift/break", headers=courier.once())
        clock.ahead(minutes=31)
        client.post(f"{delivery}/hand-over", headers=courier.once(), json={"code": door_code(order.order_id)})
        delivered = client.post("/courier/v1/shift/break/end", headers=courier.once()).get_json()

        assert first["ends_at"] == carrying["ends_at"] == delivered["ends_at"]


def test_an_instant_is_written_alike_in_first_answer_repeat_and_read(client: FlaskClient) -> None:
    courier = a_courier(on_shift=False, community=a_community((39.9, 116.4)))
    headers, place = courier.once(), {"lat": 39.9, "lng": 116.4}

    first, again = (client.put("/courier/v1/shift", headers=headers, json=place).get_json() for _ in range(2))
    seen = client.get("/courier/v1/shift", headers=courier.headers).get_json()

    assert first["ends_at"] == again["ends_at"] == seen["ends_at"]
    assert first["ends_at"].endswith("Z")


@pytest.mark.parametrize("lat, lng", [(0, 0), (116.4, 39.9), (-39.9, 116.4)])
def test_a_shift_begins_in_china(client: FlaskClient, lat: float, lng: float) -> None:
    courier = a_courier(on_shift=False)

    answer = client.put("/courier/v1/shift", headers=courier.once(), json={"lat": lat, "lng": lng})

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/lat"
    assert look_one("SELECT count(*) FROM courier_shifts WHERE courier_id = :id", id=courier.account_id) == 0


class TestWhereAShiftBegins:
    def test_who_is_on_shift_stays_on_that_one_and_moves_nowhere(self, client: FlaskClient) -> None:
        courier = a_courier()
        shift = "SELECT shift_id, lat, lng, started_at FROM courier_shifts WHERE courier_id = :id"
        first = look(shift, id=courier.account_id)

        again = begin(client, courier, ends_at=(now() + timedelta(hours=1)).isoformat())
        far = begin(client, courier, lat=first[0].lat + 0.1)

        assert again.status_code == 200
        assert assert_problem(far, 409, "position_too_far", pointer="/lat")["distance_m"] > 10_000
        assert look(shift, id=courier.account_id) == first

    def test_far_from_ones_community_there_is_none(self, client: FlaskClient) -> None:
        courier = a_courier(community=a_community((35.0, 110.0)), on_shift=False)

        refused = begin(client, courier, lat=39.5)

        assert assert_problem(refused, 409, "too_far_from_home", pointer="/lat")["distance_m"] > 490_000

    def test_the_next_begins_where_one_can_have_come_since_the_last(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        home = a_community((35.0, 110.0))
        courier, there = a_courier(community=home), home.lat + 0.5
        report_position(courier.actor, lat=home.lat + 0.001, lng=home.lng, measured_at=clock.now())
        client.post("/courier/v1/shift/end", headers=courier.once())

        at_once = begin(client, courier, lat=there)
        clock.ahead(hours=1)
        later = begin(client, courier, lat=there)

        assert_problem(at_once, 409, "position_too_far", pointer="/lat")
        assert later.status_code == 200

    @pytest.mark.parametrize("is_on", [False, True])
    def test_it_does_not_end_before_now(self, client: FlaskClient, *, is_on: bool) -> None:
        courier = a_courier(on_shift=is_on)

        refused = begin(client, courier, ends_at=(now() - timedelta(minutes=1)).isoformat())

        assert_problem(refused, 409, "shift_over", pointer="/ends_at")


class TestEndOfShift:
    def test_at_its_end_a_shift_takes_nothing_and_what_is_in_hand_is_finished(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.IN_DELIVERY)
        other = an_order(state=OrderState.PREPARING, shop=order.shop)
        be_on_shift(client, order.carrier, ends_at=(now() + timedelta(minutes=10)).isoformat())
        clock.ahead(minutes=11)
        on = "SELECT count(*) FROM courier_shifts WHERE courier_id = :id AND ended_at IS NULL"

        refused = client.post(f"/courier/v1/trips/{other.trip_id}/claim", headers=order.carrier.once())
        look_after_shifts()
        while_carrying = look_one(on, id=order.carrier.account_id)
        client.post(
            f"/courier/v1/deliveries/{order.delivery_id}/hand-over",
            headers=order.carrier.once(),
            json={"photo_id": str(a_photo(order.carrier, order.order_id))},
        )
        look_after_shifts()

        assert_problem(refused, 409, "shift_over")
        assert (while_carrying, look_one(on, id=order.carrier.account_id)) == (1, 0)

    def test_after_the_hours_of_a_day_one_goes_home(self, client: FlaskClient) -> None:
        courier = a_courier(on_shift=False)
        change(
            """
            INSERT INTO courier_shifts (shift_id, courier_id, lat, lng, started_at, ended_at, in_a_row_since)
            SELECT gen_random_uuid(), :id, 39.9, 116.4, business_now() - interval '8 hours', business_now(),
                business_now() - interval '8 hours'
            """,
            id=courier.account_id,
        )

        response = begin(client, courier)

        assert assert_problem(response, 409, "too_tired")["hours_in_a_row_max"] == 8

    def test_suspended_before_the_counter_one_loses_the_trip_to_others(self, app: Flask, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        change("UPDATE couriers SET state = 'suspended' WHERE courier_id = :id", id=order.carrier.account_id)

        look_after_shifts()

        assert look_one("SELECT state FROM trips WHERE trip_id = :id", id=order.trip_id) == "open"


class TestPublish(OnceWithBody):
    status = 201

    def case(self) -> Case:
        community = a_community()
        starts_at = now() + timedelta(hours=5)
        body = {
            "community_id": str(community.community_id),
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
            "places": 2,
        }
        self.other_body = {**body, "places": 3}
        return Case(a_store_clerk(community.store_id), "/store/v1/shift-slots", body)

    def test_nobody_plans_the_past(self, client: FlaskClient) -> None:
        case = self.case()
        body = {**(case.body or {}), "starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-01-01T02:00:00Z"}

        assert_problem(self.send(client, case, body=body), 409, "slot_wrong")

    def test_another_stores_community_is_not_there(self, client: FlaskClient) -> None:
        case = self.case()

        response = self.send(client, Case(a_store_clerk(), case.path, case.body))

        assert_problem(response, 404, "community_not_found")


class TestTakeSlot(Once):
    def case(self) -> Case:
        community = a_community()
        return Case(a_courier(community=community), f"/courier/v1/shift-slots/{a_slot(community)}/taking")

    def test_one_has_it_and_another_does_not(self, client: FlaskClient) -> None:
        community = a_community()
        path = f"/courier/v1/shift-slots/{a_slot(community)}/taking"
        first, second = a_courier(community=community), a_courier(community=community)

        taken = client.post(path, headers=first.once())
        refused = client.post(path, headers=second.once())

        assert taken.get_json()["state"] == "taken"
        assert_problem(refused, 409, "slot_taken")

    def test_two_at_a_time_are_one_too_many(self, client: FlaskClient) -> None:
        community = a_community()
        courier = a_courier(community=community)
        a_slot(community, courier=courier)

        response = client.post(f"/courier/v1/shift-slots/{a_slot(community)}/taking", headers=courier.once())

        assert_problem(response, 409, "slot_overlaps")

    def test_one_of_another_community_is_not_there(self, client: FlaskClient) -> None:
        slot_id, other = a_slot(a_community()), a_courier(community=a_community())

        response = client.post(f"/courier/v1/shift-slots/{slot_id}/taking", headers=other.once())

        assert_problem(response, 404, "slot_not_found")


class TestPassSlot(OnceOwned):
    absent_code = "slot_not_found"

    def case(self) -> Case:
        community = a_community()
        courier = a_courier(community=community)
        return Case(courier, f"/courier/v1/shift-slots/{a_slot(community, courier=courier)}/passing")

    def test_it_changes_hands_when_another_takes_it(self, client: FlaskClient) -> None:
        community = a_community()
        one, other = a_courier(community=community), a_courier(community=community)
        slot_id = a_slot(community, courier=one, in_hours=0.5)
        client.post(f"/courier/v1/shift-slots/{slot_id}/passing", headers=one.once())

        taken = client.post(f"/courier/v1/shift-slots/{slot_id}/taking", headers=other.once())

        assert taken.get_json()["state"] == "taken"
        assert look_one("SELECT courier_id FROM shift_slots WHERE slot_id = :id", id=slot_id) == other.account_id


class TestDropSlot(OnceOwned):
    absent_code = "slot_not_found"

    def case(self) -> Case:
        community = a_community()
        courier = a_courier(community=community)
        return Case(courier, f"/courier/v1/shift-slots/{a_slot(community, courier=courier)}/drop")

    def test_shortly_before_it_is_too_late(self, client: FlaskClient) -> None:
        community = a_community()
        courier = a_courier(community=community)
        slot_id = a_slot(community, courier=courier, in_hours=1.9)

        response = client.post(f"/courier/v1/shift-slots/{slot_id}/drop", headers=courier.once())

        assert_problem(response, 409, "slot_too_late")


class TestReadShift(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/shift")

    def test_it_says_what_the_last_act_on_it_said(self, client: FlaskClient) -> None:
        courier = a_courier(on_shift=False)
        off = client.get("/courier/v1/shift", headers=courier.headers).get_json()
        begun = begin(client, courier, ends_at=(now() + timedelta(hours=1)).isoformat()).get_json()

        on = client.get("/courier/v1/shift", headers=courier.headers).get_json()

        assert (off["is_on"], off["ends_at"]) == (False, None)
        assert on["is_on"]
        assert datetime.fromisoformat(on.pop("ends_at")) == datetime.fromisoformat(begun.pop("ends_at"))
        assert on == begun


class TestListSlots(Endpoint):
    def case(self) -> Case:
        return Case(a_courier(), "/courier/v1/shift-slots")

    def test_ones_own_and_what_is_to_be_had(self, client: FlaskClient) -> None:
        community = a_community()
        me, other = a_courier(community=community), a_courier(community=community)
        mine, free = a_slot(community, courier=me), a_slot(community)
        a_slot(community, courier=other)

        items = client.get("/courier/v1/shift-slots", headers=me.headers).get_json()["items"]

        assert {(one["slot_id"], one["is_mine"]) for one in items} == {(str(mine), True), (str(free), False)}


class TestPutEquipment(OnceWithBody):
    method = "PUT"
    other_body = {"vehicle": "foot", "has_cold_box": False}

    def case(self) -> Case:
        community = a_community()
        courier = a_courier(community=community)
        path = f"/store/v1/couriers/{courier.account_id}/equipment"
        return Case(a_store_clerk(community.store_id), path, {"vehicle": "tricycle", "has_cold_box": True})
