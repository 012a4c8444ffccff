"""Tables of visits. Coordinates are WGS-84 degrees."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.visiting.states import SampleState, ShopVisitState, VanVisitState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class VanVisitRow(Base):
    """A visit of a store's service van (流动服务车) to a community: where it stands, from when to when, for what."""

    __tablename__ = "van_visits"
    __table_args__ = (
        one_of("state", VanVisitState),
        CheckConstraint("from_at < until_at", name="ends_after_it_begins"),
        Index(None, "store_id", "van_visit_id"),
        Index("ix_van_visits_next", "community_id", "until_at", postgresql_where=text("state = 'planned'")),
        Index("ix_van_visits_ahead", "until_at", postgresql_where=text("state = 'planned'")),
    )

    van_visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), index=True)
    place: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]
    services: Mapped[list[str]] = mapped_column(ARRAY(Text))
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    state: Mapped[str]
    planned_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    planned_at: Mapped[datetime]
    moved_at: Mapped[datetime | None]


class ShopVisitRow(Base):
    """A visit of a store's staff to a shop (商户走访): what was found at each point of the checklist, on the spot.

    ``answers`` is ``{point: answer}``; ``note`` is about the shop, never about people.
    """

    __tablename__ = "shop_visits"
    __table_args__ = (
        one_of("state", ShopVisitState),
        *not_negative("failed_count"),
        Index(None, "store_id", "visited_at"),
        Index("ix_shop_visits_mine", "shop_id", text("shop_visit_id DESC")),
        Index("ix_shop_visits_waiting", "shop_visit_id", postgresql_where=text("state = 'in_review'")),
        Index(None, "visited_at"),
    )

    shop_visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"))
    clerk_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    checklist_version: Mapped[int]
    answers: Mapped[dict[str, str]] = mapped_column(JSONB)
    failed_count: Mapped[int]
    note: Mapped[str | None]
    state: Mapped[str]
    visited_at: Mapped[datetime]
    outcome: Mapped[str | None]
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    closed_at: Mapped[datetime | None]


class SampleRow(Base):
    """An offer's sample in a store (体验样品): tried there, bought by its code from the shop that sells it."""

    __tablename__ = "samples"
    __table_args__ = (
        one_of("state", SampleState),
        Index("uq_samples_shown", "store_id", "offer_id", unique=True, postgresql_where=text("state = 'shown'")),
        Index(None, "store_id", "sample_id"),
    )

    sample_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), index=True)
    state: Mapped[str]
    shown_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    shown_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class SampleScanRow(Base):
    """A resident scanned a sample's code on a day; what they buy of the offer within days counts for the store."""

    __tablename__ = "sample_scans"
    __table_args__ = (Index(None, "day"), Index("ix_sample_scans_account_id", "account_id"))

    sample_id: Mapped[UUID] = mapped_column(ForeignKey("samples.sample_id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    scanned_at: Mapped[datetime]
