"""Announcements are told in English, too; older ones have none."""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = "0099"
branch_labels = None
depends_on = None

COLUMNS = ("title_en", "words_en")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("announcements", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("announcements", name)
