"""What becomes of a voucher: redeemed in the shop, refunded, run out. Each releases its share of the order's escrow.

A use pays the shop at once, less the commission on it; what is never used goes back. With its last voucher the order
is over.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.core import ledger
from app.core.catalog.errors import ShopNotFound
from app.core.events import OrderCanceled, OrderCompleted, VoucherMoved
from app.core.ledger import Journal, JournalKind, Leg, codes
from app.core.orders.models import CancelReason
from app.core.orders.repository import EXPECT_MOVED, ORDER_COLUMNS, Order, move, order_of
from app.core.orders.rules import commission_fen_of
from app.core.orders.states import ORDER_TRANSITIONS, OrderAction, OrderState
from app.core.vouchers.errors import UsesDiffer, VoucherNotFound, VoucherSpent, VoucherUnknown
from app.core.vouchers.rules import use_fen
from app.core.vouchers.states import FINAL_VOUCHER_STATES, VOUCHER_TRANSITIONS, VoucherAction, VoucherState
from app.kernel.actor import Actor, Role
from app.kernel.clock import SHANGHAI
from app.kernel.machines import next_state
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.kernel.wire import Row
from app.usecases.ordering.line_rates import RATE_OF_LINE, rate_of_line
from app.usecases.paying.refunds import REFUND_WRITES, decide_refund
from app.usecases.vouchers.issue import code_digest

_VOUCHER = f"""
    SELECT {ORDER_COLUMNS}, v.voucher_id, v.line, v.state AS voucher_state, v.uses, v.uses_left, v.value_left_fen,
        v.expires_at
    FROM orders AS o JOIN vouchers AS v ON v.order_id = o.order_id
