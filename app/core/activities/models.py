"""Tables of community events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.activities.states import ActivityState, SignupState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class ActivityRow(Base):
    """A community event. Its row is the lock of its sign-ups, and counts who has a place and who waits.

    ``community_id`` is null for the whole catchment of the store. Who came keeps the place that they had.
    """

    __tablename__ = "activities"
    __table_args__ = (
        one_of("state", ActivityState),
        *not_negative("confirmed_count", "waiting_count"),
        CheckConstraint("confirmed_count <= capacity", name="within_capacity"),
        CheckConstraint("from_at < until_at", name="ends_after_it_begins"),
        Index(None, "store_id", "activity_id"),
        Index(None, "from_at"),
    )

    activity_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    community_id: Mapped[UUID | None] = mapped_column(ForeignKey("communities.community_id"), index=True)
    title: Mapped[str]
    words: Mapped[str]
    place: Mapped[str]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    capacity: Mapped[int]
    confirmed_count: Mapped[int] = mapped_column(server_default="0")
    waiting_count: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str]
    published_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    published_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ActivitySignupRow(Base):
    """A resident's sign-up; the code that they show at the door is derived from its id."""

    __tablename__ = "activity_signups"
    __table_args__ = (
        one_of("state", SignupState),
        Index(
            "uq_activity_signups_once",
            "activity_id",
            "account_id",
            unique=True,
            postgresql_where=text("state <> 'canceled'"),
        ),
        Index(None, "account_id", "signup_id"),
        Index("ix_activity_signups_listed", "activity_id", "signup_id"),
        Index("ix_activity_signups_came", "checked_in_at", postgresql_where=text("checked_in_at IS NOT NULL")),
    )

    signup_id: Mapped[UUID] = mapped_column(primary_key=True)
    activity_id: Mapped[UUID] = mapped_column(ForeignKey("activities.activity_id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    state: Mapped[str]
    signed_up_at: Mapped[datetime]
    checked_in_at: Mapped[datetime | None]
    checked_in_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    ended_at: Mapped[datetime | None]
