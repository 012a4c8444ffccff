"""Bills and transfers at the desk are figures of a store's day; the days that had some are made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0099"
down_revision = "0098"
branch_labels = None
depends_on = None

FIGURES = ("desk_acts", "errands_fen")


def upgrade() -> None:
    for name in FIGURES:
        op.add_column("store_days", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "INSERT INTO figure_dirt (day) SELECT DISTINCT CAST(done_at AT TIME ZONE 'Asia/Shanghai' AS date) FROM till_acts"
        " WHERE kind NOT IN ('opening', 'sent', 'received', 'taken_back', 'closing') ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    for name in FIGURES:
        op.drop_column("store_days", name)
