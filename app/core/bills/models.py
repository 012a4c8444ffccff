"""Tables of life bills. Amounts are fen; days are those of Asia/Shanghai."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.bills.numbers import CheckScheme
from app.core.bills.states import BillKind, BillPaymentState, BillSource
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class BillerRow(Base):
    """Who sends bills (缴费机构), for one kind in one region; ``code`` names its ledger account."""

    __tablename__ = "billers"
    __table_args__ = (
        one_of("kind", BillKind),
        one_of("check_scheme", CheckScheme),
        *not_negative("minimum_fen", "maximum_fen"),
        CheckConstraint("digits_min BETWEEN 1 AND digits_max", name="digits"),
        Index("ix_billers_region_code", "region_code", "kind"),
    )

    biller_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    region_code: Mapped[str]
    region_zh: Mapped[str]
    region_en: Mapped[str]
    digits_min: Mapped[int]
    digits_max: Mapped[int]
    check_scheme: Mapped[str]
    is_part_allowed: Mapped[bool]
    is_prepaid: Mapped[bool]
    minimum_fen: Mapped[int]
    maximum_fen: Mapped[int]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class UtilityAccountRow(Base):
    """An account with a biller (户号), one row however many people have bound it."""

    __tablename__ = "utility_accounts"
    __table_args__ = (UniqueConstraint("biller_id", "number_index"),)

    utility_account_id: Mapped[UUID] = mapped_column(primary_key=True)
    biller_id: Mapped[UUID] = mapped_column(ForeignKey("billers.biller_id"))
    number_sealed: Mapped[str | None]
    number_index: Mapped[bytes] = mapped_column(LargeBinary)
    tail: Mapped[str]
    balance_fen: Mapped[int | None]
    asked_at: Mapped[datetime | None]


class BillBindingRow(Base):
    """An account that somebody has bound; with a cap, its bills are paid by themselves (自动缴费)."""

    __tablename__ = "bill_bindings"
    __table_args__ = (
        CheckConstraint("autopay_factor IN ('pin', 'passkey')", name="autopay_factor"),
        CheckConstraint("autopay_cap_fen > 0", name="autopay_cap_fen_positive"),
        CheckConstraint("(autopay_cap_fen IS NULL) = (autopay_factor IS NULL)", name="autopay_confirmed"),
        Index(
            "ix_bill_bindings_bound",
            "account_id",
            "utility_account_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index("ix_bill_bindings_account_id", "account_id", "binding_id"),
        Index("ix_bill_bindings_utility_account_id", "utility_account_id"),
        Index("ix_bill_bindings_look_at", "look_at", postgresql_where=text("removed_at IS NULL")),
        Index(
            "ix_bill_bindings_autopay",
            "autopay_tried_on",
            postgresql_where=text("removed_at IS NULL AND autopay_cap_fen IS NOT NULL"),
        ),
    )

    binding_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    utility_account_id: Mapped[UUID] = mapped_column(ForeignKey("utility_accounts.utility_account_id"))
    nickname_sealed: Mapped[str]
    is_reminded: Mapped[bool]
    bound_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    look_at: Mapped[datetime]
    autopay_cap_fen: Mapped[int | None]
    autopay_factor: Mapped[str | None]
    autopay_tried_on: Mapped[date] = mapped_column(server_default="2000-01-01")


class BillRow(Base):
    """A bill as its biller told it. ``taken_fen`` is what our payments have taken or are taking of it."""

    __tablename__ = "bills"
    __table_args__ = (
        UniqueConstraint("utility_account_id", "bill_no"),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("taken_fen BETWEEN 0 AND amount_fen", name="taken_once"),
        *not_negative("told_paid_fen"),
    )

    bill_id: Mapped[UUID] = mapped_column(primary_key=True)
    utility_account_id: Mapped[UUID] = mapped_column(ForeignKey("utility_accounts.utility_account_id"))
    bill_no: Mapped[str]
    month: Mapped[date]
    due_on: Mapped[date]
    amount_fen: Mapped[int]
    told_paid_fen: Mapped[int]
    taken_fen: Mapped[int] = mapped_column(server_default="0")
    told_at: Mapped[datetime]


class BillQuoteRow(Base):
    """What somebody was told that they may pay, and until when; without a bill, a prepaid top-up.

    It is of an account that they have bound, or, at a desk, of one that they named there (``utility_account_id``).
    """

    __tablename__ = "bill_quotes"
    __table_args__ = (
        CheckConstraint("low_fen BETWEEN 1 AND high_fen", name="amounts"),
        CheckConstraint("(binding_id IS NULL) <> (utility_account_id IS NULL)", name="bound_or_named"),
    )

    quote_id: Mapped[UUID] = mapped_column(primary_key=True)
    binding_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_bindings.binding_id"), index=True)
    utility_account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("utility_accounts.utility_account_id"), index=True
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    bill_id: Mapped[UUID | None] = mapped_column(ForeignKey("bills.bill_id"), index=True)
    low_fen: Mapped[int]
    high_fen: Mapped[int]
    lock: Mapped[str | None]
    locked_until: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class BillPaymentRow(Base):
    """A payment at a biller. ``key`` is what the biller knows it by; ``next_ask_at`` is wall time.

    ``settled_on`` is the day of the settlement that passed it on to the biller, ``suspended_on`` that of the one that
    set it aside, because the biller's file lacked it.
    """

    __tablename__ = "bill_payments"
    __table_args__ = (
        one_of("source", BillSource),
        one_of("state", BillPaymentState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_bill_payments_account_id", "account_id", "bill_payment_id"),
        Index("ix_bill_payments_biller_id", "biller_id", "booked_on"),
        Index(
            "ix_bill_payments_unsettled",
            "biller_id",
            "bill_payment_id",
            postgresql_where=text("state = 'succeeded' AND settled_on IS NULL"),
        ),
        Index(
            "ix_bill_payments_paid_once",
            "bill_id",
            unique=True,
            postgresql_where=text("is_whole AND state <> 'returned'"),
        ),
        Index(
            "ix_bill_payments_open",
            "next_ask_at",
            postgresql_where=text("state IN ('debited', 'submitted', 'unknown')"),
        ),
    )

    bill_payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    biller_id: Mapped[UUID] = mapped_column(ForeignKey("billers.biller_id"))
    utility_account_id: Mapped[UUID] = mapped_column(ForeignKey("utility_accounts.utility_account_id"), index=True)
    bill_id: Mapped[UUID | None] = mapped_column(ForeignKey("bills.bill_id"), index=True)
    source: Mapped[str]
    is_whole: Mapped[bool]
    amount_fen: Mapped[int]
    state: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    lock: Mapped[str | None]
    requested_at: Mapped[datetime]
    ask_count: Mapped[int] = mapped_column(server_default="0")
    next_ask_at: Mapped[datetime | None]
    biller_reference: Mapped[str | None]
    booked_on: Mapped[date | None]
    refusal: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    suspended_on: Mapped[date | None]
    settled_on: Mapped[date | None]
