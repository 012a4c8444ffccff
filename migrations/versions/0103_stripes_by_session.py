"""A session moves one stripe of a busy account, and a journal's accounts by one statement."""

from pathlib import Path

from alembic import op

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_posting.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the functions: books that either kind has posted are the same."""
