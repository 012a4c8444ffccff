"""Tables of the directory."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.directory.states import ClaimState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class ListingRow(Base):
    """A merchant known to exist (名录). Cold and large, so it has two indexes and no more.

    ``cell`` is the square of the map, ``name_key`` what its name is compared by, see
    :func:`app.core.directory.rules.name_key`. ``shop_id`` is the shop that it became; WGS-84 degrees.
    """

    __tablename__ = "listings"
    __table_args__ = (Index("ix_listings_place", "cell", "category"),)

    listing_id: Mapped[UUID] = mapped_column(primary_key=True)
    cell: Mapped[int]
    name_key: Mapped[int]
    lat: Mapped[float]
    lng: Mapped[float]
    name: Mapped[str]
    category: Mapped[str]
    address: Mapped[str]
    source: Mapped[str]
    shop_id: Mapped[UUID | None]


class ArrivedListingRow(Base):
    """A row of a list that was read and is not merged yet. Not logged: a crash of the server loses it, to be read anew.

    ``line`` is its place in the list.
    """

    __tablename__ = "arrived_listings"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    import_number: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    cell: Mapped[int]
    name_key: Mapped[int]
    lat: Mapped[float]
    lng: Mapped[float]
    name: Mapped[str]
    category: Mapped[str]
    address: Mapped[str]
    source: Mapped[str]


class ListingImportRow(Base):
    """How far a list has come, by the digest of its content: a second run goes on from there.

    ``row_count`` rows were read; those of the map's rows before ``merged_row`` are among the listings.
    """

    __tablename__ = "listing_imports"
    __table_args__ = not_negative("row_count", "inserted_count", "merged_count", "refused_count")

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    name: Mapped[str]
    row_count: Mapped[int]
    inserted_count: Mapped[int]
    merged_count: Mapped[int]
    refused_count: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    finished_at: Mapped[datetime | None]
    import_number: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    merged_row: Mapped[int] = mapped_column(server_default="0")


class ListingClaimRow(Base):
    """A merchant says that a listing is its own. Of the claims of a listing one at most is approved."""

    __tablename__ = "listing_claims"
    __table_args__ = (
        one_of("state", ClaimState),
        Index(
            "uq_listing_claims_waiting",
            "listing_id",
            "merchant_id",
            unique=True,
            postgresql_where=text("state = 'submitted'"),
        ),
        Index("uq_listing_claims_approved", "listing_id", unique=True, postgresql_where=text("state = 'approved'")),
        Index("ix_listing_claims_review", "state", "claim_id"),
    )

    claim_id: Mapped[UUID] = mapped_column(primary_key=True)
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.listing_id"), index=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchants.merchant_id"), index=True)
    claimed_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    photo_reference: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    shop_id: Mapped[UUID | None] = mapped_column(ForeignKey("shops.shop_id"), index=True)
    claimed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.account_id"), index=True)
