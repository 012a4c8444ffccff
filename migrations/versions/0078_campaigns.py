"""Campaigns of the platform, coupons, and what the platform bears of an order's discount."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "'correction', 'commission_rate', 'commission_rule', 'staff_role', 'payout', 'mismatch', 'term_product', "
    "'bill_outcome', 'biller_account'"
)


def _kinds(kinds: str) -> None:
    op.drop_constraint(op.f("ck_approvals_kind"), "approvals", type_="check")
    op.create_check_constraint(op.f("ck_approvals_kind"), "approvals", f"kind IN ({kinds})")


def _id(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _count(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, server_default=default)


def _words(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=False)


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_table(
        "campaigns",
        _id("campaign_id"),
        _words("name_zh"),
        _words("name_en"),
        _words("state"),
        _words("benefit"),
        _count("minimum_fen"),
        _count("off_fen"),
        _count("percent_bp", nullable=True),
        sa.Column("verticals", postgresql.ARRAY(sa.Text()), nullable=False),
        _id("community_id", nullable=True),
        _at("starts_at"),
        _at("ends_at"),
        _count("budget_fen"),
        _count("left_fen"),
        _count("issued_max"),
        _count("issued", default="0"),
        _count("per_person_max"),
        _count("valid_days"),
        sa.Column("code_digest", sa.LargeBinary(), nullable=True),
        _at("made_at"),
        _at("stopped_at", nullable=True),
        _check("campaigns", "state", "state IN ('live', 'stopped')"),
        _check("campaigns", "benefit", "benefit IN ('off', 'percent')"),
        _check("campaigns", "left_fen_not_negative", "left_fen >= 0"),
        _check("campaigns", "minimum_fen_not_negative", "minimum_fen >= 0"),
        _check("campaigns", "left_within_budget", "left_fen <= budget_fen"),
        _check("campaigns", "issued_within_max", "issued BETWEEN 0 AND issued_max"),
        _check("campaigns", "off_fen_positive", "off_fen > 0"),
        _check("campaigns", "percent_named", "(benefit = 'percent') = (percent_bp IS NOT NULL)"),
        _check("campaigns", "ends_after_start", "ends_at > starts_at"),
        _refers("campaigns", "community_id", "communities.community_id"),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_campaigns_code_digest")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(op.f("ix_campaigns_community_id"), "campaigns", ["community_id"])
    op.create_table(
        "coupons",
        _id("coupon_id"),
        _id("campaign_id"),
        _id("account_id"),
        _count("nth"),
        _words("state"),
        _id("checkout_id", nullable=True),
        _count("off_fen", nullable=True),
        _at("claimed_at"),
        _at("expires_at"),
        _at("used_at", nullable=True),
        _check("coupons", "state", "state IN ('held', 'used')"),
        _check("coupons", "used_by_checkout", "(state = 'used') = (checkout_id IS NOT NULL)"),
        _check("coupons", "used_takes_off", "(state = 'used') = (off_fen IS NOT NULL)"),
        _refers("coupons", "campaign_id", "campaigns.campaign_id"),
        _refers("coupons", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("campaign_id", "account_id", "nth", name="uq_coupons_nth"),
    )
    op.create_index("ix_coupons_own", "coupons", ["account_id", sa.text("coupon_id DESC")])
    op.create_index(
        "uq_coupons_checkout",
        "coupons",
        ["checkout_id"],
        unique=True,
        postgresql_where=sa.text("checkout_id IS NOT NULL"),
    )
    op.create_table(
        "coupon_code_tries",
        _id("account_id"),
        _at("since"),
        _count("wrong"),
        _refers("coupon_code_tries", "account_id", "accounts.account_id"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_coupon_code_tries")),
    )
    op.add_column("orders", _count("platform_off_fen", default="0"))
    op.add_column("orders", _id("campaign_id", nullable=True))
    op.create_check_constraint(
        op.f("ck_orders_platform_off_within_discount"), "orders", "platform_off_fen BETWEEN 0 AND discount_fen"
    )
    op.add_column("settlement_items", _count("promotion_fen", default="0"))
    op.add_column("settlement_items", _count("promotion_back_fen", default="0"))
    op.create_check_constraint(
        op.f("ck_settlement_items_promotion_back_within"),
        "settlement_items",
        "promotion_back_fen BETWEEN 0 AND promotion_fen",
    )
    _kinds(f"{KINDS_BEFORE}, 'campaign'")


def downgrade() -> None:
    op.execute("DELETE FROM approvals WHERE kind = 'campaign'")
    _kinds(KINDS_BEFORE)
    op.drop_column("settlement_items", "promotion_back_fen")
    op.drop_column("settlement_items", "promotion_fen")
    op.drop_column("orders", "campaign_id")
    op.drop_column("orders", "platform_off_fen")
    for table in ("coupon_code_tries", "coupons", "campaigns"):
        op.drop_table(table)
