"""The table of shops' papers. About businesses; the people in it are named by id alone."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.papers.rules import PaperKind
from app.core.papers.states import PaperState
from app.kernel.columns import one_of
from app.kernel.db import Base


class PaperRow(Base):
    """One paper as it was handed in. Of a shop's papers of one kind at most one waits, and at most one is approved.

    ``expires_on`` is the last day on which it is good; null runs without an end. ``photo_reference`` names its photo
    where the merchant's client has put it.
    """

    __tablename__ = "papers"
    __table_args__ = (
        one_of("kind", PaperKind),
        one_of("state", PaperState),
        CheckConstraint("expires_on IS NOT NULL OR kind = 'business_license'", name="food_license_ends"),
        CheckConstraint("decided_by_id <> submitted_by_id", name="two_people"),
        Index("uq_papers_waiting", "shop_id", "kind", unique=True, postgresql_where="state = 'submitted'"),
        Index("uq_papers_approved", "shop_id", "kind", unique=True, postgresql_where="state = 'approved'"),
        Index("ix_papers_number", "kind", "number", postgresql_where="state = 'approved'"),
        Index("ix_papers_review", "state", "paper_id"),
    )

    paper_id: Mapped[UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), index=True)
    kind: Mapped[str]
    number: Mapped[str]
    expires_on: Mapped[date | None]
    photo_reference: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    submitted_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    submitted_at: Mapped[datetime]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    decided_at: Mapped[datetime | None]
