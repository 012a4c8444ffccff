"""What runs without an end has the last day that a day can be, which is the end of 2999 and was that of 9999."""

from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None

_TABLES = ("shops", "searched_shops")


def upgrade() -> None:
    """Bring the days of shops forward, and what search says of them."""
    for table in _TABLES:
        op.execute(f"UPDATE {table} SET license_expires_on = '2999-12-31' WHERE license_expires_on > '2999-12-31'")


def downgrade() -> None:
    """Put them back."""
    for table in _TABLES:
        op.execute(f"UPDATE {table} SET license_expires_on = '9999-12-31' WHERE license_expires_on = '2999-12-31'")
