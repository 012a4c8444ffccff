"""Files of photos are known before they are kept, so that one that no photo came to name is found again."""

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "photo_files",
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file", name=op.f("pk_photo_files")),
    )
    op.create_index("ix_photo_files_sent_at", "photo_files", ["sent_at"])


def downgrade() -> None:
    op.drop_table("photo_files")
