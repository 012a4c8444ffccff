"""Orders in any state, brought there by the use cases that bring them there in life."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.core.delivery.states import FailureReason
from app.core.orders.models import Fulfillment
from app.core.orders.states import OrderState
from app.core.payments.models import PaymentMethod
from app.usecases.delivering.hand_over import (
    deliver,
    door_code,
    fail_delivery,
    pick_up,
    pick_up_code,
    return_to_shop,
)
from app.usecases.delivering.trips import claim_trip
from app.usecases.ordering.accept_order import accept_order
from app.usecases.ordering.cancel_order import cancel_order
from app.usecases.ordering.finish_order import collect_code, collect_order, confirm_order
from app.usecases.ordering.place_checkout import Placed, place_checkout
from app.usecases.ordering.prepare_order import ready_order
from app.usecases.paying.pay_checkout import pay_checkout
from app.usecases.shopping.cart import put_in_cart
from app.usecases.shopping.promising import quote_with_promises
from app.usecases.shopping.quoting import quote_checkout
from tests.factories.people import (
    Person,
    a_claim,
    a_courier,
    a_grant,
    a_resident,
    a_store_clerk,
    an_address,
    settle,
)
from tests.factories.photos import a_photo
from tests.factories.rows import look
from tests.factories.shops import Offer, Shop, a_merchant_with_shop, an_offer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from app.core.orders.quote import Quote

RICH_FEN = 1_000_000


@dataclass(frozen=True)
class AnOrder:
    """An order with everybody and everything that belongs to it; what is not born yet is None."""

    order_id: UUID
    checkout_id: UUID
    payment_id: UUID
    total_fen: int
    resident: Person
    address_id: UUID
    shop: Shop
    offers: Sequence[Offer]
    courier: Person | None = None
    clerk: Person | None = None
    trip_id: UUID | None = None
    delivery_id: UUID | None = None
    pick_up_stop_id: UUID | None = None
    drop_stop_id: UUID | None = None

    @property
    def state(self) -> OrderState:
        """Where it stands in the database now."""
        [row] = look("SELECT state FROM orders WHERE order_id = :order_id", order_id=self.order_id)
        return OrderState(row.state)

    @property
    def carrier(self) -> Person:
        assert self.courier is not None, "the order has no courier yet"
        return self.courier

    @property
    def counter(self) -> Person:
        assert self.clerk is not None, "the order is not collected at a store"
        return self.clerk


def a_quote_of(resident: Person, address_id: UUID, fulfillment: Fulfillment = Fulfillment.DELIVERY) -> Quote:
    """Return the quote of the resident's cart."""
    return quote_checkout(resident.actor, address_id=address_id, fulfillment=fulfillment)


def a_placed_checkout(
    resident: Person,
    address_id: UUID,
    lines: Sequence[tuple[Offer, int]],
    *,
    fulfillment: Fulfillment = Fulfillment.DELIVERY,
    coupon_id: UUID | None = None,
) -> Placed:
    """Put ``lines`` of offers and quantities in the cart, ask for the quote and place it, by a coupon or without."""
    for offer, quantity in lines:
        put_in_cart(resident.actor, sku_id=offer.sku_id, quantity=quantity)
    quoted = quote_with_promises(resident.actor, address_id=address_id, fulfillment=fulfillment, coupon_id=coupon_id)
    return place_checkout(
        resident.actor,
        a_claim(resident, "place"),
        address_id=address_id,
        quote_version=quoted.version,
        fulfillment=fulfillment,
        note="",
        coupon_id=coupon_id,
    )


