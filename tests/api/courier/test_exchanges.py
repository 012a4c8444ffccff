"""Exchanges at the door: a trip like any other, with a case beside it in place of an order."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.core import ledger
from app.core.aftersale.rules import CaseKind, ExchangeWay
from app.core.aftersale.states import CaseState
from app.core.delivery.states import DeliveryState
from app.core.ledger import codes
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import transaction
from app.usecases.aftersale.carried import close_stranded_exchange
from app.usecases.aftersale.exchange import swap_code
from app.usecases.dispatching.tick import dispatch_zone
from app.usecases.ordering.finish_order import complete_order
from app.wiring import DISPATCH_POLICY
from tests.factories import an_order
from tests.factories.cases import ACase, AnExchangeTrip, a_case, an_exchange_trip
from tests.factories.rows import change, look
from tests.support.ladder import assert_problem

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock

PAY_FEN = 200
"""The base of the usual tariff: a way of about a hundred meters, there and back."""


@pytest.fixture(autouse=True)
def _by_day(clock: BusinessClock) -> None:
    """Nights are paid more."""
    clock.at(datetime(2031, 3, 3, 12, tzinfo=SHANGHAI))


def an_exchange(**more: Any) -> ACase:
    wanted = {"kind": CaseKind.EXCHANGE, "state": CaseState.EXCHANGING, "exchange_way": ExchangeWay.COURIER}
    return a_case(**{**wanted, **more})


def stock(case: ACase) -> tuple[int, int, int]:
    find = "SELECT on_hand, reserved, received FROM stock WHERE sku_id = :id"
    [row] = look(find, id=case.order.offers[0].sku_id)
    return row.on_hand, row.reserved, row.received


def balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def stands(case: ACase) -> tuple[str, str, str, int]:
    [row] = look(
        """
        SELECT c.state, c.exchange_way, d.state AS delivery, h.active_trips FROM after_sale_cases AS c
        JOIN deliveries AS d ON d.case_id = c.case_id JOIN trips AS t ON t.trip_id = d.trip_id
        LEFT JOIN courier_shifts AS h ON h.courier_id = t.courier_id AND h.ended_at IS NULL
        WHERE c.case_id = :id
        """,
        id=case.case_id,
    )
    return row.state, row.exchange_way, row.delivery, row.active_trips


def act(client: FlaskClient, trip: AnExchangeTrip, verb: str, **body: Any) -> TestResponse:
    path = f"/courier/v1/deliveries/{trip.delivery_id}/{verb}"
    return client.post(path, headers=trip.courier.once(), json=body or None)


def test_it_is_in_the_hall_with_its_pay_and_goes_to_who_claims_it_to_the_door(client: FlaskClient) -> None:
    case = an_exchange(quantity=2)
    trip, shop = an_exchange_trip(case), case.order.shop
    shown = client.get(f"/merchant/v1/cases/{case.case_id}", headers=shop.owner.headers).get_json()
    near = f"/courier/v1/trips/open?lat={shop.lat}&lng={shop.lng}"

    [waiting] = client.get(near, headers=trip.courier.headers).get_json()["items"]
    client.post(f"/courier/v1/trips/{trip.trip_id}/claim", headers=trip.courier.once())
    mine = client.get(f"/courier/v1/trips/{trip.trip_id}", headers=trip.courier.headers).get_json()["deliveries"][0]
    few = act(client, trip, "pick-up", code=shown["counter_code"], item_count=1)
    taken = act(client, trip, "pick-up", code=shown["counter_code"], item_count=2)
    left = act(client, trip, "hand-over", neighbor="3号楼王阿姨")
    wrong = act(client, trip, "hand-over", code=shown["counter_code"])
    given = act(client, trip, "hand-over", code=swap_code(case.case_id))

    assert (waiting["pay_fen"], waiting["is_exchange"]) == (PAY_FEN, True)
    assert (mine["case_id"], mine["item_count"], mine["pay_fen"]) == (str(case.case_id), 2, PAY_FEN)
    assert mine["drop"]["contact_name"]
    assert_problem(few, 409, "items_differ", pointer="/item_count")
    assert_problem(left, 422, "code_needed", pointer="/code")
    assert_problem(wrong, 409, "wrong_code", pointer="/code")
    assert [one.get_json()["case_state"] for one in (taken, given)] == ["carried", "swapped"]
    assert stands(case) == ("swapped", "courier", "delivered", 0)
    assert stock(case) == (96, 0, 98)
    assert balance(codes.courier_pending(trip.courier.account_id)) == PAY_FEN
    assert balance(codes.merchant_debt(shop.merchant_id)) == -PAY_FEN


def test_dispatch_offers_it_and_who_ordered_it_is_not_asked(client: FlaskClient) -> None:
    case = an_exchange()
    trip, store_id = an_exchange_trip(case), case.order.shop.store_id
    change(
        "INSERT INTO dispatch_modes (community_id, set_at, mode) VALUES (:id, business_now(), 'assign')",
        id=case.order.shop.community.community_id,
    )

    made = dispatch_zone(DISPATCH_POLICY, store_id)

    [offer] = client.get("/courier/v1/trip-offers", headers=trip.courier.headers).get_json()["items"]
    path = f"/courier/v1/trip-offers/{offer['trip_offer_id']}/acceptance"
    accepted = client.post(path, headers=trip.courier.once())
    assert (made, offer["pay_fen"], offer["is_exchange"]) == (1, PAY_FEN, True)
    assert accepted.status_code == 200, accepted.text
    assert stands(case) == ("exchanging", "courier", "assigned", 1)


def test_what_could_not_be_given_waits_at_the_shop_and_the_platform_pays_the_way(client: FlaskClient) -> None:
    case = an_exchange(quantity=2)
    trip, shop = an_exchange_trip(case, state=DeliveryState.FAILED), case.order.shop

    again = act(client, trip, "reattempt")
    act(client, trip, "failure", reason="unsafe")
    lost = act(client, trip, "disposal")
    back = act(client, trip, "return")
    fetched = client.post(
        f"/merchant/v1/cases/{case.case_id}/exchange", headers=shop.owner.once(), json={"reference": "来店"}
    )

    assert again.get_json()["case_state"] == "carried", again.text
    assert_problem(lost, 409, "cannot_dispose")
    assert back.status_code == 200, back.text
    assert stands(case)[1:] == ("shop", "returned", 0)
    assert fetched.get_json()["state"] == "replaced", fetched.text
    assert balance(codes.courier_pending(trip.courier.account_id)) == PAY_FEN
    assert balance(codes.merchant_debt(shop.merchant_id)) == 0


def test_what_its_courier_lost_is_ruled_on_and_pays_nothing(client: FlaskClient) -> None:
    case = an_exchange()
    trip = an_exchange_trip(case, state=DeliveryState.PICKED_UP)

    with transaction() as tx:
        close_stranded_exchange(tx, case.case_id)

    assert stands(case) == ("escalated", "courier", "disposed", 0)
    assert stock(case) == (97, 0, 99)
    assert balance(codes.courier_pending(trip.courier.account_id)) == 0


def test_a_case_that_ends_before_it_is_picked_up_calls_its_trip_off(client: FlaskClient) -> None:
    case = an_exchange()
    trip = an_exchange_trip(case, state=DeliveryState.ASSIGNED)

    client.post(f"/user/v1/cases/{case.case_id}/withdrawal", headers=case.order.resident.once())

    late = act(client, trip, "pick-up", code="0000")
    assert stands(case) == ("withdrawn", "courier", "canceled", 0)
    assert_problem(late, 409, "illegal_transition")


def test_an_order_is_completed_after_its_exchange_and_both_ways_are_earned(client: FlaskClient) -> None:
    order = an_order(state=OrderState.DELIVERED)
    case = an_exchange(order=order)
    trip = an_exchange_trip(case, state=DeliveryState.PICKED_UP)
    act(client, trip, "hand-over", code=swap_code(case.case_id))
    answer = {"is_approved": True, "is_resalable": False}
    path = f"/merchant/v1/cases/{case.case_id}/return-answer"
    client.post(path, headers=order.shop.owner.once(), json=answer)

    with transaction() as tx:
        complete_order(tx, order.order_id)

    assert order.state is OrderState.COMPLETED
    earned = "SELECT count(*) AS n FROM settlement_items WHERE order_id = :id AND party_kind = 'courier'"
    assert [row.n for row in look(earned, id=order.order_id)] == [2]


def test_what_was_fetched_has_no_door_to_go_to(client: FlaskClient) -> None:
    order = an_order(state=OrderState.COMPLETED, fulfillment=Fulfillment.STORE_PICKUP)
    body = {
        "kind": "exchange",
        "reason": "damaged",
        "exchange_way": "courier",
        "lines": [{"line": 1, "quantity": 1}],
    }

    refused = client.post(f"/user/v1/orders/{order.order_id}/cases", headers=order.resident.once(), json=body)

    assert_problem(refused, 422, "exchange_no_door", pointer="/exchange_way")


def test_the_shop_does_not_say_that_a_courier_is_back(client: FlaskClient) -> None:
    case = an_exchange()
    an_exchange_trip(case, state=DeliveryState.PICKED_UP)

    taken = client.post(
        f"/merchant/v1/cases/{case.case_id}/exchange-return",
        headers=case.order.shop.owner.once(),
        json={"reason": "回来了"},
    )

    assert_problem(taken, 409, "illegal_transition")
    assert stands(case) == ("carried", "courier", "picked_up", 1)
