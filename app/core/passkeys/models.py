"""Tables of passkeys and of the challenges that they answer. All times are wall time."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class ChallengePurpose(StrEnum):
    """What an answered challenge is good for, and so what it is bound to."""

    REGISTER = "register"
    """Adding a passkey; bound to the session."""
    SIGN_IN = "sign_in"
    """Beginning a session; bound to side and device, and to the phone where one was named."""
    CONFIRM = "confirm"
    """Proving who one is before a passkey is added or removed; bound to the session."""
    PAY = "pay"
    """Buying a step-up grant; bound to the session, what is paid for, and the highest amount."""


class PasskeyRow(Base):
    """A passkey's public half. The name is what its owner calls it; sealed.

    ``pays_from`` is when it may confirm payments: at once, or a day later where the phone alone let it in.
    ``stopped_at`` is when its counter went back: another device seems to hold a copy, and neither is believed.
    """

    __tablename__ = "passkeys"
    __table_args__ = (*not_negative("sign_count"), {"postgresql_with": {"fillfactor": 70}})

    passkey_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int]
    is_backed_up: Mapped[bool]
    name_sealed: Mapped[str]
    pays_from: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    last_used_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]


class PasskeyChallengeRow(Base):
    """A challenge: answered once, within minutes, for what it was made for."""

    __tablename__ = "passkey_challenges"
    __table_args__ = (one_of("purpose", ChallengePurpose),)

    challenge_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.session_id"), index=True)
    side: Mapped[str | None]
    device: Mapped[str | None]
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    subject_id: Mapped[UUID | None]
    amount_fen_max: Mapped[int | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
