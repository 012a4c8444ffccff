"""The automatic sweep, and savings plans."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sweep_rules",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("keep_fen", sa.BigInteger(), nullable=False),
        sa.Column("is_pull_back", sa.Boolean(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_on", sa.Date(), nullable=False),
        sa.CheckConstraint("keep_fen >= 0", name=op.f("ck_sweep_rules_keep_fen_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_sweep_rules_account_id")),
        sa.ForeignKeyConstraint(["fund_id"], ["funds.fund_id"], name=op.f("fk_sweep_rules_fund_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_sweep_rules")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_sweep_rules_fund_id", "sweep_rules", ["fund_id", "account_id"])
    op.create_table(
        "savings_plans",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("rhythm", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("next_on", sa.Date(), nullable=False),
        sa.Column("bought_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("missed_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("rhythm IN ('day', 'week', 'month')", name=op.f("ck_savings_plans_rhythm")),
        sa.CheckConstraint("state IN ('active', 'stopped')", name=op.f("ck_savings_plans_state")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_savings_plans_amount_fen_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_savings_plans_account_id")),
        sa.ForeignKeyConstraint(["fund_id"], ["funds.fund_id"], name=op.f("fk_savings_plans_fund_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_savings_plans")),
    )
    op.create_index("ix_savings_plans_account_id", "savings_plans", ["account_id", "plan_id"])
    op.create_index("ix_savings_plans_fund_id", "savings_plans", ["fund_id"])
    op.create_index("ix_savings_plans_due", "savings_plans", ["next_on"], postgresql_where=sa.text("state = 'active'"))


def downgrade() -> None:
    op.drop_table("savings_plans")
    op.drop_table("sweep_rules")
