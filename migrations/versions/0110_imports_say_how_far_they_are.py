"""An import of a shelf says how many rows its file has, and how many of them are written."""

import sqlalchemy as sa
from alembic import op

revision = "0110"
down_revision = "0107"
branch_labels = None
depends_on = None

_RUNNING = "uq_shelf_imports_running"
_COUNTS = ("row_count", "right_count", "written_count")


def _states(*states: str) -> None:
    words = ", ".join(f"'{state}'" for state in states)
    op.execute("ALTER TABLE shelf_imports DROP CONSTRAINT ck_shelf_imports_state")
    op.execute(f"ALTER TABLE shelf_imports ADD CONSTRAINT ck_shelf_imports_state CHECK (state IN ({words})) NOT VALID")
    op.execute("ALTER TABLE shelf_imports VALIDATE CONSTRAINT ck_shelf_imports_state")


def _one_at_a_time(*states: str) -> None:
    words = ", ".join(f"'{state}'" for state in states)
    op.drop_index(_RUNNING, "shelf_imports")
    where = sa.text(f"state IN ({words})")
    op.create_index(_RUNNING, "shelf_imports", ["shop_id"], unique=True, postgresql_where=where)


def upgrade() -> None:
    """Add the counts and the state; what ended before has read its whole file and written what it made and changed."""
    for name in _COUNTS:
        op.add_column("shelf_imports", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
        op.create_check_constraint(op.f(f"ck_shelf_imports_{name}_not_negative"), "shelf_imports", f"{name} >= 0")
    _states("waiting", "reading", "writing", "done", "refused")
    _one_at_a_time("waiting", "reading", "writing")
    op.execute(
        """
        UPDATE shelf_imports SET row_count = read_count, right_count = made_count + changed_count,
            written_count = CASE WHEN is_dry_run THEN 0 ELSE made_count + changed_count END
        WHERE state = 'done'
        """
    )
    op.execute("UPDATE shelf_imports SET row_count = read_count WHERE state = 'refused'")


def downgrade() -> None:
    """Take them away; what is being written is being read again."""
    op.execute("UPDATE shelf_imports SET state = 'reading' WHERE state = 'writing'")
    _one_at_a_time("waiting", "reading")
    _states("waiting", "reading", "done", "refused")
    for name in _COUNTS:
        op.drop_column("shelf_imports", name)
