"""Tables of what people are told: the development text-message sandbox (empty in production), and live tickets."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class SandboxMessageRow(Base):
    """A text message that a sandbox adapter kept instead of sending."""

    __tablename__ = "sandbox_messages"

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    phone_index: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    body: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class LiveTicketRow(Base):
    """A one-time ticket that opens one live stream; a token never stands in a URL."""

    __tablename__ = "live_tickets"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    topics: Mapped[list[str]] = mapped_column(JSONB)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
