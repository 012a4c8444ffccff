"""The job library's own tables and functions, as it ships them."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _run(sql: str) -> None:
    """Send a whole file; its percent signs are text, not placeholders."""
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(sql)


def upgrade() -> None:
    _run(SchemaManager.get_schema())


def downgrade() -> None:
    """Refuse: jobs that wait may stand for refunds that were decided."""
    message = "drop the procrastinate_* objects by hand when no job waits"
    raise RuntimeError(message)
