"""What the resident does about a case: apply, withdraw, send back, ask the platform."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.aftersale.errors import CaseTooLate, ExchangeNoDoor, NotAnExchange, NotReceived
from app.core.aftersale.rules import (
    Asked,
    CaseKind,
    CaseReason,
    ExchangeWay,
    LineLeft,
    apply_window,
    asked_fen,
    exchange_difference_fen,
    refuse_remedy,
)
from app.core.aftersale.states import CaseAction, CaseState
from app.core.catalog.errors import SkuNotFound
from app.core.events import CaseOpened
from app.core.orders.errors import LineNotFound, OrderNotFound
from app.core.orders.repository import ORDER_COLUMNS, Order, order_of
from app.core.orders.states import OrderState
from app.core.proof.rules import PhotoUse
from app.kernel.actor import Actor
from app.kernel.ids import new_id
from app.kernel.sealing import seal
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction
from app.usecases.aftersale.cases import (
    BLOCKED_WHY,
    LOCK_OWN_CASE,
    NOTE_CONTEXT,
    CaseStands,
    begin_waiting,
    lock_case,
    move_case,
    told,
)
from app.usecases.proving.photos import hand_in

APPEAL_CONTEXT = "after_sale_cases.appeal"
_RECEIVED = frozenset({OrderState.DELIVERED, OrderState.COMPLETED})
_LOCK_ORDER = opening(
    f"""
    SELECT {ORDER_COLUMNS}, coalesce(o.delivered_at, o.ended_at) AS received_at FROM orders AS o
    WHERE o.order_id = :order_id AND o.account_id = :account_id FOR UPDATE OF o
    """
)
_LEFT = text(
    """
    SELECT l.line, l.quantity, l.goods_fen + l.packing_fen - l.discount_fen AS paid_fen,
        l.is_return_excluded,
        l.refundable_fen - coalesce(sum(CASE WHEN c.state = 'refunded' THEN x.refund_fen ELSE x.asked_fen END)
            FILTER (WHERE c.state NOT IN ('refunded', 'exchanged', 'withdrawn', 'refused')
                OR c.state = 'refunded' AND c.payer = 'platform'), 0) AS left_fen,
        l.quantity - coalesce(sum(x.quantity)
            FILTER (WHERE c.kind <> 'refund_only' AND c.state NOT IN ('exchanged', 'withdrawn', 'refused')), 0)
            AS pieces_left
    FROM order_lines AS l
    LEFT JOIN after_sale_case_lines AS x ON x.order_id = l.order_id AND x.line = l.line
    LEFT JOIN after_sale_cases AS c ON c.case_id = x.case_id
    WHERE l.order_id = :order_id AND l.shorted_at IS NULL
    GROUP BY l.order_id, l.line ORDER BY l.line
    """
)
_FOR_EXCHANGE = text(
    """
    SELECT l.line, l.unit_price_fen AS old_unit_fen, k.sku_id AS exchange_sku_id, f.name AS exchange_name,
        k.option AS exchange_option, k.price_fen AS new_unit_fen,
        EXISTS (SELECT 1 FROM stock AS n WHERE n.sku_id = k.sku_id) AS is_exchange_counted
    FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS w (line bigint, sku_id uuid)
    JOIN order_lines AS l ON l.order_id = :order_id AND l.line = w.line
    JOIN skus AS k ON k.sku_id = coalesce(w.sku_id, l.sku_id) AND k.shop_id = :shop_id
    JOIN offers AS f ON f.offer_id = k.offer_id
    WHERE k.sku_id = l.sku_id OR f.state = 'on_sale' AND f.kind IN ('goods', 'dish') AND k.removed_at IS NULL
    """
)
_APPLY = closing(
    f"""
    opened AS (
        INSERT INTO after_sale_cases (case_id, order_id, account_id, shop_id, merchant_id, kind, reason, state,
            asked_fen, note_sealed, evidence, exchange_way, difference_fen, applied_at, moved_at, due_at)
        VALUES (:case_id, :order_id, :account_id, :shop_id, :merchant_id, :kind, :reason, :state, :asked_fen,
            CAST(:note_sealed AS text), CAST(:evidence AS jsonb), CAST(:exchange_way AS text),
            :difference_fen, business_now(), business_now(), :due_at)
    ),
    its_lines AS (
        INSERT INTO after_sale_case_lines (case_id, order_id, line, quantity, asked_fen, exchange_sku_id,
            exchange_name, exchange_option, exchange_unit_fen, is_exchange_counted)
        SELECT :case_id, :order_id, x.line, x.quantity, x.asked_fen, x.exchange_sku_id, x.exchange_name,
            x.exchange_option, x.exchange_unit_fen, coalesce(x.is_exchange_counted, false)
        FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS x (line bigint, quantity bigint, asked_fen bigint,
            exchange_sku_id uuid, exchange_name text, exchange_option text, exchange_unit_fen bigint,
            is_exchange_counted boolean)
    ),
    held AS (
        UPDATE settlement_items SET blocked_why = '{BLOCKED_WHY}'
        WHERE order_id = :order_id AND party_kind = 'merchant' AND settled_on IS NULL AND blocked_why IS NULL
    )"""
)


def apply_for_case(
    actor: Actor,
    claim: Claim,
    *,
    order_id: UUID,
    kind: CaseKind,
    reason: CaseReason,
    lines: Sequence[Asked],
    note: str,
    evidence: Sequence[UUID],
    exchange_way: ExchangeWay | None = None,
) -> CaseStands:
    """Open a case about lines of one's order (申请售后). Again and again, up to what is left of each line.

    What the order earned is not settled while a case is open.

    :param lines: at least one, each line once. :param evidence: photos that were uploaded for the order.
    :param exchange_way: where an exchange is made; at the shop where nothing is said.
    :raises NotAnExchange: a way, or something wanted in exchange, where nothing is exchanged.
    :raises ExchangeNoDoor: by courier, of what was not delivered.
    :raises SkuNotFound, ExchangeDearer: what is wanted in exchange is not sold, or costs more.
    :raises OrderNotFound: there is none of the actor's. :raises NotReceived: it was not handed over.
    :raises CaseTooLate: the window of the reason is over. :raises WrongRemedy, NotReturnable: not for this reason.
    :raises LineNotFound, TooManyPieces, NothingLeft: about a line. :raises PhotoUnknown: about a photo.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK_ORDER, {"order_id": order_id, "account_id": actor.account_id})
        if row is None:
            raise OrderNotFound
        order = order_of(row)
        if order.state not in _RECEIVED:
            raise NotReceived
        window = apply_window(reason, is_perishable=order.is_perishable)
        if order.now > row.received_at + window:
            raise CaseTooLate(hours=window // timedelta(hours=1))
        refuse_remedy(kind, reason, is_perishable=order.is_perishable)
        asked = _asked(tx, order_id, lines, kind, reason)
        difference_fen = 0
        if kind is CaseKind.EXCHANGE:
            exchange_way = ExchangeWay.SHOP if exchange_way is None else exchange_way
            if exchange_way is ExchangeWay.COURIER and (not order.is_delivered or order.address_lat is None):
                raise ExchangeNoDoor(pointer="/exchange_way")
            difference_fen = _add_exchanged(tx, order, lines, asked)
        elif exchange_way is not None or any(one.exchange_sku_id is not None for one in lines):
            raise NotAnExchange(pointer="/kind")
        hand_in(tx, actor, order_id=order_id, photo_ids=evidence, use=PhotoUse.CASE, pointer="/evidence")
        case_id, state = new_id(), CaseState.APPLIED
        wait = begin_waiting(tx, case_id, state, kind)
        assert wait is not None, "who is asked has a deadline"
        tx.record(told(CaseOpened, case_id, order, state))
        stands = CaseStands(case_id=case_id, order_id=order_id, state=state.value)
        tx.keep(stands)
        tx.close(
            _APPLY,
            {
                "case_id": case_id,
                "order_id": order_id,
                "account_id": order.account_id,
                "shop_id": order.shop_id,
                "merchant_id": order.merchant_id,
                "kind": kind.value,
                "reason": reason.value,
                "state": state.value,
                "asked_fen": sum(one["asked_fen"] for one in asked),
                "note_sealed": seal(note, context=NOTE_CONTEXT) if note else None,
                "evidence": orjson.dumps([str(photo_id) for photo_id in evidence]).decode(),
                "exchange_way": exchange_way,
                "difference_fen": difference_fen,
                "due_at": order.now + wait,
                "lines": orjson.dumps(asked).decode(),
            },
        )
    return stands


def _asked(
    tx: Transaction, order_id: UUID, lines: Sequence[Asked], kind: CaseKind, reason: CaseReason
) -> list[dict[str, Any]]:
    left = {
        row.line: LineLeft(
            line=row.line,
            quantity=row.quantity,
            paid_fen=row.paid_fen,
            left_fen=int(row.left_fen),
            pieces_left=int(row.pieces_left),
            is_excluded=row.is_return_excluded,
        )
        for row in tx.execute(_LEFT, {"order_id": order_id})
    }
    unknown = [one.line for one in lines if one.line not in left]
    if unknown:
        raise LineNotFound(pointer="/lines", line=min(unknown))
    return [
        {"line": one.line, "quantity": one.quantity, "asked_fen": asked_fen(left[one.line], one, kind, reason)}
        for one in lines
    ]


def _add_exchanged(tx: Transaction, order: Order, lines: Sequence[Asked], asked: Sequence[dict[str, Any]]) -> int:
    """Add to each line what it is to be exchanged for; return what goes back because that costs less, fen."""
    wanted = orjson.dumps([{"line": one.line, "sku_id": one.exchange_sku_id} for one in lines]).decode()
    params = {"order_id": order.order_id, "shop_id": order.shop_id, "wanted": wanted}
    found = {row.line: row for row in tx.execute(_FOR_EXCHANGE, params)}
    difference_fen = 0
    for one, line in zip(lines, asked, strict=True):
        row = found.get(one.line)
        if row is None:
            raise SkuNotFound(pointer="/lines")
        # the same again is never dearer, whatever it costs by now
        new_unit_fen = row.old_unit_fen if one.exchange_sku_id is None else row.new_unit_fen
        difference_fen += exchange_difference_fen(
            line["asked_fen"], old_unit_fen=row.old_unit_fen, new_unit_fen=new_unit_fen
        )
        line |= {
            "exchange_sku_id": row.exchange_sku_id,
            "exchange_name": row.exchange_name,
            "exchange_option": row.exchange_option,
            "exchange_unit_fen": new_unit_fen,
            "is_exchange_counted": row.is_exchange_counted,
        }
    return difference_fen


def withdraw_case(actor: Actor, claim: Claim, *, case_id: UUID) -> CaseStands:
    """Let a case of one's own rest (撤销). What was asked for may be asked for again."""
    return _act(actor, claim, case_id, CaseAction.WITHDRAW)


def escalate_case(actor: Actor, claim: Claim, *, case_id: UUID, note: str) -> CaseStands:
    """Ask the platform to rule (平台介入), with one's own words."""
    return _act(actor, claim, case_id, CaseAction.ESCALATE, appeal_sealed=seal(note, context=APPEAL_CONTEXT))


def send_back(actor: Actor, claim: Claim, *, case_id: UUID, reference: str) -> CaseStands:
    """Say that the goods are on their way back, by a waybill or brought to the shop."""
    return _act(actor, claim, case_id, CaseAction.SEND_BACK, return_reference=reference)


def _act(actor: Actor, claim: Claim, case_id: UUID, action: CaseAction, **more: object) -> CaseStands:
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_OWN_CASE, {"case_id": case_id, "account_id": actor.account_id})
        return move_case(tx, case, case.next(action, actor.role), **more)
