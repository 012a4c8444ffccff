"""One payment over three shops that end in three ways: every fen is told by somebody's statement.

The first shop rejects, the second is short of a line, the third's delivery fails at the resident's fault
and comes back. What each party should have is reckoned here with a pencil, from prices and rates alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.core import ledger
from app.core.delivery.states import FailureReason
from app.core.ledger import codes
from app.core.orders.models import CancelReason
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.kernel.transaction import transaction
from app.usecases.delivering.hand_over import deliver, door_code, fail_delivery, pick_up, pick_up_code, return_to_shop
from app.usecases.delivering.trips import claim_trip
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_order import reject_order
from app.usecases.ordering.finish_order import confirm_order
from app.usecases.ordering.prepare_order import ready_order, short_order
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.settling.settle import settle_due
from tests.factories import (
    a_claim,
    a_community,
    a_courier,
    a_grant,
    a_merchant_with_shop,
    a_placed_checkout,
    a_resident,
    an_address,
    an_offer,
    an_order,
)
from tests.factories.photos import a_photo
from tests.factories.rows import look, look_one
from tests.support.invariants import Invariants

if TYPE_CHECKING:
    from uuid import UUID

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.factories import Person, Shop
    from tests.support.business_clock import BusinessClock

FEE_FEN = 300
"""What the way costs the resident, for each order."""
RICH_FEN = 100_000
USUAL_FEN = 2_000
"""The goods of the order that each shop completed before."""


def half_up(fen: int, rate_bp: int) -> int:
    return (fen * rate_bp + 5_000) // 10_000


def balance(code: str) -> int:
    with transaction() as tx:
        return ledger.balance(tx, code).posted_fen


def statements(client: FlaskClient, side: str, who: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/{side}/v1/statements", headers=who.headers).get_json()["items"]
    return items


def carried(courier: Person, order_id: UUID) -> Any:
    [row] = look("SELECT delivery_id, trip_id, pay_fen FROM deliveries WHERE order_id = :id", id=order_id)
    claim_trip(courier.actor, a_claim(courier), trip_id=row.trip_id)
    pick_up(courier.actor, a_claim(courier), delivery_id=row.delivery_id, code=pick_up_code(order_id))
    return row


def earned_before(shop: Shop, courier: Person) -> int:
    """Let the shop complete an ordinary order, and return what the courier was paid for it."""
    order = an_order(shop=shop, state=OrderState.COMPLETED, courier=courier)
    return int(look_one("SELECT pay_fen FROM deliveries WHERE order_id = :id", id=order.order_id))


def arrive(shop: Shop, order_id: UUID, courier: Person, resident: Person) -> int:
    """Let the shop be short of what costs 777, the rest arrive and be confirmed; return what the way pays."""
    owner = shop.owner
    accept_order(owner.actor, a_claim(owner), order_id=order_id)
    line = look_one("SELECT line FROM order_lines WHERE order_id = :id AND unit_price_fen = 777", id=order_id)
    short_order(owner.actor, a_claim(owner), order_id=order_id, lines=frozenset({line}))
    ready_order(owner.actor, a_claim(owner), order_id=order_id)
    way, code = carried(courier, order_id), door_code(order_id)
    deliver(courier.actor, a_claim(courier), delivery_id=way.delivery_id, code=code, photo_id=None)
    confirm_order(resident.actor, a_claim(resident), order_id=order_id)
    return int(way.pay_fen)


def come_back(shop: Shop, order_id: UUID, courier: Person) -> int:
    """Let the order be refused at the door, and go back; return what the way pays."""
    owner = shop.owner
    accept_order(owner.actor, a_claim(owner), order_id=order_id)
    ready_order(owner.actor, a_claim(owner), order_id=order_id)
    way, reason = carried(courier, order_id), FailureReason.REFUSED
    named = {"delivery_id": way.delivery_id}
    fail_delivery(courier.actor, a_claim(courier), reason=reason, photo_id=a_photo(courier, order_id), **named)
    return_to_shop(courier.actor, a_claim(courier), **named)
    return int(way.pay_fen)


def test_three_shops_end_in_three_ways_and_all_statements_foot(
    app: Flask, client: FlaskClient, clock: BusinessClock
) -> None:
    laws = Invariants()
    community = a_community()
    rejecting, lacking, failing = (
        a_merchant_with_shop(community=community, commission_bp=bp, packing_fen=packing)
        for bp, packing in ((500, 33), (777, 0), (1_234, 50))
    )
    courier = a_courier(community=community)
    pay_fen = sum(earned_before(shop, courier) for shop in (rejecting, lacking, failing))
    resident = a_resident(balance_fen=RICH_FEN)
    lines = [(an_offer(rejecting, price_fen=999, on_hand=10), 2)]
    lines += [(an_offer(lacking, price_fen=1_501), 1), (an_offer(lacking, price_fen=777, on_hand=10), 3)]
    lines += [(an_offer(failing, price_fen=2_049, on_hand=10), 1)]
    placed = a_placed_checkout(resident, an_address(resident, near=community), lines)
    total_fen = 2 * 999 + 33 + 1_501 + 3 * 777 + 2_049 + 50 + 3 * FEE_FEN
    orders = {order.shop_id: order.order_id for order in placed.orders}

    pay_checkout(
        resident.actor,
        a_claim(resident),
        checkout_id=placed.checkout_id,
        method=PaymentMethod.E_ACCOUNT,
        step_up_grant=a_grant(resident, placed.checkout_id),
    )
    assert placed.total_fen == total_fen
    assert balance(codes.e_account(resident.account_id)) == RICH_FEN - total_fen

    owner = rejecting.owner
    reject_order(owner.actor, a_claim(owner), order_id=orders[rejecting.shop_id], reason=CancelReason.TOO_BUSY)
    pay_fen += arrive(lacking, orders[lacking.shop_id], courier, resident)
    pay_fen += come_back(failing, orders[failing.shop_id], courier)
    clock.ahead(days=1)
    settle_due(only=[shop.merchant_id for shop in (rejecting, lacking, failing)] + [courier.account_id])

    refunds = {row.order_id: row.fen for row in look(
        "SELECT order_id, sum(amount_fen)::bigint AS fen FROM refunds WHERE order_id = ANY (:ids) GROUP BY order_id",
        ids=list(orders.values()),
    )}  # fmt: skip
    spent_fen = 1_501 + 2 * FEE_FEN
    assert refunds == {
        orders[rejecting.shop_id]: 2 * 999 + 33 + FEE_FEN,
        orders[lacking.shop_id]: 3 * 777,
        orders[failing.shop_id]: 2_049 + 50,
    }
    assert balance(codes.e_account(resident.account_id)) == RICH_FEN - spent_fen
    told = {}
    for shop, rate_bp, packing_fen, more_fen in (
        (rejecting, 500, 33, 0), (lacking, 777, 0, 1_501), (failing, 1_234, 50, 0)
    ):  # fmt: skip
        [one] = statements(client, "merchant", shop.owner)
        gross_fen = USUAL_FEN + packing_fen + more_fen
        fee_fen = sum(half_up(fen, rate_bp) for fen in (USUAL_FEN + packing_fen, more_fen))
        assert (one["orders_count"], one["gross_fen"], one["fee_fen"]) == (1 + bool(more_fen), gross_fen, fee_fen)
        assert (one["refunds_count"], one["others_fen"], one["debt_fen"]) == (0, 0, 0)
        assert one["closing_fen"] == one["available_fen"] == one["income_fen"] == gross_fen - fee_fen
        assert balance(codes.merchant_pending(shop.merchant_id)) == 0
        assert balance(codes.merchant_available(shop.merchant_id)) == gross_fen - fee_fen
        told[shop.shop_id] = gross_fen
    [way] = statements(client, "courier", courier)
    assert (way["orders_count"], way["gross_fen"], way["closing_fen"]) == (5, pay_fen, pay_fen)
    assert balance(codes.courier_available(courier.account_id)) == pay_fen
    assert all(balance(codes.escrow(order_id)) == 0 for order_id in orders.values())
    assert sum(told.values()) + 2 * FEE_FEN == 3 * USUAL_FEN + 33 + 50 + spent_fen
    laws.check()
