"""Tables of price alerts and of what they told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class PriceAlertRow(Base):
    """Somebody wants to be told when a standard product becomes cheaper for one of their addresses.

    ``last_fen`` is the lowest price that was seen last; null while no shop delivers it there.
    """

    __tablename__ = "price_alerts"
    __table_args__ = (
        CheckConstraint("target_fen > 0", name="target_fen_positive"),
        Index("ix_price_alerts_product", "standard_product_id", "account_id"),
        Index("ix_price_alerts_expires_at", "expires_at"),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    standard_product_id: Mapped[UUID] = mapped_column(
        ForeignKey("standard_products.standard_product_id"), primary_key=True
    )
    address_id: Mapped[UUID] = mapped_column(ForeignKey("addresses.address_id"), index=True)
    target_fen: Mapped[int | None]
    last_fen: Mapped[int | None]
    told_fen: Mapped[int | None]
    told_at: Mapped[datetime | None]
    set_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class PriceNoticeRow(Base):
    """What an alert told: which shop has it for how much. No foreign keys: it says what was, whatever became of it."""

    __tablename__ = "price_notices"
    __table_args__ = (
        Index("ix_price_notices_account_id", "account_id", "notice_id"),
        Index("ix_price_notices_noticed_at", "noticed_at"),
    )

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID]
    standard_product_id: Mapped[UUID]
    shop_id: Mapped[UUID]
    sku_id: Mapped[UUID]
    price_fen: Mapped[int]
    was_fen: Mapped[int | None]
    noticed_at: Mapped[datetime]


class MovedPriceRow(Base):
    """A product to look at: its prices moved (written by triggers), or one alert for it was set; taken by the worker.

    No key but its number: two movements at once wait for nobody. ``after`` is the last owner that was looked at.

    An alert that was set (``account_id``) is looked at when every transaction before number ``behind`` has ended: one
    of them may have moved a price without seeing the alert, which did not see the price. The worker gives that number
    when it sees the row, and with it the alert, for the first time.
    """

    __tablename__ = "moved_prices"
    __table_args__ = (CheckConstraint("behind IS NULL OR account_id IS NOT NULL", name="behind_of_alert"),)

    move_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    standard_product_id: Mapped[UUID]
    after: Mapped[UUID] = mapped_column(server_default=text("'00000000-0000-0000-0000-000000000000'"))
    account_id: Mapped[UUID | None]
    behind: Mapped[int | None]
