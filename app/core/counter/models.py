"""Tables of payments at a counter: codes that are shown, payments, and refunds of them."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class CounterWay(StrEnum):
    """Who scanned whom."""

    SHOWN_CODE = "shown_code"
    """Staff scanned the resident's code (付款码)."""
    SHOP_CODE = "shop_code"
    """The resident scanned the shop's (收款码)."""


class PayCodeRow(Base):
    """A code that a resident shows at a counter (付款码): its text is derived from the row, and stands nowhere.

    :ivar amount_fen_max: what it pays at most. :ivar factor: what confirmed that; null up to the small amount.
    """

    __tablename__ = "pay_codes"
    __table_args__ = (
        CheckConstraint("amount_fen_max > 0", name="amount_fen_max_positive"),
        Index("ix_pay_codes_expires_at", "expires_at"),
    )

    pay_code_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.session_id"), index=True)
    amount_fen_max: Mapped[int]
    factor: Mapped[str | None]
    is_new_device: Mapped[bool]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class CounterPaymentRow(Base):
    """A payment at a counter: from an e-account into what the merchant has pending, less the commission then in force.

    The row is the lock of its refunds. ``amount_fen - fee_fen`` is the merchant's, in the statement of ``statement_id``
    once ``settled_on``; ``refunded_fen`` and ``fee_back_fen`` went back to who paid, gross and commission.
    """

    __tablename__ = "counter_payments"
    __table_args__ = (
        one_of("way", CounterWay),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("fee_fen BETWEEN 0 AND amount_fen", name="fee_within_amount"),
        CheckConstraint("refunded_fen BETWEEN 0 AND amount_fen", name="refunded_within_amount"),
        CheckConstraint("fee_back_fen BETWEEN 0 AND least(fee_fen, refunded_fen)", name="fee_back_within_fee"),
        CheckConstraint("(way = 'shown_code') = (pay_code_id IS NOT NULL)", name="code_named"),
        Index("ix_counter_payments_mine", "account_id", text("counter_payment_id DESC")),
        Index("ix_counter_payments_shop", "shop_id", text("counter_payment_id DESC")),
        Index(
            "ix_counter_payments_unsettled", "merchant_id", "eligible_on", postgresql_where=text("settled_on IS NULL")
        ),
        Index("ix_counter_payments_statement", "statement_id", postgresql_where=text("statement_id IS NOT NULL")),
    )

    counter_payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    shop_id: Mapped[UUID]
    merchant_id: Mapped[UUID]
    way: Mapped[str]
    pay_code_id: Mapped[UUID | None] = mapped_column(unique=True)
    clerk_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    amount_fen: Mapped[int]
    fee_fen: Mapped[int]
    commission_rule: Mapped[str]
    commission_bp: Mapped[int]
    refunded_fen: Mapped[int] = mapped_column(server_default="0")
    fee_back_fen: Mapped[int] = mapped_column(server_default="0")
    paid_at: Mapped[datetime]
    eligible_on: Mapped[date]
    settled_on: Mapped[date | None]
    statement_id: Mapped[UUID | None]


class CounterRefundRow(Base):
    """A refund of a payment at a counter, back on the e-account at once, as its merchant bears it."""

    __tablename__ = "counter_refunds"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("amount_fen = fee_back_fen + pending_fen + available_fen + debt_fen", name="adds_up"),
        *not_negative("fee_back_fen", "pending_fen", "available_fen", "debt_fen"),
        Index("ix_counter_refunds_waiting", "merchant_id", postgresql_where=text("statement_id IS NULL")),
        Index("ix_counter_refunds_statement", "statement_id", postgresql_where=text("statement_id IS NOT NULL")),
    )

    counter_refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    counter_payment_id: Mapped[UUID] = mapped_column(ForeignKey("counter_payments.counter_payment_id"), index=True)
    merchant_id: Mapped[UUID]
    by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    amount_fen: Mapped[int]
    fee_back_fen: Mapped[int]
    pending_fen: Mapped[int]
    available_fen: Mapped[int]
    debt_fen: Mapped[int]
    is_after_settlement: Mapped[bool]
    made_at: Mapped[datetime]
    statement_id: Mapped[UUID | None]
