"""The books: schema ``ledger``, its functions and its proof."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger.sql"


def _run(sql: str) -> None:
    """Send a whole file; its percent signs are text, not placeholders."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


def upgrade() -> None:
    _run(_SQL.read_text(encoding="utf-8"))
    op.execute("SELECT ledger.open_account('gateway_clearing:stripe')")


def downgrade() -> None:
    op.execute("DROP SCHEMA ledger CASCADE")
