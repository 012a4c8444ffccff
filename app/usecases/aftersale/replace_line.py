"""A shop that lacks a line offers another piece; the resident takes it, or has the money (同意替换 / 退款)."""

from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core import ledger
from app.core.aftersale.errors import ReplacementNotFound, ReplacementOpen, ReplacementUnfit
from app.core.aftersale.rules import REPLACEMENT_WINDOW, replaced_fen
from app.core.aftersale.states import REPLACEMENT_TRANSITIONS, ReplacementAction, ReplacementState
from app.core.catalog.errors import SkuNotFound
from app.core.events import ReplacementAnswered, ReplacementEvent, ReplacementOffered
from app.core.orders.errors import LineNotFound, SoldOut
from app.core.orders.models import CancelReason
from app.core.orders.repository import (
    LINES,
    LOCK_FOR_SHOP,
    ORDER_COLUMNS,
    STOCK_MOVED,
    Order,
    lock_order,
    move,
    order_of,
)
from app.core.orders.rules import commission_of
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.kernel.actor import Actor, Role
from app.kernel.ids import new_id
from app.kernel.machines import next_state
from app.kernel.timers import Timer
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.ordering.ending import OrderMoved
from app.usecases.ordering.line_rates import promotion_of_line, rate_of_line
from app.usecases.ordering.prepare_order import short_lines
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund

REPLACEMENT_LAPSES = "replacement_lapses"
"""Timer: the resident has not answered an offered replacement."""

_REPLACED_RULE = "as_replaced"
"""Name of the rule that set the commission rate of a replacing line: the rate of what it replaces."""

