"""What the resident does about a case: apply, withdraw, send back, confirm an exchange, ask the platform."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from app.core.aftersale.errors import CaseTooLate, NotReceived
from app.core.aftersale.rules import (
    Asked,
    CaseKind,
    CaseReason,
    LineLeft,
    apply_window,
    asked_fen,
    refuse_remedy,
)
from app.core.aftersale.states import CaseAction, CaseState
from app.core.events import CaseOpened
from app.core.orders.errors import LineNotFound, OrderNotFound
from app.core.orders.repository import ORDER_COLUMNS, order_of
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
_APPLY = closing(
    f"""
    opened AS (
        INSERT INTO after_sale_cases (case_id, order_id, account_id, shop_id, merchant_id, kind, reason, state,
            asked_fen, note_sealed, evidence, applied_at, moved_at, due_at)
        VALUES (:case_id, :order_id, :account_id, :shop_id, :merchant_id, :kind, :reason, :state, :asked_fen,
            CAST(:note_sealed AS text), CAST(:evidence AS jsonb), business_now(), business_now(), :due_at)
    ),
    its_lines AS (
        INSERT INTO after_sale_case_lines (case_id, order_id, line, quantity, asked_fen)
        SELECT :case_id, :order_id, x.line, x.quantity, x.asked_fen
        FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS x (line bigint, quantity bigint, asked_fen bigint)
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
) -> CaseStands:
    """Open a case about lines of one's order (申请售后). Again and again, up to what is left of each line.

    What the order earned is not settled while a case is open.

    :param lines: at least one, each line once. :param evidence: photos that were uploaded for the order.
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
                "due_at": order.now + wait,
                "lines": orjson.dumps(asked).decode(),
            },
        )
    return stands


def _asked(
    tx: Transaction, order_id: UUID, lines: Sequence[Asked], kind: CaseKind, reason: CaseReason
) -> list[dict[str, int]]:
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


def withdraw_case(actor: Actor, claim: Claim, *, case_id: UUID) -> CaseStands:
    """Let a case of one's own rest (撤销). What was asked for may be asked for again."""
    return _act(actor, claim, case_id, CaseAction.WITHDRAW)


def escalate_case(actor: Actor, claim: Claim, *, case_id: UUID, note: str) -> CaseStands:
    """Ask the platform to rule (平台介入), with one's own words."""
    return _act(actor, claim, case_id, CaseAction.ESCALATE, appeal_sealed=seal(note, context=APPEAL_CONTEXT))


def send_back(actor: Actor, claim: Claim, *, case_id: UUID, reference: str) -> CaseStands:
    """Say that the goods are on their way back, by a waybill or brought to the shop."""
    return _act(actor, claim, case_id, CaseAction.SEND_BACK, return_reference=reference)


def confirm_exchange(actor: Actor, claim: Claim, *, case_id: UUID) -> CaseStands:
    """Confirm that the replacement arrived."""
    return _act(actor, claim, case_id, CaseAction.CONFIRM_EXCHANGE)


def _act(actor: Actor, claim: Claim, case_id: UUID, action: CaseAction, **more: object) -> CaseStands:
    with transaction(claim) as tx:
        case = lock_case(tx, LOCK_OWN_CASE, {"case_id": case_id, "account_id": actor.account_id})
        return move_case(tx, case, case.next(action, actor.role), **more)
