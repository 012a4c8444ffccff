"""Marks that nobody sees are no part of words; an import may end without a result; what waits for a look may be paused.

An import counts how often it was begun: one that never comes to its end is given up.
"""

import sqlalchemy as sa
from alembic import op

revision = "0113"
down_revision = "0112"
branch_labels = None
depends_on = None

_UNSEEN = (
    r"[\u00ad\u034f\u061c\u115f\u1160\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]"
)
_WORDS = f"""
    CREATE FUNCTION search_words(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
        SELECT usual_words(regexp_replace(given, '{_UNSEEN}', '', 'g'))
    $$;
    COMMENT ON FUNCTION search_words IS 'a name in the form in which it is searched: without marks that nobody sees, usual';
"""
_NAME_KEY = """CAST(CAST('x' || encode(substring(
    sha256(convert_to(replace(search_words(name), ' ', ''), 'UTF8')) FROM 1 FOR 8), 'hex') AS bit(64)) AS bigint)"""


def _states(*states: str) -> None:
    words = ", ".join(f"'{state}'" for state in states)
    op.execute("ALTER TABLE shelf_imports DROP CONSTRAINT ck_shelf_imports_state")
    op.execute(f"ALTER TABLE shelf_imports ADD CONSTRAINT ck_shelf_imports_state CHECK (state IN ({words})) NOT VALID")
    op.execute("ALTER TABLE shelf_imports VALIDATE CONSTRAINT ck_shelf_imports_state")


def _say_anew() -> None:
    """Bring what is kept of names that hold such marks in line; their triggers do the rows of search."""
    for table in ("offers", "shops"):
        op.execute(f"UPDATE {table} SET name = name WHERE name ~ '{_UNSEEN}'")
    for table in ("listings", "arrived_listings"):
        op.execute(f"UPDATE {table} SET name_key = {_NAME_KEY} WHERE name ~ '{_UNSEEN}'")


def upgrade() -> None:
    op.execute("ALTER FUNCTION search_words(text) RENAME TO usual_words")
    op.execute("COMMENT ON FUNCTION usual_words IS 'a name with half width, small letters, simplified characters'")
    op.execute(_WORDS)
    _say_anew()
    _states("waiting", "reading", "writing", "done", "refused", "failed", "canceled")
    op.add_column("shelf_imports", sa.Column("try_count", sa.BigInteger(), server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_shelf_imports_try_count_not_negative"), "shelf_imports", "try_count >= 0")
    op.add_column("shelf_imports", sa.Column("failure", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_shelf_imports_failure"), "shelf_imports", "failure IN ('file_unreadable', 'import_failed')"
    )
    op.add_column(
        "offers", sa.Column("is_paused_after_review", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    """Take them away; what ended without a result was refused."""
    op.drop_column("offers", "is_paused_after_review")
    op.execute("UPDATE shelf_imports SET state = 'refused' WHERE state IN ('failed', 'canceled')")
    _states("waiting", "reading", "writing", "done", "refused")
    op.drop_column("shelf_imports", "failure")
    op.drop_column("shelf_imports", "try_count")
    op.execute("DROP FUNCTION search_words(text)")
    op.execute("ALTER FUNCTION usual_words(text) RENAME TO search_words")
    _say_anew()
