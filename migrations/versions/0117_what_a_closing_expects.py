"""What a closing statement expects, and finds not to hold, ends it: nothing of its transaction is done."""

from alembic import op

revision = "0117"
down_revision = "0116"
branch_labels = None
depends_on = None

_UNMET = """
    CREATE FUNCTION unmet(p_name text, p_told text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'LX001', MESSAGE = p_name, DETAIL = coalesce(p_told, '');
    END $$;
    COMMENT ON FUNCTION unmet IS 'ends a statement whose expectation, of that name, does not hold';
"""


def upgrade() -> None:
    op.execute(_UNMET)


def downgrade() -> None:
    op.execute("DROP FUNCTION unmet(text, text)")
