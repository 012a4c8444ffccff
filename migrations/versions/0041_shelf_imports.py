"""Files on their way onto a shelf; offers that the platform looks at first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shelf_imports",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("is_dry_run", sa.Boolean(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=True),
        sa.Column("read_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wrong_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'reading', 'done', 'refused')", name=op.f("ck_shelf_imports_state")),
        sa.CheckConstraint("mode IN ('all_or_none', 'correct_rows')", name=op.f("ck_shelf_imports_mode")),
        *(
            sa.CheckConstraint(f"{name} >= 0", name=op.f(f"ck_shelf_imports_{name}_not_negative"))
            for name in ("read_count", "wrong_count", "made_count", "changed_count")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_shelf_imports_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_shelf_imports_shop_id")),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_shelf_imports")),
    )
    op.create_index(op.f("ix_shelf_imports_account_id"), "shelf_imports", ["account_id"])
    op.create_index(op.f("ix_shelf_imports_shop_id"), "shelf_imports", ["shop_id"])
    op.create_index(
        "uq_shelf_imports_running",
        "shelf_imports",
        ["shop_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'reading')"),
    )
    op.add_column("shops", sa.Column("reviewed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("offers", sa.Column("refusal", sa.Text(), nullable=True))
    op.create_index("ix_offers_in_review", "offers", ["offer_id"], postgresql_where=sa.text("state = 'in_review'"))


def downgrade() -> None:
    op.drop_index("ix_offers_in_review", "offers")
    op.drop_column("offers", "refusal")
    op.drop_column("shops", "reviewed_until")
    op.drop_table("shelf_imports")
