"""The shelf: slots, reminders, what nobody collects, returns, and a store that is closed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.core.aftersale.rules import CaseKind
from app.core.aftersale.states import CaseState
from app.core.orders.states import OrderState
from app.kernel.ids import new_id
from app.usecases.aftersale.answer import receive_return
from app.usecases.ordering.finish_order import collect_code, collect_order
from app.usecases.shelving.parcels import shelve_order
from tests.factories import a_claim, a_merchant_with_shop, a_store_clerk, an_order
from tests.factories.cases import a_case
from tests.factories.parcels import a_parcel, a_returned_parcel, a_returning_case, a_slot, an_order_to_collect
from tests.factories.rows import look_one
from tests.factories.tills import a_store_manager, store_of
from tests.support.ladder import Case, Endpoint, OnceOwned, OnceWithBody, assert_problem
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock


def state_of(parcel_id: UUID) -> str:
    found: str = look_one("SELECT state FROM parcels WHERE parcel_id = :id", id=parcel_id)
    return found


class TestListParcels(Endpoint):
    def case(self) -> Case:
        return Case(a_store_clerk(), "/store/v1/parcels")

    def test_a_parcel_stands_in_its_own_store_only(self, client: FlaskClient) -> None:
        order = an_order_to_collect()
        parcel = a_parcel(order=order)
        path = f"/store/v1/parcels?state=waiting&slot={parcel.slot}"

        own = client.get(path, headers=a_store_clerk(order.shop.store_id).headers).get_json()["items"]
        others = client.get(path, headers=a_store_clerk().headers).get_json()["items"]

        assert ([one["parcel_id"] for one in own], others) == ([str(parcel.parcel_id)], [])


class TestShelve(OnceWithBody):
    status = 201

    def case(self) -> Case:
        order = an_order_to_collect()
        self.other_body = {"slot": "Z-99"}
        return Case(
            a_store_clerk(order.shop.store_id), "/store/v1/parcels", {"order_id": str(order.order_id), "slot": "A-01"}
        )

    def test_a_slot_holds_one_parcel_and_a_parcel_stands_once(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        parcel, clerk = a_parcel(shop), a_store_clerk(shop.store_id)
        other = an_order_to_collect(shop)

        taken = self.send(
            client, Case(clerk, "/store/v1/parcels", {"order_id": str(other.order_id), "slot": parcel.slot})
        )
        again = self.send(
            client, Case(clerk, "/store/v1/parcels", {"order_id": str(parcel.order_id), "slot": a_slot()})
        )

        assert_problem(taken, 409, "shelf_slot_taken", pointer="/slot")
        assert_problem(again, 409, "parcel_shelved")

    def test_what_is_not_ready_or_goes_out_does_not_come_onto_the_shelf(self, client: FlaskClient) -> None:
        order = an_order(state=OrderState.READY)
        clerk = a_store_clerk(order.shop.store_id)
        body = {"order_id": str(order.order_id), "slot": "A-01"}

        assert_problem(self.send(client, Case(clerk, "/store/v1/parcels", body)), 404, "order_not_found")
        body["order_id"] = str(new_id())
        assert_problem(self.send(client, Case(clerk, "/store/v1/parcels", body)), 404, "order_not_found")


class TestTakeReturn(OnceWithBody):
    status = 201
    other_body = {"slot": "Z-99"}

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        body = {"case_id": str(a_returning_case(shop)), "slot": "R-01"}
        return Case(a_store_clerk(shop.store_id), "/store/v1/returned-parcels", body)

    def test_what_does_not_come_back_is_not_taken_nor_anothers(self, client: FlaskClient) -> None:
        case, shop = self.case(), a_merchant_with_shop()
        applied = a_case(an_order(shop=shop, state=OrderState.COMPLETED))
        body = {"case_id": str(applied.case_id), "slot": "R-01"}

        mine = self.send(client, Case(a_store_clerk(shop.store_id), case.path, body))
        other = self.send(client, case, body=body)

        assert_problem(mine, 409, "not_for_shelf")
        assert_problem(other, 404, "return_not_found")

    def test_what_is_handed_in_is_sent_back_and_its_shop_may_say_that_it_came(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        case_id = a_returning_case(shop)
        body = {"case_id": str(case_id), "slot": "R-01"}

        self.send(client, Case(a_store_clerk(shop.store_id), "/store/v1/returned-parcels", body))
        told = look_one("SELECT return_reference FROM after_sale_cases WHERE case_id = :id", id=case_id)
        due_at = look_one("SELECT due_at - business_now() FROM after_sale_cases WHERE case_id = :id", id=case_id)
        receive_return(shop.owner.actor, a_claim(shop.owner), case_id=case_id, is_resalable=True)

        assert told == "体验店代收 R-01"
        assert due_at > timedelta(days=6)
        assert look_one("SELECT state FROM after_sale_cases WHERE case_id = :id", id=case_id) == "refunded"

    def test_what_the_resident_said_was_on_its_way_is_taken_as_it_is(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        order = an_order(shop=shop, state=OrderState.COMPLETED)
        case_id = a_case(order, kind=CaseKind.RETURN, state=CaseState.SENT_BACK).case_id
        before = look_one("SELECT return_reference FROM after_sale_cases WHERE case_id = :id", id=case_id)
        body = {"case_id": str(case_id), "slot": "R-01"}

        taken = self.send(client, Case(a_store_clerk(shop.store_id), "/store/v1/returned-parcels", body))

        assert taken.status_code == 201
        assert look_one("SELECT return_reference FROM after_sale_cases WHERE case_id = :id", id=case_id) == before


class TestPassOn(OnceOwned):
    absent_code = "parcel_not_found"

    def case(self) -> Case:
        shop = a_merchant_with_shop()
        parcel = a_returned_parcel(shop)
        return Case(a_store_clerk(shop.store_id), f"/store/v1/parcels/{parcel.parcel_id}/passing-on", {})

    def test_what_waits_for_its_resident_is_given_to_nobody_else(self, client: FlaskClient) -> None:
        shop = a_merchant_with_shop()
        path = f"/store/v1/parcels/{a_parcel(shop).parcel_id}/passing-on"

        answers = [
            client.post(path, json=body, headers=a_store_clerk(shop.store_id).once())
            for body in ({}, {"is_disposed": True})
        ]

        for answer in answers:
            assert_problem(answer, 409, "illegal_transition")

    def test_what_nobody_collected_is_reminded_of_lapses_and_leaves_its_slot_when_it_goes(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order_to_collect()
        parcel, clerk = a_parcel(order=order), a_store_clerk(order.shop.store_id)
        clock.ahead(hours=25)
        run_worker(app)
        reminded_at = look_one("SELECT reminded_at FROM parcels WHERE parcel_id = :id", id=parcel.parcel_id)
        clock.ahead(hours=24)
        run_worker(app)
        lapsed = state_of(parcel.parcel_id)

        client.post(f"/store/v1/parcels/{parcel.parcel_id}/passing-on", json={}, headers=clerk.once())

        assert reminded_at is not None
        assert (order.state, lapsed) == (OrderState.CANCELED, "overdue")
        assert state_of(parcel.parcel_id) == "passed_on"
        other = an_order_to_collect(order.shop)
        shelve_order(clerk.actor, a_claim(clerk), order_id=other.order_id, slot=parcel.slot)


class TestClose(OnceWithBody):
    status = 201

    def case(self) -> Case:
        manager = a_store_manager()
        body = {
            "store_id": str(store_of(manager)),
            "from_at": "2100-01-01T00:00:00Z",
            "until_at": "2100-01-03T00:00:00Z",
        }
        self.other_body = {"until_at": "2100-01-04T00:00:00Z"}
        return Case(manager, "/store/v1/closures", body)

    def test_it_ends_after_it_begins_and_within_sixty_days(self, client: FlaskClient) -> None:
        case = self.case()

        for until in ("2100-01-01T00:00:00Z", "2100-03-03T00:00:00Z"):
            answer = self.send(client, case, body={**(case.body or {}), "until_at": until})
            assert_problem(answer, 422, "closure_invalid", pointer="/until_at")

    def test_another_store_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()

        answer = self.send(client, case, body={**(case.body or {}), "store_id": str(store_of(a_store_manager()))})

        assert_problem(answer, 404, "store_not_found")

    def test_a_parcel_waits_while_its_store_is_closed_and_a_day_longer(
        self, app: Flask, client: FlaskClient, clock: BusinessClock
    ) -> None:
        order = an_order_to_collect()
        parcel, manager = a_parcel(order=order), a_store_manager(order.shop.store_id)
        now = clock.now()
        body = {
            "store_id": str(order.shop.store_id),
            "from_at": (now + timedelta(hours=40)).isoformat(timespec="seconds"),
            "until_at": (now + timedelta(hours=64)).isoformat(timespec="seconds"),
        }
        assert client.post("/store/v1/closures", json=body, headers=manager.once()).status_code == 201
        clock.ahead(hours=49)
        run_worker(app)
        waiting = order.state
        clock.ahead(hours=40)
        run_worker(app)

        assert waiting is OrderState.READY
        assert (order.state, state_of(parcel.parcel_id)) == (OrderState.CANCELED, "overdue")


def test_of_two_clerks_with_one_code_one_hands_over_and_the_other_is_told(app: Flask) -> None:
    order = an_order_to_collect()
    parcel = a_parcel(order=order)
    clerks = [a_store_clerk(order.shop.store_id) for _ in range(6)]
    code = collect_code(order.order_id)

    outcomes = at_once(
        app, [partial(collect_order, one.actor, a_claim(one), order_id=order.order_id, code=code) for one in clerks]
    )
    run_worker(app)

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "illegal_transition": 5}
    assert state_of(parcel.parcel_id) == "collected"


def test_of_many_parcels_for_one_slot_one_gets_it(app: Flask) -> None:
    shop = a_merchant_with_shop()
    orders, clerk, slot = [an_order_to_collect(shop) for _ in range(4)], a_store_clerk(shop.store_id), a_slot()

    outcomes = at_once(
        app,
        [partial(shelve_order, clerk.actor, a_claim(clerk), order_id=one.order_id, slot=slot) for one in orders],
    )

    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, "shelf_slot_taken": 3}
