"""Tables of transfers: payees by their sealed phone, transfers, and how much of a day's cap is used."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative
from app.kernel.db import Base


class PayeeRow(Base):
    """Somebody whom a resident transfers money to (收款人), by phone; whether the phone has an account is not said.

    :ivar usable_at: not before this moment, business time. :ivar removed_at: the row stays for what was sent.
    """

    __tablename__ = "payees"
    __table_args__ = (
        Index("ix_payees_own", "account_id", "phone_index", unique=True, postgresql_where=text("removed_at IS NULL")),
        Index("ix_payees_account_id", "account_id", text("payee_id DESC")),
    )

    payee_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    phone_sealed: Mapped[str | None]
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    added_at: Mapped[datetime]
    usable_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class TransferRow(Base):
    """Money that one resident sent to another, from the e-account or, at a desk, in cash."""

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        CheckConstraint("recipient_id <> account_id", name="two_people"),
        Index("ix_transfers_account_id", "account_id", text("transfer_id DESC")),
    )

    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    payee_id: Mapped[UUID] = mapped_column(ForeignKey("payees.payee_id"), index=True)
    recipient_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    amount_fen: Mapped[int]
    is_cash: Mapped[bool] = mapped_column(server_default=text("false"))
    made_at: Mapped[datetime]


class TransferDayRow(Base):
    """What somebody has transferred on the last day that they did; a row a person, moved by a condition."""

    __tablename__ = "transfer_days"
    __table_args__ = (*not_negative("sent_fen"), {"postgresql_with": {"fillfactor": 70}})

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    day: Mapped[date]
    sent_fen: Mapped[int]
