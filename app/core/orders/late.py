"""What a late order is made good with (超时赔付): a rule by minutes, and the table of what was paid.

Our own rule. The promise is the platform's, made of measured quantiles, so the platform pays; whose minutes they were
is told and charged to nobody. Paid once an order, into the e-account.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base

BY_MINUTES = ((60, 1_000), (30, 600), (15, 300))
"""From so many whole minutes past the latest time of the promise on: so many fen. The first row that applies counts."""
SHARE_BP_MAX = 5_000
"""Never more than half of what the order cost."""


class LateCause(StrEnum):
    """Where most of the late minutes came from."""

    SHOP = "shop"
    WAY = "way"


class LateCompensationRow(Base):
    """What was paid for a late order. Rows are only added, one an order."""

    __tablename__ = "late_compensations"
    __table_args__ = (
        one_of("cause", LateCause),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("late_minutes > 0", name="late_minutes_positive"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    amount_fen: Mapped[int]
    late_minutes: Mapped[int]
    cause: Mapped[str]
    paid_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """How late an order was, whose minutes they were, and what it is made good with, fen."""

    minutes: int
    cause: LateCause
    amount_fen: int


def late_of(
    *,
    promised_at: datetime,
    delivered_at: datetime,
    said_ready_at: datetime,
    ready_at: datetime,
    total_fen: int,
    is_residents_fault: bool,
) -> Late | None:
    """Return what a delivered order is made good with; None when it came in time, or near it.

    :param said_ready_at: when the shop said at acceptance that it would be ready.
    :param is_residents_fault: the door stayed shut at an earlier try: nothing is owed.
    """
    minutes = int((delivered_at - promised_at) / timedelta(minutes=1))
    amount = next((fen for least, fen in BY_MINUTES if minutes >= least), 0)
    amount = min(amount, total_fen * SHARE_BP_MAX // 10_000)
    if amount <= 0 or is_residents_fault:
        return None
    of_shop = (ready_at - said_ready_at) / timedelta(minutes=1)
    cause = LateCause.SHOP if of_shop >= minutes / 2 else LateCause.WAY
    return Late(minutes=minutes, cause=cause, amount_fen=amount)
