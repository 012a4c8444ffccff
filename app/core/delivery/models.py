"""Tables of couriers, shifts, positions, trips, stops, deliveries, and of who was offered what, and why."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL
from sqlalchemy.orm import Mapped, mapped_column

from app.core.delivery.checks import HandOverWay
from app.core.delivery.states import (
    ApplicationState,
    DeliveryState,
    DispatchMode,
    FailureReason,
    ReleaseReason,
    StopKind,
    StopState,
    TripOfferState,
    TripState,
)
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base

ACTIVE_TRIPS_MAX = 3
"""How many trips one courier carries at a time."""
ORDERS_IN_HAND_MAX = 3
"""How many orders one courier carries at a time, in however many trips."""


class CourierState(StrEnum):
    """Whether the person may deliver."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Vehicle(StrEnum):
    """What a courier goes by."""

    FOOT = "foot"
    BICYCLE = "bicycle"
    E_BIKE = "e_bike"
    TRICYCLE = "tricycle"


WEIGHT_G_MAX = {Vehicle.FOOT: 8_000, Vehicle.BICYCLE: 15_000, Vehicle.E_BIKE: 30_000, Vehicle.TRICYCLE: 120_000}
"""What a courier may carry at a time, by vehicle, grams. Our own rule; a bucket of water is 19 kg."""


class CourierRow(Base):
    """A courier (管家): a vetted adult neighbor, registered in one community."""

    __tablename__ = "couriers"
    __table_args__ = (one_of("state", CourierState), one_of("vehicle", Vehicle))

    courier_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), index=True)
    state: Mapped[str] = mapped_column(server_default="active")
    vehicle: Mapped[str] = mapped_column(server_default="e_bike")
    has_cold_box: Mapped[bool] = mapped_column(server_default=text("false"))


