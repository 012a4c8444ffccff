"""Tables of search. Rows of offers and shops are written by the database alone, see ``migrations/sql/search.sql``."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE
from sqlalchemy.dialects.postgresql.ranges import MultiRange
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import one_of
from app.kernel.db import Base


class NameKind(StrEnum):
    """What a name is of."""

    OFFER = "offer"
    SHOP = "shop"


class SearchedOfferRow(Base):
    """An offer on sale as it is searched: its name in normal form, its reading, its lowest price, its shop's place.

    Stock is not here: each order would write it. Where the shop stands is, so that the index knows word and place.
    ``sale_minutes`` is when it is sold, in the form of a shop's ``open_minutes``; null while the shop is open.
    """

    __tablename__ = "searched_offers"
    __table_args__ = (
        Index(
            "ix_searched_offers_tokens",
            text("search_index(words, pinyin, lat, lng)"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
        {"postgresql_with": {"fillfactor": 90}},
    )

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(index=True)
    words: Mapped[str]
    pinyin: Mapped[str | None]
    price_fen: Mapped[int]
    lat: Mapped[float]
    lng: Mapped[float]
    sale_minutes: Mapped[MultiRange[int] | None] = mapped_column(INT4MULTIRANGE)


class SearchedShopRow(Base):
    """A shop as it is searched: few bytes, since a search looks at every shop around.

    ``open_minutes`` is its hours in minutes since Monday 00:00, Shanghai time, with holidays and single days behind the
    week, see ``migrations/sql/search_rows.sql``. ``fees[1]`` is the fee up to ``fee_from_m[1]`` meters, excluded, and
    so on. ``area`` is pairs of latitude and longitude.
    """

    __tablename__ = "searched_shops"
    __table_args__ = (
        Index("ix_searched_shops_place", text("point(lng, lat)"), postgresql_using="gist"),
        Index("ix_searched_shops_reach", text("delivery_box(lat, lng, radius_m)"), postgresql_using="gist"),
    )

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), primary_key=True)
    words: Mapped[str]
    pinyin: Mapped[str | None]
    open_minutes: Mapped[MultiRange[int]] = mapped_column(INT4MULTIRANGE)
    lat: Mapped[float]
    lng: Mapped[float]
    vertical: Mapped[str]
    state: Mapped[str]
    license_expires_on: Mapped[date]
    radius_m: Mapped[int]
    minimum_fen: Mapped[int]
    fee_from_m: Mapped[list[float]] = mapped_column(ARRAY(Double))
    fees: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    paused_until: Mapped[datetime | None]
    area: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    review_count: Mapped[int] = mapped_column(server_default="0")
    rating_hundredths: Mapped[int] = mapped_column(server_default="400")


class UnreadNameRow(Base):
    """A name whose reading in pinyin the worker has not written yet."""

    __tablename__ = "unread_names"
    __table_args__ = (one_of("kind", NameKind),)

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]


class AdvertisementRow(Base):
    """Paid placement (广告) of a shop's results, from a day to a day, both included; days of Asia/Shanghai."""

    __tablename__ = "advertisements"
    __table_args__ = (CheckConstraint("ends_on >= starts_on", name="in_order"),)

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), primary_key=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    set_at: Mapped[datetime]


class RecentSearchRow(Base):
    """What somebody searched for and wanted remembered, in normal form; forgotten when they say so, or with time."""

    __tablename__ = "recent_searches"
    __table_args__ = (Index("ix_recent_searches_searched_at", "searched_at"),)

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    words: Mapped[str] = mapped_column(primary_key=True)
    searched_at: Mapped[datetime]
