"""Whether an order's shop accepted by itself when it was paid."""

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("was_auto_accept", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "was_auto_accept")
