"""How well we know who somebody is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "accounts", sa.Column("verification_level", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.execute(
        "ALTER TABLE accounts ADD CONSTRAINT ck_accounts_verification_level_range "
        "CHECK (verification_level BETWEEN 0 AND 3) NOT VALID"
    )
    op.execute("ALTER TABLE accounts VALIDATE CONSTRAINT ck_accounts_verification_level_range")


def downgrade() -> None:
    op.drop_column("accounts", "verification_level")
