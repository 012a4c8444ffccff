"""The end of a paid order, whoever brings it about: escrow emptied by one rule, stock settled, trip called off.

A use case locks the order, checks the move and calls :func:`end_order`, which closes the transaction. One ledger call.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

import orjson

from app.core import ledger
from app.core.delivery.writes import CARRIED_OFF, called_off
from app.core.events import OrderCanceled, OrderCompleted, OrderReturned
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.models import CancelReason
from app.core.orders.repository import EXPECT_MOVED, STOCK_RELEASED, STOCK_SOLD, Order, move
from app.core.orders.rules import Ending, Shares, shares_at_end
from app.core.orders.states import OrderState
from app.core.settlement.earning import EARNED
from app.core.settlement.models import PartyKind
from app.kernel.clock import SHANGHAI
from app.kernel.transaction import Transaction, closing
from app.usecases.paying.refunds import REFUND_WRITES, Decision, decide_refund

_CALL_OFF_TRIP = called_off("order_id = :order_id AND case_id IS NULL")
VISIT_OFF = """
visit_off AS (
    UPDATE appointments SET state = 'canceled' WHERE order_id = ANY (:stock_order_ids)
      AND state IN ('held', 'confirmed', 'en_route')
),
booking_off AS (DELETE FROM provider_bookings WHERE order_id = ANY (:stock_order_ids))"""
"""The appointments of the orders ``:stock_order_ids`` are off, and their times are free again."""
_ENDED = (
    "ended_at = business_now()",
    "refunded_fen = refunded_fen + :refund_fen",
    "left_fen = 0",
    "commission_fen = 0",
)
_CANCELED = closing(
    f"""{move(*_ENDED, "cancel_reason = :cancel_reason")}, {REFUND_WRITES}, {EARNED}, {STOCK_RELEASED},
    {_CALL_OFF_TRIP}, {VISIT_OFF}""",
    expecting=EXPECT_MOVED,
)
_GIVEN_UP = closing(
    f"{move(*_ENDED, 'cancel_reason = :cancel_reason')}, {REFUND_WRITES}, {EARNED}, {STOCK_SOLD}, {_CALL_OFF_TRIP}",
    expecting=EXPECT_MOVED,
)
_RETURNED = closing(
    f"{move(*_ENDED)}, {REFUND_WRITES}, {EARNED}, {STOCK_RELEASED}, {CARRIED_OFF}", expecting=EXPECT_MOVED
)
_DISPOSED = closing(f"{move(*_ENDED)}, {REFUND_WRITES}, {EARNED}, {STOCK_SOLD}, {CARRIED_OFF}", expecting=EXPECT_MOVED)
_SOLD = closing(
    f"""{move(*_ENDED)}, {EARNED}, {STOCK_SOLD},
    visit_done AS (
        UPDATE appointments SET state = 'completed' WHERE order_id = :order_id AND state = 'awaiting_confirm'
    )""",
    expecting=EXPECT_MOVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMoved:
    """What an act on an order answers."""

    order_id: UUID
    state: str
    refund_id: UUID | None = None
    refund_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOff:
    """A delivery that ends with its order, away from the door, and the stop and trip that end with it."""

    delivery_id: UUID
    delivery_state: str
    failure_reason: str
    stop_id: UUID
    trip_id: UUID


def end_order(
    tx: Transaction,
    order: Order,
    ending: Ending,
    *,
    target: OrderState,
    courier_id: UUID | None = None,
    pay_fen: int | None = None,
    cancel_reason: CancelReason | None = None,
    carried: CarriedOff | None = None,
    shares: Shares | None = None,
    kept: object | None = None,
) -> OrderMoved:
    """End a paid order: refund, pay, settle the stock, record. The caller has locked it and checked the move.

    Every end writes in one order: ledger, then shift, stock and payment by the closing statement. Two that share a
    resident, a courier or a shelf wait for each other, never in a ring.

    :param courier_id: who carried it; without one, a delivery fee is nobody's and goes back or to the platform.
    :param pay_fen: what the courier earns by carrying it: the fee, and a subsidy where the trip pays more.
    :param cancel_reason: why, when ``target`` is canceled.
    :param carried: the delivery that was returned or disposed of.
    :param shares: where the money goes, where that is not the rule of ``ending``.
    :param kept: what a repeat is answered with, where that is not the order's move.
    """
    shares = shares or shares_at_end(
        ending,
        goods_fen=order.left_fen,
        commission_fen=order.commission_fen,
        delivery_fen=order.delivery_fen,
        pay_fen=pay_fen,
    )
    shares = shares.promoted(order.promotion_fen)
    decision = decide_refund(tx, order, amount_fen=shares.refund_fen, reason=(cancel_reason or ending).value)
    journals = [journal for journal in (decision.journal, _payout(order, shares, courier_id)) if journal is not None]
    if journals:
        ledger.post_along(tx, journals, ahead=decision.ahead)
    moved = OrderMoved(
        order_id=order.order_id,
        state=target.value,
        refund_id=decision.refund_id if shares.refund_fen else None,
        refund_fen=shares.refund_fen,
    )
    _record(tx, order, target, courier_id)
    if tx.claim is not None:
        tx.keep(kept or moved)
    _close(
        tx,
        order,
        shares,
        decision,
        ending=ending,
        target=target,
        courier_id=courier_id,
        cancel_reason=cancel_reason,
        carried=carried,
    )
    return moved


def _payout(order: Order, shares: Shares, courier_id: UUID | None) -> Journal | None:
    """Return the journal that pays those who earned: from the escrow and, where it bears a loss, the platform."""
    from_escrow_fen = order.left_fen + order.delivery_fen - shares.refund_fen
    courier = codes.courier_pending(courier_id) if courier_id else codes.DELIVERY_INCOME
    amounts = {
        codes.escrow(order.order_id): -from_escrow_fen,
        codes.PLATFORM_LOSS: -shares.platform_loss_fen,
        codes.DELIVERY_SUBSIDY: -shares.subsidy_fen,
        codes.PROMOTION_EXPENSE: -shares.promotion_fen,
        codes.merchant_pending(order.merchant_id): shares.merchant_fen,
        codes.COMMISSION: shares.commission_fen,
        courier: shares.courier_fen,
    }
    legs = tuple(Leg(code, amount_fen) for code, amount_fen in amounts.items() if amount_fen)
    if not legs:
        return None
    kind = JournalKind.COMPENSATION if shares.platform_loss_fen else JournalKind.COMPLETION
    return Journal(key=f"end:{order.order_id}", kind=kind, legs=legs, ref=str(order.order_id))


def _record(tx: Transaction, order: Order, target: OrderState, courier_id: UUID | None) -> None:
    kind = {OrderState.CANCELED: OrderCanceled, OrderState.RETURNED: OrderReturned}.get(target, OrderCompleted)
    tx.record(
        kind(
            order_id=order.order_id,
            account_id=order.account_id,
            shop_id=order.shop_id,
            state=target.value,
            courier_id=courier_id,
            store_id=None if order.is_delivered else order.store_id,
        )
    )


def _close(
    tx: Transaction,
    order: Order,
    shares: Shares,
    decision: Decision,
    *,
    ending: Ending,
    target: OrderState,
    courier_id: UUID | None,
    cancel_reason: CancelReason | None,
    carried: CarriedOff | None,
) -> None:
    merchant = _earning(PartyKind.MERCHANT, order.merchant_id, shares.merchant_fen, fee_fen=shares.commission_fen)
    earnings = [{**merchant, "promotion_fen": shares.promotion_fen}]
    if courier_id is not None:
        earnings.append(_earning(PartyKind.COURIER, courier_id, shares.courier_fen))
    today = order.now.astimezone(SHANGHAI).date()
    params: dict[str, object] = {
        **decision.params,
        "order_id": order.order_id,
        "from_state": order.state.value,
        "to_state": target.value,
        "stock_order_ids": [order.order_id],
        "earnings": orjson.dumps([earning for earning in earnings if earning["amount_fen"]]).decode(),
        "earned_on": today,
    }
    if target is OrderState.CANCELED:
        assert cancel_reason is not None, "a cancelation has a reason"
        params["cancel_reason"] = cancel_reason.value
        statement = _GIVEN_UP if ending is Ending.GIVEN_UP else _CANCELED
    elif carried is not None:
        params |= asdict(carried)
        statement = _RETURNED if target is OrderState.RETURNED else _DISPOSED
    else:
        assert not shares.refund_fen, "who gets the goods pays for them"
        statement = _SOLD
    tx.close(statement, params)


def _earning(kind: PartyKind, party_id: UUID, amount_fen: int, *, fee_fen: int = 0) -> dict[str, object]:
    return {"party_kind": kind, "party_id": party_id, "amount_fen": amount_fen, "fee_fen": fee_fen}
