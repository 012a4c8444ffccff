"""Tables of shared carts, who fills them, and with what."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.sharing.states import SharedCartState
from app.kernel.columns import one_of
from app.kernel.db import Base


class SharedCartRow(Base):
    """A shared cart (拼单). Its row is the lock of its members and lines."""

    __tablename__ = "shared_carts"
    __table_args__ = (
        one_of("state", SharedCartState),
        Index("uq_shared_carts_live", "owner_id", unique=True, postgresql_where=text("state IN ('open', 'locked')")),
    )

    shared_cart_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    state: Mapped[str]
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SharedCartMemberRow(Base):
    """Somebody who may fill it."""

    __tablename__ = "shared_cart_members"

    shared_cart_id: Mapped[UUID] = mapped_column(ForeignKey("shared_carts.shared_cart_id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True, index=True)
    joined_at: Mapped[datetime]


class SharedCartLineRow(Base):
    """What one member put in."""

    __tablename__ = "shared_cart_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["shared_cart_id", "account_id"],
            ["shared_cart_members.shared_cart_id", "shared_cart_members.account_id"],
            name="fk_shared_cart_lines_member",
        ),
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),
        Index("ix_shared_cart_lines_account_id", "account_id"),
    )

    shared_cart_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    sku_id: Mapped[UUID] = mapped_column(ForeignKey("skus.sku_id"), primary_key=True, index=True)
    quantity: Mapped[int]
    note: Mapped[str] = mapped_column(server_default="")
