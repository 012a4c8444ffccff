"""How often an account has its identity checked on a day."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_tries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_identity_tries_account_id")),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_identity_tries")),
    )


def downgrade() -> None:
    op.drop_table("identity_tries")
