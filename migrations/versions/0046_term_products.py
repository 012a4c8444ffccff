"""Term products: quota in rows, positions, subscriptions, who waits; the accounts of what they hold and earn."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "term_products",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("risk_level", sa.BigInteger(), nullable=False),
        sa.Column("rate_bp", sa.BigInteger(), nullable=False),
        sa.Column("is_early_exit", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("early_rate_bp", "quota_fen", "cap_fen", "minimum_fen", "step_fen")
        ),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Date(), nullable=False) for name in ("value_on", "matures_on", "pays_on")),
        sa.CheckConstraint("risk_level BETWEEN 1 AND 5", name=op.f("ck_term_products_risk_level")),
        sa.CheckConstraint("step_fen > 0", name=op.f("ck_term_products_step_fen_positive")),
        *(
            sa.CheckConstraint(f"{name} >= 0", name=op.f(f"ck_term_products_{name}_not_negative"))
            for name in ("rate_bp", "early_rate_bp", "quota_fen", "cap_fen", "minimum_fen")
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_term_products")),
    )
    op.create_table(
        "term_quotas",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("left_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("left_fen >= 0", name=op.f("ck_term_quotas_left_fen_not_negative")),
        sa.ForeignKeyConstraint(["product_id"], ["term_products.product_id"], name=op.f("fk_term_quotas_product_id")),
        sa.PrimaryKeyConstraint("product_id", "bucket", name=op.f("pk_term_quotas")),
        postgresql_with={"fillfactor": 20},
    )
    for table, extra in (
        ("term_positions", ()),
        (
            "term_waiters",
            (
                sa.Column("waits_since", sa.DateTime(timezone=True), nullable=False),
                sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
            ),
        ),
    ):
        rule = ("amount_fen >= 0", "not_negative") if table == "term_positions" else ("amount_fen > 0", "positive")
        op.create_table(
            table,
            sa.Column("account_id", sa.Uuid(), nullable=False),
            sa.Column("product_id", sa.Uuid(), nullable=False),
            sa.Column("amount_fen", sa.BigInteger(), nullable=False),
            *extra,
            sa.CheckConstraint(rule[0], name=op.f(f"ck_{table}_amount_fen_{rule[1]}")),
            sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f(f"fk_{table}_account_id")),
            sa.ForeignKeyConstraint(["product_id"], ["term_products.product_id"], name=op.f(f"fk_{table}_product_id")),
            sa.PrimaryKeyConstraint("account_id", "product_id", name=op.f(f"pk_{table}")),
        )
    op.create_index("ix_term_positions_product_id", "term_positions", ["product_id"])
    op.create_index("ix_term_waiters_of_product", "term_waiters", ["product_id"])
    op.create_index(
        "ix_term_waiters_product_id",
        "term_waiters",
        ["product_id", "waits_since"],
        postgresql_where=sa.text("offered_at IS NULL"),
    )
    op.create_table(
        "term_subscriptions",
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirm_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interest_fen", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_term_subscriptions_amount_fen_positive")),
        sa.CheckConstraint(
            "state IN ('held', 'expired', 'confirmed', 'matured', 'exited')", name=op.f("ck_term_subscriptions_state")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_term_subscriptions_account_id")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["term_products.product_id"], name=op.f("fk_term_subscriptions_product_id")
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_term_subscriptions")),
    )
    op.create_index("ix_term_subscriptions_account_id", "term_subscriptions", ["account_id", "subscription_id"])
    op.create_index("ix_term_subscriptions_product_id", "term_subscriptions", ["product_id"])
    op.create_index(
        "ix_term_subscriptions_confirmed",
        "term_subscriptions",
        ["product_id", "account_id"],
        postgresql_where=sa.text("state = 'confirmed'"),
    )
    op.execute(
        """
        INSERT INTO ledger.account_kind
            (kind, title_zh, owner_kind, qualifier, sign, floor_fen, stripes, opens_by_itself, has_statement, meaning)
        VALUES ('term_holding', '理财持有', 'resident', 'uuid', 1, 0, 1, true, true,
                'principal of term products until it is paid back'),
            ('term_interest', '理财利息支出', 'platform', 'none', -1, NULL, 4, true, false,
                'interest paid on term products');
        SELECT ledger.open_account('term_interest');
        """
    )


def downgrade() -> None:
    for table in ("term_subscriptions", "term_waiters", "term_positions", "term_quotas", "term_products"):
        op.drop_table(table)
