"""Tables of payments, their attempts at the gateway, refunds, and the inbox of the gateway's events."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.payments.states import AttemptState, PaymentState, RefundState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class PaymentMethod(StrEnum):
    """What a payment is made with."""

    E_ACCOUNT = "e_account"
    WECHAT_PAY = "wechat_pay"
    CARD = "card"
    MIXED = "mixed"
    """A part from the e-account, on hold first, and the rest from outside (组合支付)."""


class PaymentChannel(StrEnum):
    """By what money comes from outside (支付渠道); a payment that has one part names its method the same."""

    WECHAT_PAY = "wechat_pay"
    """The payer scans a code."""
    CARD = "card"
    """The payer's own app gives the card to the gateway, and says only ``client_secret``; no card passes through us."""


PART_IS_HELD = "account_part_fen > 0 AND part_ended_at IS NULL"
"""Which attempts have a part of the e-account on hold: one of a payment at most."""


class PaymentPurpose(StrEnum):
    """What a payment is for."""

    CHECKOUT = "checkout"
    TOP_UP = "top_up"


class PaymentRow(Base):
    """The payment (支付) of one checkout, born with it, or of one top-up. The method is the last one chosen."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of("method", PaymentMethod),
        one_of("purpose", PaymentPurpose),
        one_of("state", PaymentState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("refunded_fen BETWEEN 0 AND amount_fen", name="refunded_within_paid"),
        CheckConstraint("(purpose = 'checkout') = (checkout_id IS NOT NULL)", name="checkout_named"),
        CheckConstraint("(state = 'paid') <= (method IS NOT NULL)", name="paid_by_something"),
        Index("ix_payments_mine", "account_id", text("payment_id DESC")),
        {"postgresql_with": {"fillfactor": 70}},
    )

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    purpose: Mapped[str]
    checkout_id: Mapped[UUID | None] = mapped_column(ForeignKey("checkouts.checkout_id"), unique=True)
    method: Mapped[str | None]
    amount_fen: Mapped[int]
    refunded_fen: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]


class AttemptRow(Base):
    """One try at the gateway. ``key`` is the Idempotency-Key, stored before the first byte is sent.

    ``qr_text`` or ``client_secret``, by channel, is what the payer needs to pay it, while it is open.

    ``amount_fen`` is what the gateway is asked for. Beside it, ``account_part_fen`` of a mixed payment is on hold on
    the e-account from ``part_held_at`` until ``part_ended_at``: by then it was paid with the rest, or released.
    """

    __tablename__ = "payment_attempts"
    __table_args__ = (
        one_of("channel", PaymentChannel),
        one_of("state", AttemptState),
        Index("ix_payment_attempts_ended", "ended_at", postgresql_where=text("state = 'succeeded'")),
        Index("ix_payment_attempts_open", "created_at", postgresql_where=text("state IN ('requested', 'unknown')")),
        *not_negative("account_part_fen"),
        CheckConstraint("(account_part_fen > 0) = (part_held_at IS NOT NULL)", name="part_held"),
        Index("uq_payment_attempts_part", "payment_id", unique=True, postgresql_where=text(PART_IS_HELD)),
    )

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.payment_id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    channel: Mapped[str] = mapped_column(server_default="wechat_pay")
    amount_fen: Mapped[int]
    account_part_fen: Mapped[int] = mapped_column(server_default="0")
    part_held_at: Mapped[datetime | None]
    part_ended_at: Mapped[datetime | None]
    state: Mapped[str]
    intent_id: Mapped[str | None] = mapped_column(unique=True)
    qr_text: Mapped[str | None]
    client_secret: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    asked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class RefundRow(Base):
    """A refund (退款), born from a decision with a reason. ``key`` never changes, however often it is submitted.

    Of a mixed payment, ``account_part_fen`` of it is back on the e-account at once; the state tells of the rest.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        one_of("state", RefundState),
        one_of("method", PaymentMethod),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("(account_part_fen > 0) = (method = 'mixed')", name="part_of_mixed"),
        CheckConstraint("account_part_fen >= 0 AND account_part_fen < amount_fen", name="part_within_amount"),
        *not_negative("submit_count"),
        Index("ix_refunds_ended", "ended_at", postgresql_where=text("gateway_refund_id IS NOT NULL")),
        Index(
            "ix_refunds_open",
            "requested_at",
            postgresql_where=text("state IN ('requested', 'submitting', 'unknown')"),
        ),
    )

    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.payment_id"), index=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.order_id"), index=True)
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_attempts.attempt_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    method: Mapped[str]
    amount_fen: Mapped[int]
    account_part_fen: Mapped[int] = mapped_column(server_default="0")
    reason: Mapped[str]
    state: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    gateway_refund_id: Mapped[str | None] = mapped_column(unique=True)
    submit_count: Mapped[int] = mapped_column(server_default="0")
    requested_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    dispute_id: Mapped[UUID | None] = mapped_column(ForeignKey("disputes.dispute_id"), index=True)
    """The dispute that it met: the payer has the money from their bank."""


class GatewayEventRow(Base):
    """The inbox: an event the gateway told us, once per event id. Its object is re-read before anything follows."""

    __tablename__ = "gateway_events"

    gateway_event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    object_id: Mapped[str] = mapped_column(index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    applied_at: Mapped[datetime | None]
