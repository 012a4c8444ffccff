"""Standing wishes (约定): an automatic sweep, and savings plans. Amounts are fen, days those of Asia/Shanghai."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.wealth.errors import SavingsPlanStopped
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class Rhythm(StrEnum):
    """How often a plan saves."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class PlanState(StrEnum):
    """Whether a plan goes on."""

    ACTIVE = "active"
    STOPPED = "stopped"


class SweepRuleRow(Base):
    """Keep so much on the e-account, let the rest earn; ``is_pull_back``: take back what a payment lacks.

    ``swept_on`` is the last day on which the rule was looked at.
    """

    __tablename__ = "sweep_rules"
    __table_args__ = (
        *not_negative("keep_fen"),
        Index("ix_sweep_rules_fund_id", "fund_id", "account_id"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.fund_id"))
    keep_fen: Mapped[int]
    is_pull_back: Mapped[bool]
    set_at: Mapped[datetime]
    swept_on: Mapped[date]


class SavingsPlanRow(Base):
    """Put an amount into a fund every day, week or month; a time without enough money is missed, and counted."""

    __tablename__ = "savings_plans"
    __table_args__ = (
        one_of("rhythm", Rhythm),
        one_of("state", PlanState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_savings_plans_account_id", "account_id", "plan_id"),
        Index("ix_savings_plans_fund_id", "fund_id"),
        Index("ix_savings_plans_due", "next_on", postgresql_where=text("state = 'active'")),
    )

    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.fund_id"))
    amount_fen: Mapped[int]
    rhythm: Mapped[str]
    state: Mapped[str]
    first_on: Mapped[date]
    next_on: Mapped[date]
    bought_count: Mapped[int] = mapped_column(server_default="0")
    missed_count: Mapped[int] = mapped_column(server_default="0")


def next_time(rhythm: Rhythm, first_on: date, last: date) -> date:
    """Return the first day of a plan after ``last``; a month that is too short has its last day instead."""
    if rhythm is Rhythm.DAY:
        return last + timedelta(days=1)
    if rhythm is Rhythm.WEEK:
        weeks = (last - first_on).days // 7 + 1
        return first_on + timedelta(days=7 * weeks)
    months = last.year * 12 + last.month - 1
    found = _in_month(months, first_on.day)
    return found if found > last else _in_month(months + 1, first_on.day)


def _in_month(months: int, day: int) -> date:
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def require_active(state: str) -> None:
    """Refuse a plan that is over.

    :raises SavingsPlanStopped: it was stopped.
    """
    if state != PlanState.ACTIVE:
        raise SavingsPlanStopped
