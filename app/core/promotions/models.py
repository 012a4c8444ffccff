"""Tables of campaigns, their coupons, and wrong codes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from app.core.promotions.states import BenefitKind, CampaignState, CouponState
from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base


class CampaignRow(Base):
    """A campaign (活动) that the platform pays for. ``left_fen`` of its budget is moved by conditions alone.

    :ivar verticals: of the shops that it is for; empty for all. :ivar code_digest: of the code that a coupon is claimed
        by; None where whoever sees it may claim one.
    """

    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("state", CampaignState),
        one_of("benefit", BenefitKind),
        *not_negative("left_fen", "minimum_fen"),
        CheckConstraint("left_fen <= budget_fen", name="left_within_budget"),
        CheckConstraint("issued BETWEEN 0 AND issued_max", name="issued_within_max"),
        CheckConstraint("off_fen > 0", name="off_fen_positive"),
        CheckConstraint("(benefit = 'percent') = (percent_bp IS NOT NULL)", name="percent_named"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    state: Mapped[str]
    benefit: Mapped[str]
    minimum_fen: Mapped[int]
    off_fen: Mapped[int]
    percent_bp: Mapped[int | None]
    verticals: Mapped[list[str]] = mapped_column(ARRAY(Text))
    community_id: Mapped[UUID | None] = mapped_column(ForeignKey("communities.community_id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    budget_fen: Mapped[int]
    left_fen: Mapped[int]
    issued_max: Mapped[int]
    issued: Mapped[int] = mapped_column(server_default="0")
    per_person_max: Mapped[int]
    valid_days: Mapped[int]
    code_digest: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    made_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]


class CouponRow(Base):
    """A coupon (优惠券) that a resident holds: the ``nth`` of its campaign. It takes off one checkout.

    :ivar off_fen: what it took off ``checkout_id``.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        one_of("state", CouponState),
        CheckConstraint("(state = 'used') = (checkout_id IS NOT NULL)", name="used_by_checkout"),
        CheckConstraint("(state = 'used') = (off_fen IS NOT NULL)", name="used_takes_off"),
        UniqueConstraint("campaign_id", "account_id", "nth", name="uq_coupons_nth"),
        Index("ix_coupons_own", "account_id", text("coupon_id DESC")),
        Index("uq_coupons_checkout", "checkout_id", unique=True, postgresql_where=text("checkout_id IS NOT NULL")),
    )

    coupon_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.campaign_id"))
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"))
    nth: Mapped[int]
    state: Mapped[str]
    checkout_id: Mapped[UUID | None]
    off_fen: Mapped[int | None]
    claimed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class CouponCodeTriesRow(Base):
    """Wrong codes that somebody gave within an hour; a row a person, moved by a condition."""

    __tablename__ = "coupon_code_tries"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.account_id"), primary_key=True)
    since: Mapped[datetime]
    wrong: Mapped[int]