"""
_LOCK_OWN = opening(f"{_VOUCHER} WHERE v.voucher_id = :voucher_id AND v.account_id = :account_id FOR UPDATE OF o, v")
_LOCK = opening(f"{_VOUCHER} WHERE v.voucher_id = :voucher_id FOR UPDATE OF o, v")
_LOCK_BY_CODE = opening(
    f"""
    {_VOUCHER}
    JOIN memberships AS m ON m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE v.code_digest = :digest AND v.shop_id = :shop_id FOR UPDATE OF o, v
    """
)
_IS_MEMBER = text(
    """
    SELECT 1 FROM shops AS s
    JOIN memberships AS m ON m.organization_id = s.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id AND m.role = ANY (CAST(:roles AS text[]))
    WHERE s.shop_id = :shop_id
    """
)
_AROUND = text(
    f"""
    SELECT {RATE_OF_LINE}, l.is_counted, l.sku_id,
        (SELECT count(*) FROM vouchers AS v
         WHERE v.order_id = :order_id AND v.state = 'issued' AND v.voucher_id <> :voucher_id) AS others_open,
        (SELECT count(*) FROM vouchers AS v
         WHERE v.order_id = :order_id AND v.uses_left < v.uses AND v.voucher_id <> :voucher_id) AS others_used,
        (SELECT coalesce(max(i.part), 0) FROM settlement_items AS i
         WHERE i.order_id = :order_id AND i.party_kind = 'merchant') AS parts
    FROM order_lines AS l WHERE l.order_id = :order_id AND l.line = :line
    """
)
_SPEND = closing(
    f"""
    {
        move(
            "refunded_fen = refunded_fen + CAST(:refund_fen AS bigint)",
            "left_fen = left_fen - CAST(:spent_fen AS bigint)",
            "commission_fen = commission_fen - CAST(:commission_fen AS bigint)",
            "ended_at = CASE WHEN CAST(:is_over AS boolean) THEN business_now() END",
            "cancel_reason = CAST(:cancel_reason AS text)",
        )
    },
    {REFUND_WRITES},
    voucher_moved AS (
        UPDATE vouchers SET state = :voucher_state, uses_left = uses_left - CAST(:used AS bigint),
            value_left_fen = value_left_fen - CAST(:spent_fen AS bigint),
            ended_at = CASE WHEN CAST(:is_voucher_over AS boolean) THEN business_now() END
        WHERE voucher_id = :voucher_id
    ),
    line_moved AS (
        UPDATE order_lines SET refundable_fen = refundable_fen - CAST(:refund_fen AS bigint)
        WHERE order_id = :order_id AND line = :line
    ),
    used AS (
        INSERT INTO voucher_uses (voucher_id, use_number, amount_fen, commission_fen, redeemed_by_id, used_at)
        SELECT :voucher_id, :use_number, CAST(:spent_fen AS bigint), CAST(:commission_fen AS bigint),
            CAST(:redeemed_by_id AS uuid), business_now() WHERE CAST(:used AS bigint) > 0
    ),
    earner AS (
        INSERT INTO settlement_accounts (party_kind, party_id, next_on)
        SELECT 'merchant', :merchant_id, CAST(:earned_on AS date) + 1 WHERE CAST(:earned_fen AS bigint) > 0
        ON CONFLICT DO NOTHING
    ),
    earned AS (
        INSERT INTO settlement_items (order_id, party_kind, part, party_id, amount_fen, fee_fen, eligible_on)
        SELECT :order_id, 'merchant', :part, :merchant_id, CAST(:earned_fen AS bigint), CAST(:commission_fen AS bigint),
            CAST(:earned_on AS date) + coalesce((SELECT CAST(a.hold_days AS integer) FROM settlement_accounts AS a
                WHERE a.party_kind = 'merchant' AND a.party_id = :merchant_id), 1)
        WHERE CAST(:earned_fen AS bigint) > 0
    ),
    stocked AS (
        UPDATE stock AS n SET reserved = n.reserved - c.pieces, sold = n.sold + c.pieces_used,
            on_hand = n.on_hand + c.pieces - c.pieces_used
        FROM (
            SELECT l.sku_id, l.quantity AS pieces, (SELECT count(*) FROM vouchers AS v
                WHERE v.order_id = l.order_id AND v.line = l.line
                  AND (v.uses_left < v.uses OR v.voucher_id = :voucher_id AND CAST(:used AS bigint) > 0)) AS pieces_used
            FROM order_lines AS l WHERE l.order_id = :order_id AND l.is_counted
        ) AS c
        WHERE n.sku_id = c.sku_id AND CAST(:is_over AS boolean)
    )""",
    expecting=EXPECT_MOVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherStands:
    """Where a voucher stands after an act on it; ``amount_fen`` was released to the shop, or refunded."""

    voucher_id: UUID
    order_id: UUID
    state: str
    uses_left: int
    amount_fen: int


def redeem_voucher(
    actor: Actor, claim: Claim, *, shop_id: UUID, code: str, uses_left: int | None = None
) -> VoucherStands:
    """Redeem one use of the voucher with ``code``, as a member of its shop (核销).

    :param uses_left: how many uses it should have before this one; guards a card with many uses against a second scan.
    :raises ShopNotFound: it is not the actor's.
    :raises VoucherUnknown: no voucher of this shop has the code. :raises VoucherSpent: it cannot be used any more.
    :raises UsesDiffer: it has another number of uses left.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_BY_CODE, {"digest": code_digest(code), "shop_id": shop_id, **actor.as_member})
        if row is None:
            if tx.execute(_IS_MEMBER, {"shop_id": shop_id, **actor.as_member}).first() is None:
                raise ShopNotFound
            raise VoucherUnknown(pointer="/code")
        if row.voucher_state != VoucherState.ISSUED or row.now >= row.expires_at:
            raise VoucherSpent(state=row.voucher_state if row.now < row.expires_at else VoucherState.EXPIRED.value)
        if uses_left is not None and uses_left != row.uses_left:
            raise UsesDiffer(uses_left=row.uses_left, pointer="/uses_left")
        action = VoucherAction.USE_LAST if row.uses_left == 1 else VoucherAction.USE
        return _spend(tx, row, action, actor.role, by_id=actor.account_id)


