"""Tables of places. Coordinates are WGS-84 degrees."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class StoreRow(Base):
    """An experience store (体验店): bank-run, staffed, with a catchment of communities."""

    __tablename__ = "stores"

    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    district: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]


class CommunityRow(Base):
    """A community (小区): residents, shops, couriers and one store hang on it.

    ``outline`` has corners, latitude first; ``radius_m`` where it was drawn as a circle. One that was merged keeps its
    row and name for old orders; what hung on it hangs on ``merged_into_id``.
    """

    __tablename__ = "communities"

    community_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    name: Mapped[str]
    district: Mapped[str]
    street: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]
    outline: Mapped[list[list[float]] | None] = mapped_column(JSONB)
    radius_m: Mapped[int | None]
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("communities.community_id"), index=True)


class CommunityChangeKind(StrEnum):
    """What was done to a community."""

    OUTLINED = "outlined"
    MERGED = "merged"
    """It became part of ``other_id``."""
    SPLIT = "split"
    """``other_id`` was taken out of it."""


class CommunityChangeRow(Base):
    """The history of communities. Rows are only added; ``details`` say what was before, and what moved."""

    __tablename__ = "community_changes"
    __table_args__ = (
        one_of("kind", CommunityChangeKind),
        Index("ix_community_changes_community_id", "community_id", text("change_id DESC")),
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"))
    other_id: Mapped[UUID | None] = mapped_column(ForeignKey("communities.community_id"), index=True)
    kind: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    why: Mapped[str]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    set_at: Mapped[datetime]


class StreetRow(Base):
    """A street or township (街道, 乡镇) of the country, by its code; communities copy the names."""

    __tablename__ = "streets"

    street_code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    district_code: Mapped[str]
    district: Mapped[str]
    city: Mapped[str]
    province: Mapped[str]
