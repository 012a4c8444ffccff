"""Tables of term products."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.wealth.terms import TermState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class TermProductRow(Base):
    """A product with a term, a rate and a quota, on sale from an instant on."""

    __tablename__ = "term_products"
    __table_args__ = (
        CheckConstraint("risk_level BETWEEN 1 AND 5", name="risk_level"),
        CheckConstraint("step_fen > 0", name="step_fen_positive"),
        *not_negative("rate_bp", "early_rate_bp", "quota_fen", "cap_fen", "minimum_fen"),
    )

    product_id: Mapped[UUID] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    risk_level: Mapped[int]
    rate_bp: Mapped[int]
    is_early_exit: Mapped[bool]
    early_rate_bp: Mapped[int]
    quota_fen: Mapped[int]
    cap_fen: Mapped[int]
    minimum_fen: Mapped[int]
    step_fen: Mapped[int]
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    value_on: Mapped[date]
    matures_on: Mapped[date]
    pays_on: Mapped[date]


class TermQuotaRow(Base):
    """A part of a product's quota that is not sold."""

    __tablename__ = "term_quotas"
    __table_args__ = (*not_negative("left_fen"), {"postgresql_with": {"fillfactor": 20}})

    product_id: Mapped[UUID] = mapped_column(ForeignKey("term_products.product_id"), primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True)
    left_fen: Mapped[int]


class TermPositionRow(Base):
    """How much of a product a person has, held and confirmed; one person is one row, whatever they come with."""

    __tablename__ = "term_positions"
    __table_args__ = (
        *not_negative("amount_fen"),
        Index("ix_term_positions_product_id_account_id", "product_id", "account_id"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("term_products.product_id"), primary_key=True)
    amount_fen: Mapped[int]


class TermSubscriptionRow(Base):
    """What somebody takes of a product."""

    __tablename__ = "term_subscriptions"
    __table_args__ = (
        one_of("state", TermState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_term_subscriptions_account_id", "account_id", "subscription_id"),
        Index("ix_term_subscriptions_product_id", "product_id"),
        Index(
            "ix_term_subscriptions_confirmed", "product_id", "account_id", postgresql_where=text("state = 'confirmed'")
        ),
    )

    subscription_id: Mapped[UUID] = mapped_column(primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("term_products.product_id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    amount_fen: Mapped[int]
    state: Mapped[str]
    held_at: Mapped[datetime]
    confirm_by: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    interest_fen: Mapped[int | None]
    ended_at: Mapped[datetime | None]


class TermWaiterRow(Base):
    """Somebody who waits for what others give back, first come, first offered."""

    __tablename__ = "term_waiters"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_term_waiters_product_id", "product_id", "waits_since", postgresql_where=text("offered_at IS NULL")),
        Index("ix_term_waiters_of_product", "product_id"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("term_products.product_id"), primary_key=True)
    amount_fen: Mapped[int]
    waits_since: Mapped[datetime]
    offered_at: Mapped[datetime | None]
