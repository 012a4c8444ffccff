"""Photos that prove something about an order."""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proof_photos",
        sa.Column("photo_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.Text(), nullable=True),
        sa.Column("use", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("use IN ('case', 'pick_up', 'hand_over', 'failure')", name=op.f("ck_proof_photos_use")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_proof_photos_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_proof_photos_account_id")),
        sa.PrimaryKeyConstraint("photo_id", name=op.f("pk_proof_photos")),
    )
    op.create_index(op.f("ix_proof_photos_account_id"), "proof_photos", ["account_id"])
    op.create_index(
        "uq_proof_photos_same",
        "proof_photos",
        ["order_id", "account_id", "digest"],
        unique=True,
        postgresql_where=sa.text("key_sealed IS NOT NULL"),
    )
    op.create_index(
        "ix_proof_photos_erased", "proof_photos", ["photo_id"], postgresql_where=sa.text("key_sealed IS NULL")
    )
    op.create_index("ix_proof_photos_unused", "proof_photos", ["taken_at"], postgresql_where=sa.text("use IS NULL"))
    op.create_index("ix_proof_photos_taken_at", "proof_photos", ["taken_at"])
    op.create_index(op.f("ix_proof_photos_order_id"), "proof_photos", ["order_id"])


def downgrade() -> None:
    op.drop_table("proof_photos")
