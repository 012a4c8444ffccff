from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.core.delivery.errors import TripNotFound
from app.core.orders.errors import CancelWindowPassed, DeliverySlotFull, TooEarlyForSlot
from app.core.orders.models import CancelReason
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.kernel.transaction import transaction
from app.usecases.delivering.trips import claim_trip
from app.usecases.dispatching.measure_promises import measure_store
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_checkout import cancel_checkout, expire_checkout
from app.usecases.ordering.cancel_order import cancel_order, lapse_order, reject_order
from app.usecases.ordering.prepare_order import ready_order
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.shopping.cart import put_in_cart
from tests.factories import (
    Person,
    a_claim,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_resident,
    an_address,
    an_offer,
)
from tests.factories.rows import change, look, look_one
from tests.factories.slots import NINE, SLOT, a_shop_with_slots, placed_for_slot, taken
from tests.support.ladder import Case, Endpoint, assert_problem, row_counts
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from app.usecases.ordering.place_checkout import Placed
    from tests.factories import Shop
    from tests.support.business_clock import BusinessClock


def pay(resident: Person, placed: Placed) -> UUID:
    pay_checkout(
        resident.actor,
        a_claim(resident),
        checkout_id=placed.checkout_id,
        method=PaymentMethod.E_ACCOUNT,
        step_up_grant=a_grant(resident, placed.checkout_id),
    )
    return placed.orders[0].order_id


def row_of(order_id: UUID) -> Any:
    return look("SELECT * FROM orders WHERE order_id = :id", id=order_id)[0]


class TestListDeliverySlots(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), f"/user/v1/shops/{a_shop_with_slots().shop_id}/delivery-slots")

    def test_slots_ahead_are_listed_and_full_ones_say_so(self, client: FlaskClient, clock: BusinessClock) -> None:
        clock.at(NINE + timedelta(hours=1))
        shop = a_shop_with_slots(days_ahead=0)
        placed_for_slot(shop)

        shown = self.send(client, self.case(), path=f"/user/v1/shops/{shop.shop_id}/delivery-slots").get_json()

        assert shown["slot_minutes"] == 60
        begins = [datetime.fromisoformat(item["starts_at"]) for item in shown["items"]]
        assert begins == [NINE + timedelta(hours=hour) for hour in range(2, 13)]
        assert [begin for begin, item in zip(begins, shown["items"], strict=True) if item["is_full"]] == [SLOT]

    def test_a_shop_without_a_rule_or_at_rest_has_none(self, client: FlaskClient) -> None:
        resting = a_shop_with_slots()
        change("UPDATE shops SET state = 'resting' WHERE shop_id = :id", id=resting.shop_id)
        headers = a_resident().headers

        for shop in (a_merchant_with_shop(), resting):
            shown = client.get(f"/user/v1/shops/{shop.shop_id}/delivery-slots", headers=headers).get_json()
            assert shown["items"] == []

    def test_a_shop_that_is_not_there_looks_absent(self, client: FlaskClient) -> None:
        case = self.case()

        assert_problem(self.send(client, case, path=case.absent_path), 404, "shop_not_found")


class Wish:
    """A resident with one piece of a shop in the cart, who asks for a slot."""

    def __init__(self, client: FlaskClient, shop: Shop) -> None:
        self.client, self.shop, self.resident = client, shop, a_resident()
        put_in_cart(self.resident.actor, sku_id=an_offer(shop).sku_id, quantity=1)
        self.address_id = str(an_address(self.resident, near=shop))

    def quote(self, *starts_at: datetime, shop: Shop | None = None, way: str = "delivery") -> Any:
        shop_id = str((shop or self.shop).shop_id)
        slots = [{"shop_id": shop_id, "starts_at": at.isoformat()} for at in starts_at]
        body = {"address_id": self.address_id, "slots": slots, "fulfillment": way}
        return self.client.post("/user/v1/checkout-quotes", headers=self.resident.headers, json=body)

    def place(self, version: str, starts_at: datetime, way: str = "delivery") -> Any:
        slots = [{"shop_id": str(self.shop.shop_id), "starts_at": starts_at.isoformat()}]
        body = {"address_id": self.address_id, "slots": slots, "quote_version": version, "fulfillment": way}
        return self.client.post("/user/v1/checkouts", headers=self.resident.once(), json=body)


