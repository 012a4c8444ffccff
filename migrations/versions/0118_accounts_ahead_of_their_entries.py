"""An account that stands behind all that was proven stands at an entry: the proof of every minute asks for it."""

from pathlib import Path

from alembic import op

revision = "0118"
down_revision = "0117"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_since.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the functions as they are: they look at more, and answer the same calls."""
