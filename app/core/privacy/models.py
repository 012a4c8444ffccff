"""Tables of erasure."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class ErasureState(StrEnum):
    """How far an erasure is."""

    WAITING = "waiting"
    CANCELED = "canceled"
    STOPPED = "stopped"
    """Its day came and something was open again."""
    DONE = "done"


class ErasureRow(Base):
    """A wish to be erased (注销), which waits for its day; one waits per account."""

    __tablename__ = "erasures"
    __table_args__ = (
        one_of("state", ErasureState),
        Index("uq_erasures_waiting", "account_id", unique=True, postgresql_where=text("state = 'waiting'")),
    )

    erasure_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    state: Mapped[str]
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class FormerIdentityRow(Base):
    """The keyed digest of an erased person's ID number: who comes back finds the limits as they were left."""

    __tablename__ = "former_identities"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    number_index: Mapped[bytes] = mapped_column(LargeBinary, index=True)


class OrderMessageRow(Base):
    """What one side of an order wrote to the others; sealed, for people write phone numbers and names."""

    __tablename__ = "order_messages"
    __table_args__ = (Index("ix_order_messages_thread", "order_id", text("message_id DESC")),)

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    role: Mapped[str]
    text_sealed: Mapped[str]
    sent_at: Mapped[datetime]


class DataExportState(StrEnum):
    """How far an export is."""

    REQUESTED = "requested"
    READY = "ready"


class DataExportRow(Base):
    """An export of everything about a person: the zip, sealed, until it expires."""

    __tablename__ = "data_exports"
    __table_args__ = (one_of("state", DataExportState),)

    export_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    state: Mapped[str]
    file_sealed: Mapped[str | None]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Purpose(StrEnum):
    """What one may agree to."""

    TERMS = "terms"
    PRIVACY = "privacy"
    MARKETING = "marketing"
    PROFILING = "profiling"


CURRENT_VERSIONS: Mapping[Purpose, str] = dict.fromkeys(Purpose, "2026-11")
"""The version of each text that is in force. A new one here has everybody asked anew."""

ASKED_FOR: frozenset[Purpose] = frozenset({Purpose.TERMS, Purpose.PRIVACY})
"""What one has to agree to, in the version in force, before :data:`NEEDS_AGREEMENT`. Marketing and profiling are never
asked for; they are off."""

NEEDS_AGREEMENT: frozenset[str] = frozenset({
    "checkout.place", "account.top_up", "verification.write", "application.write",
})  # fmt: skip
"""Verbs at the resident's door that begin something new with a person's money or personal data (《个人信息保护法》
articles 13, 14 and 17). What is under way can always be finished, and everything can be read and taken back."""


class ConsentRow(Base):
    """What somebody said about a version of a purpose; rows are only added."""

    __tablename__ = "consents"
    __table_args__ = (
        one_of("purpose", Purpose),
        Index("ix_consents_latest", "account_id", "purpose", text("consent_id DESC")),
    )

    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    purpose: Mapped[str]
    version: Mapped[str]
    is_given: Mapped[bool]
    said_at: Mapped[datetime]
