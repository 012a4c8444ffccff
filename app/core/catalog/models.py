"""Tables of shops and shelves. Stock stands in a table of its own: it is the only part that every order writes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class Vertical(StrEnum):
    """The four verticals (周边商超、餐饮外卖、家政服务、休闲娱乐)."""

    RETAIL = "retail"
    FOOD = "food"
    HOME_SERVICE = "home_service"
    LEISURE = "leisure"


class ShopState(StrEnum):
    """Whether the shop is on the platform, and takes orders."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    OPEN = "open"
    RESTING = "resting"
    SUSPENDED = "suspended"
    LEAVING = "leaving"


class OfferKind(StrEnum):
    """What an offer is."""

    GOODS = "goods"
    DISH = "dish"
    SERVICE = "service"
    VOUCHER = "voucher"


class OfferState(StrEnum):
    """Whether the offer is on the shelf."""

    ON_SALE = "on_sale"
    PAUSED = "paused"
    REMOVED = "removed"


class MerchantRow(Base):
    """A merchant (商户): a business with one or more shops."""

    __tablename__ = "merchants"

    merchant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ShopRow(Base):
    """A shop. ``hours`` maps ISO weekday ``"1".."7"`` to ``[["08:00", "22:00"], …]`` in Shanghai time.

    ``fee_tiers`` is ``[{"up_to_m": 1000, "fee_fen": 300}, …]`` by growing distance; ``discount_tiers`` (满减) is
    ``[{"from_fen": 5000, "off_fen": 500}, …]`` by growing threshold, borne by the shop.
    """

    __tablename__ = "shops"
    __table_args__ = (
        one_of("vertical", Vertical),
        one_of("state", ShopState),
        *not_negative("minimum_fen", "packing_fen", "preparation_minutes", "radius_m"),
        CheckConstraint("commission_bp BETWEEN 0 AND 10000", name="commission_bp_range"),
        Index("ix_shops_place", text("point(lng, lat)"), postgresql_using="gist"),
    )

    shop_id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID] = mapped_column(ForeignKey("merchants.merchant_id"), index=True)
    community_id: Mapped[UUID] = mapped_column(ForeignKey("communities.community_id"), index=True)
    name: Mapped[str]
    vertical: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    lat: Mapped[float]
    lng: Mapped[float]
    radius_m: Mapped[int]
    minimum_fen: Mapped[int]
    packing_fen: Mapped[int]
    preparation_minutes: Mapped[int]
    is_auto_accept: Mapped[bool] = mapped_column(server_default=text("false"))
    commission_bp: Mapped[int]
    hours: Mapped[dict[str, Any]] = mapped_column(JSONB)
    fee_tiers: Mapped[list[Any]] = mapped_column(JSONB)
    discount_tiers: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    paused_until: Mapped[datetime | None]
    license_number: Mapped[str]
    license_expires_on: Mapped[date]
    phone_sealed: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class OfferRow(Base):
    """What a shop sells (商品、菜品、服务、券)."""

    __tablename__ = "offers"
    __table_args__ = (
        one_of("kind", OfferKind),
        one_of("state", OfferState),
        Index("ix_offers_shelf", "shop_id", "position", "offer_id"),
    )

    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"))
    kind: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default="on_sale")
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class SkuRow(Base):
    """One buyable form of an offer, with its price and, where there is one, its barcode (GTIN).

    ``weight_g`` is 0 where nobody said; ``is_cold`` is for what must not get warm on the way (冷链).
    """

    __tablename__ = "skus"
    __table_args__ = (
        CheckConstraint("price_fen > 0", name="price_fen_positive"),
        CheckConstraint("quantity_max BETWEEN 1 AND 999", name="quantity_max_range"),
        *not_negative("packing_fen", "weight_g"),
    )

    sku_id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), index=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), index=True)
    option: Mapped[str] = mapped_column(server_default="")
    price_fen: Mapped[int]
    packing_fen: Mapped[int] = mapped_column(server_default="0")
    barcode: Mapped[str | None] = mapped_column(index=True)
    quantity_max: Mapped[int] = mapped_column(server_default="99")
    weight_g: Mapped[int] = mapped_column(server_default="0")
    is_cold: Mapped[bool] = mapped_column(server_default=text("false"))


class StockRow(Base):
    """Counted stock of a SKU; a SKU without a row is unlimited. ``received = on_hand + reserved + sold``, always."""

    __tablename__ = "stock"
    __table_args__ = (
        *not_negative("received", "on_hand", "reserved", "sold"),
        CheckConstraint("received = on_hand + reserved + sold", name="adds_up"),
        {"postgresql_with": {"fillfactor": 60}},
    )

    sku_id: Mapped[UUID] = mapped_column(ForeignKey("skus.sku_id"), primary_key=True)
    received: Mapped[int]
    on_hand: Mapped[int]
    reserved: Mapped[int] = mapped_column(server_default="0")
    sold: Mapped[int] = mapped_column(server_default="0")


class ShopPromiseRow(Base):
    """What a shop's promises are made of, measured anew every few minutes: how long it prepares, and how late is usual.

    ``early_s`` and ``late_s`` are of its zone, and may be below zero.
    """

    __tablename__ = "shop_promises"
    __table_args__ = (*not_negative("preparation_s"), {"postgresql_with": {"fillfactor": 70}})

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), primary_key=True)
    preparation_s: Mapped[int]
    early_s: Mapped[int]
    late_s: Mapped[int]
    measured_count: Mapped[int]
    measured_at: Mapped[datetime]
