"""Tables of settlement (结算): terms, what was earned, what was refunded after the end, and statements (结算单)."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class PartyKind(StrEnum):
    """What was earned, and by whom."""

    MERCHANT = "merchant"
    COURIER = "courier"
    COURIER_TIP = "courier_tip"


class SettledParty(StrEnum):
    """Who gets statements."""

    MERCHANT = "merchant"
    COURIER = "courier"


class PaidParty(StrEnum):
    """Who is paid by the bank's files."""

    MERCHANT = "merchant"
    COURIER = "courier"
    BILLER = "biller"


class Cycle(StrEnum):
    """How often a party gets a statement (结算周期)."""

    DAILY = "daily"
    WEEKLY = "weekly"
    """On Mondays."""
    MONTHLY = "monthly"
    """On the first of the month."""


HOLD_DAYS = 1
"""T+1: what is earned on a day may stand in the statement of the next, unless a merchant's terms say otherwise."""


class SettlementAccountRow(Base):
    """How one party is settled, and where its last statement ended. The lock of everything that takes its money away.

    :ivar hold_days: days between the end of an order and its settlement.
    :ivar deposit_target_fen: deposit that income builds up to, by ``deposit_bp`` of each statement.
    :ivar next_on: day of the next statement. :ivar closing_fen: settled balance at the end of the last one.
    :ivar available_seq: last entry of that account that a statement has told of; likewise the others.
    """

    __tablename__ = "settlement_accounts"
    __table_args__ = (
        one_of("party_kind", SettledParty),
        one_of("cycle", Cycle),
        CheckConstraint("hold_days BETWEEN 0 AND 60", name="hold_days_range"),
        CheckConstraint("deposit_bp BETWEEN 0 AND 10000", name="deposit_bp_range"),
        *not_negative("deposit_target_fen"),
        Index("ix_settlement_accounts_next", "next_on"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    party_kind: Mapped[str] = mapped_column(primary_key=True)
    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    cycle: Mapped[str] = mapped_column(server_default=Cycle.DAILY.value)
    hold_days: Mapped[int] = mapped_column(server_default=text("1"))
    deposit_target_fen: Mapped[int] = mapped_column(server_default=text("0"))
    deposit_bp: Mapped[int] = mapped_column(server_default=text("0"))
    next_on: Mapped[date]
    statements_count: Mapped[int] = mapped_column(server_default=text("0"))
    last_on: Mapped[date | None]
    closing_fen: Mapped[int] = mapped_column(server_default=text("0"))
    available_seq: Mapped[int] = mapped_column(server_default=text("0"))
    deposit_seq: Mapped[int] = mapped_column(server_default=text("0"))
    debt_seq: Mapped[int] = mapped_column(server_default=text("0"))


class SettlementItemRow(Base):
    """What one party earned by one order, in its pending account until a statement takes it up.

    ``amount_fen = gross - fee`` as earned; ``refunded_fen`` and ``fee_back_fen`` are what went back since, gross and
    commission. Until it is settled, pending holds ``amount - (refunded - fee back)`` for it. Of the gross,
    ``promotion_fen`` came from the platform's coupon; of the refunded, ``promotion_back_fen`` went back there.
    """

    __tablename__ = "settlement_items"
    __table_args__ = (
        one_of("party_kind", PartyKind),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("refunded_fen BETWEEN 0 AND amount_fen + fee_fen", name="refunded_within_gross"),
        CheckConstraint("fee_back_fen BETWEEN 0 AND least(fee_fen, refunded_fen)", name="fee_back_within_fee"),
        CheckConstraint("promotion_back_fen BETWEEN 0 AND promotion_fen", name="promotion_back_within"),
        *not_negative("fee_fen"),
        Index("ix_settlement_items_unsettled", "party_id", "eligible_on", postgresql_where=text("settled_on IS NULL")),
        Index("ix_settlement_items_statement", "statement_id", postgresql_where=text("statement_id IS NOT NULL")),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    party_kind: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=text("0"))
    party_id: Mapped[UUID]
    amount_fen: Mapped[int]
    fee_fen: Mapped[int] = mapped_column(server_default=text("0"))
    refunded_fen: Mapped[int] = mapped_column(server_default=text("0"))
    fee_back_fen: Mapped[int] = mapped_column(server_default=text("0"))
    promotion_fen: Mapped[int] = mapped_column(server_default=text("0"))
    promotion_back_fen: Mapped[int] = mapped_column(server_default=text("0"))
    eligible_on: Mapped[date]
    blocked_why: Mapped[str | None]
    settled_on: Mapped[date | None]
    statement_id: Mapped[UUID | None]


class SettlementRefundRow(Base):
    """A refund of a completed order, as its merchant bears it: ``borne = amount - fee back``, out of these accounts.

    Of ``amount_fen``, ``promotion_back_fen`` went back to the platform, which had given it as a coupon.
    """

    __tablename__ = "settlement_refunds"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("amount_fen = fee_back_fen + pending_fen + available_fen + debt_fen", name="adds_up"),
        CheckConstraint("promotion_back_fen BETWEEN 0 AND amount_fen", name="promotion_back_within"),
        *not_negative("fee_back_fen", "pending_fen", "available_fen", "debt_fen"),
        Index("ix_settlement_refunds_waiting", "merchant_id", postgresql_where=text("statement_id IS NULL")),
        Index("ix_settlement_refunds_statement", "statement_id", postgresql_where=text("statement_id IS NOT NULL")),
    )

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refunds.refund_id"), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(index=True)
    merchant_id: Mapped[UUID]
    amount_fen: Mapped[int]
    fee_back_fen: Mapped[int]
    pending_fen: Mapped[int]
    available_fen: Mapped[int]
    debt_fen: Mapped[int]
    promotion_back_fen: Mapped[int] = mapped_column(server_default=text("0"))
    is_after_settlement: Mapped[bool]
    made_at: Mapped[datetime]
    statement_id: Mapped[UUID | None]


class StatementRow(Base):
    """A statement (结算单): what became of a party's settled balance, ``available + deposit - debt``, in a period.

    Of ``gross_fen``, ``promotion_fen`` came from the platform's coupons; of ``refunded_fen``, ``promotion_back_fen``
    went back there. Never changed. The ``…_seq`` columns name the entries of the books that it covers: after the first,
    up to the last.
    """

    __tablename__ = "statements"
    __table_args__ = (
        one_of("party_kind", SettledParty),
        UniqueConstraint("party_kind", "party_id", "number"),
        CheckConstraint(
            "closing_fen = opening_fen + gross_fen - fee_fen - refunded_fen + fee_back_fen + others_fen",
            name="adds_up",
        ),
        CheckConstraint("closing_fen = available_fen + deposit_fen - debt_fen", name="closes_as_the_books"),
        CheckConstraint("promotion_fen BETWEEN 0 AND gross_fen", name="promotion_within"),
        CheckConstraint("promotion_back_fen BETWEEN 0 AND refunded_fen", name="promotion_back_within"),
        *not_negative("gross_fen", "fee_fen", "refunded_fen", "fee_back_fen", "deposit_fen", "debt_fen"),
        Index("ix_statements_party", "party_kind", "party_id", text("statement_id DESC")),
    )

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    party_kind: Mapped[str]
    party_id: Mapped[UUID]
    number: Mapped[int]
    period_from: Mapped[date]
    period_to: Mapped[date]
    made_at: Mapped[datetime]
    opening_fen: Mapped[int]
    orders_count: Mapped[int]
    gross_fen: Mapped[int]
    promotion_fen: Mapped[int] = mapped_column(server_default=text("0"))
    fee_fen: Mapped[int]
    refunds_count: Mapped[int]
    refunded_fen: Mapped[int]
    promotion_back_fen: Mapped[int] = mapped_column(server_default=text("0"))
    fee_back_fen: Mapped[int]
    others_fen: Mapped[int]
    closing_fen: Mapped[int]
    income_fen: Mapped[int]
    debt_repaid_fen: Mapped[int]
    to_deposit_fen: Mapped[int]
    available_fen: Mapped[int]
    deposit_fen: Mapped[int]
    debt_fen: Mapped[int]
    available_from_seq: Mapped[int]
    available_to_seq: Mapped[int]
    deposit_from_seq: Mapped[int]
    deposit_to_seq: Mapped[int]
    debt_from_seq: Mapped[int]
    debt_to_seq: Mapped[int]
