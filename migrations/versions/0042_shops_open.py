"""Shops that deliver within a polygon, and why one was given back to its owner."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shops", sa.Column("area", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("shops", sa.Column("refusal", sa.Text(), nullable=True))
    op.create_index("ix_shops_submitted", "shops", ["shop_id"], postgresql_where=sa.text("state = 'submitted'"))


def downgrade() -> None:
    op.drop_index("ix_shops_submitted", "shops")
    op.drop_column("shops", "refusal")
    op.drop_column("shops", "area")
