"""Tables of planned shifts, tips, ratings and incidents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.delivery.incidents import IncidentKind
from app.core.delivery.ratings import STARS_MAX
from app.core.delivery.slots import SlotState
from app.core.delivery.states import IncidentState, RatingState
from app.kernel.columns import one_of
from app.kernel.db import Base


class ShiftSlotRow(Base):
    """A place of a planned shift (排班)."""

    __tablename__ = "shift_slots"
    __table_args__ = (
        one_of("state", SlotState),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("(state IN ('taken', 'passed')) = (courier_id IS NOT NULL)", name="taken_by_someone"),
        Index("ix_shift_slots_community", "community_id", "starts_at"),
    )

    slot_id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"))
    courier_id: Mapped[UUID | None] = mapped_column(ForeignKey("couriers.courier_id"), index=True)
    state: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    published_by: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)


class TipRow(Base):
    """A tip for the courier of an order (打赏). Rows are only added."""

    __tablename__ = "tips"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_fen_positive"),
        Index("ix_tips_courier", "courier_id", "given_at"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"))
    amount_fen: Mapped[int]
    given_at: Mapped[datetime]


class CourierRatingRow(Base):
    """What a resident thought of how an order was brought (评价)."""

    __tablename__ = "courier_ratings"
    __table_args__ = (
        one_of("state", RatingState),
        CheckConstraint(f"stars BETWEEN 1 AND {STARS_MAX}", name="stars_range"),
        Index("ix_courier_ratings_mine", "courier_id", text("rating_id DESC")),
        Index("ix_courier_ratings_appealed", "rating_id", postgresql_where=text("state = 'appealed'")),
    )

    rating_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), unique=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"))
    stars: Mapped[int]
    marks: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[str]
    rated_at: Mapped[datetime]
    appeal: Mapped[str | None]
    appealed_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)


class IncidentRow(Base):
    """A case that a courier opened (安全上报); the place is kept until it is closed."""

    __tablename__ = "incidents"
    __table_args__ = (
        one_of("kind", IncidentKind),
        one_of("state", IncidentState),
        Index("ix_incidents_mine", "courier_id", text("incident_id DESC")),
        Index("ix_incidents_not_closed", "incident_id", postgresql_where=text("state <> 'closed'")),
    )

    incident_id: Mapped[UUID] = mapped_column(primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"))
    store_id: Mapped[UUID]
    trip_id: Mapped[UUID | None] = mapped_column(ForeignKey("trips.trip_id"), index=True)
    kind: Mapped[str]
    is_sos: Mapped[bool]
    lat: Mapped[float | None]
    lng: Mapped[float | None]
    note_sealed: Mapped[str | None]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    taken_by: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    taken_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