def an_order(
    *,
    state: OrderState = OrderState.AWAITING_ACCEPT,
    shop: Shop | None = None,
    resident: Person | None = None,
    courier: Person | None = None,
    lines: Sequence[tuple[Offer, int]] = (),
    fulfillment: Fulfillment = Fulfillment.DELIVERY,
    reason: FailureReason = FailureReason.ABSENT,
    with_courier: bool = False,
    walk_up_floors: int = 0,
    coupon_id: UUID | None = None,
) -> AnOrder:
    """Return an order of one shop in ``state``, paid from the e-account.

    :param lines: offers with quantities; without any, two pieces at 10 yuan from counted stock.
    :param reason: why the delivery failed, for a state behind that.
    :param walk_up_floors: floors to climb to the resident's door. :param coupon_id: what takes something off.
    :param with_courier: let a courier have the trip of an order that is preparing or ready.
    """
    shop = shop or a_merchant_with_shop()
    resident = resident or a_resident(balance_fen=RICH_FEN)
    address_id = an_address(resident, near=shop, walk_up_floors=walk_up_floors)
    lines = lines or [(an_offer(shop, on_hand=100), 2)]
    placed = a_placed_checkout(resident, address_id, lines, fulfillment=fulfillment, coupon_id=coupon_id)
    [only] = placed.orders
    order = AnOrder(
        order_id=only.order_id,
        checkout_id=placed.checkout_id,
        payment_id=placed.payment_id,
        total_fen=placed.total_fen,
        resident=resident,
        address_id=address_id,
        shop=shop,
        offers=[offer for offer, _ in lines],
        clerk=a_store_clerk(shop.store_id) if fulfillment is Fulfillment.STORE_PICKUP else None,
    )
    return _bring(order, state, courier, reason, with_courier=with_courier)


def _bring(
    order: AnOrder, state: OrderState, courier: Person | None, reason: FailureReason, *, with_courier: bool
) -> AnOrder:
    if state is OrderState.AWAITING_PAYMENT:
        return order
    resident = order.resident
    pay_checkout(
        resident.actor,
        a_claim(resident),
        checkout_id=order.checkout_id,
        method=PaymentMethod.E_ACCOUNT,
        step_up_grant=a_grant(resident, order.checkout_id),
    )
    return bring_paid(order, state, courier, reason, with_courier=with_courier)


def bring_paid(
    order: AnOrder,
    state: OrderState,
    courier: Person | None = None,
    reason: FailureReason = FailureReason.ABSENT,
    *,
    with_courier: bool = False,
) -> AnOrder:
    """Bring an order that is paid, by whatever, on to ``state``."""
    resident, owner, order_id = order.resident, order.shop.owner, order.order_id
    if state is OrderState.AWAITING_ACCEPT:
        return order
    if state is OrderState.CANCELED:
        cancel_order(resident.actor, a_claim(resident), order_id=order_id)
        return order
    accept_order(owner.actor, a_claim(owner), order_id=order_id)
    order = _with_trip(order)
    if order.clerk is None and (with_courier or state not in {OrderState.PREPARING, OrderState.READY}):
        community = order.shop.community
        order = replace(order, courier=courier or a_courier(community=community))
        if courier is not None:
            settle(courier, community)
        assert order.trip_id is not None
        claim_trip(order.carrier.actor, a_claim(order.carrier), trip_id=order.trip_id)
    if state is OrderState.PREPARING:
        return order
    ready_order(owner.actor, a_claim(owner), order_id=order_id)
    if state is OrderState.READY:
        return order
    if order.clerk is not None:
        assert state is OrderState.COMPLETED, f"what is collected at a store is never {state}"
        collect_order(order.clerk.actor, a_claim(order.clerk), order_id=order_id, code=collect_code(order_id))
        return order
    return _carry(order, state, reason)


def _with_trip(order: AnOrder) -> AnOrder:
    rows = look(
        "SELECT delivery_id, trip_id, pick_up_stop_id, drop_stop_id FROM deliveries WHERE order_id = :order_id",
        order_id=order.order_id,
    )
    return replace(order, **rows[0]._mapping) if rows else order


def _carry(order: AnOrder, state: OrderState, reason: FailureReason) -> AnOrder:
    actor, delivery_id = order.carrier.actor, order.delivery_id
    assert delivery_id is not None
    pick_up(actor, a_claim(order.carrier), delivery_id=delivery_id, code=pick_up_code(order.order_id))
    if state is OrderState.IN_DELIVERY:
        return order
    if state in {OrderState.DELIVERED, OrderState.COMPLETED}:
        code = door_code(order.order_id)
        deliver(actor, a_claim(order.carrier), delivery_id=delivery_id, code=code, photo_id=None)
    else:
        proof = a_photo(order.carrier, order.order_id)
        fail_delivery(actor, a_claim(order.carrier), delivery_id=delivery_id, reason=reason, photo_id=proof)
    if state is OrderState.COMPLETED:
        confirm_order(order.resident.actor, a_claim(order.resident), order_id=order.order_id)
    if state is OrderState.RETURNED:
        return_to_shop(actor, a_claim(order.carrier), delivery_id=delivery_id)
    return order
