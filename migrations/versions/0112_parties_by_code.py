"""A posting finds a party's account by its code, and looks for a stripe of the platform's only where there is a leg on one."""

from pathlib import Path

from alembic import op

revision = "0112"
down_revision = "0111"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_posting.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the functions: books that either kind has posted are the same."""