def refund_voucher(actor: Actor, claim: Claim, *, voucher_id: UUID) -> VoucherStands:
    """Give a voucher back for what it still holds; at any time before its last use.

    :raises VoucherNotFound: there is none of the actor's.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_OWN, {"voucher_id": voucher_id, "account_id": actor.account_id})
        if row is None:
            raise VoucherNotFound
        return _spend(tx, row, VoucherAction.REFUND, actor.role)


def expire_voucher(tx: Transaction, voucher_id: UUID) -> None:
    """Refund by itself what a voucher holds at the end of its days."""
    row = tx.open_one(_LOCK, {"voucher_id": voucher_id})
    if row is not None and row.voucher_state == VoucherState.ISSUED and row.now >= row.expires_at:
        _spend(tx, row, VoucherAction.EXPIRE, Role.SYSTEM)


def _spend(tx: Transaction, row: Row, action: VoucherAction, role: Role, *, by_id: UUID | None = None) -> VoucherStands:
    order = order_of(row)
    state = next_state(VOUCHER_TRANSITIONS, VoucherState(row.voucher_state), action, role)
    is_use = action in {VoucherAction.USE, VoucherAction.USE_LAST}
    spent_fen = use_fen(row.value_left_fen, row.uses_left) if is_use else row.value_left_fen
    named = {"order_id": order.order_id, "voucher_id": row.voucher_id, "line": row.line}
    around = tx.execute(_AROUND, named).one()
    before_fen, rate = order.left_fen, rate_of_line(around)
    commission_fen = commission_fen_of(before_fen, rate) - commission_fen_of(before_fen - spent_fen, rate)
    is_over = state in FINAL_VOUCHER_STATES and not around.others_open
    was_used = is_use or row.uses_left < row.uses or around.others_used > 0
    target = _order_after(order, role, is_over=is_over, was_used=was_used)
    reason = CancelReason.EXPIRED if action is VoucherAction.EXPIRE else CancelReason.BY_RESIDENT
    decision = decide_refund(tx, order, amount_fen=0 if is_use else spent_fen, reason=reason.value)
    journal = _released(order, row, spent_fen, commission_fen) if is_use and spent_fen else decision.journal
    if journal is not None:
        ledger.post(tx, journal, ahead=decision.ahead)
    stands = VoucherStands(
        voucher_id=row.voucher_id,
        order_id=order.order_id,
        state=state.value,
        uses_left=row.uses_left - 1 if is_use else row.uses_left,
        amount_fen=spent_fen,
    )
    _tell(tx, order, row, state, target)
    if tx.claim is not None:
        tx.keep(stands)
    tx.close(
        _SPEND,
        {
            **decision.params,
            **named,
            "from_state": order.state.value,
            "to_state": target.value,
            "spent_fen": spent_fen,
            "commission_fen": commission_fen,
            "is_over": is_over,
            "cancel_reason": reason.value if target is OrderState.CANCELED else None,
            "voucher_state": state.value,
            "used": 1 if is_use else 0,
            "is_voucher_over": state in FINAL_VOUCHER_STATES,
            "use_number": row.uses - row.uses_left + 1,
            "redeemed_by_id": by_id,
            "part": around.parts + 1,
            "merchant_id": order.merchant_id,
            "earned_fen": spent_fen - commission_fen if is_use else 0,
            "earned_on": order.now.astimezone(SHANGHAI).date(),
        },
    )
    return stands


def _order_after(order: Order, role: Role, *, is_over: bool, was_used: bool) -> OrderState:
    if not is_over:
        return order.state
    action = OrderAction.USE_UP if was_used else OrderAction.RETURN_ALL
    return next_state(ORDER_TRANSITIONS, order.state, action, role)


def _released(order: Order, row: Row, spent_fen: int, commission_fen: int) -> Journal:
    amounts = {
        codes.escrow(order.order_id): -spent_fen,
        codes.merchant_pending(order.merchant_id): spent_fen - commission_fen,
        codes.COMMISSION: commission_fen,
    }
    return Journal(
        key=f"use:{row.voucher_id}:{row.uses - row.uses_left + 1}",
        kind=JournalKind.COMPLETION,
        legs=tuple(Leg(code, fen) for code, fen in amounts.items() if fen),
        ref=str(order.order_id),
    )


def _tell(tx: Transaction, order: Order, row: Row, state: VoucherState, target: OrderState) -> None:
    about = {"order_id": order.order_id, "account_id": order.account_id, "shop_id": order.shop_id}
    tx.record(VoucherMoved(voucher_id=row.voucher_id, state=state.value, **about))
    if target is OrderState.COMPLETED:
        tx.record(OrderCompleted(state=target.value, **about))
    elif target is OrderState.CANCELED:
        tx.record(OrderCanceled(state=target.value, **about))
