"""Many journals of parties alone are posted by one statement a table; lines of settlement have an index less."""

from pathlib import Path

from alembic import op

revision = "0090"
down_revision = "0089"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_posting.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))
    # A statement moves a line to another place in the table, and every index with it; only unsettled lines and those of
    # a statement are looked for by party.
    op.drop_index("ix_settlement_items_party", table_name="settlement_items")


def downgrade() -> None:
    """Leave the functions: they do what those before them did."""
    op.create_index("ix_settlement_items_party", "settlement_items", ["party_kind", "party_id", "order_id"])
