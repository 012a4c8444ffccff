"""The outbox: what happened, recorded by the very transaction that made it true.

No ``NOTIFY`` is sent from a business transaction (it takes a database-wide lock at commit); the relay reads the table
in batches, numbers the events for listeners and runs the reactions. See :mod:`app.worker`.
"""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base
from app.kernel.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened. Past tense; carries ids, fen, states and instants, never personal data."""

    event_id: UUID = field(default_factory=new_id)

    @property
    def kind(self) -> str:
        """Name under which the event is stored."""
        return type(self).__name__

    def as_record(self) -> dict[str, Any]:
        """Return the event as the outbox stores it."""
        body = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "event_id"}
        return {"event_id": self.event_id, "kind": self.kind, "body": body}


class OutboxRow(Base):
    """An event waiting for the relay, which takes it away."""

    __tablename__ = "outbox"

    seq: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    kind: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime]


class ReceiptRow(Base):
    """A reaction owed to an event, and then the proof of its effect: delivered at least once, effective once."""

    __tablename__ = "receipts"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    reaction: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    kind: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    owed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime | None]
    last_error: Mapped[str | None]

    __table_args__ = (Index("ix_receipts_waiting", "seq", postgresql_where=text("state = 'waiting'")),)


class LiveEventRow(Base):
    """An event as listeners see it, numbered by the single relay at publication; thinned after a day."""

    __tablename__ = "live_events"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[UUID]
    kind: Mapped[str]
    topics: Mapped[list[str]] = mapped_column(JSONB)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[datetime]
    published_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
