"""Tables of the operator's desk."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.operating.flags import FlagFinding, FlagRule
from app.core.operating.queue import WorkKind
from app.core.operating.states import AuditFlagState
from app.core.operating.switches import Feature
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base

FLAG_NOTE_MAX = 500


class WorkItemRow(Base):
    """Who looks after something that waits, and since when it is escalated. What waits is read from where it waits."""

    __tablename__ = "work_items"
    __table_args__ = (one_of("kind", WorkKind),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    assigned_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    assigned_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    assigned_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]


class AuditFlagRow(Base):
    """Acts that somebody is to look into, by the rule that flagged them; ``note`` is what they said came of it.

    :ivar account_id: whose acts; nobody's where the log itself is not sound.
    :ivar since_at: the hour in which there were most of them, ``act_count`` (wall time, as of all acts).
    :ivar found_at: business time, as of all that waits. :ivar resolved_at: wall time, to look at later acts anew.
    """

    __tablename__ = "audit_flags"
    __table_args__ = (
        one_of("rule", FlagRule),
        one_of("state", AuditFlagState),
        one_of("finding", FlagFinding),
        CheckConstraint("act_count > 0", name="act_count_positive"),
        CheckConstraint("(state = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_at_an_instant"),
        CheckConstraint("resolved_by_id <> account_id", name="resolved_by_another"),
        Index(
            "uq_audit_flags_open",
            "rule",
            "account_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    flag_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    since_at: Mapped[datetime | None]
    act_count: Mapped[int]
    state: Mapped[str]
    found_at: Mapped[datetime]
    finding: Mapped[str | None]
    note: Mapped[str | None]
    resolved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    resolved_at: Mapped[datetime | None]


class FeatureChangeRow(Base):
    """A switch that was set. Rows are only added; the newest of a feature counts."""

    __tablename__ = "feature_changes"
    __table_args__ = (one_of("feature", Feature), Index(None, "feature", text("change_id DESC")))

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    feature: Mapped[str]
    is_on: Mapped[bool]
    why: Mapped[str]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    set_at: Mapped[datetime]


class AnnouncementRow(Base):
    """What the platform tells a community, or all of them (null), for some days, in Chinese and in English.

    Older ones have no English.
    """

    __tablename__ = "announcements"
    __table_args__ = (
        CheckConstraint("until_at > from_at", name="ends_after_it_begins"),
        Index(None, "until_at"),
    )

    announcement_id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID | None] = mapped_column(ForeignKey("communities.community_id"), index=True)
    title: Mapped[str]
    words: Mapped[str]
    title_en: Mapped[str | None]
    words_en: Mapped[str | None]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    withdrawn_at: Mapped[datetime | None]


class ExportedTable(StrEnum):
    """What can be exported: ids, fen, states and instants."""

    ORDERS = "orders"
    TILL_ACTS = "till_acts"
    STORE_DAYS = "store_days"


class ExportState(StrEnum):
    """How far an export is."""

    REQUESTED = "requested"
    RUNNING = "running"
    READY = "ready"


class TableExportRow(Base):
    """A table that is written out in pieces; ``last_key`` is where it goes on after a crash."""

    __tablename__ = "table_exports"
    __table_args__ = (
        one_of("what", ExportedTable),
        one_of("state", ExportState),
        *not_negative("rows_done", "rows_total", "pieces"),
    )

    export_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    what: Mapped[str]
    from_on: Mapped[date]
    until_on: Mapped[date]
    state: Mapped[str]
    rows_done: Mapped[int]
    rows_total: Mapped[int]
    pieces: Mapped[int]
    last_key: Mapped[str | None]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TableExportPieceRow(Base):
    """A piece of an export: a gzip member of CSV; the members one after another are the file."""

    __tablename__ = "table_export_pieces"

    export_id: Mapped[UUID] = mapped_column(ForeignKey("table_exports.export_id", ondelete="CASCADE"), primary_key=True)
    piece: Mapped[int] = mapped_column(primary_key=True)
    packed: Mapped[bytes] = mapped_column(LargeBinary)
