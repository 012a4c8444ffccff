"""Clearing is proven from a point on: what is older and in no file is carried."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

_SOURCES = "source IN ('stripe', 'bank')"


def upgrade() -> None:
    op.create_table(
        "clearing_points",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_SOURCES, name=op.f("ck_clearing_points_source")),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_clearing_points")),
    )
    op.create_table(
        "clearing_carry",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "object", "kind")),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(_SOURCES, name=op.f("ck_clearing_carry_source")),
        sa.PrimaryKeyConstraint("source", "object", "kind", name=op.f("pk_clearing_carry")),
    )
    op.execute("CREATE INDEX ix_payment_attempts_ended ON payment_attempts (ended_at) WHERE state = 'succeeded'")
    op.execute("CREATE INDEX ix_refunds_ended ON refunds (ended_at) WHERE gateway_refund_id IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX ix_refunds_ended")
    op.execute("DROP INDEX ix_payment_attempts_ended")
    op.drop_table("clearing_carry")
    op.drop_table("clearing_points")
