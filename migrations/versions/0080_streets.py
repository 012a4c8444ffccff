"""Streets, by their codes."""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "streets",
        sa.Column("street_code", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("name", "district_code", "district", "city", "province")
        ),
        sa.PrimaryKeyConstraint("street_code", name=op.f("pk_streets")),
    )


def downgrade() -> None:
    op.drop_table("streets")
