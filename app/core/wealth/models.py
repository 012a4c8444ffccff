"""Tables of wealth. Amounts and units are fen: a unit is worth one yuan. Days are those of Asia/Shanghai."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.wealth.states import FundOrderKind, FundOrderSource, FundOrderState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class TradingDayRow(Base):
    """A day of the known calendar (交易日历); whole years, without a gap."""

    __tablename__ = "trading_days"
    __table_args__ = (Index("ix_trading_days_trading", "day", postgresql_where=text("is_trading")),)

    day: Mapped[date] = mapped_column(primary_key=True)
    is_trading: Mapped[bool]


class FundRow(Base):
    """A money-market fund. ``accrued_through``: income has been paid through this day, and no further."""

    __tablename__ = "funds"
    __table_args__ = (
        CheckConstraint("risk_level BETWEEN 1 AND 5", name="risk_level"),
        *not_negative("minimum_fen", "fast_cap_fen"),
    )

    fund_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    risk_level: Mapped[int]
    minimum_fen: Mapped[int]
    fast_cap_fen: Mapped[int]
    is_pay_capped: Mapped[bool] = mapped_column(server_default=text("true"))
    accrued_through: Mapped[date]
    rounding_fen: Mapped[int] = mapped_column(server_default="0")


class RiskAssessmentRow(Base):
    """A questionnaire as somebody answered it; the latest counts."""

    __tablename__ = "risk_assessments"
    __table_args__ = (CheckConstraint("level BETWEEN 1 AND 5", name="level"),)

    assessment_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    questionnaire_version: Mapped[int]
    answers: Mapped[list[int] | None] = mapped_column(JSONB)
    score: Mapped[int]
    level: Mapped[int]
    taken_at: Mapped[datetime]
    expires_on: Mapped[date]


class RiskAcceptanceRow(Base):
    """Somebody wants products above their level (风险不匹配确认): asked for, confirmed after the cooling time."""

    __tablename__ = "risk_acceptances"
    __table_args__ = (
        CheckConstraint("risk_level BETWEEN 2 AND 5", name="risk_level"),
        CheckConstraint("confirmed_at >= ready_at", name="cooled"),
    )

    acceptance_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    assessment_id: Mapped[UUID] = mapped_column(ForeignKey("risk_assessments.assessment_id"), index=True)
    risk_level: Mapped[int]
    asked_at: Mapped[datetime]
    ready_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class DocumentConsentRow(Base):
    """A version of a document that somebody agreed to."""

    __tablename__ = "document_consents"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    consented_at: Mapped[datetime]


class FundOrderRow(Base):
    """An order of a fund.

    ``units_fen`` is added to what earns from ``earns_from`` on; ``absorbed_on`` is the accrual that took it up.
    ``is_repaid``: the fund has paid the bank back for what it advanced.
    """

    __tablename__ = "fund_orders"
    __table_args__ = (
        one_of("kind", FundOrderKind),
        one_of("source", FundOrderSource),
        one_of("state", FundOrderState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_fund_orders_account_id", "account_id", "fund_order_id"),
        Index("ix_fund_orders_fund_id", "fund_id", "trade_on", "fund_order_id"),
        Index(
            "ix_fund_orders_moves",
            "fund_id",
            "earns_from",
            postgresql_where=text("absorbed_on IS NULL AND earns_from IS NOT NULL"),
        ),
        Index(
            "ix_fund_orders_undecided",
            "fund_id",
            "confirm_on",
            postgresql_where=text("state IN ('accepted', 'sent')"),
        ),
    )

    fund_order_id: Mapped[UUID] = mapped_column(primary_key=True)
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.fund_id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    kind: Mapped[str]
    source: Mapped[str]
    amount_fen: Mapped[int]
    confirmed_fen: Mapped[int | None]
    state: Mapped[str]
    placed_at: Mapped[datetime]
    trade_on: Mapped[date]
    confirm_on: Mapped[date]
    earns_from: Mapped[date | None]
    units_fen: Mapped[int] = mapped_column(server_default="0")
    absorbed_on: Mapped[date | None]
    is_repaid: Mapped[bool] = mapped_column(server_default=text("false"))


class FundHoldingRow(Base):
    """What somebody holds of a fund.

    ``units_fen`` can be redeemed; ``earning_fen`` has earned through ``funds.accrued_through``. They differ by the
    orders that no accrual has absorbed yet. ``uncredited_fen`` of the units stand in the books on ``fund_income`` until
    the holder's account is next moved. ``last_units_fen`` earned ``last_income_fen`` on ``funds.accrued_through``.
    """

    __tablename__ = "fund_holdings"
    __table_args__ = (
        *not_negative("units_fen", "earning_fen", "fast_used_fen"),
        CheckConstraint("carry_e8 BETWEEN 0 AND 99999999", name="carry_below_a_fen"),
        {"postgresql_with": {"fillfactor": 45}},
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.fund_id"), primary_key=True, index=True)
    units_fen: Mapped[int] = mapped_column(server_default="0")
    earning_fen: Mapped[int] = mapped_column(server_default="0")
    carry_e8: Mapped[int] = mapped_column(server_default="0")
    uncredited_fen: Mapped[int] = mapped_column(server_default="0")
    last_units_fen: Mapped[int] = mapped_column(server_default="0")
    last_income_fen: Mapped[int] = mapped_column(server_default="0")
    income_fen: Mapped[int] = mapped_column(server_default="0")
    fast_on: Mapped[date | None]
    fast_used_fen: Mapped[int] = mapped_column(server_default="0")


class FundYieldRow(Base):
    """A day's income as the fund published it; a restated one is a further version."""

    __tablename__ = "fund_yields"
    __table_args__ = (*not_negative("ten_thousand_e4", "declared_fen"),)

    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.fund_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    ten_thousand_e4: Mapped[int]
    seven_day_e3: Mapped[int | None]
    declared_fen: Mapped[int]
    received_at: Mapped[datetime]


class FundDayRow(Base):
    """A day's accrual: what holders earned, what the fund declared, and whether its figure agrees with ours.

    Before ``incomes_kept_at`` there are no rows of history of it; holdings say their part.
    """

    __tablename__ = "fund_days"

    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.fund_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    version: Mapped[int]
    holder_count: Mapped[int]
    units_fen: Mapped[int]
    paid_fen: Mapped[int]
    declared_fen: Mapped[int]
    accrued_at: Mapped[datetime]
    incomes_kept_at: Mapped[datetime | None]
    company_fen: Mapped[int | None]
    difference_count: Mapped[int | None]
    reconciled_at: Mapped[datetime | None]


class FundIncomeRow(Base):
    """A holder's income of a day. No foreign keys: half a million rows a day name rows that are never deleted."""

    __tablename__ = "fund_incomes"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    fund_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    units_fen: Mapped[int]
    paid_fen: Mapped[int]
    corrected_fen: Mapped[int] = mapped_column(server_default="0")
