from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.ledger import codes
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import transaction
from app.usecases.appointments.visits import check_in_code
from tests.factories import a_resident, an_address
from tests.factories.appointments import a_booking, a_provider, a_service, a_visit, come_in, in_days
from tests.factories.people import a_grant
from tests.factories.rows import change, look, look_one
from tests.support.invariants import Invariants
from tests.support.ladder import Case, OnceOwned, OnceWithBody, Owned, assert_problem
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories.appointments import AVisit
    from tests.support.business_clock import BusinessClock


@pytest.fixture(autouse=True)
def _everything_adds_up(app: Flask) -> Iterator[None]:
    assert app is not None
    invariants = Invariants()
    yield
    invariants.check()


def act(
    client: FlaskClient, visit: AVisit, name: str, body: dict[str, Any] | None = None, side: str = "merchant"
) -> Any:
    who = visit.owner if side == "merchant" else visit.resident
    return client.post(f"/{side}/v1/orders/{visit.order_id}/appointment/{name}", headers=who.once(), json=body)


def pending(visit: AVisit) -> int:
    with transaction() as tx:
        return ledger.balance(tx, codes.merchant_pending(visit.service.shop.merchant_id)).posted_fen


class TestSlots(Owned):
    absent_code = "sku_not_found"

    def case(self) -> Case:
        service, resident = a_service(), a_resident()
        query = {"address_id": str(an_address(resident, near=service.shop)), "day": in_days(2).date().isoformat()}
        return Case(resident, f"/user/v1/services/{service.offer.sku_id}/slots", query=query)

    def test_anothers_looks_exactly_like_an_absent_one(self, client: FlaskClient) -> None:
        """Another's address is absent; the service is everybody's."""
        case = self.case()

        assert_problem(
            client.get(case.path, headers=a_resident().headers, query_string=case.query), 404, "address_not_found"
        )

    def test_what_is_booked_is_not_offered_and_comes_back_when_it_is_not_paid(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        service, resident = a_service(), a_resident(balance_fen=100_000)
        address_id = an_address(resident, near=service.shop)
        query = {"address_id": str(address_id), "day": in_days(2).date().isoformat()}
        path = f"/user/v1/services/{service.offer.sku_id}/slots"

        def starts() -> list[str]:
            return [
                one["starts_at"]
                for one in client.get(path, headers=resident.headers, query_string=query).get_json()["items"]
            ]

        before = starts()
        a_booking(service, resident, in_days(2), address_id)
        held = starts()
        clock.ahead(minutes=16)
        run_worker(app)

        assert len(before) == 15
        assert len(held) < len(before)
        assert starts() == before


class TestBook(OnceWithBody):
    status = 201
    other_body = {"note": "按门铃"}

    def case(self) -> Case:
        service, resident = a_service(), a_resident(balance_fen=100_000)
        body = {
            "sku_id": str(service.offer.sku_id),
            "address_id": str(an_address(resident, near=service.shop)),
            "starts_at": in_days(2).isoformat(),
            "unit_price_fen": 20_000,
        }
        return Case(resident, "/user/v1/appointment-checkouts", body)

    def test_paid_it_is_confirmed_and_shows_a_code(self, app: Flask, client: FlaskClient) -> None:
        case = self.case()
        placed = self.send(client, case).get_json()
        order_id = placed["orders"][0]["order_id"]

        client.post(
            f"/user/v1/checkouts/{placed['checkout_id']}/payments",
            headers=case.person.once(),
            json={"method": "e_account", "step_up_grant": str(a_grant(case.person, placed["checkout_id"]))},
        )
        run_worker(app)
        shown = client.get(f"/user/v1/orders/{order_id}/appointment", headers=case.person.headers).get_json()

        assert (shown["state"], shown["cancel_fee_fen"], shown["provider_name"]) == ("confirmed", 0, "李师傅")
        assert len(shown["check_in_code"]) == 4

    @pytest.mark.parametrize("clock_time", ["08:30", "16:30", "10:10"])
    def test_at_other_times_nobody_comes(self, client: FlaskClient, clock_time: str) -> None:
        case = self.case()
        body = {**(case.body or {}), "starts_at": in_days(2, clock_time).isoformat()}

        assert_problem(self.send(client, case, body=body), 409, "slot_gone", pointer="/starts_at")

    def test_nothing_is_booked_more_than_thirty_days_ahead(self, client: FlaskClient) -> None:
        case = self.case()

        for starts_at in (in_days(31).isoformat(), "2999-12-31T23:30:00+00:00"):
            body = {**(case.body or {}), "starts_at": starts_at}
            assert_problem(self.send(client, case, body=body), 409, "slot_gone", pointer="/starts_at")

    def test_many_want_the_last_appointment_and_one_has_it(self, app: Flask) -> None:
        service = a_service()
        residents = [a_resident(balance_fen=100_000) for _ in range(16)]
        addresses = [an_address(resident, near=service.shop) for resident in residents]
        starts_at = in_days(2)

        outcomes = at_once(
            app,
            [
                partial(a_booking, service, resident, starts_at, address_id)
                for resident, address_id in zip(residents, addresses, strict=True)
            ],
        )

        assert sum(one.is_done for one in outcomes) == 1
        assert {one.refusal for one in outcomes} == {None, "slot_gone"}

    def test_two_providers_take_two_at_once_and_overlapping_times_do_not_share_one(self, app: Flask) -> None:
        service = a_service(providers=2)
        residents = [a_resident(balance_fen=100_000) for _ in range(6)]
        addresses = [an_address(resident, near=service.shop) for resident in residents]
        times = [in_days(2, clock_time) for clock_time in ("10:00", "11:00", "12:00") * 2]

        outcomes = at_once(
            app,
            [
                partial(a_booking, service, resident, starts_at, address_id)
                for resident, address_id, starts_at in zip(residents, addresses, times, strict=True)
            ],
        )

        assert sum(one.is_done for one in outcomes) == 2
        rows = look(
            "SELECT count(*) AS taken FROM provider_bookings WHERE provider_id = ANY (:ids) GROUP BY provider_id",
            ids=service.provider_ids,
        )
        assert [row.taken for row in rows] == [1, 1]


class TestRead(Owned):
    absent_code = "appointment_not_found"

    def case(self) -> Case:
        visit = a_visit()
        return Case(visit.resident, f"/user/v1/orders/{visit.order_id}/appointment")


class TestCancel(OnceOwned, OnceWithBody):
    absent_code = "appointment_not_found"
    other_body = {"fee_fen": 1}

    def case(self) -> Case:
        visit = a_visit()
        return Case(visit.resident, f"/user/v1/orders/{visit.order_id}/appointment/cancellation", {"fee_fen": 0})

    def test_near_the_start_it_costs_what_was_shown_and_the_shop_has_that(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit()
        clock.at(visit.starts_at.astimezone(SHANGHAI).replace(hour=7))

        cheap = act(client, visit, "cancellation", {"fee_fen": 0}, side="user")
        done = act(client, visit, "cancellation", {"fee_fen": 10_000}, side="user").get_json()

        assert_problem(cheap, 409, "fee_higher")
        assert (done["fee_fen"], done["refund_fen"], done["order_state"]) == (10_000, 10_000, "canceled")
        assert pending(visit) == 9_000

    def test_the_usual_ways_of_goods_are_closed_to_it(self, client: FlaskClient) -> None:
        visit = a_visit()

        for name in ("cancellation", "cancel-request"):
            answer = client.post(f"/user/v1/orders/{visit.order_id}/{name}", headers=visit.resident.once())
            assert_problem(answer, 409, "illegal_transition")


class TestMove(OnceOwned, OnceWithBody):
    absent_code = "appointment_not_found"

    def case(self) -> Case:
        visit = a_visit()
        self.other_body = {"starts_at": in_days(5).isoformat()}
        body = {"starts_at": in_days(4).isoformat()}
        return Case(visit.resident, f"/user/v1/orders/{visit.order_id}/appointment/time", body)

    def test_half_an_hour_later_it_does_not_stand_in_its_own_way(self, client: FlaskClient) -> None:
        visit = a_visit()

        moved = act(client, visit, "time", {"starts_at": in_days(3, "10:30").isoformat()}, side="user")

        assert moved.status_code == 200, moved.text

    def test_onto_what_another_has_it_is_not_moved(self, client: FlaskClient) -> None:
        visit = a_visit()
        a_visit(visit.service, starts_at=in_days(4))

        assert_problem(act(client, visit, "time", {"starts_at": in_days(4).isoformat()}, side="user"), 409, "slot_gone")
        assert look_one("SELECT count(*) FROM provider_bookings WHERE order_id = :id", id=visit.order_id) == 1


class TestCarriedOut:
    def test_begun_at_the_door_by_code_finished_and_confirmed_the_shop_is_paid(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit()
        shop = visit.service.shop
        clock.at(visit.starts_at)
        here = {"lat": shop.lat + 0.001, "lng": shop.lng}
        code = check_in_code(visit.order_id)

        early = act(client, visit, "check-in", {"code": code, **here})
        act(client, visit, "departure")
        away = act(client, visit, "check-in", {"code": code, "lat": shop.lat + 0.1, "lng": shop.lng})
        wrong = act(client, visit, "check-in", {"code": f"{(int(code) + 1) % 10_000:04}", **here})
        come = act(client, visit, "check-in", {"code": code, **here})
        done = act(client, visit, "finish", {})
        confirmed = client.post(f"/user/v1/orders/{visit.order_id}/confirmation", headers=visit.resident.once())

        assert_problem(early, 409, "illegal_transition")
        assert_problem(away, 409, "too_far_away")
        assert_problem(wrong, 409, "wrong_code", pointer="/code")
        assert come.get_json()["state"] == "in_service"
        assert done.get_json()["order_state"] == "delivered"
        assert confirmed.get_json()["state"] == "completed"
        assert visit.state == "completed"
        assert pending(visit) == 18_000

    def test_nobody_sets_out_a_day_ahead_and_so_takes_what_canceling_costs_from_then_on(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit()

        early = act(client, visit, "departure")
        clock.at(visit.starts_at - timedelta(hours=2))

        assert assert_problem(early, 409, "set_out_too_early")["hours"] == 2
        assert act(client, visit, "departure").get_json()["state"] == "en_route"

    def test_half_done_half_goes_back(self, client: FlaskClient) -> None:
        visit = a_visit(state="in_service")

        done = act(client, visit, "finish", {"done_percent": 50}).get_json()
        client.post(f"/user/v1/orders/{visit.order_id}/confirmation", headers=visit.resident.once())

        assert done["refund_fen"] == 10_000
        assert pending(visit) == 9_000

    def test_a_resident_who_is_not_there_pays_half_after_twenty_minutes(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit(state="en_route")
        here = {"lat": visit.service.shop.lat + 0.001, "lng": visit.service.shop.lng}
        clock.at(visit.starts_at)
        soon = act(client, visit, "absence", here)
        clock.at(visit.starts_at.replace(minute=20))
        away = act(client, visit, "absence", {**here, "lat": here["lat"] + 0.1})

        absent = act(client, visit, "absence", here).get_json()

        assert_problem(soon, 409, "too_early")
        assert_problem(away, 409, "too_far_away")
        assert (absent["state"], absent["fee_fen"], absent["refund_fen"]) == ("no_show", 10_000, 10_000)

    def test_a_provider_who_does_not_come_is_a_breach_and_all_goes_back(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit()
        clock.at(visit.starts_at.replace(hour=11, minute=1))

        run_worker(app)

        assert (visit.state, visit.order_state) == ("canceled", "canceled")
        assert look_one("SELECT kind FROM provider_breaches WHERE order_id = :id", id=visit.order_id) == "no_show"
        assert look_one("SELECT refunded_fen FROM orders WHERE order_id = :id", id=visit.order_id) == 20_000

    def test_a_provider_who_was_told_after_the_start_has_not_broken_their_word(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit()
        late = visit.starts_at.replace(hour=11, minute=1)
        change("UPDATE orders SET accepted_at = :at WHERE order_id = :id", at=late, id=visit.order_id)
        clock.at(late)

        run_worker(app)

        assert (visit.state, visit.order_state) == ("canceled", "canceled")
        assert look("SELECT 1 FROM provider_breaches WHERE order_id = :id", id=visit.order_id) == []
        assert look_one("SELECT refunded_fen FROM orders WHERE order_id = :id", id=visit.order_id) == 20_000

    def test_a_provider_who_cannot_come_is_replaced_and_without_another_all_goes_back(
        self, client: FlaskClient
    ) -> None:
        visit = a_visit()
        second = a_provider(visit.service.shop, visit.service.offer)

        replaced = act(client, visit, "withdrawal").get_json()
        alone = act(client, visit, "withdrawal").get_json()

        assert (replaced["state"], replaced["provider_id"]) == ("confirmed", str(second))
        assert alone["provider_id"] in {str(visit.service.provider_ids[0]), str(second)}
        breaches = look("SELECT kind FROM provider_breaches WHERE order_id = :id", id=visit.order_id)
        assert [row.kind for row in breaches] == ["canceled", "canceled"]

    def test_nobody_else_at_all_and_the_resident_has_the_money(self, client: FlaskClient) -> None:
        visit = a_visit()

        gone = act(client, visit, "withdrawal").get_json()

        assert (gone["state"], gone["refund_fen"]) == ("canceled", 20_000)
        assert look_one("SELECT count(*) FROM provider_bookings WHERE order_id = :id", id=visit.order_id) == 0


class TestExtraCharge:
    def test_agreed_to_it_is_paid_like_anything_and_the_shop_has_it_a_day_later(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        visit = a_visit(state="in_service")
        resident = visit.resident
        body = {"amount_fen": 3_000, "reason": "加擦窗户"}
        charge_id = act(client, visit, "extra-charges", body).get_json()["charge_id"]

        placed = client.post(f"/user/v1/extra-charges/{charge_id}/approval", headers=resident.once()).get_json()
        again = client.post(f"/user/v1/extra-charges/{charge_id}/approval", headers=resident.once())
        client.post(
            f"/user/v1/checkouts/{placed['checkout_id']}/payments",
            headers=resident.once(),
            json={"method": "e_account", "step_up_grant": str(a_grant(resident, placed["checkout_id"]))},
        )
        run_worker(app)
        clock.ahead(hours=25)
        run_worker(app)

        assert_problem(again, 409, "illegal_transition")
        extra = placed["orders"][0]["order_id"]
        assert look_one("SELECT state FROM orders WHERE order_id = :id", id=extra) == "completed"

    def test_declined_it_is_nothing_and_before_the_service_it_is_not_asked_for(self, client: FlaskClient) -> None:
        visit = a_visit(state="en_route")
        body = {"amount_fen": 3_000, "reason": "加擦窗户"}
        early = act(client, visit, "extra-charges", body)
        come_in(visit)
        charge_id = act(client, visit, "extra-charges", body).get_json()["charge_id"]

        no = client.post(f"/user/v1/extra-charges/{charge_id}/refusal", headers=visit.resident.once()).get_json()

        assert_problem(early, 409, "not_in_service")
        assert no["state"] == "declined"


class TestProviders:
    def test_a_day_off_has_no_times(self, client: FlaskClient) -> None:
        service, resident = a_service(), a_resident()
        address_id = an_address(resident, near=service.shop)
        day = in_days(2).date().isoformat()
        query = {"address_id": str(address_id), "day": day}

        off = client.put(
            f"/merchant/v1/providers/{service.provider_ids[0]}/days-off",
            headers=service.shop.owner.once(),
            json={"days": [day]},
        )
        slots = client.get(
            f"/user/v1/services/{service.offer.sku_id}/slots", headers=resident.headers, query_string=query
        )

        assert off.status_code == 200, off.text
        assert slots.get_json()["items"] == []

    def test_who_does_something_else_or_somewhere_else_does_not_come(self, client: FlaskClient) -> None:
        service, strange = a_service(), a_service()
        owner = service.shop.owner
        body = {
            "name": "王师傅",
            "offer_ids": [str(strange.offer.offer_id)],
            "community_ids": [str(service.shop.community_id)],
            "hours": {"1": [["09:00", "12:00"]]},
        }
        path = f"/merchant/v1/shops/{service.shop.shop_id}/providers"

        assert_problem(client.post(path, headers=owner.once(), json=body), 422, "skill_unknown", pointer="/offer_ids")
        listed = client.get(path, headers=owner.headers).get_json()["items"]
        assert [one["provider_id"] for one in listed] == [str(service.provider_ids[0])]
