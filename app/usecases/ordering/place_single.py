"""Buy one thing on its own (直接购买): a voucher, a service, an extra charge. A checkout of one order with one line.

What is bought so has no cart, no delivery and no packing; paying it is paying any checkout.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.core.catalog.commission import RULE_OF_SHOP
from app.core.catalog.errors import SkuNotFound
from app.core.catalog.models import OfferKind, OfferState, ShopState
from app.core.events import OrderPlaced
from app.core.orders.errors import LicenseExpired, OfferGone, QuantityOverCap, ShopClosed, SoldOut
from app.core.orders.models import Fulfillment
from app.core.orders.repository import IN_STANDING
from app.core.orders.rules import PAYMENT_WINDOW, commission_of, order_number
from app.core.orders.states import CHECKOUT_TRANSITIONS, CheckoutAction, CheckoutState, OrderState
from app.core.payments.models import PaymentPurpose
from app.core.payments.states import PaymentState
from app.core.vouchers.errors import PriceChanged, VoucherSold
from app.kernel.actor import Actor
from app.kernel.clock import SHANGHAI
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Transaction, closing
from app.kernel.wire import Row
from app.usecases.ordering.line_rates import RATE_IN_FORCE, rate_in_force
from app.usecases.ordering.place_checkout import CHECKOUT_EXPIRES, Placed, PlacedOrder

SKU_FOR_SALE = f"""
    SELECT {IN_STANDING} AS is_in_standing, k.sku_id, k.option, k.price_fen, k.quantity_max, f.name AS offer_name,
        f.offer_id, f.kind AS offer_kind, f.state AS offer_state, f.is_return_excluded, s.shop_id, s.merchant_id,
        s.state AS shop_state, {RATE_IN_FORCE}, s.license_expires_on, s.community_id, c.store_id, n.on_hand,
        business_now() AS now
    FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id JOIN shops AS s ON s.shop_id = k.shop_id
    JOIN communities AS c ON c.community_id = s.community_id LEFT JOIN stock AS n ON n.sku_id = k.sku_id
    {RULE_OF_SHOP}
    WHERE k.sku_id = :sku_id
