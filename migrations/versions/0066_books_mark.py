"""The proof of what is new in the books, and how far they are proven."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_since.sql"


def upgrade() -> None:
    op.create_table(
        "books_mark",
        sa.Column("is_only", sa.Boolean(), nullable=False),
        sa.Column("proven_to", sa.BigInteger(), nullable=False),
        sa.Column("seen_to", sa.BigInteger(), nullable=False),
        sa.Column("awaited_xid", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("is_only", name=op.f("ck_books_mark_is_only")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("pk_books_mark")),
    )
    op.execute("INSERT INTO books_mark VALUES (true, 0, 0, 0)")
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS ledger.findings_since, ledger.latest_journal")
    op.drop_table("books_mark")
