from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.usecases.delivering.shifts import start_shift
from app.worker.sweeps import forget_old
from tests.factories import a_claim, a_community, a_courier, an_order
from tests.factories.people import signed_in
from tests.factories.rows import change, look_one
from tests.support.ladder import Case, Endpoint, assert_problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

from app.core.orders.states import OrderState

HERE = (39.9, 116.4)


def a_courier_here() -> Person:
    return a_courier(community=a_community(HERE))


def a_fix(measured_at: datetime, *, lat: float = HERE[0], lng: float = HERE[1]) -> dict[str, object]:
    return {"lat": lat, "lng": lng, "measured_at": measured_at.isoformat()}


def put(client: FlaskClient, courier: Person, fix: Mapping[str, object]) -> TestResponse:
    return client.put("/courier/v1/position", headers=courier.headers, json=fix)


def rest(courier: Person) -> None:
    """Let the second pass that lies between two reports."""
    change(
        "UPDATE courier_positions SET received_at = received_at - interval '2 seconds' WHERE courier_id = :id",
        id=courier.account_id,
    )


class TestPutPosition(Endpoint):
    method = "PUT"

    @pytest.fixture(autouse=True)
    def _now(self, clock: BusinessClock) -> None:
        self.now = clock.now()

    def case(self) -> Case:
        return Case(a_courier_here(), "/courier/v1/position", a_fix(self.now))

    def test_off_shift_nobody_is_followed(self, client: FlaskClient) -> None:
        courier = a_courier(community=a_community(HERE), on_shift=False)

        assert_problem(put(client, courier, a_fix(self.now)), 409, "not_on_shift")

    @pytest.mark.parametrize(
        "ahead, code",
        [(timedelta(minutes=1), "position_in_future"), (timedelta(minutes=-6), "position_too_old")],
    )
    def test_neither_the_future_nor_the_past_is_a_place(self, client: FlaskClient, ahead: timedelta, code: str) -> None:
        courier = a_courier_here()

        assert_problem(put(client, courier, a_fix(self.now + ahead)), 409, code, pointer="/measured_at")

    def test_nobody_jumps_five_hundred_kilometers(self, client: FlaskClient) -> None:
        courier = a_courier_here()
        put(client, courier, a_fix(self.now))
        rest(courier)

        response = put(client, courier, a_fix(self.now + timedelta(seconds=5), lat=44.4))

        assert assert_problem(response, 409, "position_too_far")["distance_m"] > 490_000

    def test_nor_does_the_first_of_a_shift_from_where_it_began(self, client: FlaskClient) -> None:
        courier = a_courier_here()

        response = put(client, courier, a_fix(self.now, lat=44.4))

        assert_problem(response, 409, "position_too_far", pointer="/lat")
        assert put(client, courier, a_fix(self.now - timedelta(seconds=20))).status_code == 200

    def test_what_was_measured_before_the_last_is_refused(self, client: FlaskClient) -> None:
        courier = a_courier_here()
        put(client, courier, a_fix(self.now))
        rest(courier)

        response = put(client, courier, a_fix(self.now - timedelta(seconds=1)))

        assert_problem(response, 409, "position_too_old")

    def test_of_a_hundred_in_a_second_one_is_kept(self, client: FlaskClient) -> None:
        courier = a_courier_here()
        put(client, courier, a_fix(self.now))
        change(
            "UPDATE courier_positions SET received_at = clock_timestamp() WHERE courier_id = :id",
            id=courier.account_id,
        )
        response = put(client, courier, a_fix(self.now + timedelta(seconds=1)))

        assert_problem(response, 429, "position_too_often")

    def test_the_phone_that_went_on_shift_last_is_the_one_that_counts(self, client: FlaskClient) -> None:
        first = a_courier_here()
        second = signed_in(first.account_id, first.side)
        start_shift(second.actor, a_claim(second), lat=HERE[0], lng=HERE[1])

        refused = put(client, first, a_fix(self.now))
        kept = put(client, second, a_fix(self.now))

        assert_problem(refused, 409, "other_phone")
        assert kept.status_code == 200

    def test_without_a_trip_no_trail_is_kept(self, client: FlaskClient) -> None:
        courier = a_courier_here()

        kept = put(client, courier, a_fix(self.now)).get_json()

        assert kept["is_trailed"] is False

    def test_with_a_trip_a_point_a_minute_is_kept_for_thirty_days(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order(state=OrderState.READY, with_courier=True)
        courier, lat, lng = order.carrier, order.shop.lat, order.shop.lng
        for seconds in (0, 5, 30, 61, 65):
            put(client, courier, a_fix(self.now + timedelta(seconds=seconds - 66), lat=lat, lng=lng))
            rest(courier)
        count = "SELECT count(*) FROM courier_trail WHERE courier_id = :id"
        kept = look_one(count, id=courier.account_id)
        clock.ahead(days=31)

        forget_old()

        assert kept == 2
        assert look_one(count, id=courier.account_id) == 0

    def test_the_end_of_the_shift_forgets_the_place(self, client: FlaskClient) -> None:
        courier = a_courier_here()
        put(client, courier, a_fix(self.now))

        client.post("/courier/v1/shift/end", headers=courier.once())

        assert look_one("SELECT count(*) FROM courier_positions WHERE courier_id = :id", id=courier.account_id) == 0
