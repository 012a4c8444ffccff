"""Tables of places. Coordinates are WGS-84 degrees."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

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
    """A community (小区): residents, shops, couriers and one store hang on it."""

    __tablename__ = "communities"

    community_id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("stores.store_id"), index=True)
    name: Mapped[str]
    district: Mapped[str]
    street: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]


class StreetRow(Base):
    """A street or township (街道, 乡镇) of the country, by its code; communities copy the names."""

    __tablename__ = "streets"

    street_code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    district_code: Mapped[str]
    district: Mapped[str]
    city: Mapped[str]
    province: Mapped[str]
