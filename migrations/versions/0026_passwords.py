"""Passwords, for who wants one; wrong ones are counted by phone."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_SCOPES = "scope IN ('address', 'all', 'code_address', 'code_device', 'password')"
_OLD_SCOPES = "scope IN ('address', 'all', 'code_address', 'code_device')"


def _hold(rule: str) -> None:
    op.execute("ALTER TABLE sign_in_failures DROP CONSTRAINT ck_sign_in_failures_scope")
    op.execute(f"ALTER TABLE sign_in_failures ADD CONSTRAINT ck_sign_in_failures_scope CHECK ({rule}) NOT VALID")
    op.execute("ALTER TABLE sign_in_failures VALIDATE CONSTRAINT ck_sign_in_failures_scope")


def upgrade() -> None:
    op.create_table(
        "passwords",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_passwords_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_passwords")),
    )
    _hold(_SCOPES)


def downgrade() -> None:
    op.execute("DELETE FROM sign_in_failures WHERE scope = 'password'")
    _hold(_OLD_SCOPES)
    op.drop_table("passwords")
