"""How often sign-in failed, by address and in all."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_failures",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure_count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('address', 'all')", name=op.f("ck_sign_in_failures_scope")),
        sa.PrimaryKeyConstraint("scope", "subject", "began_at", name=op.f("pk_sign_in_failures")),
        postgresql_with={"fillfactor": 60},
    )


def downgrade() -> None:
    op.drop_table("sign_in_failures")
