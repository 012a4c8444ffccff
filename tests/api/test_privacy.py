"""Who sees what of a resident in every state of an order, and the thread in which they speak without a number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.core.orders.states import OrderState
from app.core.privacy.visibility import TABLE, Field, Phase, Shown, Viewer, mask_phone, shown
from app.kernel.sealing import unseal
from tests.factories import AnOrder, Person, a_courier, a_merchant_with_shop, a_resident, an_order
from tests.factories.rows import look, look_one
from tests.support.ladder import Case, OnceOwned, Owned, assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.business_clock import BusinessClock

_PHONE = re.compile(r"(?<![0-9A-Za-z])(?:\+86)?1[3-9][0-9]{9}(?![0-9A-Za-z])")
WITH_COURIER = [
    OrderState.PREPARING,
    OrderState.READY,
    OrderState.IN_DELIVERY,
    OrderState.DELIVERED,
    OrderState.DELIVERY_FAILED,
    OrderState.COMPLETED,
    OrderState.RETURNED,
]


def said(client: FlaskClient, person: Person, path: str) -> str:
    answer = client.get(f"/{person.side.value}/v1{path}", headers=person.headers)
    return answer.text


def courier_sees(client: FlaskClient, order: AnOrder) -> Any:
    trip = client.get(f"/courier/v1/trips/{order.trip_id}", headers=order.carrier.headers).get_json()
    return trip["deliveries"][0]["drop"]


def merchant_sees(client: FlaskClient, order: AnOrder) -> Any:
    return client.get(f"/merchant/v1/orders/{order.order_id}", headers=order.shop.owner.headers).get_json()


@pytest.mark.parametrize("state", WITH_COURIER)
def test_the_courier_sees_the_door_until_half_an_hour_after_the_end_and_the_shop_a_mask(
    client: FlaskClient, clock: BusinessClock, state: OrderState
) -> None:
    order = an_order(state=state, with_courier=True)
    sealed = look_one("SELECT address_sealed FROM orders WHERE order_id = :o", o=order.order_id)
    phone = re.findall(r"\+86[0-9]{11}", unseal(sealed, context="addresses.door"))[0]

    now_courier, now_shop = courier_sees(client, order), merchant_sees(client, order)
    clock.ahead(minutes=31)
    later_courier, later_shop = courier_sees(client, order), merchant_sees(client, order)

    is_under_way = state in {OrderState.PREPARING, OrderState.READY, OrderState.IN_DELIVERY, OrderState.DELIVERY_FAILED}
    assert now_courier["contact_phone"] == phone
    drops = client.get(f"/courier/v1/trips/{order.trip_id}", headers=order.carrier.headers).get_json()["stops"][1:]
    assert all((stop["lat"] == round(stop["lat"], 2)) is not is_under_way for stop in drops)
    assert (now_shop["masked_name"], now_shop["masked_phone"]) == ("王*", mask_phone(phone))
    assert (later_courier is not None) is is_under_way
    assert (later_shop["masked_phone"] is not None) is is_under_way
    assert not _PHONE.search(said(client, order.shop.owner, f"/orders/{order.order_id}"))


def test_the_hall_and_other_couriers_see_no_door(client: FlaskClient) -> None:
    order = an_order(state=OrderState.READY)
    other = a_courier(community=order.shop.community)

    hall = said(client, other, f"/trips/open?lat={order.shop.lat}&lng={order.shop.lng}")

    assert str(order.trip_id) in hall
    assert not _PHONE.search(hall)
    assert not {"contact_name", "contact_phone", "door", "building", "stops"} & set(re.findall(r'"(\w+)":', hall))
    assert_problem(client.get(f"/courier/v1/trips/{order.trip_id}", headers=other.headers), 404, "trip_not_found")


def test_nobody_is_shown_anything_that_the_table_does_not_name() -> None:
    seen = {key for key in TABLE if any(level is not Shown.NOTHING for level in TABLE[key].values())}

    assert {viewer for _, viewer in seen} == {Viewer.RESIDENT, Viewer.COURIER, Viewer.HALL, Viewer.MERCHANT}
    assert shown(Field.DOOR, Viewer.COURIER, Phase.OVER) is Shown.NOTHING
    assert shown(Field.DOOR, Viewer.MERCHANT, Phase.UNDER_WAY) is Shown.NOTHING


def write(client: FlaskClient, person: Person, order: AnOrder, text: str = "在门口") -> TestResponse:
    path = f"/{person.side.value}/v1/orders/{order.order_id}/messages"
    return client.post(path, json={"text": text}, headers=person.once())


def thread(client: FlaskClient, person: Person, order: AnOrder) -> TestResponse:
    return client.get(f"/{person.side.value}/v1/orders/{order.order_id}/messages", headers=person.headers)


class TestWriteMessage(OnceOwned):
    status = 201
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        return Case(order.resident, f"/user/v1/orders/{order.order_id}/messages", {"text": "门铃坏了"})


class TestReadMessages(Owned):
    absent_code = "order_not_found"

    def case(self) -> Case:
        order = an_order(state=OrderState.PREPARING)
        return Case(order.shop.owner, f"/merchant/v1/orders/{order.order_id}/messages")


def test_resident_courier_and_shop_hear_each_other_and_nothing_is_kept_in_the_clear(
    app: Flask, client: FlaskClient
) -> None:
    order = an_order(state=OrderState.IN_DELIVERY)
    for person, text in ((order.resident, "门铃坏了"), (order.carrier, "两分钟到"), (order.shop.owner, "小心烫")):
        assert write(client, person, order, text).status_code == 201

    read = [thread(client, person, order).get_json()["items"] for person in (order.resident, order.carrier)]
    run_worker(app)

    assert read[0] == read[1]
    assert [(one["role"], one["text"]) for one in read[0]] == [
        ("merchant", "小心烫"), ("courier", "两分钟到"), ("resident", "门铃坏了")
    ]  # fmt: skip
    sealed = look("SELECT text_sealed FROM order_messages WHERE order_id = :o", o=order.order_id)
    assert all("门铃" not in row.text_sealed for row in sealed)
    [topics] = look(
        "SELECT topics FROM live_events WHERE kind = 'OrderMessageSent' AND body ->> 'order_id' = :o LIMIT 1",
        o=str(order.order_id),
    )
    assert f"courier:{order.carrier.account_id}" in topics.topics


def test_strangers_have_no_part_in_a_thread(client: FlaskClient) -> None:
    order = an_order(state=OrderState.IN_DELIVERY)

    for stranger in (a_resident(), a_courier(), a_merchant_with_shop().owner):
        assert_problem(write(client, stranger, order), 404, "order_not_found")
        assert_problem(thread(client, stranger, order), 404, "order_not_found")


def test_a_thread_closes_half_an_hour_after_the_end_and_only_the_resident_reads_on(
    client: FlaskClient, clock: BusinessClock
) -> None:
    order = an_order(state=OrderState.DELIVERED)
    assert write(client, order.carrier, order).status_code == 201

    clock.ahead(minutes=31)

    assert_problem(write(client, order.resident, order), 409, "thread_closed")
    assert_problem(write(client, order.carrier, order), 409, "thread_closed")
    assert thread(client, order.resident, order).status_code == 200
    assert_problem(thread(client, order.carrier, order), 404, "order_not_found")
    assert_problem(thread(client, order.shop.owner, order), 404, "order_not_found")


def test_before_the_payment_there_is_nobody_to_write_to(client: FlaskClient) -> None:
    order = an_order(state=OrderState.AWAITING_PAYMENT)

    assert_problem(write(client, order.resident, order), 409, "thread_closed")
    assert_problem(write(client, order.shop.owner, order), 404, "order_not_found")


def test_the_twenty_first_message_in_ten_minutes_waits_and_the_other_side_does_not(client: FlaskClient) -> None:
    order = an_order(state=OrderState.PREPARING)
    for _ in range(20):
        assert write(client, order.resident, order).status_code == 201

    assert_problem(write(client, order.resident, order), 429, "too_many_order_messages")
    assert write(client, order.shop.owner, order).status_code == 201
    too_long = client.post(f"/user/v1/orders/{order.order_id}/messages", json={"text": "字" * 501},
                           headers=order.resident.once())  # fmt: skip
    assert_problem(too_long, 422, "input_invalid", pointer="/text")


def test_ids_next_to_a_real_one_lead_to_nobody(client: FlaskClient) -> None:
    order, other = an_order(state=OrderState.PREPARING), a_resident()
    near = [UUID(int=order.order_id.int + step) for step in (*range(-100, 0), *range(1, 101))]

    answers = {client.get(f"/user/v1/orders/{one}", headers=other.headers).status_code for one in near}

    assert answers == {404}


def test_nobody_can_be_looked_up_by_phone(app: Flask) -> None:
    lookups = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] != "development"
        and any(word in argument for argument in rule.arguments for word in ("phone", "name", "number"))
    ]
    queried = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if (operation := getattr(app.view_functions[rule.endpoint], "operation", None)) is not None
        and operation.query is not None and {"phone", "name", "id_number"} & operation.query.fields.keys()
        and rule.endpoint.partition(".")[0] != "development"
    ]  # fmt: skip

    assert lookups == queried == []
