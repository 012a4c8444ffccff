"""The proof of what is new looks at each entry's link while it is sorted, and keeps only what it needs again."""

from pathlib import Path

from alembic import op

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_since.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the function: it finds what the one before it did."""
