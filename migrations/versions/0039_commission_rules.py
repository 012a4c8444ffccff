"""Commission rules by campaign, shop and vertical, with least and most, frozen on the line."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

KINDS_BEFORE = "'correction', 'commission_rate', 'staff_role', 'payout', 'mismatch'"


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_commission_rules_{name}"))


def upgrade() -> None:
    op.drop_constraint(op.f("ck_approvals_kind"), "approvals", type_="check")
    op.create_check_constraint(op.f("ck_approvals_kind"), "approvals", f"kind IN ({KINDS_BEFORE}, 'commission_rule')")
    op.create_table(
        "commission_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=True),
        sa.Column("vertical", sa.Text(), nullable=True),
        sa.Column("rate_bp", sa.BigInteger(), nullable=False),
        sa.Column("least_fen", sa.BigInteger(), nullable=False),
        sa.Column("cap_fen", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        _check("scope", "scope IN ('campaign', 'shop', 'vertical')"),
        _check("rate_bp_range", "rate_bp BETWEEN 0 AND 10000"),
        _check("cap_above_least", "cap_fen >= least_fen"),
        _check("ends_after_start", "ends_on >= starts_on"),
        _check("shop_named", "(scope = 'shop') = (shop_id IS NOT NULL)"),
        _check("vertical_named", "(scope = 'vertical') <= (vertical IS NOT NULL)"),
        _check("least_fen_not_negative", "least_fen >= 0"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_commission_rules_shop_id")),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_commission_rules")),
    )
    op.create_index("ix_commission_rules_shop", "commission_rules", ["shop_id", "starts_on"])
    op.create_index("ix_commission_rules_span", "commission_rules", ["starts_on", "ends_on"])
    op.add_column(
        "order_lines", sa.Column("commission_least_fen", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("order_lines", sa.Column("commission_cap_fen", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    message = "orders were placed by these rules; they are kept"
    raise RuntimeError(message)
