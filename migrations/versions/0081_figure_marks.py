"""Figures read journals from what is settled on, without an overlap."""

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("seen_journal_id", "awaited_xid"):
        op.add_column("figure_marks", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
        op.alter_column("figure_marks", name, server_default=None)
    op.execute("UPDATE figure_marks SET seen_journal_id = journal_id")


def downgrade() -> None:
    op.drop_column("figure_marks", "awaited_xid")
    op.drop_column("figure_marks", "seen_journal_id")
