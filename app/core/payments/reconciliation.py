"""Tables of reconciliation (对账): files of others, their lines, and what does not agree with ours."""

from datetime import date, datetime
from decimal import Decimal  # noqa: TID251 - a print is no amount
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class Source(StrEnum):
    """Whose file it is."""

    STRIPE = "stripe"
    BANK = "bank"


class Mismatch(StrEnum):
    """How a line of theirs and a movement of ours do not agree."""

    MISSING_HERE = "missing_here"
    """They booked it, we have not: posted late when we know what it is, else money in suspense."""
    MISSING_THERE = "missing_there"
    """We booked it, they have not: an alarm."""
    AMOUNT_DIFFERS = "amount_differs"
    """Both booked it, not the same: the difference is in suspense."""


class ItemState(StrEnum):
    """How far a person is with it."""

    OPEN = "open"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """How an item was resolved; the first two by two people, the others by themselves."""

    EXPLAINED = "explained"
    WRITTEN_OFF = "written_off"
    POSTED_LATE = "posted_late"
    CAME_LATER = "came_later"


class ReconFileRow(Base):
    """A file of one source and day, taken whole; there is one."""

    __tablename__ = "recon_files"
    __table_args__ = (one_of("source", Source), UniqueConstraint("source", "day"))

    file_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    day: Mapped[date]
    sha256: Mapped[str]
    lines_count: Mapped[int]
    total_fen: Mapped[int]
    fee_fen: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ReconLineRow(Base):
    """One line of theirs."""

    __tablename__ = "recon_lines"
    __table_args__ = (Index("ix_recon_lines_object", "object", "kind"),)

    source: Mapped[str] = mapped_column(primary_key=True)
    line_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date]
    kind: Mapped[str]
    object: Mapped[str]
    amount_fen: Mapped[int]


class ReconItemRow(Base):
    """The worklist: what does not agree, until two people or the course of things resolve it.

    :ivar suspense_fen: what of it was put into suspense; above zero came to us.
    """

    __tablename__ = "recon_items"
    __table_args__ = (
        one_of("source", Source),
        one_of("mismatch", Mismatch),
        one_of("state", ItemState),
        one_of("resolution", Resolution),
        CheckConstraint("(state = 'resolved') = (resolution IS NOT NULL)", name="resolved_somehow"),
        UniqueConstraint("source", "object", "kind", "mismatch"),
        Index("ix_recon_items_open", "item_id", postgresql_where=text("state = 'open'")),
    )

    item_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    day: Mapped[date]
    mismatch: Mapped[str]
    object: Mapped[str]
    kind: Mapped[str]
    line_id: Mapped[str | None]
    ours_fen: Mapped[int | None]
    theirs_fen: Mapped[int | None]
    suspense_fen: Mapped[int]
    state: Mapped[str]
    resolution: Mapped[str | None]
    found_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class ClearingPointRow(Base):
    """Up to when everything of a source is either in its files or carried."""

    __tablename__ = "clearing_points"
    __table_args__ = (one_of("source", Source),)

    source: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]


class ClearingCarryRow(Base):
    """A movement of ours that is older than the point and in no file."""

    __tablename__ = "clearing_carry"
    __table_args__ = (one_of("source", Source),)

    source: Mapped[str] = mapped_column(primary_key=True)
    object: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    amount_fen: Mapped[int]


class ReconNoteRow(Base):
    """What somebody found out about an item (a reference, no free text about people)."""

    __tablename__ = "recon_notes"

    note_id: Mapped[UUID] = mapped_column(primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("recon_items.item_id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    note: Mapped[str]
    noted_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class MoneyCheckRow(Base):
    """When something about money was last looked at, and what was found; one row per thing."""

    __tablename__ = "money_checks"

    name: Mapped[str] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime]
    is_sound: Mapped[bool]
    value: Mapped[int]


class BooksMarkRow(Base):
    """How far the books are proven: one row.

    :ivar proven_to: every journal up to it was there, and sound, when it was looked at. :ivar seen_to: the latest one
        that was seen then; it is proven once all transactions below ``awaited_xid`` have ended. :ivar whole_to: up
        to it they were proven with the whole books. :ivar print: of the journals after that one up to ``proven_to``,
        when they were proven.
    """

    __tablename__ = "books_mark"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True, default=True)
    proven_to: Mapped[int]
    seen_to: Mapped[int]
    awaited_xid: Mapped[int]
    whole_to: Mapped[int] = mapped_column(default=0)
    print: Mapped[Decimal] = mapped_column(Numeric, default=0)


class MoneyAlarmRow(Base):
    """An alarm about money: raised when it is true, told once, ended when it is not true any more."""

    __tablename__ = "money_alarms"

    code: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]
    raised_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
