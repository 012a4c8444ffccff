"""Tables of step-up: payment PINs and the grants that they buy. All times are wall time."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class Factor(StrEnum):
    """What bought a grant."""

    PIN = "pin"
    PASSKEY = "passkey"


class GrantPurpose(StrEnum):
    """What a grant is good for, and so what its subject is."""

    PAY_CHECKOUT = "pay_checkout"
    TIP_COURIER = "tip_courier"
    """The subject is the order that the courier brought."""
    BUY_WEALTH = "buy_wealth"
    PAY_BILL = "pay_bill"
    """The subject is a quoted bill, or the bound account whose bills are to be paid by themselves."""
    TRANSFER = "transfer"
    """The subject is the payee."""
    PAY_COUNTER = "pay_counter"
    """The subject is the shop that is paid at its counter, or the own account, of a code that is shown there."""


class PaymentPinRow(Base):
    """A person's payment PIN as a keyed digest, and how many tries it has left."""

    __tablename__ = "payment_pins"
    __table_args__ = (*not_negative("tries_left", "lock_count"), {"postgresql_with": {"fillfactor": 70}})

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    tries_left: Mapped[int]
    lock_count: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]
    set_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class StepUpGrantRow(Base):
    """Leave to make one payment: for one session, one subject, at most an amount, once, for a few minutes."""

    __tablename__ = "step_up_grants"
    __table_args__ = (
        one_of("purpose", GrantPurpose),
        one_of("factor", Factor),
        CheckConstraint("amount_fen_max > 0", name="amount_fen_max_positive"),
    )

    grant_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.session_id"), index=True)
    purpose: Mapped[str]
    subject_id: Mapped[UUID]
    amount_fen_max: Mapped[int]
    factor: Mapped[str]
    is_new_device: Mapped[bool] = mapped_column(server_default=text("false"))
    granted_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