class ShiftRow(Base):
    """A shift (班次), on from its start until it is ended; at most one is on per courier.

    ``session_id`` is the phone that went on shift last: positions of another phone of the same account are refused.
    From ``ends_at`` on it takes no new trip; it ends when what is in hand is done. ``lat`` and ``lng`` are where it
    began; or, at ``freed_at``, the last door of the last trip that is done; or, once it ended, where one was last.
    """

    __tablename__ = "courier_shifts"
    __table_args__ = (
        Index("uq_courier_shifts_on", "courier_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint(f"active_trips BETWEEN 0 AND {ACTIVE_TRIPS_MAX}", name="active_trips_range"),
        *not_negative("active_weight_g"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    shift_id: Mapped[UUID] = mapped_column(primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"), index=True)
    session_id: Mapped[UUID | None]
    lat: Mapped[float]
    lng: Mapped[float]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    wishes_until: Mapped[datetime | None]
    in_a_row_since: Mapped[datetime | None]
    freed_at: Mapped[datetime | None]
    on_break_since: Mapped[datetime | None]
    active_trips: Mapped[int] = mapped_column(server_default="0")
    active_weight_g: Mapped[int] = mapped_column(server_default="0")


class TripRow(Base):
    """A trip (配送单): what one courier carries in one go, with the fees that residents pay and what it pays.

    ``order_count`` tells how many orders it was made for, canceled ones too. ``pay_parts`` are those of
    :class:`app.core.delivery.pay.PayParts`; they add up to ``pay_fen``.
    """

    __tablename__ = "trips"
    __table_args__ = (
        one_of("state", TripState),
        *not_negative("fee_fen", "pay_fen", "weight_g"),
        CheckConstraint("pay_fen >= fee_fen", name="fee_is_the_couriers"),
        CheckConstraint("(state = 'assigned') <= (courier_id IS NOT NULL)", name="assigned_to_someone"),
        Index(
            "ix_trips_open", text("point(lng, lat)"), postgresql_using="gist", postgresql_where=text("state = 'open'")
        ),
        Index("ix_trips_mine", "courier_id", text("trip_id DESC")),
        Index("ix_trips_in_hand", "courier_id", postgresql_where=text("state = 'assigned'")),
        {"postgresql_with": {"fillfactor": 70}},
    )

    trip_id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[str]
    courier_id: Mapped[UUID | None] = mapped_column(ForeignKey("couriers.courier_id"))
    fee_fen: Mapped[int]
    pay_fen: Mapped[int]
    pay_parts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    order_count: Mapped[int] = mapped_column(server_default="1")
    weight_g: Mapped[int] = mapped_column(server_default="0")
    is_cold: Mapped[bool] = mapped_column(server_default=text("false"))
    lat: Mapped[float]
    lng: Mapped[float]
    expected_ready_at: Mapped[datetime]
    opens_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    assigned_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    pinned_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("couriers.courier_id"), index=True)
    """Whom an operator wants to carry it: nobody else is offered it, nobody else can claim it."""
    is_apart: Mapped[bool] = mapped_column(server_default=text("false"))
    """An operator split it off: it is not joined again."""
    is_grabbed: Mapped[bool] = mapped_column(server_default=text("false"))
    """Its courier claimed it out of the hall."""
    joined_into_id: Mapped[UUID | None]
    """The trip that took its deliveries over: they were carried together."""


class StopRow(Base):
    """A stop of a trip: a pick-up at a shop or a drop at an address.

    The distances say how far away the courier was seen when they said so, meters; null when nobody knows.
    """

    __tablename__ = "stops"
    __table_args__ = (one_of("kind", StopKind), one_of("state", StopState))

    stop_id: Mapped[UUID] = mapped_column(primary_key=True)
    trip_id: Mapped[UUID] = mapped_column(ForeignKey("trips.trip_id"), index=True)
    position: Mapped[int]
    kind: Mapped[str]
    state: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]
    arrived_at: Mapped[datetime | None]
    arrived_distance_m: Mapped[int | None]
    done_at: Mapped[datetime | None]
    done_distance_m: Mapped[int | None]


class DeliveryRow(Base):
    """The delivery of one order: its trip, its two stops, its fee and its share of the trip's pay.

    One with ``case_id`` brings the new piece of an exchange, for which nobody pays a fee.

    ``wrong_codes`` counts ``{"counter:<courier>": n, "door:<courier>": n, "locker": n}``. ``collected_at`` is when
    somebody came for what lies in the locker.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("state", DeliveryState),
        one_of("failure_reason", FailureReason),
        one_of("hand_over_way", HandOverWay),
        *not_negative("fee_fen", "pay_fen", "failure_count"),
        CheckConstraint("pay_fen >= fee_fen", name="fee_is_the_couriers"),
        UniqueConstraint(
            "order_id", "case_id", name="uq_deliveries_order_id_case_id", postgresql_nulls_not_distinct=True
        ),
        {"postgresql_with": {"fillfactor": 70}},
    )

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("after_sale_cases.case_id"), unique=True)
    trip_id: Mapped[UUID] = mapped_column(ForeignKey("trips.trip_id"), index=True)
    pick_up_stop_id: Mapped[UUID] = mapped_column(ForeignKey("stops.stop_id"), index=True)
    drop_stop_id: Mapped[UUID] = mapped_column(ForeignKey("stops.stop_id"), index=True)
    state: Mapped[str]
    fee_fen: Mapped[int]
    pay_fen: Mapped[int]
    failure_reason: Mapped[str | None]
    failure_count: Mapped[int] = mapped_column(server_default="0")
    failed_at: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default="{}")
    failure_photo_reference: Mapped[str | None]
    is_failure_proven: Mapped[bool] = mapped_column(server_default=text("false"))
    wrong_codes: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}")
    counted_items: Mapped[int | None]
    pick_up_photo_reference: Mapped[str | None]
    hand_over_way: Mapped[str | None]
    photo_reference: Mapped[str | None]
    neighbor_sealed: Mapped[str | None]
    locker_box: Mapped[str | None]
    collected_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PositionRow(Base):
    """Where a courier on shift was last; overwritten, and deleted with the end of the shift.

    ``measured_at`` and ``heard_at`` are business time, ``received_at`` is wall time and bounds how often one
    may report. Since ``still_since`` one has not gone far from ``still_lat``, ``still_lng``.
    No index holds a column that changes, so every report is a HOT update.
    """

    __tablename__ = "courier_positions"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"), primary_key=True)
    lat: Mapped[float]
    lng: Mapped[float]
    measured_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    received_at: Mapped[datetime]
    trailed_at: Mapped[datetime | None]
    still_lat: Mapped[float | None]
    still_lng: Mapped[float | None]
    still_since: Mapped[datetime | None]


class TrailRow(Base):
    """A point of the way of a courier with a trip, at most one a minute; kept for thirty days."""

    __tablename__ = "courier_trail"
    __table_args__ = (Index("ix_courier_trail_measured_at", "measured_at"),)

    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"), primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    lat: Mapped[float]
    lng: Mapped[float]


class CourierTariffRow(Base):
    """What trips of a community pay from when on. Rows are only added; the newest counts.

    ``bad_weather_until`` is the weather switch: it goes off by itself.
    """

    __tablename__ = "courier_tariffs"
    __table_args__ = (*not_negative("base_fen", "drop_fen", "step_fen", "floor_fen", "night_fen", "weather_fen"),)

    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), primary_key=True)
    set_at: Mapped[datetime] = mapped_column(primary_key=True)
    base_fen: Mapped[int]
    drop_fen: Mapped[int]
    step_fen: Mapped[int]
    floor_fen: Mapped[int]
    night_fen: Mapped[int]
    weather_fen: Mapped[int]
    bad_weather_until: Mapped[datetime | None]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)


class DispatchModeRow(Base):
    """From when on a community's trips are claimed, offered, or both. Rows are only added; the newest counts."""

    __tablename__ = "dispatch_modes"
    __table_args__ = (one_of("mode", DispatchMode),)

    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), primary_key=True)
    set_at: Mapped[datetime] = mapped_column(primary_key=True)
    mode: Mapped[str]
    set_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)


