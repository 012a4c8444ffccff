"""Two shops of one cart on one trip: offered, taken, carried, and what remains when one of them rejects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.core.orders.models import CancelReason
from app.core.payments.models import PaymentMethod
from app.kernel.transaction import transaction
from app.usecases.delivering.hand_over import deliver, door_code, pick_up, pick_up_code
from app.usecases.delivering.trips import claim_trip
from app.usecases.dispatching.open_trip import open_trip
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_order import reject_order
from app.usecases.ordering.finish_order import confirm_order
from app.usecases.ordering.prepare_order import ready_order
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.shopping.cart import put_in_cart
from tests.factories import (
    a_claim,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_resident,
    an_address,
    an_offer,
)
from tests.factories.rows import change, look, look_one
from tests.support.ladder import assert_problem
from tests.support.worker import run_worker

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Shop


class Cart:
    """A cart of one piece at 10 yuan from two shops that are next to each other; the fees are 3 and 5 yuan."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.resident = client, a_resident(balance_fen=1_000_000)
        near = a_merchant_with_shop(fee_tiers=[{"up_to_m": 3_000, "fee_fen": 300}])
        dear = a_merchant_with_shop(community=near.community, fee_tiers=[{"up_to_m": 3_000, "fee_fen": 500}],
                                    lat=near.lat + 0.001)  # fmt: skip
        self.shops: dict[UUID, Shop] = {near.shop_id: near, dear.shop_id: dear}
        self.near, self.dear = near, dear
        self.address_id = an_address(self.resident, near=near)
        for shop in (near, dear):
            put_in_cart(self.resident.actor, sku_id=an_offer(shop, on_hand=9).sku_id, quantity=1)

    def quote(self, *, is_shared: bool) -> dict[str, Any]:
        body = {"address_id": str(self.address_id), "is_trip_shared": is_shared}
        answer = self.client.post("/user/v1/checkout-quotes", headers=self.resident.headers, json=body)
        found: dict[str, Any] = answer.get_json()
        return found

    def place(self, version: str, *, is_shared: bool) -> Any:
        body = {"address_id": str(self.address_id), "is_trip_shared": is_shared, "quote_version": version}
        return self.client.post("/user/v1/checkouts", headers=self.resident.once(), json=body)

    def paid(self) -> dict[UUID, UUID]:
        """Place and pay on one trip; return the order of each shop."""
        placed = self.place(self.quote(is_shared=True)["quote_version"], is_shared=True).get_json()
        checkout_id = look_one("SELECT checkout_id FROM checkouts WHERE account_id = :id", id=self.resident.account_id)
        grant = a_grant(self.resident, checkout_id)
        pay_checkout(self.resident.actor, a_claim(self.resident), checkout_id=checkout_id,
                     method=PaymentMethod.E_ACCOUNT, step_up_grant=grant)  # fmt: skip
        assert placed["total_fen"] == 2_500
        rows = look("SELECT shop_id, order_id FROM orders WHERE checkout_id = :id", id=checkout_id)
        return {row.shop_id: row.order_id for row in rows}

    def accept(self, order_id: UUID, shop: Shop) -> None:
        accept_order(shop.owner.actor, a_claim(shop.owner), order_id=order_id)


def trips_of(*order_ids: UUID) -> list[tuple[str, int]]:
    """Return state and number of orders of the trips that carry these."""
    rows = look(
        """
        SELECT DISTINCT t.trip_id, t.state, t.order_count FROM trips AS t JOIN deliveries AS d ON d.trip_id = t.trip_id
        WHERE d.order_id = ANY (:ids)
        """,
        ids=list(order_ids),
    )
    return [(row.state, row.order_count) for row in rows]


def test_it_is_offered_beside_the_usual_price_and_its_saving_is_a_line_of_its_own(client: FlaskClient) -> None:
    cart = Cart(client)

    apart, shared = cart.quote(is_shared=False), cart.quote(is_shared=True)

    [offered] = apart["shared_trips"]
    assert (set(offered["shop_ids"]), offered["saving_fen"]) == ({str(shop_id) for shop_id in cart.shops}, 300)
    assert (apart["total_fen"], apart["is_trip_shared"]) == (2_800, False)
    assert (shared["total_fen"], shared["is_trip_shared"]) == (2_500, True)
    parts = {part["shop_id"]: part for part in shared["shops"]}
    told = {shop_id: (part["delivery_fen"], part["delivery_parts"]["distance_fen"],
                      part["delivery_parts"]["trip_saving_fen"]) for shop_id, part in parts.items()}  # fmt: skip
    assert told == {str(cart.near.shop_id): (188, 300, 112), str(cart.dear.shop_id): (312, 500, 188)}
    assert len({part["promised_at"] for part in parts.values()}) == 1


def test_what_was_agreed_apart_is_not_placed_together(client: FlaskClient) -> None:
    cart = Cart(client)

    refused = cart.place(cart.quote(is_shared=False)["quote_version"], is_shared=True)

    changes = assert_problem(refused, 409, "quote_changed")["changes"]
    assert {change["field"] for change in changes} == {"trip_saving_fen"}


