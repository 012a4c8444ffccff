"""Tables of verification."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.core.verification.ports import Channel
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class LimitCounterRow(Base):
    """What a person has paid from balances in a period: ``lifetime``, a year or a day of Shanghai's calendar.

    Each period has a row of its own, so that two payments on either side of midnight cannot take each other's room.
    """

    __tablename__ = "limit_counters"
    __table_args__ = (*not_negative("used_fen"), {"postgresql_with": {"fillfactor": 70}})

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    used_fen: Mapped[int]


class CheckState(StrEnum):
    """How far the question to an outside party is."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    PASSED = "passed"
    MISMATCHED = "mismatched"


class FaceState(StrEnum):
    """How far a verification face to face is."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class IdentityRow(Base):
    """Who somebody is: name and ID number as verified, sealed. One ID number is one account's."""

    __tablename__ = "identities"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    name_sealed: Mapped[str]
    number_sealed: Mapped[str]
    number_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    verified_at: Mapped[datetime]


class IdentityCheckRow(Base):
    """A question to an outside party; it stands here before it is asked."""

    __tablename__ = "identity_checks"
    __table_args__ = (one_of("channel", Channel), one_of("state", CheckState))

    check_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    level: Mapped[int]
    channel: Mapped[str]
    state: Mapped[str]
    name_sealed: Mapped[str]
    number_sealed: Mapped[str]
    number_index: Mapped[bytes] = mapped_column(LargeBinary)
    requested_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class IdentityTriesRow(Base):
    """How often an account had its identity checked on a day of Shanghai's calendar: each time costs, and tells."""

    __tablename__ = "identity_tries"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    tries: Mapped[int]


class FaceCodeRow(Base):
    """A code that a resident shows at a store's counter: by digest, once, for five minutes (wall time)."""

    __tablename__ = "face_codes"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class FaceCheckRow(Base):
    """A verification face to face (面签): who stood before whom, where, and the sealed photo of the ID card."""

    __tablename__ = "face_checks"
    __table_args__ = (one_of("state", FaceState), Index("ix_face_checks_ended", "ended_at"))

    face_check_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    clerk_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    state: Mapped[str]
    photo_sealed: Mapped[str | None]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