def test_a_quote_for_a_slot_comes_in_it_although_the_shop_is_closed_now(
    client: FlaskClient, clock: BusinessClock
) -> None:
    clock.at(NINE - timedelta(hours=1))
    wish = Wish(client, a_shop_with_slots())
    assert_problem(wish.quote(), 409, "shop_closed")

    quote = wish.quote(SLOT).get_json()

    [part] = quote["shops"]
    shown = [part["slot_starts_at"], part["promised_from_at"], part["slot_ends_at"], part["promised_at"]]
    hour_later = SLOT + timedelta(hours=1)
    assert [datetime.fromisoformat(one) for one in shown] == [SLOT, SLOT, hour_later, hour_later]
    placed = wish.place(quote["quote_version"], SLOT).get_json()
    assert datetime.fromisoformat(placed["orders"][0]["promised_at"]) == hour_later


@pytest.mark.parametrize(
    "starts_at",
    [
        NINE + timedelta(minutes=29),
        NINE,
        SLOT + timedelta(minutes=30),
        NINE + timedelta(hours=13),
        NINE - timedelta(hours=1),
        SLOT + timedelta(days=2),
        datetime(1900, 1, 2, tzinfo=UTC),
    ],
    ids=["within the lead", "now", "between", "after closing", "past", "too far ahead", "long ago"],
)
def test_what_is_no_slot_of_the_shop_is_refused(client: FlaskClient, clock: BusinessClock, starts_at: datetime) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots())

    assert_problem(wish.quote(starts_at), 409, "delivery_slot_gone")


def test_the_last_slot_before_closing_can_be_had_and_a_long_preparation_needs_its_time(
    client: FlaskClient, clock: BusinessClock
) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots(days_ahead=0))
    assert wish.quote(NINE + timedelta(hours=12)).status_code == 200
    change("UPDATE offers SET preparation_minutes = 121 WHERE shop_id = :id", id=wish.shop.shop_id)

    assert_problem(wish.quote(NINE + timedelta(hours=2)), 409, "delivery_slot_gone")
    assert wish.quote(NINE + timedelta(hours=3)).status_code == 200


def test_a_slot_named_twice_or_for_another_shop_is_refused(client: FlaskClient, clock: BusinessClock) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots())

    for answer in (
        wish.quote(SLOT, SLOT),
        wish.quote(SLOT, shop=a_shop_with_slots()),
    ):
        assert_problem(answer, 422, "slot_of_no_shop", pointer="/slots")


@pytest.mark.parametrize("way", ["store_pickup", "shop_pickup"])
def test_what_one_collects_has_slots_too_and_takes_a_place(client: FlaskClient, clock: BusinessClock, way: str) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots())
    quoted = wish.quote(SLOT, way=way).get_json()

    placed = wish.place(quoted["quote_version"], SLOT, way=way)

    [part] = quoted["shops"]
    assert part["delivery_fen"] == 0
    assert datetime.fromisoformat(part["promised_from_at"]) == SLOT
    assert placed.status_code == 201
    [order] = placed.get_json()["orders"]
    assert datetime.fromisoformat(order["promised_at"]) == SLOT + timedelta(hours=1)
    assert row_of(order["order_id"]).slot_starts_at == SLOT
    assert taken(wish.shop) == 1
    assert_problem(Wish(client, wish.shop).quote(SLOT, way=way), 409, "delivery_slot_full")


