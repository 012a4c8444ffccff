"""What was proven of the books since their last whole proof is looked at again every minute."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_since.sql"


def upgrade() -> None:
    op.add_column("books_mark", sa.Column("whole_to", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("books_mark", sa.Column("print", sa.Numeric(), nullable=False, server_default="0"))
    op.execute("UPDATE books_mark SET whole_to = proven_to")
    op.alter_column("books_mark", "whole_to", server_default=None)
    op.alter_column("books_mark", "print", server_default=None)
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION IF EXISTS ledger.findings_again, ledger.print_of, ledger.print_of_entry, ledger.print_of_journal"
    )
    op.drop_column("books_mark", "print")
    op.drop_column("books_mark", "whole_to")
