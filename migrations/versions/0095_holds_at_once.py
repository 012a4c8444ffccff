"""Several holds are placed, or captured, by one call; a person's part of a product is found by both."""

from pathlib import Path

from alembic import op

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_posting.sql"


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))
    op.drop_index("ix_term_positions_product_id", "term_positions")
    op.create_index("ix_term_positions_product_id_account_id", "term_positions", ["product_id", "account_id"])


def downgrade() -> None:
    op.drop_index("ix_term_positions_product_id_account_id", "term_positions")
    op.create_index("ix_term_positions_product_id", "term_positions", ["product_id"])
    op.execute("DROP FUNCTION ledger.place_holds, ledger.capture_holds")
