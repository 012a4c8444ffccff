"""Surcharges of a way, each a line of the price, and the last quotes that a resident was told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

PARTS = ("night_fen", "weather_fen", "floors_fen")
RATES = ("night_fen", "weather_fen", "floor_fen")


def upgrade() -> None:
    for part in PARTS:
        op.add_column("orders", sa.Column(part, sa.BigInteger(), server_default="0", nullable=False))
        op.create_check_constraint(op.f(f"ck_orders_{part}_not_negative"), "orders", f"{part} >= 0")
    op.create_check_constraint(
        op.f("ck_orders_surcharges_within_delivery"), "orders", "night_fen + weather_fen + floors_fen <= delivery_fen"
    )
    op.create_table(
        "delivery_surcharges",
        sa.Column("community_id", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(rate, sa.BigInteger(), nullable=False) for rate in RATES),
        sa.Column("set_by_id", sa.Uuid(), nullable=False),
        *(
            sa.CheckConstraint(f"{rate} >= 0", name=op.f(f"ck_delivery_surcharges_{rate}_not_negative"))
            for rate in RATES
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.community_id"], name=op.f("fk_delivery_surcharges_community_id")
        ),
        sa.ForeignKeyConstraint(["set_by_id"], ["accounts.account_id"], name=op.f("fk_delivery_surcharges_set_by_id")),
        sa.PrimaryKeyConstraint("community_id", "set_at", name=op.f("pk_delivery_surcharges")),
    )
    op.create_index(op.f("ix_delivery_surcharges_set_by_id"), "delivery_surcharges", ["set_by_id"])
    op.create_table(
        "kept_quotes",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("quote_version", sa.Text(), nullable=False),
        sa.Column("agreed", postgresql.JSONB(), nullable=False),
        sa.Column("quoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_kept_quotes_account_id")),
        sa.PrimaryKeyConstraint("account_id", "quote_version", name=op.f("pk_kept_quotes")),
    )


def downgrade() -> None:
    op.drop_table("kept_quotes")
    op.drop_table("delivery_surcharges")
    op.drop_constraint(op.f("ck_orders_surcharges_within_delivery"), "orders", type_="check")
    for part in PARTS:
        op.drop_column("orders", part)
