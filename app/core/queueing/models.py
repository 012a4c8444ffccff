"""Tables of the queue at the desk of a store."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.queueing.states import TicketState, TicketTopic
from app.kernel.columns import one_of
from app.kernel.db import Base


class StoreDeskRow(Base):
    """When the desk of a store serves; its row is the lock under which numbers are given and slots are counted."""

    __tablename__ = "store_desks"
    __table_args__ = (
        CheckConstraint("slot_minutes > 0 AND slot_capacity > 0", name="slots"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), primary_key=True)
    hours: Mapped[dict[str, Any]] = mapped_column(JSONB)
    slot_minutes: Mapped[int]
    slot_capacity: Mapped[int]
    numbered_on: Mapped[date | None]
    last_number: Mapped[int] = mapped_column(server_default="0")


class DeskTicketRow(Base):
    """A ticket (排队号): numbered within a store and day. An appointment gets its number when the person is there.

    ``account_id`` is null where a clerk gave it to somebody without a phone.
    """

    __tablename__ = "desk_tickets"
    __table_args__ = (
        one_of("topic", TicketTopic),
        one_of("state", TicketState),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("(state = 'booked') <= (slot_at IS NOT NULL AND number IS NULL)", name="booked_slot"),
        CheckConstraint("(state IN ('waiting', 'called', 'served')) <= (number IS NOT NULL)", name="numbered"),
        CheckConstraint("(state = 'called') <= (clerk_id IS NOT NULL)", name="called_by_somebody"),
        Index("uq_desk_tickets_number", "store_id", "day", "number", unique=True),
        Index(
            "uq_desk_tickets_once",
            "account_id",
            "store_id",
            "day",
            unique=True,
            postgresql_where=text("state IN ('booked', 'waiting', 'called')"),
        ),
        Index("uq_desk_tickets_clerk", "clerk_id", unique=True, postgresql_where=text("state = 'called'")),
        Index("ix_desk_tickets_slot", "store_id", "slot_at", postgresql_where=text("slot_at IS NOT NULL")),
        Index(None, "store_id", "ticket_id"),
        Index(None, "account_id", "ticket_id"),
        Index(None, "clerk_id"),
    )

    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    day: Mapped[date]
    number: Mapped[int | None]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"))
    topic: Mapped[str]
    state: Mapped[str]
    slot_at: Mapped[datetime | None]
    taken_at: Mapped[datetime]
    called_at: Mapped[datetime | None]
    clerk_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"))
    ended_at: Mapped[datetime | None]
