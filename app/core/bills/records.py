"""Tables beside the payments of bills: what people are told, billers' files, and what does not agree."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class BillNoticeKind(StrEnum):
    """What people are told of a bill."""

    DUE = "due"
    PAID = "paid"
    """It was paid by itself."""
    OVER_CAP = "over_cap"
    """It was not paid by itself: it is more than the cap."""
    NOT_PAID = "not_paid"
    """It was not paid by itself: the e-account or a limit does not allow it."""


class BillMismatch(StrEnum):
    """How a biller's file and our payments do not agree."""

    MISSING_HERE = "missing_here"
    """It booked what we know nothing of."""
    MISSING_THERE = "missing_there"
    """It said yes, and its file does not say so."""
    AMOUNT_DIFFERS = "amount_differs"
    PAID_AFTER_RETURN = "paid_after_return"
    """It said no, we gave the money back, and it booked it."""


class BillNoticeRow(Base):
    """Something that somebody was told of a bill, once."""

    __tablename__ = "bill_notices"
    __table_args__ = (
        one_of("kind", BillNoticeKind),
        UniqueConstraint("binding_id", "bill_id", "kind"),
        Index("ix_bill_notices_account_id", "account_id", "notice_id"),
    )

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    binding_id: Mapped[UUID] = mapped_column(ForeignKey("bill_bindings.binding_id"))
    bill_id: Mapped[UUID] = mapped_column(ForeignKey("bills.bill_id"), index=True)
    kind: Mapped[str]
    amount_fen: Mapped[int]
    due_on: Mapped[date]
    noticed_at: Mapped[datetime]


class BillFileRow(Base):
    """A file of one biller and day, taken whole; there is one."""

    __tablename__ = "bill_files"
    __table_args__ = (UniqueConstraint("biller_id", "day"),)

    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    biller_id: Mapped[UUID] = mapped_column(ForeignKey("billers.biller_id"))
    day: Mapped[date]
    sha256: Mapped[str]
    lines_count: Mapped[int]
    total_fen: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class BillFileLineRow(Base):
    """One line of a file; a key stands in one file of a biller."""

    __tablename__ = "bill_file_lines"

    biller_id: Mapped[UUID] = mapped_column(ForeignKey("billers.biller_id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("bill_files.file_id"), index=True)
    reference: Mapped[str]
    amount_fen: Mapped[int]


class BillSettlementRow(Base):
    """What one biller got of one of its days (缴费结算), and what its file lacked."""

    __tablename__ = "bill_settlements"
    __table_args__ = (
        UniqueConstraint("biller_id", "day"),
        *not_negative("payments_count", "amount_fen", "suspended_fen"),
    )

    settlement_id: Mapped[UUID] = mapped_column(primary_key=True)
    biller_id: Mapped[UUID] = mapped_column(ForeignKey("billers.biller_id"))
    day: Mapped[date]
    payments_count: Mapped[int]
    amount_fen: Mapped[int]
    suspended_fen: Mapped[int]
    settled_at: Mapped[datetime]


class BillDifferenceRow(Base):
    """The worklist: what does not agree, until somebody says what it was."""

    __tablename__ = "bill_differences"
    __table_args__ = (
        one_of("mismatch", BillMismatch),
        UniqueConstraint("biller_id", "key", "mismatch"),
        CheckConstraint("(resolved_at IS NULL) = (why IS NULL)", name="resolved_somehow"),
        Index("ix_bill_differences_open", "difference_id", postgresql_where=text("resolved_at IS NULL")),
    )

    difference_id: Mapped[UUID] = mapped_column(primary_key=True)
    biller_id: Mapped[UUID] = mapped_column(ForeignKey("billers.biller_id"))
    day: Mapped[date]
    mismatch: Mapped[str]
    key: Mapped[str]
    ours_fen: Mapped[int | None]
    theirs_fen: Mapped[int | None]
    found_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    why: Mapped[str | None]
