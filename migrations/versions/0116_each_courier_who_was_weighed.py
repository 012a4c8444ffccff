"""A decision keeps the cost of each courier who was weighed, and a trip says into which other one it was joined."""

import sqlalchemy as sa
from alembic import op

revision = "0116"
down_revision = "0115"
branch_labels = None
depends_on = None

_WEIGHED = (("weighed_ids", "uuid[]"), ("weighed_costs", "real[]"), ("weighed_to_shop_m", "integer[]"))


def upgrade() -> None:
    for name, kind in _WEIGHED:
        op.execute(f"ALTER TABLE dispatch_decisions ADD COLUMN {name} {kind} DEFAULT '{{}}' NOT NULL")
    op.add_column("trips", sa.Column("joined_into_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("trips", "joined_into_id")
    for name, _ in _WEIGHED:
        op.drop_column("dispatch_decisions", name)
