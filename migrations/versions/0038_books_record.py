"""A view of every entry with what its chain value is made of."""

from pathlib import Path

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_reading.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS ledger.record")
