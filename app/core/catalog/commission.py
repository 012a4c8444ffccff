"""Commission rules (佣金规则): which rate a line is placed at, with its least and most, frozen on the line.

A campaign goes before a shop's own rule, that before the rule of its vertical, that before the shop's plain rate; of
two of one kind the one that began later.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.columns import not_negative, one_of
from app.kernel.db import Base

ANNOUNCED = timedelta(days=7)
"""A rate is known to who pays it for so long before it begins."""
SHOP_RATE = "shop_rate"
"""Name of the rule where there is none: the rate of the shop itself."""


class RuleScope(StrEnum):
    """What a rule is for."""

    CAMPAIGN = "campaign"
    """All shops, or those of a vertical, for a while."""
    SHOP = "shop"
    VERTICAL = "vertical"


class CommissionRuleRow(Base):
    """A rule that two people have agreed on; it is never changed, a later one goes before it."""

    __tablename__ = "commission_rules"
    __table_args__ = (
        one_of("scope", RuleScope),
        CheckConstraint("rate_bp BETWEEN 0 AND 10000", name="rate_bp_range"),
        CheckConstraint("cap_fen >= least_fen", name="cap_above_least"),
        CheckConstraint("ends_on >= starts_on", name="ends_after_start"),
        CheckConstraint("(scope = 'shop') = (shop_id IS NOT NULL)", name="shop_named"),
        CheckConstraint("(scope = 'vertical') <= (vertical IS NOT NULL)", name="vertical_named"),
        *not_negative("least_fen"),
        Index("ix_commission_rules_shop", "shop_id", "starts_on"),
        Index("ix_commission_rules_span", "starts_on", "ends_on"),
    )

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str]
    shop_id: Mapped[UUID | None] = mapped_column(ForeignKey("shops.shop_id"))
    vertical: Mapped[str | None]
    rate_bp: Mapped[int]
    least_fen: Mapped[int]
    cap_fen: Mapped[int | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    announced_at: Mapped[datetime]


RULE_OF_SHOP = """
    LEFT JOIN LATERAL (
        SELECT r.rule_id, r.rate_bp, r.least_fen, r.cap_fen FROM commission_rules AS r
        WHERE r.starts_on <= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
          AND coalesce(r.ends_on, 'infinity') >= CAST(business_now() AT TIME ZONE 'Asia/Shanghai' AS date)
          AND coalesce(r.shop_id, s.shop_id) = s.shop_id AND coalesce(r.vertical, s.vertical) = s.vertical
        ORDER BY r.scope, r.starts_on DESC, r.rule_id DESC LIMIT 1
    ) AS u ON true
"""
"""The rule in force for shop ``s``, as ``u``: the scopes sort as they go before one another."""
