"""Wishes beside the goods: notes per line, cutlery, invoice, gift."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("cart_lines", "order_lines"):
        op.add_column(table, sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("cutlery_count", sa.BigInteger(), nullable=True))
    for name in ("invoice_sealed", "gift_sealed"):
        op.add_column("orders", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    for name in ("gift_sealed", "invoice_sealed", "cutlery_count"):
        op.drop_column("orders", name)
    for table in ("order_lines", "cart_lines"):
        op.drop_column(table, "note")
