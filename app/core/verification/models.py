"""Tables of verification."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative
from app.kernel.db import Base


class LimitCounterRow(Base):
    """What a person has paid from balances in a period: ``lifetime``, a year or a day of Shanghai's calendar.

    Each period has a row of its own, so that two payments on either side of midnight cannot take each other's room.
    """

    __tablename__ = "limit_counters"
    __table_args__ = (*not_negative("used_fen"), {"postgresql_with": {"fillfactor": 70}})

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    used_fen: Mapped[int]
