"""Tables of home services: providers with skills, areas and times; terms of services; appointments and bookings."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import INT8RANGE, JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.appointments.states import AppointmentState
from app.kernel.columns import one_of
from app.kernel.db import Base


class BreachKind(StrEnum):
    """How a provider let a resident down."""

    CANCELED = "canceled"
    NO_SHOW = "no_show"


class ChargeState(StrEnum):
    """Where an extra charge stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    DECLINED = "declined"


class ProviderRow(Base):
    """Somebody who does a shop's services (服务人员). ``hours`` has the form of a shop's hours.

    ``lane`` is a number of their own: bookings of all providers lie on one line of minutes, each in its lane, so that
    one exclusion constraint over ranges of integers keeps every provider from being booked twice.
    """

    __tablename__ = "service_providers"

    provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), index=True)
    lane: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    name: Mapped[str]
    hours: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class ProviderSkillRow(Base):
    """A service that a provider does."""

    __tablename__ = "provider_skills"

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("service_providers.provider_id"), primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), primary_key=True, index=True)


class ProviderAreaRow(Base):
    """A community that a provider comes to."""

    __tablename__ = "provider_areas"

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("service_providers.provider_id"), primary_key=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), primary_key=True, index=True)


class ProviderDayOffRow(Base):
    """A day on which a provider does not work."""

    __tablename__ = "provider_days_off"

    provider_id: Mapped[UUID] = mapped_column(ForeignKey("service_providers.provider_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)


class ServiceTermsRow(Base):
    """How long a service takes; without a row two hours."""

    __tablename__ = "service_terms"
    __table_args__ = (
        CheckConstraint("duration_minutes BETWEEN 15 AND 720", name="duration_minutes_range"),
        CheckConstraint("buffer_minutes BETWEEN 0 AND 240", name="buffer_minutes_range"),
        CheckConstraint("lead_minutes BETWEEN 0 AND 10080", name="lead_minutes_range"),
    )

    sku_id: Mapped[UUID] = mapped_column(ForeignKey("skus.sku_id"), primary_key=True)
    duration_minutes: Mapped[int]
    buffer_minutes: Mapped[int]
    lead_minutes: Mapped[int]


class AppointmentRow(Base):
    """The appointment of one order (预约). The order's row is its lock."""

    __tablename__ = "appointments"
    __table_args__ = (
        one_of("state", AppointmentState),
        CheckConstraint("ends_at > starts_at", name="ends_after_it_starts"),
        CheckConstraint("done_percent BETWEEN 1 AND 100", name="done_percent_range"),
        Index("ix_appointments_shop", "shop_id", "starts_at"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    shop_id: Mapped[UUID]
    sku_id: Mapped[UUID]
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("service_providers.provider_id"), index=True)
    state: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    buffer_minutes: Mapped[int]
    checked_in_m: Mapped[int | None]
    rescheduled_at: Mapped[datetime | None]
    set_out_at: Mapped[datetime | None]
    checked_in_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    done_percent: Mapped[int | None]


class BookingRow(Base):
    """Minutes of a provider that are taken, by their lane. No two of one provider overlap: the database holds it."""

    __tablename__ = "provider_bookings"
    __table_args__ = (ExcludeConstraint(("span", "&&"), name="provider_bookings_no_overlap", using="gist"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("service_providers.provider_id"), index=True)
    from_minute: Mapped[int]
    to_minute: Mapped[int]
    span: Mapped[Any] = mapped_column(INT8RANGE)


class BreachRow(Base):
    """A provider let a resident down (违约)."""

    __tablename__ = "provider_breaches"
    __table_args__ = (one_of("kind", BreachKind),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("service_providers.provider_id"), primary_key=True, index=True)
    kind: Mapped[str]
    at: Mapped[datetime]


class ExtraChargeRow(Base):
    """More than was agreed on, proposed on the spot; approved, it is an order of its own that the resident pays."""

    __tablename__ = "extra_charges"
    __table_args__ = (
        one_of("state", ChargeState),
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
    )

    charge_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("appointments.order_id"), index=True)
    paid_by_order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.order_id"), unique=True)
    amount_fen: Mapped[int]
    reason: Mapped[str]
    state: Mapped[str]
    proposed_at: Mapped[datetime]
