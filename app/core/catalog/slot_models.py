"""Tables of slots: how a shop takes orders for later, and how many each slot has taken."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.catalog.slots import CAPACITY_MAX, DAYS_AHEAD_MAX, LEAD_MINUTES_MAX, SLOT_MINUTES_MAX, SLOT_MINUTES_MIN
from app.kernel.columns import not_negative
from app.kernel.db import Base


class SlotRuleRow(Base):
    """How a shop takes orders for later; a shop without a row takes none."""

    __tablename__ = "slot_rules"
    __table_args__ = (
        CheckConstraint(f"slot_minutes BETWEEN {SLOT_MINUTES_MIN} AND {SLOT_MINUTES_MAX}", name="slot_minutes_range"),
        CheckConstraint(f"capacity BETWEEN 1 AND {CAPACITY_MAX}", name="capacity_range"),
        CheckConstraint(f"lead_minutes BETWEEN 0 AND {LEAD_MINUTES_MAX}", name="lead_minutes_range"),
        CheckConstraint(f"days_ahead BETWEEN 0 AND {DAYS_AHEAD_MAX}", name="days_ahead_range"),
    )

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), primary_key=True)
    slot_minutes: Mapped[int]
    capacity: Mapped[int]
    lead_minutes: Mapped[int]
    days_ahead: Mapped[int]


class SlotCounterRow(Base):
    """How many places of a slot are taken; a slot without a row has all. ``capacity`` is that of the last placement."""

    __tablename__ = "slot_counters"
    __table_args__ = (*not_negative("taken"), {"postgresql_with": {"fillfactor": 70}})

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    taken: Mapped[int]
    capacity: Mapped[int]