def test_what_one_collects_in_a_slot_is_prepared_for_it(client: FlaskClient, clock: BusinessClock) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots())
    wish.resident = a_resident(balance_fen=1_000_000)
    put_in_cart(wish.resident.actor, sku_id=an_offer(wish.shop).sku_id, quantity=1)
    wish.address_id = str(an_address(wish.resident, near=wish.shop))
    way, owner = "shop_pickup", wish.shop.owner
    placed = wish.place(wish.quote(SLOT, way=way).get_json()["quote_version"], SLOT, way=way).get_json()
    checkout_id, order_id = UUID(placed["checkout_id"]), UUID(placed["orders"][0]["order_id"])
    pay_checkout(wish.resident.actor, a_claim(wish.resident), checkout_id=checkout_id,
                 method=PaymentMethod.E_ACCOUNT, step_up_grant=a_grant(wish.resident, checkout_id))  # fmt: skip
    accept_order(owner.actor, a_claim(owner), order_id=order_id)

    with pytest.raises(TooEarlyForSlot):
        ready_order(owner.actor, a_claim(owner), order_id=order_id)
    clock.at(SLOT - timedelta(minutes=40))
    ready = ready_order(owner.actor, a_claim(owner), order_id=order_id)

    assert (ready.state, row_of(order_id).expected_ready_at) == ("ready", SLOT)


def test_an_older_quote_whose_slot_is_full_or_gone_says_so(client: FlaskClient, clock: BusinessClock) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots())
    version = wish.quote(SLOT).get_json()["quote_version"]
    placed_for_slot(wish.shop)
    before = row_counts()

    full = assert_problem(wish.place(version, SLOT), 409, "quote_changed")
    change("DELETE FROM slot_rules WHERE shop_id = :id", id=wish.shop.shop_id)
    gone = assert_problem(wish.place(version, SLOT), 409, "quote_changed")

    assert [one["code"] for one in full["refusals"]] == ["delivery_slot_full"]
    assert [one["code"] for one in gone["refusals"]] == ["delivery_slot_gone"]
    assert row_counts() == {**before, "public.slot_rules": before["public.slot_rules"] - 1}


