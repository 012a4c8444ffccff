"""The books are proven in one pass over their entries, and what was proven is looked at again without adding it up."""

from pathlib import Path

from alembic import op

revision = "0111"
down_revision = "0110"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        for name in ("ledger_proof.sql", "ledger_since.sql"):
            cursor.execute((_SQL / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the functions: they find what the ones before them did."""
