"""Tables of attribution and of figures. Figures are written by the worker alone."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class Attributed(StrEnum):
    """What belongs to a store."""

    RESIDENT = "resident"
    SHOP = "shop"
    COURIER = "courier"


class AttributionRule(StrEnum):
    """Why."""

    HELP = "help"
    """They named the code of the store that helped them sign up."""
    COMMUNITY = "community"
    """Their community is in its catchment."""


class AttributionRow(Base):
    """To which store somebody belongs. ``party_id`` is an account or a shop, new on the day ``began_on``."""

    __tablename__ = "attributions"
    __table_args__ = (
        one_of("party_kind", Attributed),
        one_of("rule", AttributionRule),
        Index("ix_attributions_began", "began_on"),
    )

    party_kind: Mapped[str] = mapped_column(primary_key=True)
    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    rule: Mapped[str]
    began_on: Mapped[date]


class HelpCodeRow(Base):
    """A code that a clerk shows to whom they helped sign up: by digest, once, for a day (wall time)."""

    __tablename__ = "help_codes"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    clerk_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class StoreDayRow(Base):
    """The figures of one store on one day; see :mod:`app.core.figures.catalog`."""

    __tablename__ = "store_days"
    __table_args__ = (Index(None, "day"),)

    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    residents_new: Mapped[int]
    shops_new: Mapped[int]
    couriers_new: Mapped[int]
    helped_new: Mapped[int]
    shops_active: Mapped[int]
    couriers_active: Mapped[int]
    residents_active: Mapped[int]
    orders_paid: Mapped[int]
    orders_paid_fen: Mapped[int]
    orders_refunded_fen: Mapped[int]
    orders_completed: Mapped[int]
    orders_delivered: Mapped[int]
    orders_on_time: Mapped[int]
    deposits_fen: Mapped[int]
    fund_fen: Mapped[int]
    cash_in_fen: Mapped[int]
    cash_out_fen: Mapped[int]
    cash_acts: Mapped[int]
    desk_acts: Mapped[int] = mapped_column(server_default="0")
    errands_fen: Mapped[int] = mapped_column(server_default="0")
    verifications: Mapped[int]
    parcels_shelved: Mapped[int]
    activities_held: Mapped[int] = mapped_column(server_default="0")
    activity_guests: Mapped[int] = mapped_column(server_default="0")
    shop_visits: Mapped[int] = mapped_column(server_default="0")
    shop_visits_failed: Mapped[int] = mapped_column(server_default="0")
    sample_scans: Mapped[int] = mapped_column(server_default="0")
    sample_orders: Mapped[int] = mapped_column(server_default="0")
    sample_orders_fen: Mapped[int] = mapped_column(server_default="0")
    refreshed_at: Mapped[datetime]


class FigureDirtRow(Base):
    """A day whose figures are to be made anew, for all stores."""

    __tablename__ = "figure_dirt"

    day: Mapped[date] = mapped_column(primary_key=True)


class FigureMarkRow(Base):
    """How far the figures have read: of published events, of the books, and of new addresses and shops. One row.

    :ivar journal_id: all journals up to it are read. :ivar seen_journal_id: the latest that was in sight then, which is
        so once all transactions below ``awaited_xid`` have ended.
    """

    __tablename__ = "figure_marks"
    __table_args__ = (CheckConstraint("is_only", name="one_row"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True)
    position: Mapped[int]
    journal_id: Mapped[int]
    seen_journal_id: Mapped[int]
    awaited_xid: Mapped[int]
    born_from: Mapped[UUID]
    day: Mapped[date]
    refreshed_at: Mapped[datetime]


class ResidentWeekRow(Base):
    """A week, by its Monday, in which a resident placed an order that was paid."""

    __tablename__ = "resident_weeks"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    week: Mapped[date] = mapped_column(primary_key=True)


class StoreTargetRow(Base):
    """What the platform wants of a store in a month, by figure."""

    __tablename__ = "store_targets"
    __table_args__ = (
        *not_negative("target"),
        CheckConstraint("extract(day FROM month) = 1", name="a_months_first_day"),
    )

    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    figure: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[int]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    set_at: Mapped[datetime]
