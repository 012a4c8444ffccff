"""The promise: told with the price, frozen with the order, looked at anew after each event, made good when broken."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from app.core.delivery.states import FailureReason
from app.core.orders.states import OrderState
from app.kernel.transaction import transaction
from app.usecases.delivering.hand_over import deliver, door_code, pick_up, pick_up_code, reattempt_delivery
from app.usecases.delivering.report_position import report_position
from app.usecases.delivering.trips import claim_trip
from app.usecases.dispatching.measure_promises import measure_store
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.make_good import make_good
from app.usecases.ordering.prepare_order import ready_order
from app.usecases.shopping.cart import put_in_cart
from tests.factories import a_claim, a_courier, a_merchant_with_shop, a_resident, an_address, an_offer, an_order
from tests.factories.orders import RICH_FEN
from tests.factories.rows import change, look, look_one
from tests.support.races import at_once
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import AnOrder, Person, Shop
    from tests.support.business_clock import BusinessClock


def quoted(client: FlaskClient, resident: Person, shop: Shop, address_id: UUID, how: str = "delivery") -> Any:
    put_in_cart(resident.actor, sku_id=an_offer(shop, on_hand=10).sku_id, quantity=2)
    body = {"address_id": str(address_id), "fulfillment": how}
    answer = client.post("/user/v1/checkout-quotes", headers=resident.headers, json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def order_of(client: FlaskClient, order: AnOrder) -> Any:
    return client.get(f"/user/v1/orders/{order.order_id}", headers=order.resident.headers).get_json()


def instant(told: str) -> datetime:
    return datetime.fromisoformat(told)


def minutes(start: str, end: str) -> float:
    return (instant(end) - instant(start)) / timedelta(minutes=1)


def brought(order: AnOrder, clock: BusinessClock, *, late: timedelta) -> None:
    """Carry a ready order and hand it over so much after its promise."""
    courier = a_courier(community=order.shop.community)
    claim_trip(courier.actor, a_claim(courier), trip_id=order.trip_id)  # type: ignore[arg-type]
    clock.at(look_one("SELECT promised_at FROM orders WHERE order_id = :id", id=order.order_id) + late)
    given = {"delivery_id": order.delivery_id}
    pick_up(courier.actor, a_claim(courier), **given, code=pick_up_code(order.order_id))  # type: ignore[arg-type]
    code = door_code(order.order_id)
    deliver(courier.actor, a_claim(courier), **given, code=code, photo_id=None)  # type: ignore[arg-type]


def made_good(order: AnOrder) -> list[tuple[int, int]]:
    rows = look("SELECT amount_fen, late_minutes FROM late_compensations WHERE order_id = :id", id=order.order_id)
    return [(row.amount_fen, row.late_minutes) for row in rows]


def test_quote_placement_and_order_say_the_same_window(client: FlaskClient, clock: BusinessClock, key: str) -> None:
    clock.at(clock.now())
    shop, resident = a_merchant_with_shop(), a_resident(balance_fen=RICH_FEN)
    address_id = an_address(resident, near=shop)

    quote = quoted(client, resident, shop, address_id)
    placed = client.post(
        "/user/v1/checkouts",
        headers={**resident.headers, "Idempotency-Key": key},
        json={"address_id": str(address_id), "quote_version": quote["quote_version"]},
    ).get_json()
    checkout = client.get(f"/user/v1/checkouts/{placed['checkout_id']}", headers=resident.headers).get_json()

    told = [
        (instant(one["promised_from_at"]), instant(one["promised_at"]))
        for one in (quote["shops"][0], placed["orders"][0], checkout["orders"][0])
    ]
    assert len(set(told)) == 1
    assert told[0][0] < told[0][1] < clock.now() + timedelta(hours=1)


def test_what_is_collected_has_no_promise_of_a_way(client: FlaskClient) -> None:
    shop, resident = a_merchant_with_shop(), a_resident()

    quote = quoted(client, resident, shop, an_address(resident, near=shop), "store_pickup")

    assert quote["shops"][0]["promised_at"] is None


def test_a_promise_counts_from_the_payment_and_moves_no_more(client: FlaskClient, clock: BusinessClock) -> None:
    order = an_order()
    [row] = look("SELECT paid_at, promise_by_s FROM orders WHERE order_id = :id", id=order.order_id)
    before = order_of(client, order)
    clock.ahead(minutes=4)
    accept_order(order.shop.owner.actor, a_claim(order.shop.owner), order_id=order.order_id)

    after = order_of(client, order)

    assert datetime.fromisoformat(before["promised_at"]) == row.paid_at + timedelta(seconds=row.promise_by_s)
    assert after["promised_at"] == before["promised_at"]
    assert before["expected_by_at"] == before["promised_at"]


def test_a_shop_that_takes_long_is_promised_for_with_what_it_takes(client: FlaskClient, clock: BusinessClock) -> None:
    shop, resident = a_merchant_with_shop(), a_resident(balance_fen=RICH_FEN)
    address_id = an_address(resident, near=shop)
    clock.at(clock.now())
    before = quoted(client, resident, shop, address_id)["shops"][0]["promised_at"]
    for _ in range(3):
        order = an_order(state=OrderState.READY, shop=shop)
        change("UPDATE orders SET paid_at = ready_at - interval '2 hours' WHERE order_id = :id", id=order.order_id)

    assert measure_store(shop.store_id) >= 1
    after = quoted(client, resident, shop, address_id)["shops"][0]["promised_at"]

    assert minutes(before, after) > 30


def test_everybody_who_waits_sees_it_anew_after_each_event(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    order = an_order(state=OrderState.PREPARING)
    run_worker(app)
    courier, owner = a_courier(community=order.shop.community), order.shop.owner
    seen = [order_of(client, order)["expected_by_at"]]
    clock.ahead(minutes=50)  # the kitchen is late
    ready_order(owner.actor, a_claim(owner), order_id=order.order_id)
    run_worker(app)
    seen.append(order_of(client, order)["expected_by_at"])
    report_position(courier.actor, lat=order.shop.lat + 0.02, lng=order.shop.lng, measured_at=clock.now())
    claim_trip(courier.actor, a_claim(courier), trip_id=order.trip_id)  # type: ignore[arg-type]
    run_worker(app)
    seen.append(order_of(client, order)["expected_by_at"])
    assert order.delivery_id is not None
    pick_up(courier.actor, a_claim(courier), delivery_id=order.delivery_id, code=pick_up_code(order.order_id))
    run_worker(app)

    now = order_of(client, order)
    path = f"/merchant/v1/orders/{order.order_id}"
    shop_sees = client.get(path, headers=owner.headers).get_json()
    trip = client.get(f"/courier/v1/trips/{order.trip_id}", headers=courier.headers).get_json()

    assert minutes(seen[0], seen[1]) > 20
    assert minutes(seen[1], seen[2]) > 5
    for name in ("promised_at", "expected_by_at"):
        assert instant(now[name]) == instant(shop_sees[name]) == instant(trip["deliveries"][0][name])
    told = look(
        "SELECT body ->> 'latest_at' AS latest_at, topics FROM live_events"
        " WHERE kind = 'OrderEstimated' AND body ->> 'order_id' = :id ORDER BY position",
        id=str(order.order_id),
    )
    assert len(told) >= 3
    assert {one.split(":")[0] for one in told[-1].topics} == {"account", "shop", "courier"}


def test_a_late_order_is_made_good_once(app: Flask, client: FlaskClient, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.READY)
    brought(order, clock, late=timedelta(minutes=31))
    account = "/user/v1/account"
    before = client.get(account, headers=order.resident.headers).get_json()["balance_fen"]

    run_worker(app)
    with transaction() as tx:
        make_good(tx, order.order_id)

    after = client.get(account, headers=order.resident.headers).get_json()["balance_fen"]
    assert made_good(order) == [(600, 31)]
    assert after - before == 600
    assert order_of(client, order)["late_fen"] == 600


def test_many_workers_at_once_make_it_good_once(app: Flask, clock: BusinessClock) -> None:
    order = an_order(state=OrderState.READY)
    brought(order, clock, late=timedelta(minutes=70))

    def act() -> None:
        with transaction() as tx:
            make_good(tx, order.order_id)

    done = at_once(app, [partial(act) for _ in range(8)])

    assert all(one.is_done for one in done)
    assert made_good(order) == [(1_000, 70)]


def test_in_time_and_the_residents_own_delay_are_not_made_good(app: Flask, clock: BusinessClock) -> None:
    in_time = an_order(state=OrderState.READY)
    brought(in_time, clock, late=-timedelta(minutes=1))
    shut = an_order(state=OrderState.DELIVERY_FAILED, reason=FailureReason.ABSENT)
    courier = shut.carrier
    clock.at(look_one("SELECT promised_at FROM orders WHERE order_id = :id", id=shut.order_id) + timedelta(minutes=40))
    assert shut.delivery_id is not None
    reattempt_delivery(courier.actor, a_claim(courier), delivery_id=shut.delivery_id)
    code = door_code(shut.order_id)
    deliver(courier.actor, a_claim(courier), delivery_id=shut.delivery_id, code=code, photo_id=None)

    run_worker(app)

    assert made_good(in_time) == made_good(shut) == []
