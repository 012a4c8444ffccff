"""Codes are bound to a purpose; those that are asked for and not used are counted by address and device."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_PURPOSES = "purpose IN ('sign_in', 'reset_pin', 'set_password', 'add_passkey')"
_SCOPES = "scope IN ('address', 'all', 'code_address', 'code_device')"
_OLD_SCOPES = "scope IN ('address', 'all')"


def _hold(table: str, column: str, rule: str) -> None:
    name = f"ck_{table}_{column}"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def upgrade() -> None:
    op.add_column("sign_in_codes", sa.Column("purpose", sa.Text(), server_default="sign_in", nullable=False))
    op.add_column("sign_in_codes", sa.Column("is_known", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("sign_in_codes", sa.Column("address_index", sa.LargeBinary(), nullable=True))
    op.add_column("sign_in_codes", sa.Column("charged_at", sa.DateTime(timezone=True), nullable=True))
    _hold("sign_in_codes", "purpose", _PURPOSES)
    _hold("sign_in_failures", "scope", _SCOPES)


def downgrade() -> None:
    op.execute("DELETE FROM sign_in_failures WHERE scope IN ('code_address', 'code_device')")
    _hold("sign_in_failures", "scope", _OLD_SCOPES)
    for column in ("charged_at", "address_index", "is_known", "purpose"):
        op.drop_column("sign_in_codes", column)
