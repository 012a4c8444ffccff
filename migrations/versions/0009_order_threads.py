"""What the sides of an order write to each other."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_messages",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("text_sealed", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_order_messages_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_order_messages_account_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_order_messages")),
    )
    op.create_index("ix_order_messages_thread", "order_messages", ["order_id", sa.text("message_id DESC")])
    op.create_index(op.f("ix_order_messages_account_id"), "order_messages", ["account_id"])


def downgrade() -> None:
    op.drop_table("order_messages")
