"""An alert is looked at once more when whatever was under way while it was set has ended."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("moved_prices", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.add_column("moved_prices", sa.Column("behind", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_moved_prices_behind_of_alert"), "moved_prices", "behind IS NULL OR account_id IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DELETE FROM moved_prices WHERE account_id IS NOT NULL")
    op.drop_column("moved_prices", "behind")
    op.drop_column("moved_prices", "account_id")
