"""The kitchen's side of an order: short of something, ready."""

from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.aftersale.errors import ReplacementOpen
from app.core.events import OrderLacksCourier, OrderReady, OrderShorted
from app.core.orders.errors import LineNotFound, TooEarlyForSlot
from app.core.orders.models import CancelReason
from app.core.orders.repository import (
    EXPECT_MOVED,
    LINES,
    LOCK_BY_SYSTEM,
    LOCK_FOR_SHOP,
    Order,
    lock_order,
    move,
)
from app.core.orders.rules import (
    COLLECT_WINDOW,
    COURIER_WAITED_FOR,
    NO_COURIER_ALERT,
    NO_COURIER_END,
    Ending,
    commission_of,
)
from app.core.orders.scheduled import trip_opens_at
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, transaction
from app.usecases.ordering.ending import OrderMoved, end_order
from app.usecases.ordering.line_rates import promotion_of_line, rate_of_line
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund

NO_COURIER_ALERTS = "no_courier_alerts"
"""Timer: ready for ten minutes; is anyone coming?"""
NO_COURIER_ENDS = "no_courier_ends"
"""Timer: ready for thirty minutes, and nobody came."""
COLLECT_LAPSES = "collect_lapses"
"""Timer: nobody collected it."""

_READY = closing(
    move("ready_at = business_now()", "cancel_requested_at = NULL"),
    expecting={
        "answered": "NOT EXISTS (SELECT 1 FROM replacements WHERE order_id = :order_id AND state = 'offered')",
        **EXPECT_MOVED,
    },
)
_SHORT = closing(
    f"""
    {
        move(
            "shorted_at = business_now()",
            "refunded_fen = refunded_fen + :refund_fen",
            "left_fen = :left_fen",
            "commission_fen = :commission_fen",
            "promotion_fen = :promotion_fen",
        )
    },
    {REFUND_WRITES},
    short_lines AS (
        UPDATE order_lines SET refundable_fen = 0, shorted_at = business_now()
        WHERE order_id = :order_id AND line = ANY(CAST(:lines AS bigint[]))
    ),
    missing AS (
        SELECT * FROM jsonb_to_recordset(CAST(:missing AS jsonb)) AS m (sku_id uuid, quantity bigint)
    ),
    locked_stock AS (
        SELECT n.sku_id FROM stock AS n JOIN missing AS m ON m.sku_id = n.sku_id ORDER BY n.sku_id FOR UPDATE OF n
    ),
    written_off AS (
        UPDATE stock AS n SET reserved = n.reserved - m.quantity, received = n.received - m.quantity
        FROM missing AS m JOIN locked_stock AS k ON k.sku_id = m.sku_id WHERE n.sku_id = m.sku_id
    )""",
    expecting=EXPECT_MOVED,
)
_HAS_COURIER = text(
    """
    SELECT EXISTS (
        SELECT 1 FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
        WHERE d.order_id = :order_id AND t.state = 'assigned')
    """
)


