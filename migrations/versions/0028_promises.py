"""Promises of orders, what they are made of, and what late orders are made good with."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_SECONDS = ("usual_s", "promise_from_s", "promise_by_s")
_INSTANTS = ("promised_from_at", "expected_from_at", "expected_by_at")


def upgrade() -> None:
    for name in _SECONDS:
        op.add_column("orders", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in _INSTANTS:
        op.add_column("orders", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "shop_promises",
        sa.Column("shop_id", sa.Uuid(), nullable=False),
        sa.Column("preparation_s", sa.BigInteger(), nullable=False),
        sa.Column("early_s", sa.BigInteger(), nullable=False),
        sa.Column("late_s", sa.BigInteger(), nullable=False),
        sa.Column("measured_count", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("preparation_s >= 0", name=op.f("ck_shop_promises_preparation_s_not_negative")),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.shop_id"], name=op.f("fk_shop_promises_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", name=op.f("pk_shop_promises")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "late_compensations",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("late_minutes", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_late_compensations_amount_fen_positive")),
        sa.CheckConstraint("late_minutes > 0", name=op.f("ck_late_compensations_late_minutes_positive")),
        sa.CheckConstraint("cause IN ('shop', 'way')", name=op.f("ck_late_compensations_cause")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_late_compensations_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_late_compensations_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_late_compensations")),
    )
    op.create_index(op.f("ix_late_compensations_account_id"), "late_compensations", ["account_id"])


def downgrade() -> None:
    op.drop_table("late_compensations")
    op.drop_table("shop_promises")
    for name in (*_SECONDS, *_INSTANTS):
        op.drop_column("orders", name)
