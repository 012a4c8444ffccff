"""Tables of after-sale cases, their lines, and replacements."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.aftersale.rules import CaseFault, CaseKind, CaseReason, ExchangeWay, Payer
from app.core.aftersale.states import CaseState, ReplacementState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class CaseRow(Base):
    """An after-sale case (售后单) about lines of one order. The order's row is its lock.

    Fault and payer are written when it is decided; ``from_…_fen`` says where its refund came from and sums to it.
    """

    __tablename__ = "after_sale_cases"
    __table_args__ = (
        one_of("state", CaseState),
        one_of("kind", CaseKind),
        one_of("reason", CaseReason),
        one_of("fault", CaseFault),
        one_of("payer", Payer),
        one_of("exchange_way", ExchangeWay),
        one_of("carriage_payer", Payer),
        CheckConstraint("(kind = 'exchange') >= (exchange_way IS NOT NULL)", name="way_of_an_exchange"),
        CheckConstraint("(carriage_payer IS NULL) = (carriage_fen = 0)", name="carriage_has_payer"),
        CheckConstraint("asked_fen > 0", name="asked_fen_positive"),
        CheckConstraint("refund_fen BETWEEN 0 AND asked_fen", name="refund_within_asked"),
        CheckConstraint(
            "refund_fen + promotion_back_fen = from_escrow_fen + from_pending_fen + from_available_fen + from_debt_fen"
            " + from_commission_fen + from_platform_fen",
            name="refund_has_sources",
        ),
        CheckConstraint("(state = 'refunded') <= (payer IS NOT NULL)", name="refund_has_payer"),
        *not_negative(
            "from_escrow_fen",
            "from_pending_fen",
            "from_available_fen",
            "from_debt_fen",
            "from_commission_fen",
            "from_platform_fen",
            "promotion_back_fen",
            "carriage_fen",
            "difference_fen",
        ),
        Index("ix_after_sale_cases_mine", "account_id", text("case_id DESC")),
        Index("ix_after_sale_cases_shop", "shop_id", text("case_id DESC")),
        Index("ix_after_sale_cases_escalated", "case_id", postgresql_where=text("state = 'escalated'")),
    )

    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    shop_id: Mapped[UUID]
    merchant_id: Mapped[UUID]
    kind: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    asked_fen: Mapped[int]
    note_sealed: Mapped[str | None]
    evidence: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    answer: Mapped[str | None]
    appeal_sealed: Mapped[str | None]
    return_reference: Mapped[str | None]
    replacement_reference: Mapped[str | None]
    fault: Mapped[str | None]
    payer: Mapped[str | None]
    ruling: Mapped[str | None]
    ruled_by_id: Mapped[UUID | None]
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refunds.refund_id"), index=True)
    refund_fen: Mapped[int] = mapped_column(server_default="0")
    from_escrow_fen: Mapped[int] = mapped_column(server_default="0")
    from_pending_fen: Mapped[int] = mapped_column(server_default="0")
    from_available_fen: Mapped[int] = mapped_column(server_default="0")
    from_debt_fen: Mapped[int] = mapped_column(server_default="0")
    from_commission_fen: Mapped[int] = mapped_column(server_default="0")
    from_platform_fen: Mapped[int] = mapped_column(server_default="0")
    promotion_back_fen: Mapped[int] = mapped_column(server_default="0")
    """What of the platform's part of the price went back to the platform with the refund, fen."""
    exchange_way: Mapped[str | None]
    difference_fen: Mapped[int] = mapped_column(server_default="0")
    """What goes back when it was exchanged for something that costs less, fen."""
    carrier_id: Mapped[UUID | None]
    """Who carries, or carried, the new piece."""
    carriage_fen: Mapped[int] = mapped_column(server_default="0")
    """What the courier earned by it, fen, and who bore it."""
    carriage_payer: Mapped[str | None]
    wrong_codes: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    applied_at: Mapped[datetime]
    moved_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class CaseLineRow(Base):
    """What a case asks of one line: pieces, and fen."""

    __tablename__ = "after_sale_case_lines"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),
        CheckConstraint("asked_fen > 0", name="asked_fen_positive"),
        CheckConstraint("refund_fen BETWEEN 0 AND asked_fen", name="refund_within_asked"),
        Index("ix_after_sale_case_lines_line", "order_id", "line"),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("after_sale_cases.case_id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    order_id: Mapped[UUID]
    quantity: Mapped[int]
    asked_fen: Mapped[int]
    refund_fen: Mapped[int] = mapped_column(server_default="0")
    exchange_sku_id: Mapped[UUID | None]
    exchange_name: Mapped[str | None]
    exchange_option: Mapped[str | None]
    exchange_unit_fen: Mapped[int | None]
    is_exchange_counted: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether pieces of it are reserved while the case is exchanging."""


class ReplacementRow(Base):
    """Another SKU that a shop offers for a line that it lacks. It never costs more than what it replaces."""

    __tablename__ = "replacements"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        one_of("state", ReplacementState),
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),
        CheckConstraint("unit_price_fen > 0", name="unit_price_fen_positive"),
        Index("ix_replacements_line", "order_id", "line"),
        Index("uq_replacements_open", "order_id", "line", unique=True, postgresql_where=text("state = 'offered'")),
    )

    replacement_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    line: Mapped[int]
    sku_id: Mapped[UUID]
    name: Mapped[str]
    option: Mapped[str]
    unit_price_fen: Mapped[int]
    quantity: Mapped[int]
    is_counted: Mapped[bool]
    state: Mapped[str]
    offered_at: Mapped[datetime]
    due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
