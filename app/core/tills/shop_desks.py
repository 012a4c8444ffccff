"""The table of shops that are desks, and what holds for them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tills.states import ShopDeskState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base

DEPOSIT_FEN_MIN, DEPOSIT_FEN_MAX = 100_000, 10_000_000
"""From 1,000 yuan to the cover of a till."""
AGENTS_MAX = 5


class ShopDeskRow(Base):
    """A shop that is a desk (助农服务点), against a deposit. Its desk is a store of its own, with one till.

    :ivar deposit_fen: what the shop deposits, and the most cash that its till holds.
    :ivar covered_fen: what of it paid cash that was missing; the rest went back when it ended.
    """

    __tablename__ = "shop_desks"
    __table_args__ = (
        one_of("state", ShopDeskState),
        *not_negative("covered_fen"),
        CheckConstraint("deposit_fen > 0", name="deposit_fen_positive"),
        CheckConstraint("covered_fen <= deposit_fen", name="covered_by_deposit"),
        CheckConstraint("(state = 'active') <= (store_id IS NOT NULL)", name="active_store"),
        Index("uq_shop_desks_shop", "shop_id", unique=True, postgresql_where=text("state <> 'ended'")),
        Index("uq_shop_desks_store", "store_id", unique=True),
    )

    desk_id: Mapped[UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), index=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchants.merchant_id"), index=True)
    store_id: Mapped[UUID | None] = mapped_column(ForeignKey("stores.store_id"))
    deposit_fen: Mapped[int]
    covered_fen: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str]
    appointed_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