def short_order(actor: Actor, claim: Claim, *, order_id: UUID, lines: frozenset[int]) -> OrderMoved:
    """Say, as its shop, that lines are lacking (缺货): they are refunded, and the resident may then cancel freely.

    When nothing is left, the order is canceled and refunded whole, delivery included.

    :param lines: line numbers, 1 and up.
    :raises LineNotFound: a line is not the order's, or was refunded already.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        order.refuse_own_machine(OrderAction.SHORT)
        return short_lines(tx, order, lines)


def short_lines(tx: Transaction, order: Order, lines: frozenset[int]) -> OrderMoved:
    """Refund ``lines`` of a locked order that its shop lacks, and write their pieces off; closes the transaction.

    :raises LineNotFound: a line is not the order's, or was refunded already.
    """
    held = {row.line: row for row in tx.execute(LINES, {"order_id": order.order_id}) if row.shorted_at is None}
    unknown = lines - held.keys()
    if unknown:
        raise LineNotFound(pointer="/lines", line=min(unknown))
    if lines == held.keys():
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.SHORT_ALL, Role.MERCHANT)
        return end_order(tx, order, Ending.CANCELED, target=target, cancel_reason=CancelReason.OUT_OF_STOCK)
    target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.SHORT, Role.MERCHANT)
    kept = [row for number, row in held.items() if number not in lines]
    refund_fen = sum(held[number].refundable_fen for number in lines)
    decision = decide_refund(tx, order, amount_fen=refund_fen, reason=CancelReason.OUT_OF_STOCK.value)
    if decision.journal is not None:
        ledger.post_along(tx, [decision.journal], ahead=decision.ahead)
    tx.record(_told(OrderShorted, order, target))
    refund_id = decision.refund_id if refund_fen else None
    moved = OrderMoved(order_id=order.order_id, state=target.value, refund_id=refund_id, refund_fen=refund_fen)
    if tx.claim is not None:
        tx.keep(moved)
    missing = [
        {"sku_id": held[number].sku_id, "quantity": held[number].quantity}
        for number in lines
        if held[number].is_counted
    ]
    tx.close(
        _SHORT,
        {
            **decision.params,
            **_params(order, target),
            "left_fen": sum(row.refundable_fen for row in kept),
            "commission_fen": commission_of(
                [(row.refundable_fen + promotion_of_line(row), rate_of_line(row)) for row in kept]
            ),
            "promotion_fen": sum(promotion_of_line(row) for row in kept),
            "lines": sorted(lines),
            "missing": orjson.dumps(missing).decode(),
        },
    )
    return moved


def ready_order(actor: Actor, claim: Claim, *, order_id: UUID) -> OrderMoved:
    """Say, as its shop, that the order stands on the counter (出餐).

    :raises ReplacementOpen: the resident still thinks about a replacement.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        order.refuse_own_machine(OrderAction.READY)
        target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.READY, actor.role)
        ready_from_at = trip_opens_at(order.slot_starts_at)
        if ready_from_at is not None and order.now < ready_from_at:
            raise TooEarlyForSlot(ready_from_at=ready_from_at)
        tx.record(_told(OrderReady, order, target))
        if order.is_delivered:
            tx.schedule(
                Timer(NO_COURIER_ALERTS, order_id, NO_COURIER_ALERT), Timer(NO_COURIER_ENDS, order_id, NO_COURIER_END)
            )
        else:
            tx.schedule(Timer(COLLECT_LAPSES, order_id, COLLECT_WINDOW))
        moved = OrderMoved(order_id=order_id, state=target.value)
        tx.keep(moved)
        tx.close(_READY, _params(order, target), unmet={"answered": lambda _: ReplacementOpen()})
    return moved


def alert_no_courier(tx: Transaction, order_id: UUID) -> None:
    """Tell everyone that an order has stood ready for ten minutes without a courier."""
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is OrderState.READY and not _has_courier(tx, order_id):
        tx.record(_told(OrderLacksCourier, order, order.state))


def give_up_order(tx: Transaction, order_id: UUID) -> None:
    """End an order that nobody came to carry: the resident gets all back, the platform pays the shop.

    A courier who has claimed it is waited for, but not for ever.
    """
    order = lock_order(tx, LOCK_BY_SYSTEM, {"order_id": order_id})
    if order.state is not OrderState.READY:
        return
    assert order.ready_at is not None, "a ready order became so at some time"
    if order.now < order.ready_at + COURIER_WAITED_FOR and _has_courier(tx, order_id):
        tx.schedule(Timer(NO_COURIER_ENDS, order_id, NO_COURIER_END))
        return
    target = next_state(ORDER_TRANSITIONS, order.state, OrderAction.GIVE_UP, Role.SYSTEM)
    end_order(tx, order, Ending.GIVEN_UP, target=target, cancel_reason=CancelReason.NO_COURIER)


def _has_courier(tx: Transaction, order_id: UUID) -> bool:
    return bool(tx.execute(_HAS_COURIER, {"order_id": order_id}).scalar_one())


def _told(
    kind: type[OrderShorted | OrderReady | OrderLacksCourier], order: Order, state: OrderState
) -> OrderShorted | OrderReady | OrderLacksCourier:
    return kind(
        order_id=order.order_id,
        account_id=order.account_id,
        shop_id=order.shop_id,
        state=state.value,
        store_id=None if order.is_delivered else order.store_id,
    )


def _params(order: Order, target: OrderState) -> dict[str, object]:
    return {"order_id": order.order_id, "from_state": order.state.value, "to_state": target.value}
