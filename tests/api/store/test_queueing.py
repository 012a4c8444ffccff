"""Tickets and appointments at the desk of a store, for who comes and for who works there."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from app.core.queueing.rules import BOOKINGS_MAX
from app.kernel.clock import SHANGHAI
from app.usecases.queueing.call import call_next
from tests.factories import a_claim, a_resident, a_store_clerk
from tests.factories.places import a_community
from tests.factories.queueing import ALWAYS, a_ticket, an_open_desk
from tests.factories.rows import look
from tests.factories.tills import a_store_manager, store_of
from tests.support.ladder import Case, Endpoint, Once, OnceOwned, OnceWithBody, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person
    from tests.support.business_clock import BusinessClock

NINE = datetime(2026, 3, 5, 9, tzinfo=SHANGHAI)


def take(client: FlaskClient, person: Person, store_id: UUID, slot_at: datetime | None = None) -> Any:
    body = {"store_id": str(store_id), "topic": "bill", "slot_at": slot_at and slot_at.isoformat()}
    return client.post("/user/v1/desk-tickets", json=body, headers=person.once())


def call(client: FlaskClient, clerk: Person, store_id: UUID) -> Any:
    return client.post("/store/v1/desk-calls", json={"store_id": str(store_id)}, headers=clerk.once())


def end(client: FlaskClient, clerk: Person, ticket: Any, how: str = "service") -> Any:
    return client.post(f"/store/v1/desk-tickets/{ticket['ticket_id']}/{how}", headers=clerk.once())


def own(client: FlaskClient, person: Person) -> Any:
    return client.get("/user/v1/desk-tickets", headers=person.headers).get_json()["items"]


class TestTakeTicket(OnceWithBody):
    status = 201
    other_body = {"topic": "other"}

    def case(self) -> Case:
        store_id = store_of(an_open_desk())
        return Case(a_resident(), "/user/v1/desk-tickets", {"store_id": str(store_id), "topic": "cash"})

    def test_numbers_go_up_within_a_store_and_a_day_and_begin_anew(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        here, there = store_of(an_open_desk()), store_of(an_open_desk())

        numbers = [take(client, a_resident(), at).get_json()["number"] for at in (here, here, there)]
        clock.ahead(days=1)
        tomorrow = take(client, a_resident(), here).get_json()["number"]

        assert (numbers, tomorrow) == ([1, 2, 1], 1)

    def test_a_person_waits_once_and_sees_how_many_are_before(self, client: FlaskClient) -> None:
        store_id, resident = store_of(an_open_desk()), a_resident()
        a_ticket(store_id)
        taken = take(client, resident, store_id).get_json()

        again = take(client, resident, store_id)
        [shown] = own(client, resident)

        refused = assert_problem(again, 409, "desk_ticket_exists")
        assert refused["ticket_id"] == taken["ticket_id"] == shown["ticket_id"]
        assert (shown["ahead_count"], shown["state"], shown["number"]) == (1, "waiting", 2)

    def test_outside_the_hours_and_while_the_store_is_closed_there_is_none(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        usual = a_community().store_id
        clock.at(datetime.combine(NINE.date(), time(8, 59), tzinfo=SHANGHAI))
        manager = an_open_desk()
        store_id = store_of(manager)
        span = {"from_at": clock.now().isoformat(), "until_at": (clock.now() + timedelta(hours=1)).isoformat()}
        client.post("/store/v1/closures", json={"store_id": str(store_id), **span}, headers=manager.once())

        assert_problem(take(client, a_resident(), usual), 409, "desk_not_serving")
        assert_problem(take(client, a_resident(), store_id), 409, "desk_not_serving")
        clock.at(NINE)
        assert take(client, a_resident(), usual).status_code == 201

    def test_a_store_that_is_none_looks_absent(self, client: FlaskClient) -> None:
        answer = take(client, a_resident(), a_community().community_id)

        assert_problem(answer, 404, "store_not_found", pointer="/store_id")


class TestBooking(Endpoint):
    def case(self) -> Case:
        query = {"store_id": str(a_community().store_id), "day": "2026-03-05"}
        return Case(a_resident(), "/user/v1/desk-queue", query=query)

    def test_a_slot_has_so_many_places_and_a_person_so_many_appointments(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(NINE)
        store_id, slot = store_of(an_open_desk(slot_capacity=1)), NINE + timedelta(days=1)
        query = f"/user/v1/desk-queue?store_id={store_id}&day={slot.date()}"
        resident = a_resident()

        before = client.get(query, headers=resident.headers).get_json()["slots"]
        booked = take(client, resident, store_id, slot).get_json()
        after = client.get(query, headers=resident.headers).get_json()["slots"]
        others = [take(client, resident, store_of(an_open_desk()), slot) for _ in range(BOOKINGS_MAX)]

        assert (booked["state"], booked["number"]) == ("booked", None)
        assert len(before) - len(after) == 1
        assert_problem(take(client, a_resident(), store_id, slot), 409, "desk_slot_taken", pointer="/slot_at")
        odd = take(client, a_resident(), store_id, slot + timedelta(minutes=1))
        assert_problem(odd, 409, "desk_slot_not_offered", pointer="/slot_at")
        assert [answer.status_code for answer in others] == [201] * (BOOKINGS_MAX - 1) + [429]

    def test_who_has_an_appointment_goes_first_from_its_time_on(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        clock.at(NINE)
        manager = an_open_desk()
        store_id, resident, slot = store_of(manager), a_resident(), NINE + timedelta(hours=1)
        booked = take(client, resident, store_id, slot).get_json()
        path = f"/user/v1/desk-tickets/{booked['ticket_id']}/arrival"
        early = client.post(path, headers=resident.once())
        first, second = a_ticket(store_id), a_ticket(store_id)
        clock.at(slot - timedelta(minutes=10))
        arrived = client.post(path, headers=resident.once()).get_json()
        clerks = [a_store_clerk(store_id) for _ in range(3)]

        before_its_time = call(client, clerks[0], store_id).get_json()
        clock.at(slot)
        called = [call(client, clerk, store_id).get_json()["ticket_id"] for clerk in clerks[1:]]

        assert_problem(early, 409, "not_arriving")
        assert arrived["number"] == 3
        assert before_its_time["ticket_id"] == str(first.ticket_id)
        assert called == [booked["ticket_id"], str(second.ticket_id)]

    def test_what_nobody_ends_ends_by_itself(self, app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
        clock.at(NINE)
        manager = an_open_desk()
        store_id, missed, waits = store_of(manager), a_resident(), a_resident()
        take(client, missed, store_id, NINE + timedelta(hours=1))
        called, _ = a_ticket(store_id), a_ticket(store_id, waits)
        call(client, manager, store_id)
        clock.at(NINE + timedelta(hours=1, minutes=16))
        run_worker(app)
        at_noon = own(client, missed)[0]["state"], own(client, waits)[0]["state"]
        clock.at(NINE + timedelta(days=1))

        run_worker(app)

        [left] = look("SELECT state FROM desk_tickets WHERE ticket_id = :t", t=called.ticket_id)
        assert at_noon == ("no_show", "waiting")
        assert (own(client, waits)[0]["state"], left.state) == ("lapsed", "no_show")


class TestCancelTicket(OnceOwned):
    absent_code = "desk_ticket_not_found"

    def case(self) -> Case:
        resident = a_resident()
        ticket = a_ticket(store_of(an_open_desk()), resident)
        return Case(resident, f"/user/v1/desk-tickets/{ticket.ticket_id}/cancellation")

    def test_who_is_called_does_not_cancel(self, client: FlaskClient) -> None:
        case = self.case()
        [row] = look("SELECT store_id FROM desk_tickets WHERE account_id = :a", a=case.person.account_id)
        call(client, a_store_clerk(row.store_id), row.store_id)

        assert_problem(self.send(client, case), 409, "illegal_transition")


class TestCallTicket(OnceWithBody):
    status = 201
    other_body = {"store_id": "01977d7a-0000-7000-8000-000000000000"}

    def case(self) -> Case:
        clerk = an_open_desk()
        a_ticket(store_of(clerk))
        return Case(clerk, "/store/v1/desk-calls", {"store_id": str(store_of(clerk))})

    def test_a_clerk_serves_one_and_then_the_next_and_nobody_is_called_twice(self, client: FlaskClient) -> None:
        clerk = an_open_desk()
        store_id = store_of(clerk)
        tickets = [a_ticket(store_id) for _ in range(2)]

        first = call(client, clerk, store_id).get_json()
        busy = call(client, clerk, store_id)
        ended = end(client, clerk, first).get_json()
        twice = end(client, clerk, first, "no-show")
        absent = end(client, clerk, call(client, clerk, store_id).get_json(), "no-show").get_json()

        assert assert_problem(busy, 409, "clerk_is_serving")["ticket_id"] == first["ticket_id"]
        assert (ended["ticket_id"], ended["state"]) == (str(tickets[0].ticket_id), "served")
        assert (absent["ticket_id"], absent["state"]) == (str(tickets[1].ticket_id), "no_show")
        assert_problem(twice, 409, "illegal_transition")
        assert_problem(call(client, clerk, store_id), 409, "nobody_waits")

    def test_another_store_looks_absent(self, client: FlaskClient) -> None:
        assert_problem(call(client, a_store_clerk(), a_community().store_id), 404, "store_not_found")


class TestServeTicket(OnceOwned):
    absent_code = "desk_ticket_not_found"

    def case(self) -> Case:
        clerk = an_open_desk()
        store_id = store_of(clerk)
        ticket = a_ticket(store_id)
        call_next(clerk.actor, a_claim(clerk), store_id=store_id)
        return Case(clerk, f"/store/v1/desk-tickets/{ticket.ticket_id}/service")


class TestHandTicket(Once):
    status = 201

    def case(self) -> Case:
        clerk = an_open_desk()
        return Case(clerk, "/store/v1/desk-tickets", {"store_id": str(store_of(clerk)), "topic": "bill"})

    def test_who_has_no_phone_is_called_like_others_and_listed_without_a_name(self, client: FlaskClient) -> None:
        case = self.case()
        handed = self.send(client, case).get_json()

        called = call(client, case.person, store_of(case.person)).get_json()
        [listed] = client.get("/store/v1/desk-tickets?state=called", headers=case.person.headers).get_json()["items"]

        assert handed["ticket_id"] == called["ticket_id"] == listed["ticket_id"]
        assert not [name for name in listed if "account" in name or "phone" in name]


class TestSetHours(OnceWithBody):
    method = "PUT"
    other_body = {"slot_minutes": 60}

    def case(self) -> Case:
        manager = a_store_manager()
        return Case(manager, "/store/v1/desk-hours", {"store_id": str(store_of(manager)), "hours": ALWAYS})

    def test_spans_that_overlap_are_refused(self, client: FlaskClient) -> None:
        case = self.case()
        assert case.body is not None
        hours = {"1": [["09:00", "12:00"], ["11:00", "13:00"]]}

        answer = self.send(client, case, body={**case.body, "hours": hours})

        assert_problem(answer, 422, "desk_hours_invalid", pointer="/hours")