_FIT = text(
    """
    SELECT f.name, k.option, k.price_fen, EXISTS (SELECT 1 FROM stock AS n WHERE n.sku_id = k.sku_id) AS is_counted,
        EXISTS (SELECT 1 FROM replacements AS r WHERE r.order_id = :order_id AND r.line = :line AND r.state = 'offered')
            AS is_waiting
    FROM skus AS k JOIN offers AS f ON f.offer_id = k.offer_id
    WHERE k.sku_id = :sku_id AND k.shop_id = :shop_id AND f.state = 'on_sale' AND f.kind IN ('goods', 'dish')
    """
)
_OFFER = closing(
    """
    offered AS (
        INSERT INTO replacements (replacement_id, order_id, line, sku_id, name, option, unit_price_fen, quantity,
            is_counted, state, offered_at, due_at)
        VALUES (:replacement_id, :order_id, :line, :sku_id, :name, :option, :unit_price_fen, :quantity, :is_counted,
            :state, business_now(), :due_at)
    )"""
)
_OFFERED = f"""
    SELECT {ORDER_COLUMNS}, r.replacement_id, r.line, r.sku_id, r.name, r.option, r.unit_price_fen, r.quantity,
        r.is_counted, r.state AS replacement_state, r.due_at
    FROM orders AS o JOIN replacements AS r ON r.order_id = o.order_id
    WHERE r.replacement_id = :replacement_id
"""
_LOCK_OWN = opening(f"{_OFFERED} AND o.account_id = :account_id FOR UPDATE OF o, r")
_LOCK = opening(f"{_OFFERED} FOR UPDATE OF o, r")
_ANSWER = text(
    """
    UPDATE replacements SET state = :state, answered_at = business_now()
    WHERE replacement_id = :replacement_id AND state = 'offered'
    """
)
_REPLACE = closing(
    f"""
    {
        move(
            "refunded_fen = refunded_fen + CAST(:refund_fen AS bigint)",
            "left_fen = :left_fen",
            "commission_fen = :commission_fen",
            "promotion_fen = :promotion_fen",
        )
    },
    {REFUND_WRITES},
    gone AS (
        UPDATE order_lines SET refundable_fen = 0, shorted_at = business_now()
        WHERE order_id = :order_id AND line = :line
    ),
    come AS (
        INSERT INTO order_lines (order_id, line, sku_id, name, option, unit_price_fen, quantity, goods_fen, packing_fen,
            discount_fen, platform_off_fen, commission_bp, commission_least_fen, commission_cap_fen, commission_rule,
            refundable_fen, is_counted, is_return_excluded)
        SELECT :order_id, (SELECT max(m.line) + 1 FROM order_lines AS m WHERE m.order_id = :order_id), :sku_id, :name,
            :option, :unit_price_fen, :quantity, CAST(:goods_fen AS bigint), 0, CAST(:discount_fen AS bigint),
            CAST(:line_promotion_fen AS bigint), l.commission_bp, l.commission_least_fen, l.commission_cap_fen,
            :commission_rule, CAST(:kept_fen AS bigint), :is_counted, l.is_return_excluded
        FROM order_lines AS l WHERE l.order_id = :order_id AND l.line = :line
    ),
    {STOCK_MOVED}""",
    answer="SELECT sku_id FROM stocked",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementStands:
    """What an act on a replacement answers: where it stands, and its order."""

    replacement_id: UUID
    order_id: UUID
    state: str
    order_state: str
    refund_fen: int = 0


def offer_replacement(
    actor: Actor, claim: Claim, *, order_id: UUID, line: int, sku_id: UUID, quantity: int
) -> ReplacementStands:
    """Offer, as its shop, another SKU for a line of a preparing order. It is never dearer than what it replaces.

    :raises LineNotFound: the line is not the order's, or was refunded. :raises ReplacementOpen: one is offered already.
    :raises SkuNotFound: it is not on the shop's shelf. :raises ReplacementUnfit: it is what lacks.
    """
    with transaction(claim) as tx:
        order = lock_order(tx, LOCK_FOR_SHOP, {"order_id": order_id, **actor.as_member})
        order.refuse_own_machine(OrderAction.SHORT)
        next_state(ORDER_TRANSITIONS, order.state, OrderAction.SHORT, actor.role)
        held = {row.line: row for row in tx.execute(LINES, {"order_id": order_id}) if row.shorted_at is None}
        if line not in held:
            raise LineNotFound(pointer="/line", line=line)
        asked = {"order_id": order_id, "line": line, "sku_id": sku_id, "shop_id": order.shop_id}
        fit = tx.execute(_FIT, asked).one_or_none()
        if fit is None:
            raise SkuNotFound(pointer="/sku_id")
        if held[line].sku_id == sku_id:
            raise ReplacementUnfit(pointer="/sku_id")
        if fit.is_waiting:
            raise ReplacementOpen
        state, replacement_id = ReplacementState.OFFERED, new_id()
        stands = _stands(replacement_id, order, state, order.state)
        tx.record(_told(ReplacementOffered, replacement_id, order, state))
        tx.schedule(Timer(REPLACEMENT_LAPSES, replacement_id, REPLACEMENT_WINDOW))
        tx.keep(stands)
        tx.close(
            _OFFER,
            {
                "replacement_id": replacement_id,
                "order_id": order_id,
                "line": line,
                "sku_id": sku_id,
                "name": fit.name,
                "option": fit.option,
                "unit_price_fen": fit.price_fen,
                "quantity": quantity,
                "is_counted": fit.is_counted,
                "state": state.value,
                "due_at": order.now + REPLACEMENT_WINDOW,
            },
        )
    return stands


def accept_replacement(actor: Actor, claim: Claim, *, replacement_id: UUID) -> ReplacementStands:
    """Take an offered replacement; what it costs less is refunded.

    :raises ReplacementNotFound: there is none of the actor's. :raises SoldOut: the shelf does not hold it any more.
    """
    with transaction(claim) as tx:
        row = _lock(tx, {"replacement_id": replacement_id, "account_id": actor.account_id}, is_own=True)
        order = order_of(row)
        state = _next(row, ReplacementAction.ACCEPT, actor.role)
        next_state(ORDER_TRANSITIONS, order.state, OrderAction.SHORT, Role.MERCHANT)
        refund_fen = _replace(tx, row, order, state)
    return _stands(replacement_id, order, state, order.state, refund_fen)


def _replace(tx: Transaction, row: Row, order: Order, state: ReplacementState) -> int:
    lines = {one.line: one for one in tx.execute(LINES, {"order_id": order.order_id}) if one.shorted_at is None}
    if row.line not in lines:
        raise LineNotFound(line=row.line)
    old = lines.pop(row.line)
    kept_fen = replaced_fen(old.refundable_fen, row.unit_price_fen, row.quantity)
    refund_fen: int = old.refundable_fen - kept_fen
    decision = decide_refund(tx, order, amount_fen=refund_fen, reason=CancelReason.OUT_OF_STOCK.value)
    tx.execute(_ANSWER, {"replacement_id": row.replacement_id, "state": state.value})
    if decision.journal is not None:
        ledger.post(tx, decision.journal, ahead=decision.ahead)
    tx.record(_told(ReplacementAnswered, row.replacement_id, order, state))
    tx.keep(_stands(row.replacement_id, order, state, order.state, refund_fen))
    stock = []
    if old.is_counted:
        stock.append({"sku_id": old.sku_id, "on_hand": 0, "reserved": -old.quantity, "received": -old.quantity})
    if row.is_counted:
        stock.append({"sku_id": row.sku_id, "on_hand": -row.quantity, "reserved": row.quantity, "received": 0})
    off_fen = row.unit_price_fen * row.quantity - kept_fen
    # the platform adds no more than what the new line would cost without it
    promotion_fen = min(promotion_of_line(old, less_fen=refund_fen), off_fen)
    held = [(one.refundable_fen, promotion_of_line(one), rate_of_line(one)) for one in lines.values()]
    held.append((kept_fen, promotion_fen, rate_of_line(old)))
    done = tx.close(
        _REPLACE,
        {
            **decision.params,
            "order_id": order.order_id,
            "from_state": order.state.value,
            "to_state": order.state.value,
            "left_fen": sum(fen for fen, _, _ in held),
            "commission_fen": commission_of([(fen + added_fen, rate) for fen, added_fen, rate in held]),
            "promotion_fen": sum(added_fen for _, added_fen, _ in held),
            "line_promotion_fen": promotion_fen,
            "line": row.line,
            "sku_id": row.sku_id,
            "name": row.name,
            "option": row.option,
            "unit_price_fen": row.unit_price_fen,
            "quantity": row.quantity,
            "goods_fen": row.unit_price_fen * row.quantity,
            "discount_fen": off_fen,
            "kept_fen": kept_fen,
            "commission_rule": _REPLACED_RULE,
            "is_counted": row.is_counted,
            "stock": orjson.dumps(stock).decode(),
        },
    )
    if len(done.fetchall()) < len({str(one["sku_id"]) for one in stock}):
        raise SoldOut(sku_id=row.sku_id, left=0)
    return refund_fen


def decline_replacement(actor: Actor, claim: Claim, *, replacement_id: UUID) -> OrderMoved:
    """Rather have the money: the line is refunded, and the order may be canceled freely.

    :raises ReplacementNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        row = _lock(tx, {"replacement_id": replacement_id, "account_id": actor.account_id}, is_own=True)
        return _decline(tx, row, actor.role)


def lapse_replacement(tx: Transaction, replacement_id: UUID) -> None:
    """Count ten minutes of silence as a no."""
    row = _lock(tx, {"replacement_id": replacement_id}, is_own=False)
    if row.replacement_state == ReplacementState.OFFERED:
        _decline(tx, row, Role.SYSTEM)


def _decline(tx: Transaction, row: Row, role: Role) -> OrderMoved:
    order = order_of(row)
    state = _next(row, ReplacementAction.DECLINE, role)
    tx.execute(_ANSWER, {"replacement_id": row.replacement_id, "state": state.value})
    tx.record(_told(ReplacementAnswered, row.replacement_id, order, state))
    if order.state is OrderState.PREPARING and _is_held(tx, order.order_id, row.line):
        return short_lines(tx, order, frozenset({row.line}))
    moved = OrderMoved(order_id=order.order_id, state=order.state.value)
    if tx.claim is not None:
        tx.keep(moved)
    return moved


def _is_held(tx: Transaction, order_id: UUID, line: int) -> bool:
    return any(one.line == line and one.shorted_at is None for one in tx.execute(LINES, {"order_id": order_id}))


def _lock(tx: Transaction, params: dict[str, object], *, is_own: bool) -> Row:
    row = tx.open_one(_LOCK_OWN if is_own else _LOCK, params)
    if row is None:
        raise ReplacementNotFound
    return row


def _next(row: Row, action: ReplacementAction, role: Role) -> ReplacementState:
    return next_state(REPLACEMENT_TRANSITIONS, ReplacementState(row.replacement_state), action, role)


def _told(
    kind: type[ReplacementEvent], replacement_id: UUID, order: Order, state: ReplacementState
) -> ReplacementEvent:
    return kind(
        replacement_id=replacement_id,
        order_id=order.order_id,
        account_id=order.account_id,
        shop_id=order.shop_id,
        state=state.value,
    )


def _stands(
    replacement_id: UUID, order: Order, state: ReplacementState, order_state: OrderState, refund_fen: int = 0
) -> ReplacementStands:
    return ReplacementStands(
        replacement_id=replacement_id,
        order_id=order.order_id,
        state=state.value,
        order_state=order_state.value,
        refund_fen=refund_fen,
    )
