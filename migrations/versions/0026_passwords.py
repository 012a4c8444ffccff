"""Passwords, for who wants one; wrong ones are counted by phone."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_SCOPES = "scope IN ('address', 'all', 'code_address', 'code_device', 'password')"
_OLD_SCOPES = "scope IN ('address', 'all', 'code_address', 'code_device')"
_PURPOSES = "purpose IN ('sign_in', 'reset_pin', 'set_password')"
_OLD_PURPOSES = "purpose IN ('sign_in', 'reset_pin', 'set_password', 'add_passkey')"


def _hold(table: str, column: str, rule: str) -> None:
    name = f"ck_{table}_{column}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def upgrade() -> None:
    op.create_table(
        "passwords",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=op.f("fk_passwords_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_passwords")),
    )
    _hold("sign_in_failures", "scope", _SCOPES)
    op.execute("DELETE FROM sign_in_codes WHERE purpose = 'add_passkey'")
    _hold("sign_in_codes", "purpose", _PURPOSES)


def downgrade() -> None:
    op.execute("DELETE FROM sign_in_failures WHERE scope = 'password'")
    _hold("sign_in_failures", "scope", _OLD_SCOPES)
    _hold("sign_in_codes", "purpose", _OLD_PURPOSES)
    op.drop_table("passwords")