def test_when_both_have_accepted_they_are_one_trip_that_pays_the_whole_way(app: Flask, client: FlaskClient) -> None:
    cart = Cart(client)
    orders = cart.paid()

    for shop_id, order_id in orders.items():
        cart.accept(order_id, cart.shops[shop_id])
    run_worker(app)

    assert trips_of(*orders.values()) == [("open", 2)]
    trip = look("SELECT DISTINCT t.* FROM trips AS t JOIN deliveries AS d ON d.trip_id = t.trip_id"
                " WHERE d.order_id = ANY (:ids)", ids=list(orders.values()))[0]  # fmt: skip
    assert trip.fee_fen == 500
    assert trip.pay_fen >= 500
    stops = look(
        "SELECT kind FROM stops WHERE trip_id = :id AND state <> 'canceled' ORDER BY position", id=trip.trip_id
    )
    assert [row.kind for row in stops] == ["pick_up", "pick_up", "drop"]


def test_one_fee_is_earned_once_and_every_order_foots(app: Flask, client: FlaskClient) -> None:
    cart = Cart(client)
    orders = cart.paid()
    for shop_id, order_id in orders.items():
        cart.accept(order_id, cart.shops[shop_id])
    run_worker(app)
    courier = a_courier(community=cart.near.community)
    rows = look("SELECT order_id, delivery_id, trip_id FROM deliveries WHERE order_id = ANY (:ids)",
                ids=list(orders.values()))  # fmt: skip
    claim_trip(courier.actor, a_claim(courier), trip_id=rows[0].trip_id)
    for shop_id, order_id in orders.items():
        owner = cart.shops[shop_id].owner
        ready_order(owner.actor, a_claim(owner), order_id=order_id)
    for row in rows:
        pick_up(courier.actor, a_claim(courier), delivery_id=row.delivery_id, code=pick_up_code(row.order_id))
    for row in rows:
        code = door_code(row.order_id)
        deliver(courier.actor, a_claim(courier), delivery_id=row.delivery_id, code=code, photo_id=None)
        confirm_order(cart.resident.actor, a_claim(cart.resident), order_id=row.order_id)

    earned = look_one("SELECT posted_fen FROM ledger.balance WHERE code = :code",
                      code=f"courier_pending:{courier.account_id}")  # fmt: skip
    paid = look_one("SELECT pay_fen FROM trips WHERE trip_id = :id", id=rows[0].trip_id)
    left = look_one("SELECT coalesce(sum(posted_fen), 0)::bigint FROM ledger.balance WHERE code = ANY (:codes)",
                    codes=[f"escrow:{order_id}" for order_id in orders.values()])  # fmt: skip
    assert (earned, left) == (paid, 0)


def test_the_first_waits_for_the_other_shops_answer(app: Flask, client: FlaskClient) -> None:
    cart = Cart(client)
    orders = cart.paid()

    cart.accept(orders[cart.near.shop_id], cart.near)

    waits = (
        "SELECT t.opens_at > business_now() FROM trips AS t JOIN deliveries AS d USING (trip_id) WHERE order_id = :id"
    )
    assert look_one(waits, id=orders[cart.near.shop_id])


def test_when_one_rejects_the_other_comes_alone_and_nobody_pays_more(app: Flask, client: FlaskClient) -> None:
    cart = Cart(client)
    orders = cart.paid()
    mine, gone = orders[cart.near.shop_id], orders[cart.dear.shop_id]
    owner = cart.dear.owner
    cart.accept(mine, cart.near)

    refund = reject_order(owner.actor, a_claim(owner), order_id=gone, reason=CancelReason.TOO_BUSY)
    [row] = look("SELECT trip_id FROM deliveries WHERE order_id = :id", id=mine)
    change("UPDATE trips SET opens_at = business_now() WHERE trip_id = :id", id=row.trip_id)
    with transaction() as tx:
        open_trip(tx, row.trip_id)
    run_worker(app)

    assert refund.refund_fen == 1_312
    assert trips_of(mine) == [("open", 1)]
    assert look_one("SELECT total_fen FROM orders WHERE order_id = :id", id=mine) == 1_188


def test_a_trip_that_somebody_has_is_left_alone(app: Flask, client: FlaskClient) -> None:
    cart = Cart(client)
    orders = cart.paid()
    cart.accept(orders[cart.near.shop_id], cart.near)
    [row] = look("SELECT trip_id FROM deliveries WHERE order_id = :id", id=orders[cart.near.shop_id])
    courier = a_courier(community=cart.near.community)
    change("UPDATE trips SET opens_at = business_now() WHERE trip_id = :id", id=row.trip_id)
    claim_trip(courier.actor, a_claim(courier), trip_id=row.trip_id)

    cart.accept(orders[cart.dear.shop_id], cart.dear)
    run_worker(app)

    assert sorted(trips_of(*orders.values())) == [("assigned", 1), ("open", 1)]