class DispatchDecisionRow(Base):
    """Why a trip was offered to whom, or who claimed it: the candidates with their costs, best first.

    ``alternatives`` is ``[{"courier_id": …, "cost": minutes, "to_shop_m": meters, "is_chosen": …}, …]``.
    Those are the best few. The three columns ``weighed_…`` are of all who could have it, at most 200, in 24 bytes each:
    their answer to "why not me?". Kept for ninety days.
    """

    __tablename__ = "dispatch_decisions"
    __table_args__ = (
        Index("ix_dispatch_decisions_trip_id", "trip_id", text("decision_id DESC")),
        Index("ix_dispatch_decisions_decided_at", "decided_at"),
    )

    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    trip_id: Mapped[UUID] = mapped_column(ForeignKey("trips.trip_id"))
    policy: Mapped[str]
    candidate_count: Mapped[int]
    alternatives: Mapped[list[Any]] = mapped_column(JSONB)
    weighed_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default="{}")
    weighed_costs: Mapped[list[float]] = mapped_column(ARRAY(REAL), server_default="{}")
    weighed_to_shop_m: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")
    decided_at: Mapped[datetime]


class TripReleaseRow(Base):
    """A trip that its courier no longer has, before anything was picked up, and why. It is a mark against nobody."""

    __tablename__ = "trip_releases"
    __table_args__ = (one_of("reason", ReleaseReason),)

    release_id: Mapped[UUID] = mapped_column(primary_key=True)
    trip_id: Mapped[UUID] = mapped_column(ForeignKey("trips.trip_id"), index=True)
    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"), index=True)
    reason: Mapped[str]
    released_at: Mapped[datetime] = mapped_column(index=True)


class TripOfferRow(Base):
    """A trip offered to one courier (派单), until it is answered or runs out. One is live per trip and per courier."""

    __tablename__ = "trip_offers"
    __table_args__ = (
        one_of("state", TripOfferState),
        Index("uq_trip_offers_live_trip", "trip_id", unique=True, postgresql_where=text("state = 'live'")),
        Index("uq_trip_offers_live_courier", "courier_id", unique=True, postgresql_where=text("state = 'live'")),
        Index("ix_trip_offers_trip_id", "trip_id"),
        Index("ix_trip_offers_mine", "courier_id", text("trip_offer_id DESC")),
    )

    trip_offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    trip_id: Mapped[UUID] = mapped_column(ForeignKey("trips.trip_id"))
    courier_id: Mapped[UUID] = mapped_column(ForeignKey("couriers.courier_id"))
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("dispatch_decisions.decision_id"), index=True)
    state: Mapped[str]
    fee_fen: Mapped[int]
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class TrainingRecordRow(Base):
    """A try at the training quiz, passed or not. Rows are only added."""

    __tablename__ = "training_records"
    __table_args__ = (CheckConstraint("percent BETWEEN 0 AND 100", name="percent_range"),)

    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    version: Mapped[int]
    percent: Mapped[int]
    is_passed: Mapped[bool]
    taken_at: Mapped[datetime]


class CourierApplicationRow(Base):
    """The application of a resident to deliver in a community; one waits at a time."""

    __tablename__ = "courier_applications"
    __table_args__ = (
        one_of("state", ApplicationState),
        one_of("vehicle", Vehicle),
        Index(
            "uq_courier_applications_waiting",
            "account_id",
            unique=True,
            postgresql_where=text("state = 'submitted'"),
        ),
    )

    application_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), index=True)
    vehicle: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    submitted_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
