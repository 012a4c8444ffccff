"""Timers: things to be done at a business time. Rows, not a job library's schedule, so that the one clock rules them.

A timer that comes due when its moment has passed in another way finds nothing to do; none has to be called off.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


@dataclass(frozen=True, slots=True)
class Timer:
    """Do ``kind`` about ``subject_id``, ``after`` from now by business time. One per kind and subject."""

    kind: str
    subject_id: UUID
    after: timedelta

    def as_record(self) -> dict[str, Any]:
        """Return the timer as the closing statement stores it."""
        return {"kind": self.kind, "subject_id": self.subject_id, "after_s": self.after.total_seconds()}


class TimerRow(Base):
    """A timer that has not run. ``parked_at`` is set when its handler keeps failing; that raises an alarm."""

    __tablename__ = "timers"
    __table_args__ = (Index("ix_timers_due", "due_at", postgresql_where=text("parked_at IS NULL")),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default="0")
    parked_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
