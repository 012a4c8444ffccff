"""Tables of what people are told: security notices, the development text-message sandbox, and live tickets."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class NoticeKind(StrEnum):
    """What the owner of an account is told."""

    NEW_DEVICE = "new_device"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_STOPPED = "passkey_stopped"
    """Its counter went back: there seems to be a copy."""
    PASSWORD_REMOVED = "password_removed"  # noqa: S105 - a kind of notice, no secret
    PASSWORD_SET = "password_set"  # noqa: S105 - the same
    PIN_SET = "pin_set"


class SecurityNoticeRow(Base):
    """Something that protects an account was changed; ``sent_at`` is when the text message left."""

    __tablename__ = "security_notices"
    __table_args__ = (one_of("kind", NoticeKind),)

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    kind: Mapped[str]
    noticed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)
    sent_at: Mapped[datetime | None]


class MessageKind(StrEnum):
    """What a text message is."""

    CODE = "code"
    NOTICE = "notice"


class SandboxMessageRow(Base):
    """A text message that a sandbox adapter kept instead of sending."""

    __tablename__ = "sandbox_messages"
    __table_args__ = (one_of("kind", MessageKind),)

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_index: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    kind: Mapped[str] = mapped_column(server_default="code")
    body: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class LiveTicketRow(Base):
    """A one-time ticket that opens one live stream; a token never stands in a URL."""

    __tablename__ = "live_tickets"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    topics: Mapped[list[str]] = mapped_column(JSONB)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