def test_every_ending_before_work_begins_gives_the_place_back(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop = a_shop_with_slots(capacity=9)
    resident, owner = a_resident(balance_fen=1_000_000), shop.owner

    def canceled_unpaid(placed: Placed) -> None:
        cancel_checkout(resident.actor, a_claim(resident), checkout_id=placed.checkout_id)

    def expired(placed: Placed) -> None:
        with transaction() as tx:
            expire_checkout(tx, placed.checkout_id)

    def lapsed(placed: Placed) -> None:
        order_id = pay(resident, placed)
        with transaction() as tx:
            lapse_order(tx, order_id)

    def rejected(placed: Placed) -> None:
        order_id = pay(resident, placed)
        reject_order(owner.actor, a_claim(owner), order_id=order_id, reason=CancelReason.TOO_BUSY)

    def canceled_preparing(placed: Placed) -> None:
        order_id = pay(resident, placed)
        accept_order(owner.actor, a_claim(owner), order_id=order_id)
        clock.at(NINE + timedelta(minutes=30))
        cancel_order(resident.actor, a_claim(resident), order_id=order_id)

    for end in (canceled_unpaid, expired, lapsed, rejected, canceled_preparing):
        clock.at(NINE)
        placed = placed_for_slot(shop, resident=resident)
        assert taken(shop) == 1, end.__name__
        end(placed)
        assert taken(shop) == 0, end.__name__


def test_an_ending_after_work_began_gives_no_place_back(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop, resident = a_shop_with_slots(), a_resident(balance_fen=1_000_000)
    order_id = pay(resident, placed_for_slot(shop, resident=resident))
    clock.at(SLOT - timedelta(minutes=14))

    reject_order(shop.owner.actor, a_claim(shop.owner), order_id=order_id, reason=CancelReason.CLOSING)

    assert taken(shop) == 1


def test_a_full_slot_is_refused_and_free_again_when_somebody_leaves(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop, first = a_shop_with_slots(), a_resident()
    placed = placed_for_slot(shop, resident=first)
    with pytest.raises(DeliverySlotFull):
        placed_for_slot(shop)

    cancel_checkout(first.actor, a_claim(first), checkout_id=placed.checkout_id)

    assert placed_for_slot(shop).orders
    assert taken(shop) == 1


def test_the_shop_has_until_an_hour_before_the_slot_to_accept(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop, resident = a_shop_with_slots(), a_resident(balance_fen=1_000_000)

    order_id = pay(resident, placed_for_slot(shop, resident=resident))

    due = look_one("SELECT due_at FROM timers WHERE kind = 'order_lapses' AND subject_id = :id", id=order_id)
    assert due == SLOT - timedelta(hours=1)


def test_the_trip_waits_for_its_time_and_so_do_ready_and_claim(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop, resident = a_shop_with_slots(), a_resident(balance_fen=1_000_000)
    owner, courier = shop.owner, a_courier(community=shop.community)
    order_id = pay(resident, placed_for_slot(shop, resident=resident))
    accept_order(owner.actor, a_claim(owner), order_id=order_id)
    trip_id = look_one("SELECT trip_id FROM deliveries WHERE order_id = :id", id=order_id)

    with pytest.raises(TripNotFound):
        claim_trip(courier.actor, a_claim(courier), trip_id=trip_id)
    with pytest.raises(TooEarlyForSlot):
        ready_order(owner.actor, a_claim(owner), order_id=order_id)
    clock.at(SLOT - timedelta(minutes=45))
    run_worker(app)
    claim_trip(courier.actor, a_claim(courier), trip_id=trip_id)
    ready_order(owner.actor, a_claim(owner), order_id=order_id)

    order = row_of(order_id)
    assert order.state == OrderState.READY
    assert (order.expected_ready_at, order.promised_from_at, order.promised_at) == (
        SLOT,
        SLOT,
        SLOT + timedelta(hours=1),
    )


def test_an_order_for_a_slot_tells_nothing_of_how_long_its_shop_takes(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop, resident = a_shop_with_slots(), a_resident(balance_fen=1_000_000)
    order_id = pay(resident, placed_for_slot(shop, resident=resident))
    accept_order(shop.owner.actor, a_claim(shop.owner), order_id=order_id)
    clock.at(SLOT)
    ready_order(shop.owner.actor, a_claim(shop.owner), order_id=order_id)

    assert measure_store(shop.store_id) == 0


def test_within_an_hour_of_the_slot_the_order_is_the_shops(app: Flask, clock: BusinessClock) -> None:
    clock.at(NINE)
    shop, resident = a_shop_with_slots(), a_resident(balance_fen=1_000_000)
    order_id = pay(resident, placed_for_slot(shop, resident=resident))
    accept_order(shop.owner.actor, a_claim(shop.owner), order_id=order_id)
    clock.at(SLOT - timedelta(minutes=59))

    with pytest.raises(CancelWindowPassed):
        cancel_order(resident.actor, a_claim(resident), order_id=order_id)


def test_night_is_reckoned_by_the_slot(client: FlaskClient, clock: BusinessClock) -> None:
    clock.at(NINE)
    wish = Wish(client, a_shop_with_slots())
    change("UPDATE shops SET hours = jsonb_build_object('1', '[[\"09:00\", \"24:00\"]]'::jsonb) WHERE shop_id = :id",
           id=wish.shop.shop_id)  # fmt: skip
    change(
        """
        INSERT INTO delivery_surcharges (community_id, set_at, night_fen, weather_fen, floor_fen, set_by_id)
        VALUES (:community_id, business_now(), 100, 0, 0, :by)
        """,
        community_id=wish.shop.community_id,
        by=wish.resident.account_id,
    )

    [by_day], [by_night] = (wish.quote(NINE + timedelta(hours=hour)).get_json()["shops"] for hour in (12, 13))

    assert (by_day["delivery_parts"]["night_fen"], by_night["delivery_parts"]["night_fen"]) == (0, 100)
