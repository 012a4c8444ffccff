"""When an order could not be handed over, and when a provider set out or an appointment was moved: for timelines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the instants; what happened before is not known."""
    op.add_column("deliveries", sa.Column("failed_at", ARRAY(_AT), nullable=False, server_default="{}"))
    op.add_column("appointments", sa.Column("set_out_at", _AT, nullable=True))
    op.add_column("appointments", sa.Column("rescheduled_at", _AT, nullable=True))


def downgrade() -> None:
    """Forget them."""
    op.drop_column("appointments", "rescheduled_at")
    op.drop_column("appointments", "set_out_at")
    op.drop_column("deliveries", "failed_at")
