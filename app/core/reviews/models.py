"""Tables of reviews, of their pictures, and of what they come to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.reviews.ratings import STARS_MAX
from app.core.reviews.states import ReviewState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class ReviewRow(Base):
    """What a buyer says of an order (评价): once, with one addition and one reply. Its words are public.

    ``pictures`` are names of pictures, in the buyer's order.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        one_of("state", ReviewState),
        CheckConstraint(f"stars BETWEEN 1 AND {STARS_MAX}", name="stars_range"),
        Index("ix_reviews_shop", "shop_id", text("review_id DESC")),
        Index("ix_reviews_appealed", "review_id", postgresql_where=text("state = 'appealed'")),
        {"postgresql_with": {"fillfactor": 80}},
    )

    review_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), unique=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), index=True)
    shop_id: Mapped[UUID]
    stars: Mapped[int]
    words: Mapped[str]
    pictures: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    state: Mapped[str]
    reviewed_at: Mapped[datetime]
    added_words: Mapped[str | None]
    added_pictures: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    added_at: Mapped[datetime | None]
    reply: Mapped[str | None]
    replied_at: Mapped[datetime | None]
    replied_by_id: Mapped[UUID | None]
    fold_reason: Mapped[str | None]
    folded_at: Mapped[datetime | None]
    folded_by_id: Mapped[UUID | None]
    appeal: Mapped[str | None]
    appealed_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None]


class ReviewedOfferRow(Base):
    """Stars that a review gives to one offer of its order."""

    __tablename__ = "reviewed_offers"
    __table_args__ = (CheckConstraint(f"stars BETWEEN 1 AND {STARS_MAX}", name="stars_range"),)

    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.review_id"), primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), primary_key=True, index=True)
    stars: Mapped[int]


class ReviewPictureRow(Base):
    """A picture that a buyer uploaded for the review of an order."""

    __tablename__ = "review_pictures"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    uploaded_at: Mapped[datetime]


class ShopRatingRow(Base):
    """What the reviews of a shop that count come to: moved by each, never reckoned anew."""

    __tablename__ = "shop_ratings"
    __table_args__ = (*not_negative("review_count", "star_sum"), {"postgresql_with": {"fillfactor": 70}})

    shop_id: Mapped[UUID] = mapped_column(ForeignKey("shops.shop_id"), primary_key=True)
    review_count: Mapped[int]
    star_sum: Mapped[int]


class OfferRatingRow(Base):
    """What the reviews of an offer that count come to."""

    __tablename__ = "offer_ratings"
    __table_args__ = (*not_negative("review_count", "star_sum"), {"postgresql_with": {"fillfactor": 70}})

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.offer_id"), primary_key=True)
    review_count: Mapped[int]
    star_sum: Mapped[int]
