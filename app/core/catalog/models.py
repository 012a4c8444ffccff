"""Tables of shops and shelves. Stock stands in a table of its own: it is the only part that every order writes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.catalog.content import ContentUnit
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base

CONTENT_SOUND = (
    "(content_amount IS NULL) = (content_unit IS NULL) AND content_amount > 0 IS NOT FALSE AND content_count > 0"
)


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


class OptionKind(StrEnum):
    """What is chosen by an option (规格、口味、份量)."""

    SPEC = "spec"
    FLAVOR = "flavor"
    PORTION = "portion"


class OfferState(StrEnum):
    """Whether the offer is on the shelf."""

    ON_SALE = "on_sale"
    PAUSED = "paused"
    REMOVED = "removed"
    IN_REVIEW = "in_review"
    """A person of the platform looks at it first."""
    REFUSED = "refused"


class MerchantRow(Base):
    """A merchant (商户): a business with one or more shops."""

    __tablename__ = "merchants"

    merchant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ShopRow(Base):
    """A shop, with its terms.

    ``hours`` maps ISO weekday ``"1".."7"`` to ``[["08:00", "22:00"], …]`` in Shanghai time, and so ``"holiday"`` and
    single days, which go before it. ``area`` is a polygon ``[[lat, lng], …]`` within ``radius_m``.

    ``fee_tiers`` is ``[{"up_to_m": 1000, "fee_fen": 300}, …]`` by growing distance; ``discount_tiers`` (满减) is
    ``[{"from_fen": 5000, "off_fen": 500}, …]`` by growing threshold, borne by the shop.
    Until ``reviewed_until`` the platform looks at each offer before it is sold.
    """

    __tablename__ = "shops"
    __table_args__ = (
        one_of("vertical", Vertical),
        one_of("state", ShopState),
        *not_negative("minimum_fen", "packing_fen", "preparation_minutes", "radius_m"),
        CheckConstraint("commission_bp BETWEEN 0 AND 10000", name="commission_bp_range"),
        Index("ix_shops_place", text("point(lng, lat)"), postgresql_using="gist"),
        Index("ix_shops_submitted", "shop_id", postgresql_where=text("state = 'submitted'")),
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
    reviewed_until: Mapped[datetime | None]
    area: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    refusal: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class OfferRow(Base):
    """What a shop sells (商品、菜品、服务、券). ``category`` is the title of its group on the shop's own shelf.

    ``sale_hours`` has the form of a shop's hours; null is as long as the shop is open. ``preparation_minutes`` counts
    where it is longer than the shop's. ``is_paused_after_review`` is about what waits for a look or was refused: its
    merchant had paused it, and it is paused once it is approved.
    """

    __tablename__ = "offers"
    __table_args__ = (
        one_of("kind", OfferKind),
        one_of("state", OfferState),
        *not_negative("preparation_minutes"),
        Index("ix_offers_shelf", "shop_id", "position", "offer_id"),
        Index("ix_offers_in_review", "offer_id", postgresql_where=text("state = 'in_review'")),
    )

    offer_id: Mapped[UUID] = mapped_column(primary_key=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"))
    kind: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    position: Mapped[int] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default="on_sale")
    category_code: Mapped[str | None] = mapped_column(ForeignKey("categories.code"), index=True)
    brand: Mapped[str] = mapped_column(server_default="")
    description: Mapped[str] = mapped_column(server_default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    refusal: Mapped[str | None]
    is_paused_after_review: Mapped[bool] = mapped_column(server_default=text("false"))
    sale_hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    preparation_minutes: Mapped[int] = mapped_column(server_default="0")
    is_age_restricted: Mapped[bool] = mapped_column(server_default=text("false"))
    is_return_excluded: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class SkuRow(Base):
    """One buyable form of an offer, with its price and, where there is one, its barcode (GTIN).

    ``weight_g`` is 0 where nobody said; ``is_cold`` is for what must not get warm on the way (冷链). ``options`` is
    ``[{"kind": "portion", "value": "大份"}, …]``, and ``option`` the same as text. The content (500 g, 6 × 330 ml) is
    ``content_count`` times ``content_amount`` of ``content_unit``. One person may buy ``per_person_max`` within
    ``per_person_days``. ``cell`` is the square of the map that the shop stands in, set by the database.
    """

    __tablename__ = "skus"
    __table_args__ = (
        CheckConstraint("price_fen > 0", name="price_fen_positive"),
        CheckConstraint("quantity_max BETWEEN 1 AND 999", name="quantity_max_range"),
        *not_negative("packing_fen", "weight_g"),
        one_of("content_unit", ContentUnit),
        CheckConstraint(CONTENT_SOUND, name="content_sound"),
        CheckConstraint("per_person_max BETWEEN 1 AND 999", name="per_person_max_range"),
        CheckConstraint("per_person_days BETWEEN 1 AND 366", name="per_person_days_range"),
        Index("ix_skus_product", "standard_product_id", "cell"),
        Index("ix_skus_shop", "shop_id", "standard_product_id"),
    )

    sku_id: Mapped[UUID] = mapped_column(primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), index=True)
    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"))
    option: Mapped[str] = mapped_column(server_default="")
    price_fen: Mapped[int]
    packing_fen: Mapped[int] = mapped_column(server_default="0")
    barcode: Mapped[str | None] = mapped_column(index=True)
    quantity_max: Mapped[int] = mapped_column(server_default="99")
    weight_g: Mapped[int] = mapped_column(server_default="0")
    is_cold: Mapped[bool] = mapped_column(server_default=text("false"))
    options: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    content_amount: Mapped[int | None]
    content_unit: Mapped[str | None]
    content_count: Mapped[int] = mapped_column(server_default="1")
    standard_product_id: Mapped[UUID | None] = mapped_column(ForeignKey("standard_products.standard_product_id"))
    per_person_max: Mapped[int | None]
    per_person_days: Mapped[int] = mapped_column(server_default="30")
    removed_at: Mapped[datetime | None]
    cell: Mapped[int] = mapped_column(server_default="0")


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
