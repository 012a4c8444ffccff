"""Tables of payouts (提现): where the money goes, what was asked for, what was sent to the bank in which file."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import chinese_calendar
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.settlement.models import PaidParty
from app.core.settlement.states import PayoutState
from app.kernel.columns import one_of
from app.kernel.db import Base

COOLING = timedelta(hours=24)
"""A bank account that was changed gets nothing for so long: who took over a phone does not get the money, too."""
PAYOUT_FEN_MIN = 100
PAYOUT_FEN_MAX = 50_000_000
"""One payout; the bank's own limit for one line of a file."""
PAYOUT_DAY_FEN_MAX = 100_000_000
"""All payouts of a party that were asked for on one day."""
ALONE_FEN_MAX = 5_000_000
"""Above 50,000 yuan a payout waits for two people of the platform."""
TRIES_MAX = 3
HOLD_DAYS_MAX = 366
"""A hold of a payout never runs out before the bank has answered."""

TARGET_CONTEXT = "bank_accounts.target"
RETRIED = frozenset({"bank_busy", "system_closed"})
"""Reasons of a bank for which the same line is sent again on the next bank day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTarget:
    """A bank account as a file to the bank names it."""

    bank_code: str
    number: str
    holder: str


class LineState(StrEnum):
    """What the bank has said about one line."""

    SENT = "sent"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"


class BankFileState(StrEnum):
    """What became of a file from the bank."""

    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"


def is_bank_day(day: date) -> bool:
    """Whether banks book on ``day``: Monday to Friday, no public holiday. Past the known calendar, weekdays count."""
    if day.weekday() > 4:  # noqa: PLR2004 - Saturday
        return False
    try:
        return not chinese_calendar.is_holiday(day)
    except NotImplementedError:
        return True


def bank_day_from(day: date) -> date:
    """Return ``day``, or the first bank day after it."""
    while not is_bank_day(day):
        day += timedelta(days=1)
    return day


class BankAccountRow(Base):
    """Where a party's payouts go (收款账户). Bank, holder and number are sealed together; the tail is shown.

    :ivar usable_at: not before this moment, business time.
    """

    __tablename__ = "bank_accounts"
    __table_args__ = (one_of("party_kind", PaidParty),)

    party_kind: Mapped[str] = mapped_column(primary_key=True)
    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    target_sealed: Mapped[str | None]
    tail: Mapped[str]
    is_automatic: Mapped[bool]
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    usable_at: Mapped[datetime]


class PayoutRow(Base):
    """A payout, from the wish to the bank's last word."""

    __tablename__ = "payouts"
    __table_args__ = (
        one_of("party_kind", PaidParty),
        one_of("state", PayoutState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_payouts_party", "party_kind", "party_id", text("payout_id DESC")),
        Index("ix_payouts_ready", "due_on", postgresql_where=text("state = 'ready'")),
    )

    payout_id: Mapped[UUID] = mapped_column(primary_key=True)
    party_kind: Mapped[str]
    party_id: Mapped[UUID]
    amount_fen: Mapped[int]
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    tail: Mapped[str]
    due_on: Mapped[date]
    requested_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    failure: Mapped[str | None]


class PayoutBatchRow(Base):
    """A file to the bank. It is written from its lines and can be written again, byte for byte."""

    __tablename__ = "payout_batches"
    __table_args__ = (Index("ix_payout_batches_unwritten", "batch_id", postgresql_where=text("written_at IS NULL")),)

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date]
    lines_count: Mapped[int]
    total_fen: Mapped[int]
    made_at: Mapped[datetime]
    written_at: Mapped[datetime | None]


class PayoutLineRow(Base):
    """One try of a payout: a line in a file, with the bank account as it was then, and the bank's answer."""

    __tablename__ = "payout_lines"
    __table_args__ = (
        one_of("state", LineState),
        UniqueConstraint("payout_id", "try_number"),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_payout_lines_batch_id", "batch_id"),
    )

    reference: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("payout_batches.batch_id"))
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payouts.payout_id"))
    try_number: Mapped[int]
    amount_fen: Mapped[int]
    target_sealed: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    answered_on: Mapped[date | None]


class BankFileRow(Base):
    """A file from the bank: applied whole, or refused whole with the line that is wrong."""

    __tablename__ = "bank_files"
    __table_args__ = (one_of("state", BankFileState),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    day: Mapped[date | None]
    state: Mapped[str]
    line: Mapped[int | None]
    why: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