"""
"""What is sold and on which terms, for ``:sku_id``, with ``:session_id`` of who buys."""
_PLACE = closing(
    """
    made_checkout AS (
        INSERT INTO checkouts (checkout_id, account_id, state, total_fen, placed_at, expires_at)
        VALUES (:checkout_id, :account_id, :checkout_state, :total_fen, business_now(), :expires_at)
    ),
    made_payment AS (
        INSERT INTO payments (payment_id, account_id, purpose, checkout_id, amount_fen, state, created_at)
        VALUES (:payment_id, :account_id, :purpose, :checkout_id, :total_fen, :payment_state, business_now())
    ),
    made_order AS (
        INSERT INTO orders (order_id, number, checkout_id, account_id, shop_id, merchant_id, community_id, store_id,
            state, fulfillment, is_perishable, goods_fen, packing_fen, delivery_fen, discount_fen, total_fen, left_fen,
            commission_fen, payment_id, note, address_sealed, address_lat, address_lng, preparation_minutes, placed_at)
        VALUES (:order_id, :number, :checkout_id, :account_id, :shop_id, :merchant_id, :community_id, :store_id,
            :order_state, :fulfillment, false, :total_fen, 0, 0, 0, :total_fen, :total_fen, :commission_fen,
            :payment_id, :note, CAST(:address_sealed AS text), CAST(:address_lat AS double precision),
            CAST(:address_lng AS double precision), 0, business_now())
    ),
    made_line AS (
        INSERT INTO order_lines (order_id, line, sku_id, name, option, unit_price_fen, quantity, goods_fen, packing_fen,
            discount_fen, commission_bp, commission_least_fen, commission_cap_fen, commission_rule, refundable_fen,
            is_counted, is_return_excluded)
        VALUES (:order_id, 1, :sku_id, :name, :option, :unit_price_fen, :quantity, :total_fen, 0, 0, :commission_bp,
            :commission_least_fen, CAST(:commission_cap_fen AS bigint), :commission_rule, :total_fen, :is_counted,
            :is_return_excluded)
    ),
    reserved AS (
        UPDATE stock SET on_hand = on_hand - :quantity, reserved = reserved + :quantity
        WHERE sku_id = :sku_id AND CAST(:is_counted AS boolean) AND on_hand >= :quantity RETURNING sku_id
    )""",
    answer="SELECT count(*) FROM reserved",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """What is bought: a SKU's row, how many, and at what price.

    :param order_id: of the order to be made. :param address: columns of the address, where somebody comes to a door.
    """

    row: Row
    quantity: int
    unit_price_fen: int
    fulfillment: Fulfillment
    name: str
    note: str = ""
    order_id: UUID = field(default_factory=new_id)
    address: Row | None = None
    is_counted: bool = False


def refuse_unsold(row: Row | None, kind: OfferKind, *, quantity: int, unit_price_fen: int) -> Row:
    """Return the row of :data:`SKU_FOR_SALE` when it is on sale so.

    :raises SkuNotFound, OfferGone, VoucherSold, ShopClosed, LicenseExpired: it is not.
    :raises QuantityOverCap, SoldOut, PriceChanged: not so many, or not for this price.
    """
    if row is None:
        raise SkuNotFound
    if row.offer_state != OfferState.ON_SALE:
        raise OfferGone(sku_id=row.sku_id, offer_name=row.offer_name)
    if row.offer_kind != kind:
        raise VoucherSold(pointer="/sku_id")
    if row.shop_state not in {ShopState.OPEN, ShopState.RESTING}:
        raise ShopClosed(shop_id=row.shop_id)
    if row.license_expires_on < row.now.astimezone(SHANGHAI).date():
        raise LicenseExpired(shop_id=row.shop_id)
    if quantity > row.quantity_max:
        raise QuantityOverCap(sku_id=row.sku_id, quantity_max=row.quantity_max)
    if row.on_hand is not None and quantity > row.on_hand:
        raise SoldOut(sku_id=row.sku_id, left=row.on_hand)
    if unit_price_fen != row.price_fen:
        raise PriceChanged(unit_price_fen=row.price_fen, pointer="/unit_price_fen")
    return row


def place_single(tx: Transaction, actor: Actor, single: Single, *, window: timedelta = PAYMENT_WINDOW) -> Placed:
    """Make checkout, payment, order and line, and reserve counted stock; closes the transaction.

    :param window: how long it may be paid.
    :raises SoldOut: somebody else was faster.
    """
    row, quantity, rate = single.row, single.quantity, rate_in_force(single.row)
    state = next_state(CHECKOUT_TRANSITIONS, CheckoutState.OPEN, CheckoutAction.PLACE, actor.role)
    checkout_id, payment_id, order_id = new_id(), new_id(), single.order_id
    total_fen = single.unit_price_fen * quantity
    number = order_number(order_id, row.now)
    placed = Placed(
        checkout_id=checkout_id,
        payment_id=payment_id,
        state=state.value,
        total_fen=total_fen,
        orders=[
            PlacedOrder(
                order_id=order_id,
                number=number,
                shop_id=row.shop_id,
                total_fen=total_fen,
                promised_from_at=None,
                promised_at=None,
            )
        ],
    )
    tx.record(
        OrderPlaced(
            order_id=order_id,
            account_id=actor.account_id,
            shop_id=row.shop_id,
            state=OrderState.AWAITING_PAYMENT,
        )
    )
    tx.schedule(Timer(CHECKOUT_EXPIRES, checkout_id, window))
    tx.keep(placed)
    address = single.address
    reserved = tx.close(
        _PLACE,
        {
            "checkout_id": checkout_id,
            "payment_id": payment_id,
            "order_id": order_id,
            "number": number,
            "account_id": actor.account_id,
            "shop_id": row.shop_id,
            "merchant_id": row.merchant_id,
            "community_id": row.community_id if address is None else address.community_id,
            "store_id": row.store_id if address is None else address.store_id,
            "checkout_state": state.value,
            "payment_state": PaymentState.PENDING.value,
            "order_state": OrderState.AWAITING_PAYMENT.value,
            "purpose": PaymentPurpose.CHECKOUT.value,
            "fulfillment": single.fulfillment.value,
            "total_fen": total_fen,
            "commission_fen": commission_of([(total_fen, rate)]),
            "commission_bp": rate.bp,
            "commission_least_fen": rate.least_fen,
            "commission_cap_fen": rate.cap_fen,
            "commission_rule": rate.rule,
            "expires_at": row.now + window,
            "note": single.note,
            "address_sealed": None if address is None else address.door_sealed,
            "address_lat": None if address is None else address.lat,
            "address_lng": None if address is None else address.lng,
            "sku_id": row.sku_id,
            "name": single.name,
            "option": row.option,
            "unit_price_fen": single.unit_price_fen,
            "quantity": quantity,
            "is_counted": single.is_counted,
            "is_return_excluded": row.is_return_excluded,
        },
    ).scalar_one()
    if single.is_counted and reserved != 1:
        raise SoldOut(sku_id=row.sku_id, left=0)
    return placed
