"""Tables beside the shelf: categories, standard products, and what prices were."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.catalog.content import ContentUnit
from app.core.catalog.models import CONTENT_SOUND, Vertical
from app.kernel.columns import one_of
from app.kernel.db import Base


class CategoryRow(Base):
    """A category (类目) of one vertical, of the first level or, with a parent, of the second.

    ``attributes`` is ``[{"key": …, "zh": …, "en": …, "kind": "text", "is_required": true}, …]``; kinds are text,
    number, flag, and choice with its ``choices``.
    In a sensitive one the platform looks at an offer before it is sold.
    """

    __tablename__ = "categories"
    __table_args__ = (one_of("vertical", Vertical),)

    code: Mapped[str] = mapped_column(primary_key=True)
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("categories.code"), index=True)
    vertical: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    position: Mapped[int]
    attributes: Mapped[list[Any]] = mapped_column(JSONB)
    is_sensitive: Mapped[bool]
    is_age_restricted: Mapped[bool]
    is_return_excluded: Mapped[bool]


class StandardProductRow(Base):
    """A standard product (标准商品): what different shops sell alike. By its barcode, or confirmed by a person.

    ``match_key`` is name, brand and content in one normal form.
    """

    __tablename__ = "standard_products"
    __table_args__ = (
        one_of("content_unit", ContentUnit),
        CheckConstraint(CONTENT_SOUND, name="content_sound"),
        Index("ix_standard_products_match_key", "match_key"),
    )

    standard_product_id: Mapped[UUID] = mapped_column(primary_key=True)
    barcode: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str]
    brand: Mapped[str] = mapped_column(server_default="")
    content_amount: Mapped[int | None]
    content_unit: Mapped[str | None]
    content_count: Mapped[int] = mapped_column(server_default="1")
    category_code: Mapped[str | None] = mapped_column(ForeignKey("categories.code"), index=True)
    match_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class PriceChangeRow(Base):
    """From when a SKU had a price (business time). Written by the database whenever a price is set, by whomever."""

    __tablename__ = "price_changes"
    __table_args__ = (CheckConstraint("price_fen > 0", name="price_fen_positive"),)

    sku_id: Mapped[UUID] = mapped_column(ForeignKey("skus.sku_id"), primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(primary_key=True)
    price_fen: Mapped[int]


class OfferPictureRow(Base):
    """A picture of an offer; ``digest`` names its file."""

    __tablename__ = "offer_pictures"

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    uploaded_at: Mapped[datetime]
