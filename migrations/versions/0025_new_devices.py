"""How long a device is new to an account, and which step-up grants were bought on one."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("cooling_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "step_up_grants", sa.Column("is_new_device", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("step_up_grants", "is_new_device")
    op.drop_column("sessions", "cooling_until")
