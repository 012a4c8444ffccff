"""Community events: published, signed up for, entered, canceled, over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.kernel.ids import new_id
from app.usecases.activities.sign_up import cancel_signup, code_of
from app.usecases.privacy.erasure import request_erasure
from tests.factories import a_claim, a_merchant_with_shop, a_resident, a_store_clerk
from tests.factories.activities import a_neighbor, a_signup, an_activity
from tests.factories.rows import change, look, look_one
from tests.support.figures import refresh
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock


def state_of(signup_id: UUID) -> str:
    found: str = look_one("SELECT state FROM activity_signups WHERE signup_id = :id", id=signup_id)
    return found


def counts_of(activity_id: UUID) -> tuple[int, int]:
    """Return how many have a place and how many wait, as the event counts them."""
    [row] = look("SELECT confirmed_count, waiting_count FROM activities WHERE activity_id = :id", id=activity_id)
    return row.confirmed_count, row.waiting_count


class TestPublish(OnceWithBody):
    status = 201
    other_body = {"title": "换一个名字"}

    def case(self) -> Case:
        return self._case(a_merchant_with_shop().store_id)

    def _case(self, store_id: UUID, **other: object) -> Case:
        now = look_one("SELECT business_now()")
        body = {
            "store_id": str(store_id),
            "title": "智能手机课",
            "words": "请带手机。",
            "place": "体验店",
            "from_at": (now + timedelta(days=1)).isoformat(),
            "until_at": (now + timedelta(days=1, hours=2)).isoformat(),
            "capacity": 10,
        }
        return Case(a_store_clerk(store_id), "/store/v1/activities", {**body, **other})

    def test_times_and_places_that_cannot_be_are_refused(self, client: FlaskClient) -> None:
        store_id = a_merchant_with_shop().store_id
        past = (look_one("SELECT business_now()") - timedelta(hours=1)).isoformat()

        ends_first = self.send(client, self._case(store_id, until_at=past))
        late = self.send(client, self._case(store_id, from_at=past))
        elsewhere = self.send(client, self._case(store_id, community_id=str(a_merchant_with_shop().community_id)))
        nobody = self.send(client, self._case(store_id, capacity=0))

        assert_problem(ends_first, 422, "activity_invalid", pointer="/from_at")
        assert_problem(late, 422, "activity_invalid")
        assert_problem(elsewhere, 404, "community_not_found")
        assert nobody.status_code == 422

    def test_a_clerk_of_another_store_publishes_nothing_for_this_one(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, headers=a_store_clerk().once())

        assert_problem(answer, 404, "store_not_found")


class TestListHeld(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/activities")


class TestListSignups(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/activity-signups")

    def test_a_store_sees_sign_ups_for_its_own_events_only(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        activity = an_activity(shop)
        signup = a_signup(activity.activity_id, a_neighbor(shop))
        path = f"/store/v1/activity-signups?activity_id={activity.activity_id}&state=confirmed"

        own = client.get(path, headers=a_store_clerk(shop.store_id).headers).get_json()["items"]
        others = client.get(path, headers=a_store_clerk().headers).get_json()["items"]

        assert ([one["signup_id"] for one in own], others) == ([str(signup.signup_id)], [])


class TestListForMe(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/activities")

    def test_an_event_is_seen_by_the_catchment_and_by_nobody_else(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        activity = an_activity(shop)

        near = client.get("/user/v1/activities", headers=a_neighbor(shop).headers).get_json()["items"]
        far = client.get("/user/v1/activities", headers=a_neighbor(a_merchant_with_shop()).headers).get_json()["items"]

        assert [one["activity_id"] for one in near] == [str(activity.activity_id)]
        assert far == []


class TestOwnSignups(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/activity-signups")

    def test_the_code_is_shown_with_a_place_and_not_without(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        activity_id = an_activity(shop, capacity=1).activity_id
        first, second = a_neighbor(shop), a_neighbor(shop)
        place = a_signup(activity_id, first)
        a_signup(activity_id, second)

        [has] = client.get("/user/v1/activity-signups", headers=first.headers).get_json()["items"]
        [waits] = client.get("/user/v1/activity-signups", headers=second.headers).get_json()["items"]

        assert (has["state"], has["code"]) == ("confirmed", code_of(place.signup_id))
        assert (waits["state"], waits["code"]) == ("waiting", None)


class TestSignUp(OnceWithBody):
    status = 201

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        self.other_body = {"activity_id": str(an_activity(shop).activity_id)}
        body = {"activity_id": str(an_activity(shop).activity_id)}
        return Case(a_neighbor(shop), "/user/v1/activity-signups", body)

    def test_one_signs_up_once_and_not_for_another_neighborhood(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        again = self.send(client, case)
        far = self.send(client, case, headers=a_neighbor(a_merchant_with_shop()).once())

        assert_problem(again, 409, "signup_exists")
        assert_problem(far, 404, "activity_not_found")

    def test_what_has_begun_takes_nobody(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(hours=4)

        answer = self.send(client, case)

        assert_problem(answer, 409, "activity_begun")


class TestCancelSignup(OnceOwned):
    absent_code = "signup_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        resident = a_neighbor(shop)
        signup = a_signup(an_activity(shop).activity_id, resident)
        return Case(resident, f"/user/v1/activity-signups/{signup.signup_id}/cancellation")

    def test_who_waits_first_gets_the_place(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        activity_id = an_activity(shop, capacity=1).activity_id
        people = [a_neighbor(shop) for _ in range(3)]
        first, second, third = (a_signup(activity_id, one) for one in people)

        answer = self.send(client, Case(people[0], f"/user/v1/activity-signups/{first.signup_id}/cancellation"))

        assert answer.get_json()["state"] == "canceled"
        assert (state_of(second.signup_id), state_of(third.signup_id)) == ("confirmed", "waiting")
        assert counts_of(activity_id) == (1, 1)

    def test_who_canceled_may_sign_up_again_and_nobody_cancels_twice(self, client: FlaskClient) -> None:
        case = self.case()
        self.send(client, case)

        again = self.send(client, case)
        activity_id = look_one(
            "SELECT activity_id FROM activity_signups WHERE account_id = :id", id=case.person.account_id
        )
        anew = a_signup(activity_id, case.person)

        assert_problem(again, 409, "illegal_transition")
        assert (anew.state, counts_of(activity_id)) == ("confirmed", (1, 0))


class TestCheckIn(Once):
    def case(self) -> Case:
        shop = a_merchant_with_shop()
        signup = a_signup(an_activity(shop).activity_id, a_neighbor(shop))
        self.signup_id = signup.signup_id
        self._begin(signup.activity_id)
        clerk = a_store_clerk(shop.store_id)
        return Case(clerk, "/store/v1/activity-check-ins", {"code": code_of(signup.signup_id)})

    def _begin(self, activity_id: UUID) -> None:
        sql = "UPDATE activities SET from_at = business_now() + interval '10 minutes' WHERE activity_id = :id"
        change(sql, id=activity_id)

    def test_a_code_is_good_once(self, client: FlaskClient) -> None:
        case = self.case()

        came = self.send(client, case)
        again = self.send(client, case)

        assert came.get_json()["state"] == "attended"
        assert_problem(again, 409, "checked_in_already")
        assert state_of(self.signup_id) == "attended"

    def test_no_other_code_and_no_other_store_lets_in(self, client: FlaskClient) -> None:
        case = self.case()
        code = code_of(self.signup_id)
        forged = code[:-1] + ("0" if code[-1] != "0" else "1")

        answers = [
            self.send(client, case, body={"code": forged}),
            self.send(client, case, body={"code": code_of(new_id())}),
            self.send(client, case, headers=a_store_clerk().once()),
        ]

        for answer in answers:
            assert_problem(answer, 409, "activity_code_refused")
        assert state_of(self.signup_id) == "confirmed"

    def test_who_waits_or_comes_too_early_stays_outside(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        activity_id = an_activity(shop, capacity=1).activity_id
        early, waiting = (a_signup(activity_id, a_neighbor(shop)) for _ in range(2))
        clerk, path = a_store_clerk(shop.store_id), "/store/v1/activity-check-ins"

        too_early = self.send(client, Case(clerk, path, {"code": code_of(early.signup_id)}))
        self._begin(activity_id)
        without_place = self.send(client, Case(clerk, path, {"code": code_of(waiting.signup_id)}))

        assert_problem(too_early, 409, "activity_code_refused")
        assert_problem(without_place, 409, "activity_code_refused")


class TestCallOff(OnceOwned):
    absent_code = "activity_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        activity = an_activity(shop)
        return Case(a_store_clerk(shop.store_id), f"/store/v1/activities/{activity.activity_id}/cancellation")

    def test_each_who_signed_up_is_told(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        activity_id = an_activity(shop, capacity=1).activity_id
        gone = a_neighbor(shop)
        left = a_signup(activity_id, gone)
        cancel_signup(gone.actor, a_claim(gone), signup_id=left.signup_id)
        people = [a_neighbor(shop) for _ in range(2)]
        signups = [a_signup(activity_id, one) for one in people]

        self.send(client, Case(a_store_clerk(shop.store_id), f"/store/v1/activities/{activity_id}/cancellation"))

        told = look(
            "SELECT body ->> 'account_id' AS whom FROM outbox WHERE kind = 'SignupMoved'"
            " AND body ->> 'state' = 'called_off' AND body ->> 'activity_id' = :id",
            id=str(activity_id),
        )
        assert {one.whom for one in told} == {str(one.account_id) for one in people}
        assert {state_of(one.signup_id) for one in signups} == {"called_off"}

    def test_what_has_begun_is_not_canceled(self, client: FlaskClient, clock: BusinessClock) -> None:
        case = self.case()
        clock.ahead(hours=4)

        answer = self.send(client, case)

        assert_problem(answer, 409, "activity_begun")


def test_at_the_end_who_did_not_come_was_absent(app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop, capacity=2).activity_id
    came, absent, waited = (a_signup(activity_id, a_neighbor(shop)) for _ in range(3))
    clock.ahead(hours=2, minutes=30)
    clerk = a_store_clerk(shop.store_id)
    client.post("/store/v1/activity-check-ins", json={"code": code_of(came.signup_id)}, headers=clerk.once())
    clock.ahead(hours=3)

    run_worker(app)

    states = [state_of(one.signup_id) for one in (came, absent, waited)]
    assert states == ["attended", "absent", "lapsed"]
    assert look_one("SELECT state FROM activities WHERE activity_id = :id", id=activity_id) == "over"


def test_two_hours_before_each_with_a_place_is_reminded(app: Flask, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop, capacity=1).activity_id
    place = a_signup(activity_id, a_neighbor(shop))
    a_signup(activity_id, a_neighbor(shop))
    clock.ahead(hours=1, minutes=1)

    run_worker(app)

    reminded = look(
        "SELECT body ->> 'signup_id' AS signup FROM live_events WHERE kind = 'SignupMoved'"
        " AND body ->> 'state' = 'reminded' AND body ->> 'activity_id' = :id",
        id=str(activity_id),
    )
    assert [one.signup for one in reminded] == [str(place.signup_id)]


def test_figures_count_events_and_who_came(client: FlaskClient, clock: BusinessClock) -> None:
    noon = look_one(
        "SELECT date_trunc('day', business_now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai'"
        " + interval '12 hours'"
    )
    clock.at(noon)
    shop = a_merchant_with_shop()
    activity_id = an_activity(shop).activity_id
    signup = a_signup(activity_id, a_neighbor(shop))
    a_signup(activity_id, a_neighbor(shop))
    clock.at(noon + timedelta(hours=2, minutes=30))
    clerk = a_store_clerk(shop.store_id)
    client.post("/store/v1/activity-check-ins", json={"code": code_of(signup.signup_id)}, headers=clerk.once())

    refresh()

    of_the_day = "store_id = :id AND day = CAST(CAST(:noon AS timestamptz) AT TIME ZONE 'Asia/Shanghai' AS date)"
    [row] = look(
        f"SELECT activities_held, activity_guests FROM store_days WHERE {of_the_day}", id=shop.store_id, noon=noon
    )
    assert (row.activities_held, row.activity_guests) == (1, 1)


def test_who_is_erased_gives_their_places_to_who_waits(app: Flask, clock: BusinessClock) -> None:
    shop = a_merchant_with_shop()
    first, second = an_activity(shop, capacity=1, in_hours=200), an_activity(shop, capacity=1, in_hours=200)
    leaving, waiting = a_neighbor(shop), a_neighbor(shop)
    place, queued = a_signup(first.activity_id, leaving), a_signup(first.activity_id, waiting)
    held, given_up = a_signup(second.activity_id, waiting), a_signup(second.activity_id, leaving)
    request_erasure(leaving.actor, a_claim(leaving))
    clock.ahead(days=7, minutes=1)

    run_worker(app)

    assert [state_of(one.signup_id) for one in (place, queued)] == ["canceled", "confirmed"]
    assert [state_of(one.signup_id) for one in (held, given_up)] == ["confirmed", "canceled"]
    assert [counts_of(one.activity_id) for one in (first, second)] == [(1, 0), (1, 0)]
