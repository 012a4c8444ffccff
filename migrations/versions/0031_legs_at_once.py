"""A journal moves the accounts of its parties in one statement; its legs are compared by a small hash of their own."""

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "ledger_posting.sql"
_HASH_OF_WRITTEN_LEGS = """
UPDATE ledger.journal j SET legs_hash = w.legs_hash
FROM (SELECT l.journal_id,
             hash_array_extended(array_agg(l.code ORDER BY l.is_ours, l.code COLLATE "C"),
                                 hash_array_extended(array_agg(l.amount_fen ORDER BY l.is_ours, l.code COLLATE "C"), 0))
                 AS legs_hash
      FROM (SELECT e.journal_id, e.amount_fen, split_part(a.code, '#', 1) AS code, a.stripe IS NOT NULL AS is_ours
            FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id) l
      GROUP BY l.journal_id) w
WHERE w.journal_id = j.id
"""


def upgrade() -> None:
    """Give journals their hash where the books were made before; new books are made with it."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_attribute WHERE attrelid = 'ledger.journal'::regclass"
            " AND attname = 'request_hash' AND NOT attisdropped"
        )
        if cursor.fetchone() is not None:
            cursor.execute("ALTER TABLE ledger.journal ADD COLUMN legs_hash bigint")
            cursor.execute("ALTER TABLE ledger.journal DISABLE TRIGGER refuse_change")
            cursor.execute(_HASH_OF_WRITTEN_LEGS)
            cursor.execute("ALTER TABLE ledger.journal ENABLE ALWAYS TRIGGER refuse_change")
            cursor.execute("ALTER TABLE ledger.journal ALTER COLUMN legs_hash SET NOT NULL")
            cursor.execute("ALTER TABLE ledger.journal DROP COLUMN request_hash")
        cursor.execute(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Leave the functions and the hash: they do what those before them did."""
