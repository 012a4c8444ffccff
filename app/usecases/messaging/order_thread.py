"""An order's own thread (订单会话): nobody needs the other's number to say where the door is.

Its resident, the shop's members and the courier who has the trip write and read, from the payment until half an hour
after the order is handed over or over. The resident may read on. The order's row is the lock of its thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.events import OrderMessageSent
from app.core.orders.errors import OrderNotFound
from app.core.privacy.errors import ThreadClosed, TooManyOrderMessages
from app.core.privacy.visibility import Phase, phase_of
from app.kernel.actor import Actor, Side
from app.kernel.ids import new_id
from app.kernel.sealing import seal, unseal
from app.kernel.transaction import Claim, Transaction, closing, opening, transaction

TEXT_CONTEXT = "order_messages.text"
TEXT_CHARS_MAX = 500
WINDOW, WINDOW_MAX = timedelta(minutes=10), 20
"""How many messages one side may send to one order in which time."""
_OPEN_PHASES = frozenset({Phase.UNDER_WAY, Phase.JUST_OVER})

_WHOSE: Mapping[Side, str] = {
    Side.USER: "o.account_id = :account_id",
    Side.MERCHANT: """o.paid_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM memberships AS m WHERE m.organization_id = o.merchant_id AND m.organization_kind = 'merchant'
        AND m.account_id = :account_id)""",
    Side.COURIER: """EXISTS (
        SELECT 1 FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
        WHERE d.order_id = o.order_id AND t.courier_id = :account_id)""",
}
_ORDER = """
    SELECT o.order_id, o.account_id, o.shop_id, o.state, o.paid_at IS NOT NULL AS is_paid,
        coalesce(o.delivered_at, o.ended_at) AS over_at, business_now() AS now,
        (SELECT t.courier_id FROM deliveries AS d JOIN trips AS t ON t.trip_id = d.trip_id
         WHERE d.order_id = o.order_id ORDER BY d.created_at DESC LIMIT 1) AS courier_id
    FROM orders AS o WHERE o.order_id = :order_id AND
"""
_LOCK = {side: opening(f"{_ORDER} {whose} FOR UPDATE OF o") for side, whose in _WHOSE.items()}
_LOOK = {side: text(f"{_ORDER} {whose}") for side, whose in _WHOSE.items()}
_RECENT = text(
    """
    SELECT count(*) FROM order_messages
    WHERE order_id = :order_id AND role = :role AND sent_at > business_now() - CAST(:window AS interval)
    """
)
_SEND = closing(
    """
    sent AS (
        INSERT INTO order_messages (message_id, order_id, account_id, role, text_sealed, sent_at)
        VALUES (:message_id, :order_id, :account_id, :role, :text_sealed, business_now())
    )"""
)
_READ = text(
    """
    SELECT message_id, role, text_sealed, sent_at FROM order_messages
    WHERE order_id = :order_id AND message_id < :before ORDER BY message_id DESC LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSent:
    """What sending answers."""

    message_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it is read; who wrote it is told by the part alone."""

    message_id: UUID
    role: str
    text: str
    sent_at: datetime


def send_message(actor: Actor, claim: Claim, *, order_id: UUID, text: str) -> MessageSent:
    """Write to the other sides of an order.

    :raises OrderNotFound: there is none, or one has no part in it. :raises ThreadClosed: not now.
    :raises TooManyOrderMessages: one's side wrote enough for the moment.
    """
    with transaction(claim) as tx:
        row = tx.open_one(_LOCK[actor.side], {"order_id": order_id, "account_id": actor.account_id})
        if row is None:
            raise OrderNotFound
        if _phase(row) not in _OPEN_PHASES:
            raise ThreadClosed
        own = {"order_id": order_id, "role": actor.role.value}
        if tx.execute(_RECENT, {**own, "window": WINDOW}).scalar_one() >= WINDOW_MAX:
            raise TooManyOrderMessages(retry_after_s=int(WINDOW.total_seconds()))
        sent = MessageSent(message_id=new_id())
        tx.record(
            OrderMessageSent(
                order_id=order_id,
                account_id=row.account_id,
                shop_id=row.shop_id,
                state=row.state,
                courier_id=row.courier_id,
            )
        )
        tx.keep(sent)
        tx.close(
            _SEND,
            {
                **own,
                "message_id": sent.message_id,
                "account_id": actor.account_id,
                "text_sealed": seal(text, context=TEXT_CONTEXT),
            },
        )
    return sent


def read_messages(tx: Transaction, actor: Actor, *, order_id: UUID, before: UUID, limit: int) -> list[Message]:
    """Return messages of an order, newest first; once it is closed, to its resident alone.

    :raises OrderNotFound: there is none, or it is no longer the asker's to read.
    """
    row = tx.execute(_LOOK[actor.side], {"order_id": order_id, "account_id": actor.account_id}).one_or_none()
    if row is None or (actor.side is not Side.USER and _phase(row) not in _OPEN_PHASES):
        raise OrderNotFound
    found = tx.execute(_READ, {"order_id": order_id, "before": before, "limit": limit})
    return [
        Message(
            message_id=one.message_id,
            role=one.role,
            text=unseal(one.text_sealed, context=TEXT_CONTEXT),
            sent_at=one.sent_at,
        )
        for one in found
    ]


def _phase(row: Any) -> Phase:
    return phase_of(is_paid=row.is_paid, over_at=row.over_at, now=row.now)
