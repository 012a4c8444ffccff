"""Table of what was earned: one item per order and party, moved to available when its day has come."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class PartyKind(StrEnum):
    """Who earned."""

    MERCHANT = "merchant"
    COURIER = "courier"
    COURIER_TIP = "courier_tip"


class SettlementItemRow(Base):
    """What one party earned by one order, in its pending account until ``eligible_on`` (a Shanghai day)."""

    __tablename__ = "settlement_items"
    __table_args__ = (
        one_of("party_kind", PartyKind),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_settlement_items_due", "eligible_on", postgresql_where=text("settled_on IS NULL")),
        Index("ix_settlement_items_party", "party_kind", "party_id", "order_id"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    party_kind: Mapped[str] = mapped_column(primary_key=True)
    party_id: Mapped[UUID]
    amount_fen: Mapped[int]
    eligible_on: Mapped[date]
    settled_on: Mapped[date | None]
